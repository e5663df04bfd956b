//! The tools and the shapes of what they take and give.

use crate::{cells, database};
use fact_sdk::{ToolError, sql, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Arguments of [`query`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Query {
    /// Which database to ask. May be left out when only one is granted.
    pub database: Option<String>,
    /// One SELECT (or WITH ... SELECT) statement in SQLite's dialect. Write values as named parameters, for example
    /// `WHERE quarter = :quarter`, and give them in `parameters`.
    // 20,000 is more than anyone writes, and little enough to log.
    #[schemars(length(min = 1, max = 20_000))]
    pub statement: String,
    /// A value for each named parameter, by its name without the colon, for example {"quarter": "Q1-2025"}. A value is a
    /// text, a number, true, false, null, or {"base64": "..."} for bytes.
    #[serde(default)]
    #[schemars(schema_with = "cells::parameters_schema")]
    pub parameters: Map<String, Value>,
    /// The most rows to return; when left out, as many as the host allows.
    #[schemars(range(min = 1))]
    pub max_rows: Option<u32>,
}

/// Arguments of [`execute`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Execute {
    /// Which database to change. May be left out when only one is granted.
    pub database: Option<String>,
    /// One INSERT, UPDATE or DELETE statement in SQLite's dialect. Write values as named parameters, for example
    /// `SET name = :name`, and give them in `parameters`.
    #[schemars(length(min = 1, max = 20_000))]
    pub statement: String,
    /// A value for each named parameter, by its name without the colon. A value is a text, a number, true, false, null, or
    /// {"base64": "..."} for bytes.
    #[serde(default)]
    #[schemars(schema_with = "cells::parameters_schema")]
    pub parameters: Map<String, Value>,
}

/// Arguments of [`explain`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Statement {
    /// Which database the statement is for. May be left out when only one is granted.
    pub database: Option<String>,
    /// The statement. It is not run.
    #[schemars(length(min = 1, max = 20_000))]
    pub statement: String,
    /// A value for each named parameter, as in `query`.
    #[serde(default)]
    #[schemars(schema_with = "cells::parameters_schema")]
    pub parameters: Map<String, Value>,
}

/// Arguments of [`schema`] and [`samples`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Named {
    /// Which database. May be left out when only one is granted.
    pub database: Option<String>,
}

/// The answer of [`query`].
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Rows {
    /// The database that was asked.
    pub database: String,
    /// The columns, in order. They are there even when no row is.
    pub columns: Vec<Column>,
    /// The rows, each with a value for each column: null, a number, a text, or {"base64": "..."} for bytes.
    #[schemars(schema_with = "cells::rows_schema")]
    pub rows: Vec<Vec<Value>>,
    /// How many rows are here.
    pub row_count: u64,
    /// There were more rows than these.
    pub truncated: bool,
}

/// A column of [`Rows`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its declared type, for a column taken straight from a table.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
}

/// The answer of [`execute`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Changed {
    /// The database that was changed.
    pub database: String,
    /// How many rows changed.
    pub rows_changed: u32,
}

/// The answer of [`schema`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Schema {
    /// The database.
    pub database: String,
    /// The tables and views that may be read.
    pub tables: Vec<Table>,
}

/// A table of a [`Schema`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The columns that may be read.
    pub columns: Vec<Field>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its declared type; empty when the definition gives none.
    #[serde(rename = "type")]
    pub declared_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
}

/// The answer of [`samples`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Samples {
    /// The database.
    pub database: String,
    /// Questions that it answers.
    pub samples: Vec<Sample>,
}

/// A sample question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sample {
    /// The question, in words.
    pub question: String,
    /// The statement that answers it.
    pub statement: String,
}

/// The answer of [`explain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// The database.
    pub database: String,
    /// The steps, in order.
    pub plan: Vec<String>,
}

/// Runs one SELECT statement on a database and returns its rows.
///
/// Call the tool `schema` first to learn which tables and columns there are. Give values as named parameters (`:name`) instead of
/// writing them into the statement. When `truncated` is true there were more rows: aggregate, filter or use LIMIT.
///
/// # Errors
/// Those of [`sql::query`]; `invalid-input` for a parameter that is no SQL value.
#[tool(read_only, idempotent, title = "Query a database")]
pub fn query(args: Query) -> Result<Rows, ToolError> {
    let parameters = cells::parameters(args.parameters)?;
    let database = database::choose(args.database)?;
    let max_rows = args.max_rows.unwrap_or(0);
    let answer = sql::query(
        &database,
        &args.statement,
        &cells::borrowed(&parameters),
        max_rows,
    )?;
    Ok(Rows::new(database, answer))
}

/// Runs one INSERT, UPDATE or DELETE statement on a database and returns how many rows it changed.
///
/// It needs a write grant on each table that it changes. Give values as named parameters (`:name`) instead of writing them into
/// the statement. To read, use the tool `query`.
///
/// # Errors
/// Those of [`sql::execute`]; `invalid-input` for a parameter that is no SQL value.
#[tool(destructive, title = "Change a database")]
pub fn execute(args: Execute) -> Result<Changed, ToolError> {
    let parameters = cells::parameters(args.parameters)?;
    let database = database::choose(args.database)?;
    let rows_changed = sql::execute(&database, &args.statement, &cells::borrowed(&parameters))?;
    Ok(Changed {
        database,
        rows_changed,
    })
}

