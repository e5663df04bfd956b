//! `read`: a file, or a part of it, as text or base64.

use crate::encoding::Encoding;
use crate::folders::{Act, Folders, Place};
use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Most bytes of a file that one call reads: as much as the host lets one answer hold.
const READ_BYTES_MAX: u64 = 10 << 20;

/// Bytes that one call reads when it does not say: plenty for a reader, and few enough for a model.
const READ_BYTES: u64 = 1 << 20;

/// Most bytes of content in an answer, counted as JSON writes them. The host's limit is 10 MiB for the whole answer.
const CONTENT_BYTES_MAX: usize = 9 << 20;

/// Most bytes that a call looks through for the line it begins with. Beyond, an offset is the way.
const SCAN_BYTES_MAX: u64 = 256 << 20;

/// Most lines of an answer.
const LINES_MAX: u64 = 10_000;

/// Lines that one call reads when it gives only the first.
const LINES: u64 = 1000;

/// How much is asked of the host at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Arguments of `read`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// The file: an absolute path in a granted folder, or a path relative to it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// `utf-8` (default), `ascii`, `latin-1`, `utf-16` (with a byte order mark), `utf-16le`, `utf-16be`, or `base64` for files that are no text.
    #[serde(default)]
    pub encoding: Encoding,
    /// The byte to begin with, counted from 0. Not together with lines.
    pub offset: Option<u64>,
    /// How many bytes to read at most. Default: 1048576. Most: 10485760.
    #[schemars(range(min = 1, max = 10_485_760))]
    pub length: Option<u64>,
    /// The line to begin with, counted from 1.
    #[schemars(range(min = 1))]
    pub start_line: Option<u64>,
    /// How many lines to read at most. Default, when start_line is given: 1000. Most: 10000.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_lines: Option<u64>,
}

/// Answer of `read`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Content {
    /// The path of the file.
    pub path: String,
    /// How the content was decoded; for `utf-16`, what its byte order mark says.
    pub encoding: Encoding,
    /// The content.
    pub content: String,
    /// The size of the whole file in bytes.
    pub size: u64,
    /// The byte of the file that the content begins with.
    pub offset: u64,
    /// How many bytes of the file the content stands for.
    pub bytes: u64,
    /// The first line of the content, when lines were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_line: Option<u64>,
    /// How many lines the content has, when lines were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Whether the file goes on after the content.
    pub truncated: bool,
    /// Where to go on reading, when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// The line to go on with, when lines were asked for and the content ends with a whole one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_line: Option<u64>,
}

/// Reads a file, or a range of its bytes or lines, as text or as base64.
///
/// Without a range, the first MiB. `truncated` says whether the file goes on, and `next_offset` or `next_line` where.
///
/// # Errors
/// `denied` outside the granted folders, `not-found`, and `invalid-input` for a folder and for bytes that the encoding does
/// not have.
#[tool(read_only, idempotent)]
pub fn read(args: ReadFile) -> Result<Content, ToolError> {
    run(&Folders::granted(), &args)
}

/// Reads from these folders.
///
/// # Errors
/// As [`read`](fn@read).
pub fn run(folders: &Folders, args: &ReadFile) -> Result<Content, ToolError> {
    let by_lines = args.start_line.is_some() || args.max_lines.is_some();
    if by_lines && (args.offset.is_some() || args.length.is_some()) {
        return Err(ToolError::invalid_input(
            "ask for bytes (`offset`, `length`) or for lines (`start_line`, `max_lines`)",
        ));
    }
    if by_lines && args.encoding == Encoding::Base64 {
        return Err(ToolError::invalid_input(
            "base64 has no lines; ask for bytes (`offset`, `length`)",
        ));
    }
    let place = folders.resolve(&args.path)?;
    let failed = |error: io::Error| place.failed(Act::Read, &error);
    // Asked before opening, since opening a pipe waits for its other end.
    let metadata = place.path.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(ToolError::invalid_input(format!(
            "`{}` is a folder; use list",
            place.shown
        )));
    }
    if !metadata.is_file() {
        return Err(ToolError::invalid_input(format!(
            "`{}` is not an ordinary file",
            place.shown
        )));
    }
    let mut file = File::open(&place.path).map_err(failed)?;
    let mut first = [0; 3];
    let count = fill(&mut file, &mut first).map_err(failed)?;
    let first = first.get(..count).unwrap_or_default();
    let mark = args.encoding.mark(first) as u64;
    let encoding = args.encoding.with_mark(first)?;

    let mut content = Content {
        path: place.shown.clone(),
        encoding,
        size: metadata.len(),
        ..Content::default()
    };
    if by_lines {
        file.seek(SeekFrom::Start(mark)).map_err(failed)?;
        read_lines(&place, &mut file, mark, args, &mut content)?;
    } else {
        // A mark is no part of the text, and skipping it is what a reader from the start wants.
        content.offset = args.offset.filter(|offset| *offset != 0).unwrap_or(mark);
        file.seek(SeekFrom::Start(content.offset)).map_err(failed)?;
        read_bytes(&place, &mut file, args, &mut content)?;
    }
    Ok(content)
}

