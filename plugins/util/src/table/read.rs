//! CSV text to rows.

use crate::{decimal, limits};
use csv::StringRecord;
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What to do with rows of another length than the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ragged {
    /// Refuse the text and name the line.
    #[default]
    Refuse,
    /// Keep them: missing cells become null, and cells beyond the last column are put into a list under `_rest`.
    Keep,
}

/// How a row is returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// An object with the columns' names.
    #[default]
    Objects,
    /// A list of cells.
    Lists,
}

/// Arguments of `csv_to_json`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvToJson {
    /// The CSV text.
    pub csv: String,
    /// The sign between cells. Default: a comma. A tab is written `\t`.
    pub delimiter: Option<String>,
    /// Whether the first row holds the names of the columns. Default: true. Without names, rows are lists.
    #[serde(default = "yes")]
    pub header: bool,
    /// `objects` (default) or `lists`, which are shorter and may have columns of the same name.
    #[serde(default)]
    pub rows_as: Shape,
    /// `refuse` (default) or `keep` rows of another length than the first.
    #[serde(default)]
    pub ragged: Ragged,
    /// Whether numbers and true/false become JSON values and empty cells null. Default: false, every cell stays text. A number changes only where no digit is lost, so 007 stays text.
    #[serde(default)]
    pub infer_types: bool,
    /// How many rows to return at most. Default and most: 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_rows: Option<usize>,
}

fn yes() -> bool {
    true
}

/// Answer of `csv_to_json`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Table {
    /// The names of the columns. Empty when there is no header.
    pub columns: Vec<String>,
    /// The rows: objects or lists.
    pub rows: Vec<Value>,
    /// How many rows are returned.
    pub row_count: usize,
    /// Whether there were more rows than these.
    pub truncated: bool,
}

/// Turns CSV text into JSON rows, as objects by the header's names or as lists.
///
/// Cells in double quotes may hold delimiters, line breaks and doubled quotes (RFC 4180). A column without a name is
/// called column_N.
///
/// # Errors
/// `invalid-input` for rows of unequal length (see `ragged`), for columns of the same name, and for too large a table.
#[tool(read_only, idempotent)]
pub fn csv_to_json(args: CsvToJson) -> Result<Table, ToolError> {
    limits::check_text("csv", &args.csv)?;
    let max_rows = args.max_rows.unwrap_or(limits::ROWS_MAX).min(limits::ROWS_MAX);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(super::delimiter(args.delimiter.as_deref())?)
        .has_headers(args.header)
        .flexible(args.ragged == Ragged::Keep)
        .from_reader(args.csv.as_bytes());
    let columns = if args.header {
        columns(reader.headers().map_err(refused)?, args.rows_as)?
    } else {
        Vec::new()
    };
    let as_objects = args.header && args.rows_as == Shape::Objects;

    let mut rows = Vec::new();
    let mut truncated = false;
    let mut cells = 0;
    // Names are repeated in every object, so a long header makes a short text large.
    let names: usize = columns.iter().map(|name| name.len() + 4).sum();
    let mut bytes = 0;
    for record in reader.records() {
        let record = record.map_err(refused)?;
        if rows.len() >= max_rows {
            truncated = true;
            break;
        }
        cells += record.len().max(columns.len());
        bytes += record.as_slice().len() + record.len() * 4 + if as_objects { names } else { 0 };
        if cells > limits::CELLS_MAX || bytes > limits::ANSWER_BYTES_MAX {
            return Err(ToolError::invalid_input(format!(
                "the table is too large to return; take max_rows: {}, or rows_as: \"lists\"",
                rows.len().max(1)
            )));
        }
        rows.push(row(&record, &columns, as_objects, args.infer_types));
    }
    Ok(Table {
        columns,
        row_count: rows.len(),
        rows,
        truncated,
    })
}

fn columns(header: &StringRecord, shape: Shape) -> Result<Vec<String>, ToolError> {
    if header.len() > limits::COLUMNS_MAX {
        return Err(ToolError::invalid_input(format!(
            "a table has at most {} columns",
            limits::COLUMNS_MAX
        )));
    }
    let names: Vec<String> = header
        .iter()
        .enumerate()
        .map(|(index, name)| match name.trim() {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        })
        .collect();
    let mut seen = HashSet::new();
    if shape == Shape::Objects
        && let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str()))
    {
        return Err(ToolError::invalid_input(format!(
            "two columns are called `{twice}`; rename one, or ask for rows_as: \"lists\""
        )));
    }
    Ok(names)
}

