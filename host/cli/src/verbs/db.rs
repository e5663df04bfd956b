//! `fact db`: databases by way of the `sql` plugin's tools. There is no other door to them, for a person either.

use clap::Subcommand;
use fact_core::store::demo;
use fact_types::{Code, PluginName, ToolCall, ToolId};
use serde_json::{Map, Value, json};

use super::call::explain;
use crate::context::Context;
use crate::failure::{Failure, capital};
use crate::input::{Pair, untyped};
use crate::screen::{counted, one_line};

const QUERY_EXAMPLES: &str = "\
Examples:
  fact db query 'SELECT name, sector FROM companies'
  fact db query 'SELECT SUM(revenue) FROM financial_records WHERE year = :year' --param year=2024

It is a call of the tool sql_query, so the plugin `sql` must be installed, and granted what the query reads:
  fact plugin install builtin:sql --grant sql:read:finance";

/// Databases.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Run a SELECT.
    #[command(after_help = QUERY_EXAMPLES)]
    Query {
        /// The statement. Values are best left out of it and given by --param.
        sql: String,
        /// A value for `:name` in the statement. Numbers, true, false and null are such, all else is text; name:=JSON is
        /// JSON, so that '42' can be told from 42. May be given several times.
        #[arg(long = "param", short, value_name = "NAME=VALUE")]
        params: Vec<Pair>,
        /// The database, where the plugin may read several.
        #[arg(long, value_name = "NAME")]
        database: Option<String>,
        /// Most rows to print.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        max_rows: Option<u32>,
    },
    /// Show tables and columns.
    Schema {
        /// The database, where the plugin may read several.
        #[arg(long, value_name = "NAME")]
        database: Option<String>,
    },
    /// Show sample questions, with their statements.
    Samples {
        /// The database, where the plugin may read several.
        #[arg(long, value_name = "NAME")]
        database: Option<String>,
    },
    /// Make the demo finance database, once however often.
    Seed,
}

impl Db {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Db::Query {
                sql,
                params,
                database,
                max_rows,
            } => query(context, sql, &params, database, max_rows).await,
            Db::Schema { database } => schema(context, database).await,
            Db::Samples { database } => samples(context, database).await,
            Db::Seed => seed(context).await,
        }
    }
}

/// Calls a tool of the plugin `sql` and gives its structured answer.
async fn ask(context: &Context, tool: &str, arguments: Map<String, Value>) -> Result<Value, Failure> {
    let host = context.host().await?;
    let plugin: PluginName = "sql"
        .parse()
        .map_err(|error| Failure::internal("the plugin's name", &error))?;
    if let Err(error) = host.registry().plugin(&plugin) {
        let failure = Failure::from(error);
        let missing = matches!(&failure, Failure::Error { error, .. } if error.code == Code::NotFound);
        let hint = "Install it with `fact plugin install builtin:sql --grant sql:read:DATABASE`; `fact db seed` makes the \
                    database `finance`.";
        return Err(if missing { failure.hint(hint) } else { failure });
    }
    let tool = ToolId::new(
        plugin,
        tool.parse()
            .map_err(|error| Failure::internal("a tool's name", &error))?,
    )
    .map_err(|error| Failure::internal("a tool's name", &error))?;
    let answer = host.call(ToolCall::new(tool.clone(), arguments)).await;
    match answer.json() {
        Ok(document) => Ok(document),
        Err(error) if error.code == Code::InvalidInput => Err(Failure::from(error)
            .with_receipt(answer.receipt)
            .hint("`fact db schema` shows the tables and columns; values are given by --param.")),
        Err(error) => Err(explain(&tool, error, answer.receipt)),
    }
}

fn named(database: Option<String>) -> Map<String, Value> {
    database
        .map(|name| ("database".to_owned(), name.into()))
        .into_iter()
        .collect()
}

