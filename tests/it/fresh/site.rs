//! A server whose pages change when they are told to, and which can have something done in the middle of a call.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ground::Ground;

pub(super) const PAGES: usize = 3;

/// The pages' ways to say for how long they hold.
pub(super) const KINDS: [&str; 8] = [
    "etag", "dated", "fresh", "none", "cut", "vary", "worded", "stated",
];

/// A page's state: the number of its content, and of what its headers say.
#[derive(Debug, Default)]
pub(super) struct Site {
    pages: [(u64, u64); PAGES],
    gone: [bool; PAGES],
    /// Contents that were sent with a lifetime of an hour: they hold, whatever became of the page.
    served: HashSet<String>,
}

impl Site {
    /// Contents are never the same again, whatever is undone elsewhere.
    pub(super) fn rewrite(&mut self, page: usize) {
        self.pages[page].0 += 1;
    }

    pub(super) fn restate(&mut self, page: usize) {
        self.pages[page].1 += 1;
    }

    pub(super) fn remove(&mut self, page: usize, gone: bool) {
        self.gone[page] = gone;
    }

    pub(super) fn has_served(&self, content: &str) -> bool {
        self.served.contains(content)
    }

    /// The answer to a request for `/KIND/PAGE`.
    fn answer(&mut self, kind: &str, page: usize, header: impl Fn(&str) -> Option<String>) -> Vec<u8> {
        let (content, said) = self.pages[page];
        // What holds for an hour by the server's word may be told for as long, gone or not.
        let gone = self.gone[page] && kind != "fresh";
        let mut body = format!("{kind}/{page}/{content}");
        let mut headers = Vec::new();
        let mut unchanged = false;
        let mut length = None;
        let etag = match kind {
            "etag" | "cut" => Some(format!("\"{content}\"")),
            "vary" => {
                let flavour = header("x-flavour").unwrap_or_default();
                body.push_str(&flavour);
                headers.push("vary: x-flavour".to_owned());
                Some(format!("\"{content}-{flavour}\""))
            }
            // The content's tag stays while what is said of it changes, and that is sent again.
            "worded" => {
                headers.push(format!("content-language: x-{said}"));
                Some(format!("\"{content}\""))
            }
            "stated" => {
                headers.push("cache-control: no-cache".to_owned());
                Some(format!("W/\"{content}\""))
            }
            _ => None,
        };
        match kind {
            "dated" => {
                let changed = UNIX_EPOCH + Duration::from_secs(1_000_000_000 + content);
                let changed = date(changed);
                unchanged = header("if-modified-since") == Some(changed.clone());
                headers.push(format!("last-modified: {changed}"));
            }
            "fresh" => {
                headers.push("cache-control: max-age=3600".to_owned());
                body = format!("<{body}>");
                self.served.insert(body.clone());
            }
            "cut" => length = Some(body.len() + 10),
            _ => {}
        }
        if let Some(etag) = etag {
            unchanged = header("if-none-match").is_some_and(|asked| asked == etag);
            headers.push(format!("etag: {etag}"));
        }
        headers.push(format!("date: {}", date(SystemTime::now())));
        let status = match (gone, unchanged) {
            (true, _) => "404 Not Found",
            (_, true) => "304 Not Modified",
            _ => "200 OK",
        };
        if gone {
            headers.clear();
            body.clear();
            length = None;
        }
        if !unchanged || gone {
            headers.push(format!("content-length: {}", length.unwrap_or(body.len())));
        } else {
            body.clear();
        }
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n{body}").into_bytes()
    }
}

fn date(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = jiff::Timestamp::from_second(i64::try_from(since).unwrap()).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .unwrap()
}

/// Serves the ground's site until the ground is gone. The port.
pub(super) fn serve(ground: &Arc<Ground>) -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let ground = Arc::downgrade(ground);
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let Some(ground) = Weak::upgrade(&ground) else {
                return;
            };
            // The other side may be gone; that is its affair.
            let _ = stream.and_then(|stream| talk(stream, &ground));
        }
    });
    port
}

fn talk(mut stream: TcpStream, ground: &Ground) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let mut parts = first.split([' ', '/']).skip(2);
    let (kind, page) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let page: usize = page.parse().unwrap_or(0);
    let answer = if kind == "pause" {
        ground.pause(page);
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=86400\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
            .to_vec()
    } else {
        lock(&ground.site).answer(kind, page % PAGES, header)
    };
    stream.write_all(&answer)
}

pub(super) fn lock<T>(place: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    place.lock().unwrap()
}