fn row(record: &StringRecord, columns: &[String], as_objects: bool, infer: bool) -> Value {
    let mut cells = record.iter().map(|text| cell(text, infer));
    if !as_objects {
        return Value::Array(cells.collect());
    }
    let mut members: Map<String, Value> = columns
        .iter()
        .map(|name| (name.clone(), cells.next().unwrap_or(Value::Null)))
        .collect();
    let rest: Vec<Value> = cells.collect();
    if !rest.is_empty() {
        members.insert("_rest".to_owned(), Value::Array(rest));
    }
    Value::Object(members)
}

fn cell(text: &str, infer: bool) -> Value {
    let plain = || Value::String(text.to_owned());
    if !infer {
        return plain();
    }
    match text {
        "" => Value::Null,
        "true" | "TRUE" | "True" => Value::Bool(true),
        "false" | "FALSE" | "False" => Value::Bool(false),
        _ if !is_json_number(text) => plain(),
        _ => decimal::parse(text)
            .ok()
            .and_then(|number| decimal::to_json(&number))
            .map_or_else(plain, Value::Number),
    }
}

/// What JSON writes as a number: no plus sign, no leading zeros (they belong to codes, not to amounts).
fn is_json_number(text: &str) -> bool {
    text.len() <= limits::TERM_CHARS_MAX
        && serde_json::from_str::<serde_json::Number>(text).is_ok_and(|_| text.trim() == text)
}

fn refused(error: csv::Error) -> ToolError {
    ToolError::invalid_input(match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!(
                "line {line} has {len} cells where the first row has {expected_len}; correct it, choose another `delimiter`, or set ragged: \"keep\""
            )
        }
        _ => "the text is not CSV that can be read".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(args: Value) -> Result<Table, ToolError> {
        csv_to_json(serde_json::from_value(args).unwrap())
    }

    #[test]
    fn reads() {
        let check = |args: Value, rows: Value| {
            assert_eq!(Value::Array(run(args.clone()).unwrap().rows), rows, "{args}");
        };
        check(json!({"csv": "a,b\n1,2\n"}), json!([{"a": "1", "b": "2"}]));
        check(
            json!({"csv": "a;b\r\n1;2", "delimiter": ";"}),
            json!([{"a": "1", "b": "2"}]),
        );
        check(
            json!({"csv": "a\tb\n1\t2", "delimiter": "\\t"}),
            json!([{"a": "1", "b": "2"}]),
        );
        check(
            json!({"csv": "a,b\n\"x, \"\"y\"\"\",\"two\nlines\""}),
            json!([{"a": "x, \"y\"", "b": "two\nlines"}]),
        );
        check(
            json!({"csv": "1,2\n3,4", "header": false}),
            json!([["1", "2"], ["3", "4"]]),
        );
        check(
            json!({"csv": "a,a\n1,2", "rows_as": "lists"}),
            json!([["1", "2"]]),
        );
        check(json!({"csv": "a,\n1,2"}), json!([{"a": "1", "column_2": "2"}]));
        check(json!({"csv": "\u{feff}a\n1"}), json!([{"a": "1"}]));
        check(
            json!({"csv": "a,b\n1\n1,2,3", "ragged": "keep"}),
            json!([{"a": "1", "b": null}, {"a": "1", "b": "2", "_rest": ["3"]}]),
        );
        check(
            json!({"csv": "a,b,c,d,e,f\n1,2.50,true,,007,=1+1", "infer_types": true}),
            json!([{"a": 1, "b": 2.5, "c": true, "d": null, "e": "007", "f": "=1+1"}]),
        );
        check(
            json!({"csv": "a\n0.12345678901234567890", "infer_types": true}),
            json!([{"a": "0.12345678901234567890"}]),
        );
        check(json!({"csv": ""}), json!([]));
    }

    #[test]
    fn says_when_rows_are_left_out() {
        let table = run(json!({"csv": "a\n1\n2\n3", "max_rows": 2})).unwrap();
        assert_eq!((table.row_count, table.truncated), (2, true));
        let table = run(json!({"csv": "a\n1\n2", "max_rows": 2})).unwrap();
        assert_eq!((table.row_count, table.truncated), (2, false));
    }

    #[test]
    fn refuses() {
        let check = |args: Value, word: &str| {
            let error = format!("{:?}", run(args).expect_err(word));
            assert!(error.contains(word), "{error}");
        };
        check(json!({"csv": "a,b\n1,2\n1"}), "line 3");
        check(json!({"csv": "a,a\n1,2"}), "two columns");
        check(json!({"csv": "a", "delimiter": "ab"}), "delimiter");
        check(json!({"csv": "a", "delimiter": "\""}), "delimiter");
        check(json!({"csv": "x".repeat(limits::TEXT_BYTES_MAX + 1)}), "at most");
        let long_header = format!("{},b\n{}", "k".repeat(100_000), "1,2\n".repeat(1000));
        check(json!({ "csv": long_header }), "too large");
    }
}
