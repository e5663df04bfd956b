//! `search`: names or lines that hold a text or fit a regular expression.

use crate::filter::{Filter, PATTERN_BYTES_MAX};
use crate::folders::{Act, Folders, Place};
use crate::walk::{DEPTH_MAX, Entry, Kind, Walk};
use fact_sdk::{ToolError, tool};
use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most matches of an answer.
const MATCHES_MAX: usize = 1000;

/// Matches of an answer when the call does not say.
const MATCHES: usize = 100;

/// Most lines of context on each side of a match.
const CONTEXT_MAX: usize = 10;

/// Most bytes of one file; a larger one is skipped and counted. Files are searched in memory.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Most bytes that a call reads in all: some seconds of work.
const TOTAL_BYTES_MAX: u64 = 256 << 20;

/// Most bytes of text in an answer; the host's limit is 10 MiB, and quoting may double it.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Most characters of a line that are shown. Longer ones are data, not text.
const LINE_CHARS_MAX: usize = 500;

/// A file with a zero byte among so many first ones is no text.
const SNIFFED_BYTES: usize = 8 << 10;

/// Most memory of a compiled pattern.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// How the query is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The text itself.
    #[default]
    Literal,
    /// A regular expression (Rust's syntax: no look-around, no back-references).
    Regex,
}

/// Where to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// In the lines of files.
    #[default]
    Contents,
    /// In the names of files and folders.
    Names,
}

/// Arguments of `search`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The folder (or one file) to search: an absolute path in a granted folder, or a path relative to it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// What to search for.
    #[schemars(length(min = 1, max = 1000))]
    pub query: String,
    /// `literal` (default) or `regex`.
    #[serde(default)]
    pub mode: Mode,
    /// `contents` (default) or `names`.
    #[serde(default)]
    pub within: Within,
    /// Whether capitals make no difference. Default: false.
    #[serde(default)]
    pub ignore_case: bool,
    /// Only files whose name fits, for example `*.md`; a pattern with a slash is for the path below the folder.
    #[schemars(length(min = 1, max = 1000))]
    pub glob: Option<String>,
    /// Whether files and folders whose names begin with a point are searched. Default: false.
    #[serde(default)]
    pub hidden: bool,
    /// How many levels to go down, from 1 to 10 (default).
    #[schemars(range(min = 1, max = 10))]
    pub depth: Option<u32>,
    /// How many matches to return at most. Default: 100. Most: 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub max_matches: Option<usize>,
    /// How many lines before and after a match to show, from 0 (default) to 10.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10))]
    pub context: usize,
}

/// One match: a line, or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Match {
    /// The path below the folder; the file's own path, when one file was searched.
    pub path: String,
    /// The number of the line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The character of the line where the first match in it begins, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The line. A long one is cut to 500 characters around the match, which `...` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The lines before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// The lines after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// What was not searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Skipped {
    /// Files that are no text (UTF-16 counts as such).
    pub binary: usize,
    /// Files over 16 MiB.
    pub too_large: usize,
    /// Files and folders that could not be read.
    pub unreadable: usize,
}

/// Answer of `search`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// The path that was searched.
    pub path: String,
    /// The matches, in the order of the paths and lines.
    pub matches: Vec<Match>,
    /// How many there are.
    pub count: usize,
    /// How many files were searched, or names looked at.
    pub searched: usize,
    /// What was not searched.
    pub skipped: Skipped,
    /// Whether the search ended before everything was looked at: enough matches, 256 MiB read, or 100000 entries.
    pub truncated: bool,
}

/// Searches the files of a folder for a text or a regular expression, line by line, or searches their names.
///
/// Can be narrowed by a pattern of names. Binary files are skipped, and symbolic links are not followed.
///
/// # Errors
/// `denied` outside the granted folders, `not-found`, and `invalid-input` for a broken pattern.
#[tool(read_only, idempotent)]
pub fn search(args: Search) -> Result<Found, ToolError> {
    run(&Folders::granted(), &args)
}

/// Searches these folders.
///
/// # Errors
/// As [`search`](fn@search).
pub fn run(folders: &Folders, args: &Search) -> Result<Found, ToolError> {
    let depth = args.depth.unwrap_or(DEPTH_MAX);
    let max_matches = args.max_matches.unwrap_or(MATCHES);
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(ToolError::invalid_input(format!(
            "`depth` is from 1 to {DEPTH_MAX}"
        )));
    }
    if !(1..=MATCHES_MAX).contains(&max_matches) {
        return Err(ToolError::invalid_input(format!(
            "`max_matches` is from 1 to {MATCHES_MAX}"
        )));
    }
    if args.context > CONTEXT_MAX {
        return Err(ToolError::invalid_input(format!(
            "`context` is at most {CONTEXT_MAX}"
        )));
    }
    let filter = Filter::new(&[], args.glob.as_deref())?;
    let regex = regex(args)?;
    let place = folders.resolve(&args.path)?;
    let found = Found {
        path: place.shown.clone(),
        ..Found::default()
    };
    let mut hunt = Hunt {
        regex,
        context: args.context,
        max_matches,
        bytes_left: TOTAL_BYTES_MAX,
        answer: 0,
        found,
    };

    let metadata = place
        .path
        .metadata()
        .map_err(|error| place.failed(Act::Search, &error))?;
    if metadata.is_file() && args.within == Within::Contents {
        hunt.one_file(&place)?;
    } else {
        let mut walk =
            Walk::new(&place.path, depth, args.hidden).map_err(|error| place.failed(Act::Search, &error))?;
        for entry in walk.by_ref().filter(|entry| filter.passes(&entry.relative)) {
            match args.within {
                Within::Names => hunt.name(&entry),
                Within::Contents if entry.kind == Kind::File => hunt.file(&entry),
                Within::Contents => {}
            }
            if hunt.found.truncated {
                break;
            }
        }
        hunt.found.skipped.unreadable += walk.unreadable.len();
        hunt.found.truncated |= walk.cut;
    }
    hunt.found.count = hunt.found.matches.len();
    Ok(hunt.found)
}

