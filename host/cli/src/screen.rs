//! Where answers go. Texts of plugins can hold anything, escape sequences that rewrite a terminal included: nothing
//! reaches a terminal without [`clean`].

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, TableStyle, presets};
use serde::Serialize;

use crate::failure::Failure;

/// For whom an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Standard output and standard error.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) format: Format,
    quiet: bool,
    out_terminal: bool,
    err_terminal: bool,
}

impl Screen {
    pub(crate) fn new(format: Format, quiet: bool) -> Self {
        let (out_terminal, err_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Screen {
            format,
            quiet,
            out_terminal,
            err_terminal,
        }
    }

    /// Whether machines read.
    pub(crate) fn json_wanted(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether a person can be asked.
    pub(crate) fn interactive(&self) -> bool {
        self.err_terminal && io::stdin().is_terminal() && !self.json_wanted()
    }

    /// Whether a person waits and wants to see that something happens.
    pub(crate) fn shows_progress(&self) -> bool {
        self.err_terminal && !self.quiet
    }

    /// A line of data. What plugins wrote in it must be clean already ([`clean`], [`one_line`]).
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.write(text.as_ref())
    }

    /// A text of a plugin, to the letter where a program reads it, and cleaned where a person does.
    pub(crate) fn foreign(&self, text: &str) -> Result<(), Failure> {
        if self.out_terminal {
            self.write(&clean(text))
        } else {
            self.write(text)
        }
    }

    /// A JSON document: indented for a person, a line for a program.
    pub(crate) fn json(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = if self.out_terminal || !self.json_wanted() {
            serde_json::to_string_pretty(document)
        } else {
            serde_json::to_string(document)
        };
        self.write_json(text)
    }

    /// A JSON document on a line of its own, whoever reads.
    pub(crate) fn json_line(&self, document: &impl Serialize) -> Result<(), Failure> {
        self.write_json(serde_json::to_string(document))
    }

    fn write_json(&self, text: serde_json::Result<String>) -> Result<(), Failure> {
        let text = text.map_err(|error| Failure::internal("an answer is no JSON", &error))?;
        // JSON escapes some control characters, but not those above 0x7f, which terminals obey too.
        if self.out_terminal {
            self.write(&clean_json(&text))
        } else {
            self.write(&text)
        }
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(())
    }

    /// A remark for a person beside the data, on standard error.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.quiet && !self.json_wanted() {
            self.complain(text.as_ref());
        }
    }

    /// Standard error may be closed: then there is nobody to tell.
    fn complain(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Asks a person; no answer is no.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        let mut err = io::stderr().lock();
        let asked = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
        drop(err);
        let mut answer = String::new();
        asked.is_ok()
            && io::stdin().read_line(&mut answer).is_ok()
            && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }

    /// Tells of a failure, and gives its exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        let Failure::Error { error, hint, receipt } = failure else {
            return failure.exit_code();
        };
        if self.json_wanted() {
            let mut inner = serde_json::to_value(error.as_ref()).unwrap_or_default();
            if let (Some(map), Some(hint)) = (inner.as_object_mut(), hint) {
                map.insert("hint".to_owned(), hint.clone().into());
            }
            let mut document = serde_json::json!({ "error": inner });
            if let (Some(map), Some(receipt)) = (document.as_object_mut(), receipt) {
                map.insert(
                    "receipt".to_owned(),
                    serde_json::to_value(receipt).unwrap_or_default(),
                );
            }
            self.complain(&clean_json(&document.to_string()));
        } else {
            let message = clean(&error.message);
            self.complain(&format!(
                "{} {}",
                self.paint_err("1;31", "error:"),
                message.trim_end()
            ));
            if let Some(hint) = hint.as_ref().filter(|_| !self.quiet) {
                self.complain(&format!("{} {}", self.paint_err("1;36", "hint:"), clean(hint)));
            }
        }
        failure.exit_code()
    }

    /// Colours a word of standard output. The word must say the same without.
    pub(crate) fn paint(&self, style: &str, text: &str) -> String {
        paint(self.out_terminal, style, text)
    }

    fn paint_err(&self, style: &str, text: &str) -> String {
        paint(self.err_terminal, style, text)
    }

    /// A table without lines, its cells clean.
    pub(crate) fn table<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        let rows = rows
            .into_iter()
            .map(|row| row.map(|cell| one_line(&cell)).to_vec())
            .collect();
        self.write(&self.lay_out(header.map(str::to_owned).to_vec(), rows, presets::NOTHING, (0, 2)))
    }

    /// The same with lines around it, for any number of columns.
    pub(crate) fn grid(&self, header: Vec<String>, rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let tidy = |row: Vec<String>| row.iter().map(|cell| one_line(cell)).collect::<Vec<_>>();
        let rows = rows.into_iter().map(tidy).collect();
        self.write(&self.lay_out(tidy(header), rows, presets::UTF8_FULL_CONDENSED, (1, 1)))
    }

    fn lay_out(
        &self,
        header: Vec<String>,
        rows: Vec<Vec<String>>,
        style: TableStyle,
        padding: (u16, u16),
    ) -> String {
        let mut table = Table::new();
        table.load_style(style).set_header(header).add_rows(rows);
        if let (true, Some((width, _))) = (self.out_terminal, terminal_size::terminal_size()) {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width.0);
        }
        for column in table.column_iter_mut() {
            column.set_padding(padding);
        }
        table
            .lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}

fn paint(terminal: bool, style: &str, text: &str) -> String {
    if terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Whether a terminal would obey the character, show the text around it in another order than it is, or show nothing.
fn commands(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        // What nobody sees and a model reads.
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text that a terminal can only show: lines and tabs stay, other commands are written out.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if commands(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// The same on one line, for lists.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(['\n', '\t', '\r'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    clean(&words.join(" "))
}

/// JSON that a terminal can only show, and that still says the same.
fn clean_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && commands(c) {
            // Outside of strings, JSON has none of them.
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A text, cut to a number of characters.
pub(crate) fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// A number of things.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A word as a shell reads it back.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_commands() {
        for (text, shown) in [
            ("plain ünïcode 日本", "plain ünïcode 日本"),
            ("two\n\tlines", "two\n\tlines"),
            ("\x1b[31mred", "\\u{1b}[31mred"),
            ("\u{9b}31mred", "\\u{9b}31mred"),
            ("over\rwritten", "over\\u{d}written"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("admin\u{202e}txt.exe", "admin\\u{202e}txt.exe"),
        ] {
            assert_eq!(clean(text), shown);
        }
        assert_eq!(one_line(" a\n b\tc\r\n\x1b[2J"), "a b c \\u{1b}[2J");
    }

    #[test]
    fn cleaned_json_says_the_same() {
        let document = serde_json::json!({ "a": "\u{9b}31m\x1b[0m\n\u{202e}\u{7f}\u{200b}\u{e0041}" });
        let text = clean_json(&serde_json::to_string_pretty(&document).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && commands(c)), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            document
        );
    }

    #[test]
    fn words_for_a_shell() {
        for (word, typed) in [
            ("sql:read:finance/companies", "sql:read:finance/companies"),
            ("http:GET:https://*", "'http:GET:https://*'"),
            ("fs:read:/a b", "'fs:read:/a b'"),
            ("it's", r"'it'\''s'"),
            ("sql:read:f/t(a)", "'sql:read:f/t(a)'"),
            ("", "''"),
        ] {
            assert_eq!(shell(word), typed);
        }
    }
}