async fn query(
    context: &Context,
    sql: String,
    params: &[Pair],
    database: Option<String>,
    max_rows: Option<u32>,
) -> Result<(), Failure> {
    let mut arguments = named(database);
    arguments.insert("statement".to_owned(), sql.into());
    let mut values = Map::new();
    for pair in params {
        // As in the statement, or without its sign.
        let name = pair.key.trim_start_matches([':', '@', '$']);
        if values.insert(name.to_owned(), untyped(pair)?).is_some() {
            return Err(Failure::new(
                Code::InvalidInput,
                format!("The parameter `{name}` is given twice."),
            ));
        }
    }
    arguments.insert("parameters".to_owned(), values.into());
    if let Some(max_rows) = max_rows {
        arguments.insert("max_rows".to_owned(), max_rows.into());
    }
    let answer = ask(context, "query", arguments).await?;
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(&answer);
    }
    let columns: Vec<String> = list(&answer, "columns")
        .iter()
        .map(|column| text(column.get("name")))
        .collect();
    let rows: Vec<Vec<String>> = list(&answer, "rows")
        .iter()
        .map(|row| {
            row.as_array()
                .into_iter()
                .flatten()
                .map(|cell| text(Some(cell)))
                .collect()
        })
        .collect();
    let count = rows.len();
    screen.grid(columns, rows)?;
    let more = answer
        .get("truncated")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    let more = if more { ", and there are more" } else { "" };
    screen.note(format!("{}{more}", counted(count, "row")));
    Ok(())
}

async fn schema(context: &Context, database: Option<String>) -> Result<(), Failure> {
    let answer = ask(context, "schema", named(database)).await?;
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(&answer);
    }
    for (number, table) in list(&answer, "tables").iter().enumerate() {
        let gap = if number == 0 { "" } else { "\n" };
        screen.line(format!("{gap}{}", one_line(&text(table.get("name")))))?;
        let rows = list(table, "columns").iter().map(|column| {
            let is = |key: &str| column.get(key).and_then(Value::as_bool).unwrap_or_default();
            let key = if is("primary_key") { "key" } else { "" };
            let null = if is("nullable") { "may be null" } else { "" };
            [
                text(column.get("name")),
                text(column.get("type")),
                key.to_owned(),
                null.to_owned(),
            ]
        });
        screen.table(["COLUMN", "TYPE", "KEY", "NULL"], rows)?;
    }
    Ok(())
}

async fn samples(context: &Context, database: Option<String>) -> Result<(), Failure> {
    let answer = ask(context, "samples", named(database)).await?;
    let screen = context.screen();
    if screen.json_wanted() {
        return screen.json(&answer);
    }
    for (number, sample) in (1..).zip(list(&answer, "samples")) {
        let (question, statement) = (text(sample.get("question")), text(sample.get("statement")));
        screen.line(format!("{number}. {}", one_line(&question)))?;
        for line in statement.lines() {
            screen.line(format!("     {}", one_line(line)))?;
        }
    }
    Ok(())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A cell for a reader.
fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) => "NULL".to_owned(),
        Some(other) => other.to_string(),
    }
}

async fn seed(context: &Context) -> Result<(), Failure> {
    let path = context.config()?.demo_database();
    let seeded = tokio::task::spawn_blocking(move || {
        let seeded = demo::seed(&path)?;
        demo::check(&path).map(|checked| (seeded, checked))
    })
    .await
    .map_err(|error| Failure::internal("seeding failed", &error))?;
    let (seeded, checked) = seeded.map_err(|error| {
        tracing::info!(
            error = &error as &dyn std::error::Error,
            "the demo database can't be made"
        );
        Failure::new(Code::Unavailable, format!("{}.", capital(&error.to_string())))
            .hint("`fact doctor` looks at the data folder.")
    })?;
    let screen = context.screen();
    if screen.json_wanted() {
        let tables: Map<String, Value> = checked
            .tables
            .into_iter()
            .map(|(name, rows)| (name, rows.into()))
            .collect();
        return screen.json(&json!({ "database": "finance", "created": seeded.created, "rows": tables }));
    }
    let state = if seeded.created {
        "is made"
    } else {
        "was there already, whole"
    };
    screen.line(format!("The database `finance` {state}:"))?;
    for (name, rows) in checked.tables {
        screen.line(format!("  {name}: {rows} rows"))?;
    }
    screen.note("Next: fact plugin install builtin:sql --grant sql:read:finance");
    Ok(())
}