fn read_bytes(
    place: &Place,
    file: &mut File,
    args: &ReadFile,
    content: &mut Content,
) -> Result<(), ToolError> {
    let length = args.length.unwrap_or(READ_BYTES);
    if length == 0 || length > READ_BYTES_MAX {
        return Err(ToolError::invalid_input(format!(
            "`length` is from 1 to {READ_BYTES_MAX}"
        )));
    }
    if !content.offset.is_multiple_of(content.encoding.unit() as u64) {
        return Err(ToolError::invalid_input("in UTF-16 an `offset` is even"));
    }
    let mut bytes = Vec::new();
    // One byte more than asked for tells whether there is one.
    file.take(length + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| place.failed(Act::Read, &error))?;
    let more = bytes.len() as u64 > length;
    if more {
        bytes.pop();
    }
    keep(content, &bytes, more)?;
    if content.truncated && content.bytes == 0 {
        return Err(ToolError::invalid_input(
            "`length` is less than the next character needs; take at least 4",
        ));
    }
    Ok(())
}

/// Decodes the bytes from `content.offset` on, as far as an answer can hold them.
fn keep(content: &mut Content, bytes: &[u8], more: bool) -> Result<(), ToolError> {
    let encoding = content.encoding;
    // Cut before base64 makes 4 characters of 3 bytes.
    let fitting = if encoding == Encoding::Base64 {
        CONTENT_BYTES_MAX / 4 * 3
    } else {
        bytes.len()
    };
    let cut = bytes.len() > fitting;
    let decoded = encoding
        .decode(bytes.get(..fitting).unwrap_or(bytes), more || cut)
        .map_err(|index| {
            let at = content.offset + index as u64;
            ToolError::invalid_input(format!(
                "byte {at} of `{}` does not fit the encoding; choose another one, such as latin-1 or base64",
                content.path
            ))
        })?;
    let (text, used) = if encoding == Encoding::Base64 {
        (decoded.text, decoded.used)
    } else {
        shorten(encoding, decoded)
    };
    content.content = text;
    content.bytes = used as u64;
    content.truncated = more || used < bytes.len();
    content.next_offset = content.truncated.then_some(content.offset + content.bytes);
    Ok(())
}

/// Cuts the text where JSON's quoting would make it too long.
fn shorten(encoding: Encoding, decoded: crate::encoding::Decoded) -> (String, usize) {
    let mut text = decoded.text;
    let mut written = 0;
    let mut used = 0;
    let mut end = None;
    for (index, character) in text.char_indices() {
        written += match character {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            '\0'..='\u{1f}' => 6,
            _ => character.len_utf8(),
        };
        if written > CONTENT_BYTES_MAX {
            end = Some(index);
            break;
        }
        used += encoding.width(character);
    }
    match end {
        None => (text, decoded.used),
        Some(end) => {
            text.truncate(end);
            (text, used)
        }
    }
}

fn read_lines(
    place: &Place,
    file: &mut File,
    mark: u64,
    args: &ReadFile,
    content: &mut Content,
) -> Result<(), ToolError> {
    let start = args.start_line.unwrap_or(1);
    let count = args.max_lines.unwrap_or(LINES);
    if start == 0 || count == 0 || count > LINES_MAX {
        return Err(ToolError::invalid_input(format!(
            "`start_line` is at least 1, and `max_lines` from 1 to {LINES_MAX}"
        )));
    }
    let mut scan = Scan {
        encoding: content.encoding,
        start,
        count,
        line: 1,
        position: mark,
        bytes: Vec::new(),
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut more = false;
    loop {
        let filled = fill(file, &mut chunk).map_err(|error| place.failed(Act::Read, &error))?;
        if filled == 0 {
            break;
        }
        if scan.is_full() {
            more = true;
            break;
        }
        let rest = scan.take(chunk.get(..filled).unwrap_or_default());
        if rest > 0 {
            more = true;
            break;
        }
        if scan.line < start && scan.position > SCAN_BYTES_MAX {
            return Err(ToolError::invalid_input(format!(
                "line {start} lies beyond the first {SCAN_BYTES_MAX} bytes; use `offset` for a place so far on"
            )));
        }
    }
    let bytes = scan.bytes;
    content.offset = scan.position - bytes.len() as u64;
    keep(content, &bytes, more)?;
    let feeds = content.content.matches('\n').count() as u64;
    let whole = content.content.is_empty() || content.content.ends_with('\n');
    content.start_line = Some(start);
    content.lines = Some(feeds + u64::from(!whole));
    content.next_line = (content.truncated && whole).then_some(start + feeds);
    Ok(())
}

/// Looks for a range of lines in chunks of a file.
struct Scan {
    encoding: Encoding,
    start: u64,
    count: u64,
    /// The line at `position`.
    line: u64,
    /// The offset in the file up to which all was looked at.
    position: u64,
    /// The bytes of the lines asked for.
    bytes: Vec<u8>,
}

impl Scan {
    fn is_full(&self) -> bool {
        self.line >= self.start.saturating_add(self.count) || self.bytes.len() as u64 >= READ_BYTES_MAX
    }

    /// Takes what it needs of a chunk, and returns how many bytes it left.
    fn take(&mut self, chunk: &[u8]) -> usize {
        let mut left = chunk.len();
        for unit in chunk.chunks(self.encoding.unit()) {
            if self.is_full() {
                break;
            }
            if self.line >= self.start {
                self.bytes.extend_from_slice(unit);
            }
            self.position += unit.len() as u64;
            left -= unit.len();
            if self.encoding.is_line_feed(unit) {
                self.line += 1;
            }
        }
        left
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