fn regex(args: &Search) -> Result<Regex, ToolError> {
    if args.query.is_empty() || args.query.len() > PATTERN_BYTES_MAX {
        return Err(ToolError::invalid_input(format!(
            "`query` has 1 to {PATTERN_BYTES_MAX} bytes"
        )));
    }
    let pattern = match args.mode {
        Mode::Literal => regex::escape(&args.query),
        Mode::Regex => args.query.clone(),
    };
    RegexBuilder::new(&pattern)
        .case_insensitive(args.ignore_case)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| {
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The last line says what is wrong; those above draw it.
                other => other
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned(),
            };
            ToolError::invalid_input(format!(
                "`query` is not a regular expression that can be used: {reason}"
            ))
        })
}

/// A search on its way.
struct Hunt {
    regex: Regex,
    context: usize,
    max_matches: usize,
    bytes_left: u64,
    /// Bytes of text in the answer so far.
    answer: usize,
    found: Found,
}

enum Text {
    Lines(Vec<u8>),
    Binary,
    TooLarge,
    /// The call has read as much as it may.
    NoBudget,
}

impl Hunt {
    fn name(&mut self, entry: &Entry) {
        self.found.searched += 1;
        let name = entry.relative.rsplit('/').next().unwrap_or(&entry.relative);
        if self.regex.is_match(name.as_bytes()) {
            self.add(Match {
                path: entry.relative.clone(),
                line: None,
                column: None,
                text: None,
                before: Vec::new(),
                after: Vec::new(),
            });
        }
    }

    fn one_file(&mut self, place: &Place) -> Result<(), ToolError> {
        let text = self
            .load(&place.path)
            .map_err(|error| place.failed(Act::Read, &error))?;
        self.text(text, &place.shown);
        Ok(())
    }

    fn file(&mut self, entry: &Entry) {
        match self.load(&entry.path) {
            Ok(text) => self.text(text, &entry.relative),
            Err(_) => self.found.skipped.unreadable += 1,
        }
    }

    /// Reads a file, unless it is large or no text.
    fn load(&mut self, path: &Path) -> io::Result<Text> {
        if self.bytes_left == 0 {
            return Ok(Text::NoBudget);
        }
        let mut file = File::open(path)?;
        let mut bytes = Vec::new();
        file.by_ref().take(SNIFFED_BYTES as u64).read_to_end(&mut bytes)?;
        let text = if bytes.contains(&0) {
            Text::Binary
        } else if file.metadata()?.len() > FILE_BYTES_MAX {
            Text::TooLarge
        } else {
            file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
            return Ok(Text::Lines(bytes));
        };
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
        Ok(text)
    }

    fn text(&mut self, text: Text, shown: &str) {
        match text {
            Text::Lines(bytes) => {
                self.found.searched += 1;
                self.lines(&bytes, shown);
            }
            Text::Binary => self.found.skipped.binary += 1,
            Text::TooLarge => self.found.skipped.too_large += 1,
            Text::NoBudget => self.found.truncated = true,
        }
    }

    fn lines(&mut self, bytes: &[u8], shown: &str) {
        // A line feed at the end begins no further line.
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut before: VecDeque<&[u8]> = VecDeque::with_capacity(self.context + 1);
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .enumerate();
        while let Some((index, line)) = lines.next() {
            if let Some(at) = self.regex.find(line).map(|found| found.start()) {
                let (text, column) = around(line, at);
                self.add(Match {
                    path: shown.to_owned(),
                    line: Some(index + 1),
                    column: Some(column),
                    text: Some(text),
                    before: before.iter().map(|line| around(line, 0).0).collect(),
                    after: lines
                        .clone()
                        .take(self.context)
                        .map(|(_, line)| around(line, 0).0)
                        .collect(),
                });
                if self.found.truncated {
                    return;
                }
            }
            before.push_back(line);
            if before.len() > self.context {
                before.pop_front();
            }
        }
    }

    /// Adds a match, unless the answer is full: then there is at least one more than it says.
    fn add(&mut self, found: Match) {
        let texts = found.text.iter().chain(&found.before).chain(&found.after);
        let bytes = found.path.len() + texts.map(String::len).sum::<usize>();
        if self.found.matches.len() >= self.max_matches || self.answer + bytes > ANSWER_BYTES_MAX {
            self.found.truncated = true;
            return;
        }
        self.answer += bytes;
        self.found.matches.push(found);
    }
}

/// The part of a line around a byte of it, and the number of the character there, from 1. Bytes that are not UTF-8 become
/// replacement characters.
fn around(line: &[u8], at: usize) -> (String, usize) {
    let column = line
        .get(..at)
        .map(|before| String::from_utf8_lossy(before).chars().count())
        .unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    // A line of few bytes has few characters.
    if text.len() <= LINE_CHARS_MAX {
        return (text.into_owned(), column + 1);
    }
    let from = column.saturating_sub(LINE_CHARS_MAX / 5);
    let mut characters = text.chars().skip(from);
    let mut shown = if from > 0 { "...".to_owned() } else { String::new() };
    shown.extend(characters.by_ref().take(LINE_CHARS_MAX));
    if characters.next().is_some() {
        shown.push_str("...");
    }
    (shown, column + 1)
}

#[cfg(test)]
mod tests;
