//! The tool `request`.

use crate::message::Shown;
use crate::transport::{Outgoing, Transport};
use crate::{client, message, transport};
use fact_sdk::{ToolError, tool};
use http::{HeaderValue, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The methods that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

/// Arguments of [`request`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Request {
    /// What to ask, with http:// or https://.
    // What common servers take at most.
    #[schemars(length(min = 1, max = 8192))]
    url: String,
    /// The method.
    #[serde(default)]
    method: Method,
    /// Headers to send, by name.
    // Servers commonly refuse more.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100))]
    headers: BTreeMap<String, String>,
    /// The body as text. Not with `json`.
    // Arguments are held and logged as a whole: what is larger than this wants another way.
    #[schemars(length(max = 1_000_000))]
    body: Option<String>,
    /// The body as JSON; `Content-Type: application/json` is sent with it. Not with `body`.
    json: Option<Value>,
    /// How many seconds to wait for a connection, for the beginning of the answer, and between its parts, each.
    #[serde(default = "timeout_default")]
    #[schemars(range(min = 1, max = 60))]
    timeout_seconds: u8,
    /// Whether to follow redirects, at most 5 of them.
    #[serde(default = "follow_default")]
    follow_redirects: bool,
    /// How much of the answer to read, in bytes. The rest is dropped, and `truncated` is true.
    #[serde(default = "bytes_default")]
    // Twice this, as base64 or with escapes, is still a result that hosts let through.
    #[schemars(range(min = 1, max = 4_194_304))]
    max_bytes: u32,
}

fn timeout_default() -> u8 {
    30
}

fn follow_default() -> bool {
    true
}

fn bytes_default() -> u32 {
    1024 * 1024
}

/// The answer of [`request`].
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Response {
    /// The status, for example 200. 4xx and 5xx are answers too.
    status: u16,
    /// The headers, names in lower case.
    headers: BTreeMap<String, String>,
    /// The body, where it is UTF-8 text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body in base64, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// The body was longer than `max_bytes`.
    truncated: bool,
    /// Where the answer came from, after redirects.
    url: String,
    /// The URLs that redirected, in order.
    redirects: Vec<String>,
}

/// Makes an HTTP request and returns the status, the headers and the body of the answer.
///
/// Each server and method needs a grant; `denied` names the one that is missing. Statuses such as 404 or 500 are not errors of this tool:
/// look at `status`.
#[tool(destructive, open_world, title = "Make an HTTP request")]
pub(crate) fn request(args: Request) -> Result<Response, ToolError> {
    run(&transport::real(), args)
}

fn run(transport: &impl Transport, args: Request) -> Result<Response, ToolError> {
    let (follow, max) = (args.follow_redirects, args.max_bytes);
    let outgoing = outgoing(args)?;
    let landed = client::fetch(transport, outgoing.clone(), follow)?;
    let bytes = transport
        .read(landed.body, usize::try_from(max).unwrap_or(usize::MAX))
        .map_err(|e| e.into_error(&outgoing.method, &landed.url))?;
    let (body, body_base64) = match message::show_body(bytes.data, bytes.truncated) {
        Shown::Text(text) => (Some(text), None),
        Shown::Base64(text) => (None, Some(text)),
    };
    Ok(Response {
        status: landed.head.status.as_u16(),
        headers: message::show_headers(&landed.head.headers),
        body,
        body_base64,
        truncated: bytes.truncated,
        url: landed.url.into(),
        redirects: landed.redirects.into_iter().map(String::from).collect(),
    })
}

