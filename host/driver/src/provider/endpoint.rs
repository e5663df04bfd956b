//! Where a provider's API is, and how a request gets there.

use bytes::Bytes;
use fact_egress::{Egress, EgressConfig, ResponseBody, Timeouts};
use fact_types::capability::HttpGrant;
use fact_types::{Capability, Code, Error};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::fault::{CallError, Fault};
use crate::key::ApiKey;

/// Largest reply in bytes. The longest replies of today's models have about 128,000 tokens, and as a stream of events each
/// token costs some hundred bytes.
const REPLY_MAX: u64 = 32 << 20;

/// Most of a refusal's body that is read, in bytes. It says one sentence.
const REFUSAL_MAX: usize = 64 << 10;

/// Longest text of a provider that an error repeats, in characters.
const SAID_MAX: usize = 300;

/// How the way out to model providers is bounded: as for plugins, but a reply may take ten minutes in all and be larger.
/// What ends a call sooner is the question's own time.
pub fn egress_config() -> EgressConfig {
    EgressConfig {
        request_timeout_max: Duration::from_secs(600),
        max_response_body: REPLY_MAX,
        ..EgressConfig::default()
    }
}

/// One URL of a provider's API.
#[derive(Clone)]
pub(crate) struct Endpoint {
    url: Url,
    grant: HttpGrant,
    egress: Egress,
    timeouts: Timeouts,
    key: Option<ApiKey>,
    headers: HeaderMap,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url.as_str())
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The endpoint at `path` below a base URL: `https`, or `http` to this machine. `private` opens addresses that are not
    /// public; to this machine they are open without it.
    pub(crate) fn new(
        egress: Egress,
        base_url: &str,
        path: &str,
        private: bool,
        quiet: Duration,
    ) -> Result<Self, Error> {
        let bad = |why: &str| {
            Error::new(
                Code::Config,
                format!("The model provider's base URL is not usable: {why}."),
            )
        };
        let base = Url::parse(base_url)
            .map_err(|_| bad("it is malformed; an example is https://api.example.com"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(bad("it holds a user name or a password; set the API key instead"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(bad("it has a query or a fragment"));
        }
        let local = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if local => {}
            "http" => {
                return Err(bad(
                    "plain http would send questions and key in the open; use https, except to this machine",
                ));
            }
            _ => return Err(bad("it begins neither with https:// nor with http://")),
        }
        let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let url = Url::parse(&text).map_err(|_| bad("it is malformed"))?;
        let suffix = if local || private { "+private" } else { "" };
        let grant: Capability = format!("http:POST:{url}{suffix}")
            .parse()
            .map_err(|_| bad("its host or its path is none that can be granted"))?;
        match grant {
            // A `*` or an encoded slash would make the grant another one than this URL.
            Capability::Http(grant) if grant.allows("POST", &url) && !url.path().contains('*') => {
                Ok(Endpoint {
                    url,
                    grant,
                    egress,
                    timeouts: Timeouts {
                        first_byte: quiet,
                        between_bytes: quiet,
                        ..Timeouts::default()
                    },
                    key: None,
                    headers: HeaderMap::new(),
                })
            }
            _ => Err(bad("its path is none that can be granted")),
        }
    }

    /// The same endpoint with a header of every request.
    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// The same endpoint with the key in a header, after `before`.
    pub(crate) fn with_key(mut self, name: &'static str, before: &str, key: Option<ApiKey>) -> Self {
        if let Some(value) = key.as_ref().and_then(|key| key.header(before)) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self.key = key;
        self
    }

    /// Whether requests go to this host, and not to another one that speaks the same protocol.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        self.url.scheme() == "https" && self.url.host_str() == Some(host)
    }

    /// Sends a request, and gives the response once its status is a good one.
    pub(crate) async fn post(
        &self,
        body: Vec<u8>,
        deadline: Instant,
    ) -> Result<Response<ResponseBody>, CallError> {
        let mut request = Request::post(self.url.as_str())
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| CallError::from(Fault::Denied))?;
        *request.headers_mut() = self.headers.clone();
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let grants = std::slice::from_ref(&self.grant);
        let sending = self.egress.send(grants, request, self.timeouts);
        let response = timeout_at(deadline, sending)
            .await
            .map_err(|_| CallError::from(Fault::Timeout))??;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        tracing::debug!(status = status.as_u16(), "a model provider refused a request");
        Err(self.refusal(response, deadline).await)
    }

    async fn refusal(&self, response: Response<ResponseBody>, deadline: Instant) -> CallError {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), jiff::Timestamp::now());
        let fault = if response.status().is_redirection() {
            // Following it would send the key to another place.
            Fault::NoModel
        } else {
            Fault::of_status(status)
        };
        let json = read_refusal(response.into_body(), deadline).await;
        let json = json.unwrap_or_default();
        // OpenAI says with the status of too many requests that the credit is used up. Waiting does not bring it back.
        let fault = match json.pointer("/error/code").and_then(serde_json::Value::as_str) {
            Some("insufficient_quota") => Fault::Credit,
            _ => fault,
        };
        CallError {
            // Some servers repeat the key, or parts of it, when they refuse it.
            said: self.said(&json).filter(|_| fault != Fault::Key),
            retry_after,
            ..CallError::from(fault)
        }
    }

    /// What the error in a provider's JSON says, fit to be repeated.
    pub(crate) fn said(&self, json: &serde_json::Value) -> Option<String> {
        let text = ["/error/message", "/error", "/message"]
            .iter()
            .find_map(|at| json.pointer(at)?.as_str())?;
        let text = match &self.key {
            Some(key) => key.strip(text),
            None => text.to_owned(),
        };
        one_line(&text)
    }
}

