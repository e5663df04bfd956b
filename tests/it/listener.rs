//! A server that remembers who came.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A small HTTP server on every IPv4 address of this machine. It ends with the test's process.
pub(crate) struct Listener {
    pub(crate) port: u16,
    connections: Arc<AtomicU64>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What to answer a path with. A server without any answers everything with 200 and `it works`.
#[derive(Clone)]
pub(crate) enum Reply {
    /// 200 with this text.
    Text(String),
    /// 302 to there.
    Redirect(String),
    /// 200 with this text, once this is true.
    Late(tokio::sync::watch::Receiver<bool>, String),
    /// Nothing, ever; the connection stays open.
    Silence,
}

impl Listener {
    pub(crate) fn start() -> Self {
        Listener::with([])
    }

    pub(crate) fn with(replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        let replies: Arc<BTreeMap<&'static str, Reply>> = Arc::new(replies.into_iter().collect());
        let socket = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let connections = Arc::new(AtomicU64::new(0));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (count, log) = (Arc::clone(&connections), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let (replies, log) = (Arc::clone(&replies), Arc::clone(&log));
                std::thread::spawn(move || stream.map(|stream| serve(stream, &replies, &log)));
            }
        });
        Listener {
            port,
            connections,
            asked,
        }
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests' first lines.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Makes one connection, to see that this listener would notice.
    pub(crate) fn knock(&self) {
        let before = self.connections();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let started = std::time::Instant::now();
        while self.connections() == before {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "the listener does not notice connections"
            );
            std::thread::yield_now();
        }
        drop(stream);
    }
}

fn serve(mut stream: TcpStream, replies: &BTreeMap<&'static str, Reply>, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    for line in lines.by_ref() {
        match line {
            Ok(line) if line.is_empty() => break,
            Ok(_) => {}
            Err(_) => return,
        }
    }
    log.lock().unwrap().push(first.clone());
    let path = first.split(' ').nth(1).unwrap_or("/");
    let works = Reply::Text("it works".to_owned());
    let reply = if replies.is_empty() {
        Some(&works)
    } else {
        replies.get(path)
    };
    if let Some(Reply::Late(go, _)) = reply {
        while !*go.borrow() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let answer = match reply {
        Some(Reply::Text(text) | Reply::Late(_, text)) => {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            )
        }
        Some(Reply::Redirect(to)) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Some(Reply::Silence) => loop {
            std::thread::park();
        },
        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
    };
    // The other side may be gone; that is its affair.
    let _ = stream.write_all(answer.as_bytes());
}