fn outgoing(args: Request) -> Result<Outgoing, ToolError> {
    let url = message::parse_url(&args.url)?;
    let mut headers = message::parse_headers(&args.headers)?;
    let (body, content_type) = match (args.body, args.json) {
        (Some(_), Some(_)) => return Err(ToolError::invalid_input("give `body` or `json`, not both")),
        (Some(text), None) => (Some(text.into_bytes()), Some("text/plain; charset=utf-8")),
        (None, Some(json)) => (Some(serde_json::to_vec(&json)?), Some("application/json")),
        (None, None) => (None, None),
    };
    if body.is_some() && matches!(args.method, Method::Get | Method::Head) {
        return Err(ToolError::invalid_input(
            "GET and HEAD have no body; use another method, or the query of the URL",
        ));
    }
    if let Some(content_type) = content_type {
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(content_type));
    }
    let may_have_body = matches!(args.method, Method::Post | Method::Put | Method::Patch);
    if body.is_some() || may_have_body {
        // Many servers don't take a body whose length they are not told.
        headers.insert(
            header::CONTENT_LENGTH,
            HeaderValue::from(body.as_ref().map_or(0, Vec::len)),
        );
    }
    let method = match args.method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    };
    // The schema says so too; a host that does not look at it still gets no endless wait.
    let timeout = Duration::from_secs(args.timeout_seconds.clamp(1, 60).into());
    Ok(Outgoing {
        method,
        url,
        headers,
        body,
        timeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Answer, Fake};
    use crate::transport::Failure;
    use fact_sdk::ErrorCode;
    use serde_json::json;

    fn args(json: Value) -> Request {
        serde_json::from_value(json).unwrap()
    }

    fn fake(answer: Answer) -> Fake {
        Fake {
            answers: vec![("https://a.test/", answer)],
            ..Fake::default()
        }
    }

    #[test]
    fn requests() {
        #[track_caller]
        fn check(more: Value, method: &str, content_type: Option<&str>, length: Option<&str>) {
            let mut given = json!({"url": "https://a.test/"});
            given
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let sent = outgoing(args(given)).unwrap();
            let header = |name| {
                sent.headers
                    .get(name)
                    .map(|v: &HeaderValue| v.to_str().unwrap().to_owned())
            };
            assert_eq!(sent.method.as_str(), method);
            assert_eq!(header("content-type").as_deref(), content_type);
            assert_eq!(header("content-length").as_deref(), length);
            assert_eq!(header("accept-encoding").as_deref(), Some("identity"));
        }
        check(json!({}), "GET", None, None);
        check(json!({"method": "HEAD"}), "HEAD", None, None);
        check(json!({"method": "DELETE"}), "DELETE", None, None);
        check(json!({"method": "POST"}), "POST", None, Some("0"));
        check(
            json!({"method": "POST", "json": {"a": 1}}),
            "POST",
            Some("application/json"),
            Some("7"),
        );
        check(
            json!({"method": "PUT", "body": "ü"}),
            "PUT",
            Some("text/plain; charset=utf-8"),
            Some("2"),
        );
        check(
            json!({"method": "PATCH", "json": [], "headers": {"Content-Type": "application/json-patch+json"}}),
            "PATCH",
            Some("application/json-patch+json"),
            Some("2"),
        );
    }

    #[test]
    fn refusals() {
        #[track_caller]
        fn check(given: Value, says: &str) {
            let error = outgoing(args(given)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInput);
            assert!(error.message().contains(says), "{error}");
        }
        check(json!({"url": "a.test"}), "absolute");
        check(json!({"url": "https://a.test/", "body": "x"}), "no body");
        check(
            json!({"url": "https://a.test/", "method": "POST", "body": "x", "json": 1}),
            "not both",
        );
        check(
            json!({"url": "https://a.test/", "headers": {"Host": "b"}}),
            "host",
        );
    }

    #[test]
    fn answers() {
        let fake = fake(Ok((404, "", b"missing")));
        let answer = run(&fake, args(json!({"url": "https://a.test/#top", "max_bytes": 4}))).unwrap();
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({
                "status": 404, "headers": {}, "body": "miss", "truncated": true,
                "url": "https://a.test/", "redirects": []
            })
        );
    }

    #[test]
    fn failures_keep_their_meaning() {
        #[track_caller]
        fn check(failure: Failure, code: ErrorCode) {
            let error = run(&fake(Err(failure)), args(json!({"url": "https://a.test/"}))).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.message().contains("https://a.test"), "{error}");
        }
        check(Failure::Denied, ErrorCode::Denied);
        check(Failure::Name, ErrorCode::Unavailable);
        check(Failure::Connection, ErrorCode::Unavailable);
        check(Failure::Timeout, ErrorCode::Unavailable);
        check(Failure::Tls, ErrorCode::Unavailable);
        check(Failure::TooLarge, ErrorCode::Unavailable);
        check(Failure::Protocol, ErrorCode::Unavailable);
        check(Failure::Malformed, ErrorCode::InvalidInput);
        check(Failure::Other, ErrorCode::Internal);
    }
}
