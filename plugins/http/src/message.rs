//! URLs, headers and bodies as callers write and read them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fact_sdk::ToolError;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;
use url::Url;

/// Who asks, when the caller does not say otherwise.
const USER_AGENT: &str = concat!("fact-http/", env!("CARGO_PKG_VERSION"));

/// Headers that say how a message is cut into bytes, or where it goes. They follow from the request, and a caller who could set
/// them could say something else than what is sent.
const OWN: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A URL that can be asked.
///
/// # Errors
/// `invalid-input` for anything but an `http` or `https` URL, and for one with a user or a password in it: they would end up in
/// logs.
pub(crate) fn parse_url(text: &str) -> Result<Url, ToolError> {
    let mut url =
        Url::parse(text).map_err(|e| ToolError::invalid_input(format!("`url` is no absolute URL: {e}")))?;
    if !is_web(&url) {
        return Err(ToolError::invalid_input(
            "`url` must begin with http:// or https://",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ToolError::invalid_input(
            "`url` must not hold a user or password; use the header `Authorization`",
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether the URL is one of the web.
pub(crate) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// The headers to send, with `User-Agent` and `Accept` where the caller gave none.
///
/// # Errors
/// `invalid-input` for names and values that HTTP does not allow, and for headers that are not the caller's.
pub(crate) fn parse_headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, ToolError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    // Nothing in here unpacks.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in given {
        let parsed: HeaderName = name
            .parse()
            .map_err(|_| ToolError::invalid_input(format!("`{}` is no header name", name.escape_debug())))?;
        if OWN.contains(&parsed) {
            return Err(ToolError::invalid_input(format!(
                "the header `{parsed}` follows from the request; leave it out"
            )));
        }
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            ToolError::invalid_input(format!(
                "the header `{parsed}` has a line break or the like in it"
            ))
        })?;
        value.set_sensitive(parsed == header::AUTHORIZATION || parsed == header::COOKIE);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

/// The headers of an answer, by name. Values of one name are joined by `, `, those of `set-cookie`, which have commas in them, by line
/// breaks.
pub(crate) fn show_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match shown.get_mut(name.as_str()) {
            None => drop(shown.insert(name.as_str().to_owned(), value.into_owned())),
            Some(before) => {
                before.push_str(if name == header::SET_COOKIE { "\n" } else { ", " });
                before.push_str(&value);
            }
        }
    }
    shown
}

/// Bytes as text where they are, else as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64(String),
}

/// Shows bytes. Where they were cut off in the middle of a character, the rest of it is left out.
pub(crate) fn show_body(bytes: Vec<u8>, truncated: bool) -> Shown {
    match String::from_utf8(bytes) {
        Ok(text) => Shown::Text(text),
        Err(e) => {
            let cut = truncated && e.utf8_error().error_len().is_none();
            let whole = e.utf8_error().valid_up_to();
            let mut bytes = e.into_bytes();
            if cut {
                bytes.truncate(whole);
            }
            String::from_utf8(bytes)
                .map_or_else(|e| Shown::Base64(STANDARD.encode(e.as_bytes())), Shown::Text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(parse_url(text).ok().as_ref().map(Url::as_str), expected);
        }
        check("https://example.org", Some("https://example.org/"));
        check(
            "HTTP://Example.ORG:80/a b?c#d",
            Some("http://example.org/a%20b?c"),
        );
        check("http://0x7f000001/", Some("http://127.0.0.1/"));
        check("example.org", None);
        check("/path", None);
        check("ftp://example.org/", None);
        check("file:///etc/passwd", None);
        check("javascript:alert(1)", None);
        check("https://me@example.org/", None);
        check("https://:secret@example.org/", None);
        check("https://", None);
    }

    #[test]
    fn headers_of_the_caller() {
        #[track_caller]
        fn check(name: &str, value: &str, fits: bool) {
            let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let sent = parse_headers(&given)
                .ok()
                .and_then(|headers| headers.get(name).cloned());
            assert_eq!(
                sent.is_some_and(|sent| sent.as_bytes() == value.as_bytes()),
                fits,
                "{name}: {value}"
            );
        }
        check("X-Api-Key", "k", true);
        check("Authorization", "Bearer t", true);
        check("User-Agent", "me/1", true);
        check("X-Name", "Jürgen", true);
        check("X", "a\r\nHost: evil", false);
        check("a b", "c", false);
        check("", "c", false);
        check("Host", "evil", false);
        check("content-length", "0", false);
        check("Transfer-Encoding", "chunked", false);
    }

    #[test]
    fn headers_of_the_answer() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("vary", "a"),
            ("set-cookie", "a=1, x"),
            ("vary", "b"),
            ("set-cookie", "b=2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let shown = show_headers(&headers);
        assert_eq!(shown["vary"], "a, b");
        assert_eq!(shown["set-cookie"], "a=1, x\nb=2");
    }

    #[test]
    fn bodies() {
        #[track_caller]
        fn check(bytes: &[u8], truncated: bool, expected: Shown) {
            assert_eq!(show_body(bytes.to_vec(), truncated), expected);
        }
        check(b"", false, Shown::Text(String::new()));
        check("für".as_bytes(), false, Shown::Text("für".to_owned()));
        check(b"f\xc3", true, Shown::Text("f".to_owned()));
        check(b"f\xc3", false, Shown::Base64("ZsM=".to_owned()));
        check(b"\xff\xfe", true, Shown::Base64("//4=".to_owned()));
    }
}
