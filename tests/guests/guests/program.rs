//! Runs a list of operations, and tells everything that it saw.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, UNIX_EPOCH};

use fact_sdk::serde_json::{Value, json};
use fact_sdk::{ToolError, peers, sql, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing to do. Paths are absolute.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Operation {
    /// Reads a file.
    Read { path: String },
    /// Reads a part of it.
    Part { path: String, offset: u64, length: u64 },
    /// Reads the file that a file names.
    Follow { path: String },
    /// Looks at a path; `link`: at a link itself.
    Stat { path: String, link: bool },
    /// Lists a folder.
    List { path: String },
    /// Reads a link.
    Link { path: String },
    /// Opens a file, for later.
    Hold { path: String },
    /// Looks at the held file that was opened last.
    StatHeld,
    /// Reads the held file that was opened last to its end.
    ReadHeld,
    /// Runs a statement that reads.
    Query { database: String, statement: String },
    /// The tables.
    Schema { database: String },
    /// How a statement would run.
    Plan { database: String, statement: String },
    /// Gets a URL; `flavour` is sent as a header.
    Get { url: String, flavour: Option<String> },
    /// A variable; none: all of them.
    Env { name: Option<String> },
    /// Calls a tool.
    Tool { name: String, arguments: Value },
    /// Writes a file.
    Write { path: String, text: String },
    /// Moves a file.
    Move { path: String, to: String },
    /// Removes a file.
    Remove { path: String },
    /// Runs a statement that writes.
    Execute { database: String, statement: String },
}

#[derive(Deserialize, JsonSchema)]
struct Program {
    operations: Vec<Operation>,
}

#[derive(Serialize, JsonSchema)]
struct Saw {
    /// One entry an operation.
    saw: Vec<Value>,
}

fn text(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

fn metadata(found: &fs::Metadata) -> Result<Value, ToolError> {
    let kind = found.file_type();
    let modified = found.modified()?.duration_since(UNIX_EPOCH);
    Ok(json!({
        "kind": [kind.is_file(), kind.is_dir(), kind.is_symlink()],
        "size": found.len(),
        "modified": modified.map(|since| since.as_nanos().to_string()).ok(),
    }))
}

fn cell(value: &sql::Value) -> Value {
    match value {
        sql::Value::Null => Value::Null,
        sql::Value::Integer(number) => json!(number),
        sql::Value::Real(number) => json!({ "real": number }),
        sql::Value::Text(text) => json!(text),
        sql::Value::Blob(bytes) => json!({ "bytes": bytes }),
    }
}

fn held(files: &mut [File]) -> Result<&mut File, ToolError> {
    files
        .last_mut()
        .ok_or_else(|| ToolError::not_found("nothing is held"))
}

fn whole(file: &mut File) -> Result<Value, ToolError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(text(&bytes))
}

fn perform(operation: &Operation, files: &mut Vec<File>) -> Result<Value, ToolError> {
    Ok(match operation {
        Operation::Read { path } => text(&fs::read(path)?),
        Operation::Part { path, offset, length } => {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(*offset))?;
            let mut bytes = Vec::new();
            file.take(*length).read_to_end(&mut bytes)?;
            text(&bytes)
        }
        Operation::Follow { path } => {
            let name = fs::read_to_string(path)?;
            json!([name, text(&fs::read(name.trim())?)])
        }
        Operation::Stat { path, link: false } => metadata(&fs::metadata(path)?)?,
        Operation::Stat { path, link: true } => metadata(&fs::symlink_metadata(path)?)?,
        Operation::List { path } => {
            let mut all = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                all.push(json!([
                    entry.file_name().to_string_lossy(),
                    kind.is_dir(),
                    kind.is_symlink()
                ]));
            }
            json!(all)
        }
        Operation::Link { path } => json!(fs::read_link(path)?.to_string_lossy()),
        Operation::Hold { path } => {
            files.push(File::open(path)?);
            json!("held")
        }
        Operation::StatHeld => metadata(&held(files)?.metadata()?)?,
        Operation::ReadHeld => whole(held(files)?)?,
        Operation::Query { database, statement } => {
            let rows = sql::query(database, statement, &[], 100)?;
            let cells: Vec<Vec<Value>> = rows
                .rows
                .iter()
                .map(|row| row.iter().map(cell).collect())
                .collect();
            let columns: Vec<_> = rows.columns.iter().map(|column| &column.name).collect();
            json!([columns, cells, rows.truncated])
        }
        Operation::Schema { database } => {
            let tables = sql::schema(database)?;
            let each = tables.iter().map(|table| {
                let columns: Vec<_> = table.columns.iter().map(|column| &column.name).collect();
                json!([table.name, columns])
            });
            each.collect()
        }
        Operation::Plan { database, statement } => json!(sql::explain(database, statement, &[])?),
        Operation::Get { url, flavour } => {
            let headers: Vec<_> = flavour
                .iter()
                .map(|flavour| ("x-flavour", flavour.as_str()))
                .collect();
            let came = fact_test_guests::exchange(url, &headers, Some(Duration::from_secs(5)), true)?;
            let language = came.headers.iter().find(|(name, _)| name == "content-language");
            let language = language.map(|(_, value)| text(value));
            json!([came.status, text(&came.body), came.broken, language])
        }
        Operation::Env { name: Some(name) } => json!(std::env::var(name).ok()),
        Operation::Env { name: None } => std::env::vars()
            .map(|(name, value)| json!([name, value]))
            .collect(),
        Operation::Tool { name, arguments } => {
            let output = peers::call(name, arguments)?;
            json!([output.structured(), output.is_error()])
        }
        Operation::Write { path, text } => {
            fs::write(path, text)?;
            Value::Null
        }
        Operation::Move { path, to } => {
            fs::rename(path, to)?;
            Value::Null
        }
        Operation::Remove { path } => {
            fs::remove_file(path)?;
            Value::Null
        }
        Operation::Execute { database, statement } => json!(sql::execute(database, statement, &[])?),
    })
}

/// Runs a program. What fails is told like everything else, and the program goes on.
#[tool]
fn run(program: Program) -> Result<Saw, ToolError> {
    let mut files = Vec::new();
    let saw = program
        .operations
        .iter()
        .map(|operation| match perform(operation, &mut files) {
            Ok(saw) => saw,
            Err(error) => json!({ "failed": error.code().to_string(), "why": error.message() }),
        });
    Ok(Saw { saw: saw.collect() })
}

fact_sdk::plugin!(
    run;
    name = "program",
    capabilities = ["tool:call:*" => "to call what it is told to"]
);
