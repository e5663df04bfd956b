//! What a session can tell of the host.

use std::time::Duration;

use fact_core::ModelProvider;
use serde_json::json;

use super::Session;
use crate::failure::Failure;
use crate::screen::clean;

impl Session<'_> {
    /// What answers, and from what.
    pub(super) async fn status(&self) -> Result<(), Failure> {
        let (host, screen) = (self.answers.host(), self.context.screen());
        let conversation = self
            .answers
            .conversation(&self.principal, &self.conversation)
            .await?;
        let turns = conversation.map_or(0, |conversation| conversation.listed.turns);
        let model = &host.config().model;
        let by = match model.provider {
            ModelProvider::Templates => "templates alone".to_owned(),
            _ => model.name.clone().unwrap_or_default(),
        };
        let databases = host.databases().names();
        let templates = self.answers.templates().list().len();
        let plugins = host.registry().plugins()?;
        let enabled = plugins.iter().filter(|plugin| plugin.row.enabled);
        let tools = enabled
            .flat_map(|plugin| plugin.tools.values())
            .filter(|tool| tool.enabled)
            .count();
        // Without a tool nothing can be answered.
        let ready = tools > 0;
        if screen.json_wanted() {
            return screen.json(&json!({
                "ready": ready,
                "conversation": self.conversation,
                "turns": turns,
                "databases": databases,
                "model": by,
                "templates": templates,
                "tools": tools,
            }));
        }
        let databases = match databases.is_empty() {
            true => "none (`fact db seed` makes one)".to_owned(),
            false => databases.join(", "),
        };
        for (name, value) in [
            ("ready", if ready { "yes" } else { "no: no tools" }.to_owned()),
            ("conversation", format!("{}, turns: {turns}", self.conversation)),
            ("databases", databases),
            ("model", by),
            ("templates", templates.to_string()),
            ("tools", tools.to_string()),
        ] {
            screen.line(format!("{name:<13} {}", clean(&value)))?;
        }
        Ok(())
    }

    /// What the cache did since this program began. What was not seen yet has no figure.
    pub(super) fn metrics(&self) -> Result<(), Failure> {
        let (traffic, screen) = (
            self.answers.host().cache().metrics().traffic,
            self.context.screen(),
        );
        if screen.json_wanted() {
            return screen.json(&traffic);
        }
        let time = |time: Option<Duration>| time.map_or("no data".to_owned(), |time| format!("{time:.1?}"));
        for (name, value) in [
            (
                "hits",
                format!(
                    "{} (memory {}, disk {})",
                    traffic.memory_hits + traffic.disk_hits,
                    traffic.memory_hits,
                    traffic.disk_hits
                ),
            ),
            (
                "misses",
                format!("{} (stale {})", traffic.misses + traffic.stale, traffic.stale),
            ),
            (
                "hit rate",
                traffic
                    .hit_rate
                    .map_or("no data".to_owned(), |rate| rate.percent().to_string()),
            ),
            (
                "hit, median",
                time(traffic.hit_latency.as_ref().map(|hit| hit.p50)),
            ),
            (
                "miss, median",
                time(traffic.miss_latency.as_ref().map(|miss| miss.p50)),
            ),
            (
                "saved",
                format!("{:.1?}, {} tokens", traffic.saved.time, traffic.saved.tokens),
            ),
        ] {
            screen.line(format!("{name:<13} {value}"))?;
        }
        Ok(())
    }
}
