//! Server-sent events, as the HTML standard defines their text form, with bounds.

use std::collections::VecDeque;

/// Longest event in bytes. A delta has some hundred; a few servers send a whole tool call in one.
const LONGEST: usize = 4 << 20;

/// One event. Its name is left out: both providers repeat it in the data.
pub(crate) type Event = String;

/// The text has an event that is longer than any should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Turns bytes into events, wherever the bytes are cut.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The line that is not at its end.
    line: Vec<u8>,
    /// The data of the event that is not at its end.
    data: Option<String>,
    /// The last byte ended a line as `\r`; a `\n` right after it belongs to that end.
    after_cr: bool,
    /// A line was read: a byte order mark can't come any more.
    begun: bool,
    events: VecDeque<Event>,
}

impl Parser {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.end_line();
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// The next whole event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Nothing follows. By the standard an event without the empty line after it is lost; but servers exist that close right
    /// after the last one.
    pub(crate) fn end(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.end_event();
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let mut line = line.as_ref();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
    }

    fn end_event(&mut self) {
        self.events.extend(self.data.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], events: &[&str]) {
        // Cut in every way into two, and into single bytes.
        let whole = (0..=text.len()).map(|at| vec![&text[..at], &text[at..]]);
        let single = std::iter::once(text.chunks(1).collect());
        for pieces in whole.chain(single) {
            let mut parser = Parser::default();
            let mut had = Vec::new();
            for piece in &pieces {
                parser.push(piece).unwrap();
                while let Some(event) = parser.next() {
                    had.push(event);
                }
            }
            parser.end();
            while let Some(event) = parser.next() {
                had.push(event);
            }
            assert_eq!(had, events, "{pieces:?}");
        }
    }

    #[test]
    fn events() {
        check(b"event: a\ndata: {\"x\":1}\n\ndata: 2\n\n", &["{\"x\":1}", "2"]);
        check(b"data: 1\r\n\r\ndata: 2\r\rdata:3\n\n", &["1", "2", "3"]);
        check(b": ping\n\ndata: a\ndata: b\nid: 7\n\n", &["a\nb"]);
        check("\u{feff}data: \u{20ac}\n\n".as_bytes(), &["\u{20ac}"]);
        check(b"data: last", &["last"]);
        check(b"data\n\n\n\n", &[""]);
        check(b"", &[]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let line = [b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n"].concat();
        let taken = (0..8).take_while(|_| parser.push(&line).is_ok()).count();
        assert_eq!(taken, 3);
        let mut parser = Parser::default();
        assert_eq!(parser.push(&vec![b'x'; LONGEST + 1]), Err(TooLong));
    }

    proptest::proptest! {
        /// Whatever comes, and wherever it is cut, gives the same events.
        #[test]
        fn where_bytes_are_cut_does_not_matter(text in "(data: ?|id|:|[a-c{}\u{e4}\u{feff}]|\r|\n|\r\n|\n\n){0,40}", at in 0_usize..80) {
            let events = |pieces: &[&[u8]]| {
                let mut parser = Parser::default();
                for piece in pieces {
                    parser.push(piece).unwrap();
                }
                parser.end();
                std::iter::from_fn(|| parser.next()).collect::<Vec<_>>()
            };
            let bytes = text.as_bytes();
            let (first, rest) = bytes.split_at(at.min(bytes.len()));
            proptest::prop_assert_eq!(events(&[bytes]), events(&[first, rest]));
        }
    }
}
