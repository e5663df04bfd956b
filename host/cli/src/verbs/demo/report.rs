//! What the demo tells: each thing as it happens, then a table.

use std::path::Path;

use fact_core::store::demo::Checked;
use fact_types::{Access, Capability, Receipt};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::screen::{Screen, clean, clip, one_line};

/// The parts of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Group {
    Work,
    Refused,
    Kept,
    Hostile,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Group::Work => "What they do within their grants",
            Group::Refused => "What they are refused outside of them",
            Group::Kept => "What is kept, until what it was read from changes",
            Group::Hostile => "What a hostile plugin gets, with one second and 64 MiB a call",
        }
    }
}

/// A plugin that was installed.
#[derive(Debug, Serialize)]
pub(super) struct Installed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) bytes: usize,
    pub(super) milliseconds: f64,
    pub(super) tools: usize,
    pub(super) grants: Vec<Capability>,
}

/// A thing that was tried, and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) title: String,
    pub(super) call: String,
    pub(super) expected: String,
    pub(super) got: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remark: Option<String>,
    pub(super) milliseconds: f64,
    pub(super) good: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) receipt: Option<Receipt>,
}

/// What is told, and what was told so far.
pub(super) struct Report<'a> {
    screen: &'a Screen,
    kept: Option<String>,
    tables: Vec<(String, i64)>,
    plugins: Vec<Installed>,
    rows: Vec<Row>,
}

/// A value in a cell: text as it is, all else as JSON.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(screen: &'a Screen, kept: Option<&Path>) -> Result<Self, Failure> {
        let report = Report {
            screen,
            kept: kept.map(|folder| folder.display().to_string()),
            tables: Vec::new(),
            plugins: Vec::new(),
            rows: Vec::new(),
        };
        let place = match &report.kept {
            Some(folder) => format!("in {}", clean(folder)),
            None => "in a folder that goes away again (--keep DIR keeps it)".to_owned(),
        };
        report.say(format!("FACT {}, {place}", env!("CARGO_PKG_VERSION")))?;
        Ok(report)
    }

    /// A line for a person. Machines get one document at the end.
    fn say(&self, text: String) -> Result<(), Failure> {
        if self.screen.json_wanted() {
            Ok(())
        } else {
            self.screen.line(text)
        }
    }

    pub(super) fn database(&mut self, checked: &Checked) -> Result<(), Failure> {
        let tables: Vec<String> = checked
            .tables
            .iter()
            .map(|(name, rows)| format!("{name} ({rows} rows)"))
            .collect();
        self.tables.clone_from(&checked.tables);
        self.say(format!("\nThe database `finance` is made: {}", tables.join(", ")))
    }

    pub(super) fn installed(&mut self, plugin: Installed) -> Result<(), Failure> {
        if self.plugins.is_empty() {
            self.say("\nPlugins, each with what it needs and no more".to_owned())?;
        } else if self.rows.last().is_some_and(|row| row.group != Group::Hostile) {
            self.say(format!("\n{}", Group::Hostile.title()))?;
        }
        let may: Vec<String> = plugin.grants.iter().map(Capability::in_words).collect();
        let may = if may.is_empty() {
            "do nothing but compute".to_owned()
        } else {
            may.join("; ")
        };
        self.say(format!(
            "  {:<8} {:>2} tools, {:>4} KiB, installed in {:>4.0} ms. It may {}.",
            plugin.name,
            plugin.tools,
            plugin.bytes.div_ceil(1024),
            plugin.milliseconds,
            one_line(&may)
        ))?;
        self.plugins.push(plugin);
        Ok(())
    }

    pub(super) fn row(&mut self, row: Row) -> Result<(), Failure> {
        let new = self.rows.last().is_none_or(|last| last.group != row.group);
        // The hostile plugin's own line stands above its rows already.
        if new && row.group != Group::Hostile {
            self.say(format!("\n{}", row.group.title()))?;
        }
        let mark = if row.good {
            self.screen.paint("32", "ok  ")
        } else {
            self.screen.paint("1;31", "FAIL")
        };
        let got = clip(&one_line(&row.got), 60);
        self.say(format!("  {mark} {}: {got}", row.title))?;
        let saw = effects(&row);
        if !saw.is_empty() {
            self.say(format!("         the host saw: {}", clip(&saw, 140)))?;
        }
        if let Some(remark) = row.remark.as_ref().filter(|_| !row.good) {
            self.say(format!("         {}", one_line(remark)))?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// The end: the table or the document, and the judgement.
    pub(super) fn end(self) -> Result<(), Failure> {
        let failed = self.rows.iter().filter(|row| !row.good).count();
        if self.screen.json_wanted() {
            let tables: Vec<Value> = self
                .tables
                .iter()
                .map(|(name, rows)| json!({ "name": name, "rows": rows }))
                .collect();
            self.screen.json(&json!({
                "ok": failed == 0,
                "folder": self.kept,
                "tables": tables,
                "plugins": self.plugins,
                "rows": self.rows,
            }))?;
        } else {
            self.screen.line("")?;
            let header = ["", "WHAT", "CALL", "EXPECTED", "GOT", "MS"]
                .map(str::to_owned)
                .to_vec();
            let rows = self.rows.iter().map(|row| {
                let mark = if row.good { "ok" } else { "FAIL" };
                let time = if row.milliseconds > 0.0 {
                    format!("{:.1}", row.milliseconds)
                } else {
                    String::new()
                };
                let (expected, got) = (clip(&row.expected, 33), clip(&row.got, 33));
                vec![
                    mark.to_owned(),
                    row.title.clone(),
                    row.call.clone(),
                    expected,
                    got,
                    time,
                ]
            });
            self.screen.grid(header, rows.collect())?;
            let total = self.rows.len();
            self.screen.line(match failed {
                0 => format!("All {total} went as they should."),
                failed => format!("{failed} of {total} did not go as they should."),
            })?;
        }
        if failed == 0 {
            Ok(())
        } else {
            Err(Failure::Told(1))
        }
    }
}

/// What the host saw of a call.
fn effects(row: &Row) -> String {
    let effects = row.receipt.iter().flat_map(|receipt| receipt.effects.iter());
    let words = effects.map(|effect| {
        let access = match effect.access {
            Access::Read => "read",
            Access::Write => "wrote",
            Access::Denied => "denied",
        };
        format!("{access} {}", effect.resource)
    });
    one_line(&words.collect::<Vec<_>>().join(", "))
}
