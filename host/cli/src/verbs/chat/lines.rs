//! Where lines come from: a person at a terminal, who can edit and repeat them, or a pipe.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use fact_types::Code;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use crate::context::Context;
use crate::failure::Failure;

/// Longest line, in bytes: as the longest question.
const LINE_MAX: usize = 64 << 10;

/// Lines that a person can have back.
const HISTORY_MAX: usize = 1000;

/// The file in the data folder that has them. Nobody but its owner can read it.
const HISTORY_FILE: &str = "chat_history";

const PROMPT: &str = "fact> ";

/// Lines, one after the other.
pub(super) struct Lines {
    /// None: lines come through a pipe. Otherwise taken only while a line is read.
    editor: Option<Box<Typed>>,
}

/// A person's lines.
struct Typed {
    editor: DefaultEditor,
    history: PathBuf,
}

impl Lines {
    pub(super) fn new(context: &Context) -> Result<Self, Failure> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Ok(Lines { editor: None });
        }
        let cant = |error: ReadlineError| Failure::internal("lines can't be edited", &error);
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)
            .map_err(cant)?
            .auto_add_history(true)
            .build();
        let mut editor = DefaultEditor::with_config(config).map_err(cant)?;
        let history = context.config()?.data_dir.join(HISTORY_FILE);
        // The first time there is none; without it, lines can be typed all the same.
        if let Err(error) = editor.load_history(&history) {
            tracing::debug!(%error, "no earlier lines");
        }
        Ok(Lines {
            editor: Some(Box::new(Typed { editor, history })),
        })
    }

    /// Whether a person types them.
    pub(super) fn are_typed(&self) -> bool {
        self.editor.is_some()
    }

    /// The next line; none at the end of input, or when the person leaves by Ctrl-C or Ctrl-D.
    pub(super) async fn next(&mut self) -> Result<Option<String>, Failure> {
        let typed = self.editor.take();
        // Waiting for a line keeps a thread, which must not be one of those that run calls.
        let read = tokio::task::spawn_blocking(move || match typed {
            None => (None, piped(io::stdin().lock())),
            Some(mut typed) => {
                let line = typed.next();
                (Some(typed), line)
            }
        });
        let (typed, line) = read
            .await
            .map_err(|error| Failure::internal("reading a line failed", &error))?;
        self.editor = typed;
        line
    }
}

impl Typed {
    fn next(&mut self) -> Result<Option<String>, Failure> {
        match self.editor.readline(PROMPT) {
            Ok(line) => {
                if let Err(error) = self.editor.append_history(&self.history) {
                    tracing::debug!(%error, "a line can't be kept");
                }
                Ok(Some(line))
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
            Err(error) => Err(Failure::internal("reading a line failed", &error)),
        }
    }
}

/// A line of a pipe.
fn piped(from: impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let most = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
    let read = from.take(most.saturating_add(1)).read_until(b'\n', &mut line);
    read.map_err(|error| {
        Failure::new(
            Code::Unavailable,
            format!("Lines can't be read: {}.", error.kind()),
        )
    })?;
    if line.len() > LINE_MAX {
        return Err(Failure::new(
            Code::InvalidInput,
            format!("A line is longer than {LINE_MAX} bytes."),
        ));
    }
    if line.is_empty() {
        return Ok(None);
    }
    String::from_utf8(line)
        .map(Some)
        .map_err(|_| Failure::new(Code::InvalidInput, "A line is no text in UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_pipe() {
        let mut from = io::Cursor::new("one\n\nlast, without an end");
        let mut lines = Vec::new();
        while let Some(line) = piped(&mut from).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one\n", "\n", "last, without an end"]);
        assert!(piped(io::Cursor::new(vec![b'x'; LINE_MAX + 1])).is_err());
        assert!(piped(io::Cursor::new([0xff, b'\n'])).is_err());
    }
}
