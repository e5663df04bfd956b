//! Rows to CSV text.

use crate::limits;
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// A line feed.
    #[default]
    Lf,
    /// Carriage return and line feed, as RFC 4180 has it.
    Crlf,
}

/// Arguments of `json_to_csv`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonToCsv {
    /// The rows: all objects, or all lists.
    #[schemars(length(max = 100_000))]
    pub rows: Vec<Value>,
    /// The columns to write, in order. Without it, for objects: every key, in the order of first appearance. For lists they are names for the header.
    pub columns: Option<Vec<String>>,
    /// Whether the first line names the columns. Default: true when there are names.
    pub header: Option<bool>,
    /// The sign between cells. Default: a comma. A tab is written `\t`.
    pub delimiter: Option<String>,
    /// Whether every cell stands in quotes. Default: only where needed.
    #[serde(default)]
    pub quote_all: bool,
    /// `lf` (default) or `crlf`.
    #[serde(default)]
    pub line_end: LineEnd,
}

/// Answer of `json_to_csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Csv {
    /// The CSV text.
    pub csv: String,
    /// The columns written. Empty for lists without names.
    pub columns: Vec<String>,
    /// How many rows were written, the header not counted.
    pub row_count: usize,
    /// How many cells begin with =, +, -, @ and are no numbers. They are written as they are; a spreadsheet may run them as formulas.
    pub formula_cells: usize,
}

/// Turns JSON rows (objects or lists) into CSV text.
///
/// Null becomes an empty cell, and lists and objects in a cell become JSON text. Cells that look like formulas are written
/// as they are and counted in `formula_cells`.
///
/// # Errors
/// `invalid-input` for rows that are neither all objects nor all lists, and for too large a table.
#[tool(read_only, idempotent)]
pub fn json_to_csv(args: JsonToCsv) -> Result<Csv, ToolError> {
    if args.rows.len() > limits::ROWS_MAX {
        return Err(ToolError::invalid_input(format!(
            "at most {} rows are taken; pass a part of them",
            limits::ROWS_MAX
        )));
    }
    let weight: usize = args.rows.iter().map(|row| limits::weigh(row).bytes).sum();
    if weight > limits::ANSWER_BYTES_MAX {
        return Err(ToolError::invalid_input(
            "the rows are too large; pass a part of them",
        ));
    }
    let objects = args.rows.iter().filter(|row| row.is_object()).count();
    let lists = args.rows.iter().filter(|row| row.is_array()).count();
    if objects.max(lists) != args.rows.len() {
        return Err(ToolError::invalid_input("`rows` are all objects, or all lists"));
    }
    let columns = match args.columns {
        Some(columns) => columns,
        None if objects > 0 => keys(&args.rows)?,
        None => Vec::new(),
    };
    if columns.len() > limits::COLUMNS_MAX
        || columns.len().saturating_mul(args.rows.len()) > limits::CELLS_MAX
    {
        return Err(ToolError::invalid_input(format!(
            "{} columns and {} rows are more than {} cells; choose `columns` or pass fewer rows",
            columns.len(),
            args.rows.len(),
            limits::CELLS_MAX
        )));
    }

    let mut writer = csv::WriterBuilder::new()
        .delimiter(super::delimiter(args.delimiter.as_deref())?)
        .quote_style(if args.quote_all {
            csv::QuoteStyle::Always
        } else {
            csv::QuoteStyle::Necessary
        })
        .terminator(match args.line_end {
            LineEnd::Lf => csv::Terminator::Any(b'\n'),
            LineEnd::Crlf => csv::Terminator::CRLF,
        })
        // Lists of unequal length are the caller's to choose.
        .flexible(true)
        .from_writer(Vec::new());
    if args.header.unwrap_or(true) && !columns.is_empty() {
        writer.write_record(&columns).map_err(|_| unwritable())?;
    }
    let mut formula_cells = 0;
    for row in &args.rows {
        let cells: Vec<String> = match row {
            Value::Object(members) => columns
                .iter()
                .map(|name| members.get(name).map_or_else(String::new, cell))
                .collect(),
            Value::Array(items) => items.iter().map(cell).collect(),
            _ => Vec::new(),
        };
        formula_cells += cells.iter().filter(|cell| is_formula(cell)).count();
        writer.write_record(&cells).map_err(|_| unwritable())?;
    }
    let bytes = writer.into_inner().map_err(|_| unwritable())?;
    if bytes.len() > limits::ANSWER_BYTES_MAX {
        return Err(ToolError::invalid_input(
            "the CSV text is too large to return; pass fewer rows",
        ));
    }
    let csv = String::from_utf8(bytes).map_err(|_| unwritable())?;
    Ok(Csv {
        csv,
        columns,
        row_count: args.rows.len(),
        formula_cells,
    })
}