/// Lists the tables and views of a database that may be read, with their columns, types and keys.
///
/// # Errors
/// Those of [`sql::schema`].
#[tool(read_only, idempotent, title = "Show a database's tables")]
pub fn schema(args: Named) -> Result<Schema, ToolError> {
    let database = database::choose(args.database)?;
    let tables = sql::schema(&database)?.into_iter().map(Table::from).collect();
    Ok(Schema { database, tables })
}

/// Lists sample questions that a database answers, each with its SQL statement: good starting points for statements of one's
/// own.
///
/// # Errors
/// Those of [`sql::samples`].
#[tool(read_only, idempotent, title = "Show sample questions")]
pub fn samples(args: Named) -> Result<Samples, ToolError> {
    let database = database::choose(args.database)?;
    let samples = sql::samples(&database)?;
    let samples = samples
        .into_iter()
        .map(|s| Sample {
            question: s.question,
            statement: s.statement,
        })
        .collect();
    Ok(Samples { database, samples })
}

/// Shows how a database would run a SELECT statement, without running it: which tables it scans and which indexes it uses.
///
/// Use it to check a statement, or to find out why one is slow.
///
/// # Errors
/// Those of [`sql::explain`]; `invalid-input` for a parameter that is no SQL value.
#[tool(read_only, idempotent, title = "Explain a query")]
pub fn explain(args: Statement) -> Result<Plan, ToolError> {
    let parameters = cells::parameters(args.parameters)?;
    let database = database::choose(args.database)?;
    let plan = sql::explain(&database, &args.statement, &cells::borrowed(&parameters))?;
    Ok(Plan { database, plan })
}

impl Rows {
    fn new(database: String, answer: sql::Rows) -> Self {
        let columns = answer.columns.into_iter();
        let rows: Vec<Vec<Value>> = answer
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(cells::to_json).collect())
            .collect();
        Rows {
            database,
            columns: columns
                .map(|c| Column {
                    name: c.name,
                    declared_type: c.declared_type,
                })
                .collect(),
            row_count: rows.len() as u64,
            rows,
            truncated: answer.truncated,
        }
    }
}

impl From<sql::Table> for Table {
    fn from(table: sql::Table) -> Self {
        let columns = table.columns.into_iter().map(|c| Field {
            name: c.name,
            declared_type: c.declared_type,
            nullable: c.nullable,
            primary_key: c.primary_key,
        });
        Table {
            name: table.name,
            columns: columns.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plugin;
    use fact_sdk::{Context, ErrorCode, call, manifest};
    use serde_json::json;

    #[test]
    fn answers_keep_their_shape() {
        let answer = sql::Rows {
            columns: vec![
                sql::Column {
                    name: "symbol".to_owned(),
                    declared_type: Some("TEXT".to_owned()),
                },
                sql::Column {
                    name: "total".to_owned(),
                    declared_type: None,
                },
            ],
            rows: vec![
                vec!["TECH".into(), 25.0.into()],
                vec![sql::Value::Null, i64::MAX.into()],
            ],
            truncated: true,
        };
        assert_eq!(
            serde_json::to_value(Rows::new("finance".to_owned(), answer)).unwrap(),
            json!({
                "database": "finance",
                "columns": [{"name": "symbol", "type": "TEXT"}, {"name": "total"}],
                "rows": [["TECH", 25.0], [null, 9_223_372_036_854_775_807_i64]],
                "row_count": 2,
                "truncated": true
            })
        );
    }

    #[test]
    fn only_execute_may_destroy() {
        let manifest = manifest::<Plugin>();
        for tool in manifest["tools"].as_array().unwrap() {
            let writes = tool["name"] == "execute";
            assert_eq!(tool["annotations"]["read_only"], !writes, "{tool}");
            assert_eq!(tool["annotations"]["destructive"], writes, "{tool}");
            assert_eq!(tool["input_schema"]["additionalProperties"], false, "{tool}");
        }
    }

    #[test]
    fn bad_arguments_never_reach_the_host() {
        #[track_caller]
        fn check(tool: &str, arguments: serde_json::Value, says: &str) {
            let error = call::<Plugin>(tool, &arguments.to_string(), &Context::new()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
            assert!(error.message().contains(says), "{error}");
        }
        check("query", json!({}), "missing field `statement`");
        check(
            "query",
            json!({"statement": "SELECT 1", "parameters": {"a": [1]}}),
            "`a`",
        );
        check(
            "execute",
            json!({"statement": "DELETE FROM t", "parameters": {"a": {"b": 1}}}),
            "`a`",
        );
        check(
            "explain",
            json!({"statement": "SELECT 1", "parameters": 3}),
            "expected a map",
        );
        check(
            "query",
            json!({"statement": "SELECT 1", "max_rows": -1}),
            "integer `-1`",
        );
    }
}
