//! `fact plugin update`, `approve`, `reject` and `rollback`.

use clap::Args;
use fact_core::{Change, Fate};
use fact_types::{Code, Digest, PluginName};
use serde_json::json;

use super::source::source;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Spinner;
use crate::screen::{clean, one_line};

const EXAMPLES: &str = "\
Examples:
  fact plugin update sql                                      from where it was installed
  fact plugin update adder ./target/wasm32-wasip2/release/adder.wasm
  fact plugin update adder https://example.com/adder.wasm --digest sha256:…

A version that adds or renames a tool, changes what a tool says of itself or takes, imports more or asks for more waits for
`fact plugin approve`; until then the one that you have goes on answering. Grants are never widened by an update.";

/// Most lines of a text that a difference shows.
const LINES: usize = 12;

/// Give a plugin a new version.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Update {
    /// The plugin.
    name: PluginName,
    /// Where the new version is. None: where the present one is from.
    #[arg(value_name = "FILE|FOLDER|URL|builtin:NAME")]
    source: Option<String>,
    /// The digest that it must have; needed for a URL.
    #[arg(long, value_name = "sha256:…")]
    digest: Option<Digest>,
    /// Let it answer at once, whatever it widens.
    #[arg(long)]
    approve: bool,
}

/// Let the version that waits answer from now on.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The plugin.
    name: PluginName,
    /// Only if it is this version: its digest, or the beginning of it, as `fact plugin show` writes it.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

/// Go back to the version before.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The plugin.
    name: PluginName,
    /// The version to go back to: its digest, or the beginning of it, as `fact plugin show` writes it.
    #[arg(long, value_name = "DIGEST")]
    to: Option<String>,
}

impl Update {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let name = &self.name;
        let present = host.registry().plugin(name)?;
        let typed = self.source.unwrap_or_else(|| present.row.source.clone());
        let source = source(&typed, self.digest)?;
        let update = {
            let _spinner = Spinner::start(screen, format!("compiling {}", one_line(&typed)));
            host.registry().update(name, source, self.approve).await?
        };
        super::install::warn(context, &update.warnings);
        if screen.json_wanted() {
            return screen.json(&json!(update));
        }
        let mut text = match update.fate {
            Fate::Unchanged => format!("{name} is this version already.\n"),
            Fate::Live => format!("{name} is version {} now.\n", update.to.short()),
            Fate::Held => format!(
                "Version {} of {name} waits for your approval, for what is marked with `!`; {} goes on answering.\n",
                update.to.short(),
                update.from.short()
            ),
        };
        text.push_str(&dropped(&update));
        text.push_str(&told(&update.changes));
        screen.line(text)?;
        match update.fate {
            Fate::Held => screen.note(format!(
                "Take it with: fact plugin approve {name} --digest {}    or throw it away: fact plugin reject {name}",
                update.to.short()
            )),
            Fate::Live => screen.note(format!("Go back with: fact plugin rollback {name}")),
            Fate::Unchanged => {}
        }
        Ok(())
    }
}

impl Approve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let name = &self.name;
        let (held, _) = host.registry().held(name)?;
        if let Some(typed) = &self.digest {
            let digest = held.digest.to_string();
            if typed.is_empty() || !digest.starts_with(typed.strip_prefix("sha256:").unwrap_or(typed)) {
                return Err(Failure::new(
                    Code::Conflict,
                    format!(
                        "The version of {name} that waits is {}, not that one.",
                        held.digest.short()
                    ),
                )
                .hint(format!("Look at it first: fact plugin show {name}")));
            }
        }
        let update = host.registry().approve(name, Some(held.digest)).await?;
        if screen.json_wanted() {
            return screen.json(&json!(update));
        }
        screen.line(format!(
            "{name} is version {} now.\n{}{}",
            update.to.short(),
            dropped(&update),
            told(&update.changes)
        ))?;
        screen.note(format!("Go back with: fact plugin rollback {name}"));
        Ok(())
    }
}

pub(super) async fn reject(context: &Context, name: &PluginName) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let rejected = host.registry().reject(name).await?;
    if screen.json_wanted() {
        return screen.json(&json!({ "plugin": name, "rejected": rejected }));
    }
    screen.line(format!(
        "Version {} of {name} is thrown away. What you have goes on answering.",
        rejected.short()
    ))
}

impl Rollback {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let name = &self.name;
        let update = host.registry().rollback(name, self.to.as_deref()).await?;
        if screen.json_wanted() {
            return screen.json(&json!(update));
        }
        screen.line(format!(
            "{name} is version {} again, and no longer {}.\n{}{}",
            update.to.short(),
            update.from.short(),
            dropped(&update),
            told(&update.changes)
        ))
    }
}

/// That another version waited and does no more, for a reader.
fn dropped(update: &fact_core::Update) -> String {
    update.dropped.map_or_else(String::new, |dropped| {
        format!(
            "Version {}, which waited for your approval, is thrown away; install it again with `fact plugin update`.\n",
            dropped.short()
        )
    })
}

/// Differences, for a reader.
pub(super) fn told(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let mark = if change.widens { "!" } else { " " };
        text.push_str(&format!("  {mark} {}\n", one_line(&change.in_words())));
        for (sign, side) in [("-", &change.before), ("+", &change.after)] {
            let Some(side) = side.as_deref().filter(|side| !side.is_empty()) else {
                continue;
            };
            let side = clean(side);
            for line in side.lines().take(LINES) {
                text.push_str(&format!("      {sign} {line}\n"));
            }
            if side.lines().nth(LINES).is_some() {
                text.push_str(&format!("      {sign} …\n"));
            }
        }
    }
    text
}
