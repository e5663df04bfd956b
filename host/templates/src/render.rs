//! From rows to an answer. Every figure in it is a cell of a row or something that the question said.

use crate::data::Rows;
use crate::figure::cell;
use crate::options::clean;
use crate::resolution::Filled;
use crate::template::{AnswerColumn, Piece, Template, Unit};
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Most rows that are shown. More are no answer but a list to work with, for which there are tools.
const ROWS_MAX: usize = 50;

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// The answer, one line or several. The last line says what the question was filled with.
    pub text: String,
    /// Where the figures are from.
    pub source: SourceLine,
    /// The data have nothing for this.
    pub empty: bool,
}

/// Where figures are from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceLine {
    /// The template.
    pub template: String,
    /// The database.
    pub database: String,
    /// The statement.
    pub statement: String,
    /// The values of its parameters.
    pub parameters: Map<String, Value>,
}

/// Writes the answer. Without a template, or when the rows are not those that it expects, they are shown as they are.
pub(crate) fn reply(template: Option<&Template>, filled: &Filled, rows: &Rows) -> Reply {
    let own = |template: &&Template| {
        let columns = template.answer.columns.iter().map(|column| &column.name);
        template.statement == filled.statement && columns.eq(&rows.columns)
    };
    let template = template.filter(own);
    // A sum over nothing is a row with nothing in it.
    let empty = rows.rows.iter().all(|row| row.iter().all(Value::is_null));
    let mut text = if empty && !rows.truncated {
        none(template, filled)
    } else {
        some(template, filled, rows)
    };
    for note in &filled.notes {
        let _ = write!(text, "\n{}", clean(note));
    }
    if !filled.slots.is_empty() {
        let _ = write!(text, "\nAsked for: {}", filled.slots_line());
    }
    Reply {
        text,
        source: SourceLine {
            template: filled.template.clone(),
            database: filled.database.clone(),
            statement: filled.statement.clone(),
            parameters: filled.parameters.clone(),
        },
        empty,
    }
}

fn none(template: Option<&Template>, filled: &Filled) -> String {
    match template.and_then(|template| template.answer.none.as_ref()) {
        Some(pieces) => sentence(pieces, filled, None),
        None => "The data has nothing for this question.".to_owned(),
    }
}

fn some(template: Option<&Template>, filled: &Filled, rows: &Rows) -> String {
    let columns: Vec<AnswerColumn> = match template {
        Some(template) => template.answer.columns.clone(),
        None => rows
            .columns
            .iter()
            .map(|name| AnswerColumn {
                name: clean(name),
                unit: Unit::Plain,
                label: None,
            })
            .collect(),
    };
    if let ([row], Some(pieces), false) = (
        rows.rows.as_slice(),
        template.and_then(|template| template.answer.one.as_ref()),
        rows.truncated,
    ) {
        return sentence(pieces, filled, Some((&columns, row)));
    }
    let mut answer = String::new();
    if let Some(template) = template
        && !template.answer.title.is_empty()
    {
        answer = sentence(&template.answer.title, filled, None);
        answer.push('\n');
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(columns.iter().map(|column| header(column, filled)));
    for row in rows.rows.iter().take(ROWS_MAX) {
        let cells = row.iter().zip(&columns);
        table.add_row(cells.map(|(value, column)| cell(value, &column.unit, false).replace('|', "/")));
    }
    answer.push_str(&table.trim_fmt());
    let more = rows.rows.len().saturating_sub(ROWS_MAX);
    if rows.truncated {
        let shown = rows.rows.len().min(ROWS_MAX);
        let _ = write!(
            answer,
            "\nThese are the first {shown} rows; there are more, which were not read."
        );
    } else if more > 0 {
        let _ = write!(
            answer,
            "\nThese are the first {ROWS_MAX} rows; there are {more} more."
        );
    }
    answer
}

fn header(column: &AnswerColumn, filled: &Filled) -> String {
    let label = match &column.label {
        Some(label) => text(label, filled, None),
        None => column.name.replace('_', " "),
    };
    match &column.unit {
        Unit::Of(unit) => format!("{label} ({unit})"),
        _ => label,
    }
}

/// Fills a text with the cells of a row, and with slots.
fn text(pieces: &[Piece], filled: &Filled, row: Option<(&[AnswerColumn], &[Value])>) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Name(name) => {
                let of_row = row.and_then(|(columns, row)| {
                    let (column, value) = columns.iter().zip(row).find(|(column, _)| column.name == *name)?;
                    Some(cell(value, &column.unit, true))
                });
                let slot = || {
                    filled
                        .slots
                        .iter()
                        .find(|slot| slot.name == *name)
                        .map(|slot| slot.shown.clone())
                };
                text.push_str(&of_row.or_else(slot).unwrap_or_default());
            }
        }
    }
    text
}

/// A sentence, with a capital letter in front.
fn sentence(pieces: &[Piece], filled: &Filled, row: Option<(&[AnswerColumn], &[Value])>) -> String {
    let text = text(pieces, filled, row);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => text,
    }
}