fn unwritable() -> ToolError {
    ToolError::internal("the CSV text could not be written")
}

fn keys(rows: &[Value]) -> Result<Vec<String>, ToolError> {
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for key in rows
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|members| members.keys())
    {
        if seen.insert(key.as_str()) {
            keys.push(key.clone());
        }
        if keys.len() > limits::COLUMNS_MAX {
            return Err(ToolError::invalid_input(format!(
                "the rows have more than {} different keys; choose `columns`",
                limits::COLUMNS_MAX
            )));
        }
    }
    Ok(keys)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(args: Value) -> Result<Csv, ToolError> {
        json_to_csv(serde_json::from_value(args).unwrap())
    }

    #[test]
    fn writes() {
        let check = |args: Value, csv: &str| assert_eq!(run(args.clone()).unwrap().csv, csv, "{args}");
        check(
            json!({"rows": [{"a": 1, "b": "x"}, {"a": null, "c": true}]}),
            "a,b,c\n1,x,\n,,true\n",
        );
        check(json!({"rows": [{"a": 1, "b": 2}], "columns": ["b"]}), "b\n2\n");
        check(json!({"rows": [{"a": 1}], "header": false}), "1\n");
        check(json!({"rows": [["x", "y"], [1, 2, 3]]}), "x,y\n1,2,3\n");
        check(json!({"rows": [[1, 2]], "columns": ["a", "b"]}), "a,b\n1,2\n");
        check(
            json!({"rows": [["a,b", "say \"hi\"", "two\nlines"]]}),
            "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n",
        );
        check(json!({"rows": [["a", 1]], "quote_all": true}), "\"a\",\"1\"\n");
        check(
            json!({"rows": [["a", 1]], "line_end": "crlf", "delimiter": ";"}),
            "a;1\r\n",
        );
        check(
            json!({"rows": [{"a": [1, {"b": 2}]}]}),
            "a\n\"[1,{\"\"b\"\":2}]\"\n",
        );
        check(json!({"rows": []}), "");
    }

    #[test]
    fn leaves_formulas_alone_and_counts_them() {
        let csv = run(json!({"rows": [["=1+1", "-5", "@x", "plain"]]})).unwrap();
        assert_eq!((csv.csv.as_str(), csv.formula_cells), ("=1+1,-5,@x,plain\n", 2));
    }

    #[test]
    fn refuses() {
        let check = |args: Value, word: &str| {
            let error = format!("{:?}", run(args).expect_err(word));
            assert!(error.contains(word), "{error}");
        };
        check(json!({"rows": [{"a": 1}, [1]]}), "all objects");
        check(json!({"rows": [1]}), "all objects");
        check(json!({"rows": [["x"]], "delimiter": "x"}), "delimiter");
        let sparse: Vec<Value> = (0..2000).map(|index| json!({ format!("k{index}"): 1 })).collect();
        check(json!({ "rows": sparse }), "cells");
    }

    #[test]
    fn comes_back_as_it_went() {
        let rows = json!([{"a": "1", "b": "x \"y\", z"}, {"a": "", "b": "two\nlines"}]);
        let csv = run(json!({ "rows": rows })).unwrap().csv;
        let table =
            super::super::csv_to_json(serde_json::from_value(json!({ "csv": csv })).unwrap()).unwrap();
        assert_eq!(Value::Array(table.rows), rows);
    }
}