/// What a refusal's body says, as JSON.
async fn read_refusal(mut body: ResponseBody, deadline: Instant) -> Option<serde_json::Value> {
    let mut bytes = Vec::new();
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() > REFUSAL_MAX {
            return None;
        }
    }
    serde_json::from_slice(&bytes).ok()
}

/// A provider's text as one bounded line without control characters.
pub(crate) fn one_line(text: &str) -> Option<String> {
    let clean: String = text
        .chars()
        .map(|c| {
            if c.is_control() || c.is_whitespace() {
                ' '
            } else {
                c
            }
        })
        .take(SAID_MAX)
        .collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// How long to wait, in any of the three ways in which servers say it.
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let seconds = |text: &str, unit: f64| {
        let number: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(number * unit).ok()
    };
    if let Some(wait) = text(&HeaderName::from_static("retry-after-ms")).and_then(|text| seconds(text, 0.001))
    {
        return Some(wait);
    }
    let text = text(&RETRY_AFTER)?;
    seconds(text, 1.0).or_else(|| {
        let until = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text)
            .ok()?;
        Some(until.duration_since(now).try_into().unwrap_or(Duration::ZERO))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base: &str, private: bool) -> Result<Endpoint, Error> {
        let egress = Egress::new(egress_config()).unwrap();
        Endpoint::new(egress, base, "/v1/messages", private, Duration::from_secs(1))
    }

    #[test]
    fn base_urls() {
        for (base, url) in [
            ("https://api.example.com", "https://api.example.com/v1/messages"),
            (
                "https://api.example.com/proxy/",
                "https://api.example.com/proxy/v1/messages",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/messages"),
            ("http://localhost:11434", "http://localhost:11434/v1/messages"),
            ("http://[::1]:9/x", "http://[::1]:9/x/v1/messages"),
        ] {
            let endpoint = endpoint(base, false).unwrap();
            assert_eq!(endpoint.url.as_str(), url);
            assert_eq!(endpoint.grant.private, base.starts_with("http:"), "{base}");
        }
        assert!(endpoint("https://llm.internal", true).unwrap().grant.private);
        for bad in [
            "",
            "api.example.com",
            "http://api.example.com",
            "http://192.168.1.1",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
            "https://user:secret@api.example.com",
            "https://api.example.com?key=secret",
            "https://api.example.com/*",
            "https://api.example.com/%2f",
        ] {
            let error = endpoint(bad, true).unwrap_err();
            assert_eq!(error.code, Code::Config, "{bad}");
            assert!(!error.message.contains("secret"), "{error}");
        }
    }

    #[test]
    fn times_to_wait() {
        let now: jiff::Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (name, text, wait) in [
            ("retry-after", "2", Some(2000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after-ms", "150", Some(150)),
            ("retry-after", "Sun, 01 Mar 2026 12:00:10 GMT", Some(10_000)),
            ("retry-after", "Sun, 01 Mar 2026 11:00:00 GMT", Some(0)),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
            ("retry-after", "nan", None),
            ("x-other", "1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(text));
            let wait = wait.map(Duration::from_millis);
            assert_eq!(retry_after(&headers, now), wait, "{name}: {text}");
        }
    }
}
