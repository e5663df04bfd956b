//! `csv_to_json` and `json_to_csv`.

mod read;
mod write;

pub use read::{CsvToJson, Ragged, Shape, Table, csv_to_json};
pub use write::{Csv, JsonToCsv, LineEnd, json_to_csv};

use fact_sdk::ToolError;

/// One ASCII sign between cells; `\t` written out is taken as a tab.
fn delimiter(text: Option<&str>) -> Result<u8, ToolError> {
    match text {
        None => Ok(b','),
        Some("\\t" | "tab") => Ok(b'\t'),
        Some(text) => match text.as_bytes() {
            [byte]
                if byte.is_ascii()
                    && !byte.is_ascii_alphanumeric()
                    && !matches!(byte, b'"' | b'\n' | b'\r' | 0) =>
            {
                Ok(*byte)
            }
            _ => Err(ToolError::invalid_input(
                "`delimiter` is one sign such as a comma, a semicolon, a bar or a tab (\\t)",
            )),
        },
    }
}
