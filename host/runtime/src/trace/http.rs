//! Responses over HTTP, and for how long they hold: as RFC 9111 says, by a library that knows it, and never by a guess.
//!
//! While a response is fresh by its own words, it holds. After that the server is asked whether it changed, by the request that
//! the component made and the validators that came with the response. One that is neither fresh nor can be validated does not
//! hold for a second call.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fact_egress::{Egress, Timeouts};
use fact_types::Resource;
use fact_types::capability::HttpGrant;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Empty;
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use serde::{Deserialize, Serialize};

/// Longest wait for each step of a validation: who is slower than this is asked anew, with the call's own patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// The headers of a response that say for how long it holds, and what it is.
const KEPT: [HeaderName; 13] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::PRAGMA,
    header::VARY,
    header::WARNING,
];

/// Those that the component saw and that say what it got: where a validation says otherwise, it would get something else now.
const SAID: [HeaderName; 6] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
];

/// With one of these in the request, the response is about something else than the resource.
const CONDITIONAL: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// A request without a body, and what its response said about how long it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HttpRead {
    method: String,
    url: String,
    request: Headers,
    status: u16,
    response: Headers,
    /// When the response came, in milliseconds since 1970.
    at: u64,
}

/// Headers as they were sent; values as bytes, since not all are text.
type Headers = Vec<(String, Vec<u8>)>;

fn keep(headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) -> Headers {
    headers
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| {
            let mut value = value.as_bytes().to_vec();
            // Directives mean the same in capitals, which the library does not know.
            if matches!(*name, header::CACHE_CONTROL | header::PRAGMA | header::VARY) {
                value.make_ascii_lowercase();
            }
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn restore(kept: &Headers) -> Option<HeaderMap> {
    kept.iter()
        .map(|(name, value)| {
            Some((
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_bytes(value).ok()?,
            ))
        })
        .collect()
}

/// What a component asked, as far as its answer may hold for longer than the call.
pub(crate) struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    /// None: the answer to this request is never kept.
    pub(crate) fn of<B: http_body::Body>(request: &Request<B>) -> Option<Self> {
        // A body of one of these is sent only where its length is told.
        let length = request.headers().get(header::CONTENT_LENGTH);
        let bare = request.body().is_end_stream() || length.is_none_or(|length| length == "0");
        let plain = matches!(*request.method(), Method::GET | Method::HEAD) && bare;
        let whole = CONDITIONAL
            .iter()
            .all(|name| !request.headers().contains_key(name));
        (plain && whole).then(|| Asked {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    /// The read, if its response may be reused.
    pub(crate) fn answered<B>(self, response: &Response<B>, now: SystemTime) -> Option<HttpRead> {
        let read = HttpRead {
            method: self.method.to_string(),
            url: self.uri.to_string(),
            request: keep(&self.headers, |_| true),
            status: response.status().as_u16(),
            response: keep(response.headers(), |name| KEPT.contains(name)),
            at: millis(now),
        };
        read.is_reusable(now).then_some(read)
    }
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl HttpRead {
    pub(super) fn bytes(&self) -> usize {
        let of = |headers: &Headers| headers.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
        self.url.len() + of(&self.request) + of(&self.response)
    }

    fn asked(&self) -> Option<Request<()>> {
        let mut request = Request::new(());
        *request.method_mut() = self.method.parse().ok()?;
        *request.uri_mut() = self.url.parse().ok()?;
        *request.headers_mut() = restore(&self.request)?;
        Some(request)
    }

    fn policy(&self) -> Option<(Request<()>, CachePolicy)> {
        let request = self.asked()?;
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(self.status).ok()?;
        *response.headers_mut() = restore(&self.response)?;
        let came = UNIX_EPOCH.checked_add(Duration::from_millis(self.at))?;
        let options = CacheOptions {
            // Entries belong to one principal.
            shared: false,
            // No lifetime that the server did not state.
            cache_heuristic: 0.0,
            immutable_min_time_to_live: Duration::ZERO,
            ..CacheOptions::default()
        };
        let policy = CachePolicy::new_options(&request, &response, came, options);
        Some((request, policy))
    }

    fn is_reusable(&self, now: SystemTime) -> bool {
        let Some((_, policy)) = self.policy() else {
            return false;
        };
        // Part of a resource, or a remark about one, is not the resource.
        let whole = !matches!(self.status, 206 | 304);
        whole
            && policy.is_storable()
            && (policy.time_to_live(now) > Duration::ZERO || self.can_be_validated())
    }

    /// Whether the server can be asked if the response is still the same.
    fn can_be_validated(&self) -> bool {
        let Some(headers) = restore(&self.response) else {
            return false;
        };
        if headers.contains_key(header::ETAG) {
            return true;
        }
        // The time of the last change tells two changes within a second apart only when that second was over.
        let time = |name| {
            let text = headers.get(name)?.to_str().ok()?;
            httpdate::parse_http_date(text).ok()
        };
        match (time(header::LAST_MODIFIED), time(header::DATE)) {
            (Some(changed), Some(sent)) => changed
                .checked_add(Duration::from_secs(1))
                .is_some_and(|over| over <= sent),
            _ => false,
        }
    }

    /// Whether the response still holds by its own words.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        self.policy().is_some_and(|(request, policy)| {
            matches!(policy.before_request(&request, now), BeforeRequest::Fresh(_))
        })
    }

    /// Asks the server whether the response still holds.
    pub(super) async fn ask_again(&self, egress: &Egress, grants: &[HttpGrant]) -> Result<HttpRead, String> {
        let now = SystemTime::now();
        let Some((request, policy)) = self.policy() else {
            return Err(format!("{self} can't be asked again"));
        };
        let parts = match policy.before_request(&request, now) {
            BeforeRequest::Fresh(_) => return Ok(self.clone()),
            BeforeRequest::Stale { matches: false, .. } => {
                return Err(format!("{self} would be another request now"));
            }
            BeforeRequest::Stale { .. } if !self.can_be_validated() => {
                return Err(format!("{self} is no longer fresh, and can't be validated"));
            }
            BeforeRequest::Stale { request, .. } => request,
        };
        let mut conditional = Request::new(Empty::<Bytes>::new());
        *conditional.method_mut() = request.method().clone();
        *conditional.uri_mut() = request.uri().clone();
        *conditional.headers_mut() = parts.headers;
        let timeouts = Timeouts {
            connect: PATIENCE,
            first_byte: PATIENCE,
            between_bytes: PATIENCE,
        };
        let response = egress
            .send(grants, conditional, timeouts)
            .await
            .map_err(|_| format!("{self} can't be asked again at the moment"))?;
        if response.status() != StatusCode::NOT_MODIFIED {
            return Err(format!("{self} has another answer"));
        }
        match self.is_confirmed(response.headers()) {
            true => Ok(self.confirmed(response.headers(), SystemTime::now())),
            false => Err(format!("{self} says other things of itself")),
        }
    }

    /// Whether a server that says that nothing changed speaks of the same response.
    fn is_confirmed(&self, headers: &HeaderMap) -> bool {
        let Some(seen) = restore(&self.response) else {
            return false;
        };
        // A tag may come back as weak as the question was.
        let value = |value: Option<&HeaderValue>| {
            value.map(|value| {
                let bytes = value.as_bytes();
                bytes.strip_prefix(b"W/").unwrap_or(bytes).to_vec()
            })
        };
        SAID.iter()
            .all(|name| !headers.contains_key(name) || value(headers.get(name)) == value(seen.get(name)))
    }

    /// The same response, with what the server says about it now.
    fn confirmed(&self, headers: &HeaderMap, now: SystemTime) -> HttpRead {
        let news = keep(headers, |name| KEPT.contains(name));
        let replaced = |name: &str| {
            // An age counts from the response that said it.
            name == header::AGE.as_str() || news.iter().any(|(new, _)| new == name)
        };
        let mut response: Headers = self
            .response
            .iter()
            .filter(|(name, _)| !replaced(name))
            .cloned()
            .collect();
        response.extend(news);
        HttpRead {
            response,
            at: millis(now),
            ..self.clone()
        }
    }
}

impl fmt::Display for HttpRead {
    /// Without the query, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, uri) = (self.method.parse::<Method>(), self.url.parse::<Uri>());
        match (method, uri) {
            (Ok(method), Ok(uri)) => fact_egress::Target::resource_of(&method, &uri).fmt(f),
            _ => Resource::Http {
                method: String::new(),
                url: String::new(),
            }
            .fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a response with these headers, `after` so many seconds.
    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], kept: bool, fresh_for: u64) {
        let came = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
        let request = Request::get("http://example.com/x?key=1")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(()).unwrap();
        let read = Asked::of(&request).unwrap().answered(&response, came);
        assert_eq!(read.is_some(), kept, "{status} {headers:?}");
        let Some(read) = read else { return };
        if fresh_for > 0 {
            assert!(
                read.is_settled(came + Duration::from_secs(fresh_for - 1)),
                "{headers:?}"
            );
        }
        assert!(
            !read.is_settled(came + Duration::from_secs(fresh_for)),
            "{headers:?}"
        );
        assert_eq!(read.to_string(), "http GET http://example.com/x");
    }

    #[test]
    fn a_response_holds_as_long_as_it_says() {
        let date = ("date", "Sun, 15 Jun 2025 15:06:40 GMT");
        check(200, &[], false, 0);
        check(200, &[("etag", "\"1\"")], true, 0);
        check(200, &[("etag", "W/\"1\"")], true, 0);
        check(200, &[("cache-control", "max-age=60")], true, 60);
        check(200, &[("cache-control", "max-age=60"), ("age", "20")], true, 40);
        check(200, &[("cache-control", "max-age=0")], false, 0);
        check(200, &[("cache-control", "max-age=60, no-cache")], false, 0);
        check(200, &[("cache-control", "No-Store, max-age=60")], false, 0);
        check(200, &[("cache-control", "max-age=60, NO-CACHE")], false, 0);
        check(200, &[("cache-control", "must-revalidate, MAX-AGE=0")], false, 0);
        check(200, &[("cache-control", "MAX-AGE=60")], true, 60);
        check(200, &[("cache-control", "no-cache"), ("etag", "\"1\"")], true, 0);
        check(200, &[("cache-control", "no-store"), ("etag", "\"1\"")], false, 0);
        check(200, &[("cache-control", "private, max-age=5")], true, 5);
        check(200, &[("cache-control", "max-age=60"), ("vary", "*")], false, 0);
        check(
            200,
            &[date, ("expires", "Sun, 15 Jun 2025 15:06:50 GMT")],
            true,
            10,
        );
        // A last change long ago is no promise about the future, only something to ask by.
        check(
            200,
            &[date, ("last-modified", "Sun, 15 Jun 2014 00:00:00 GMT")],
            true,
            0,
        );
        check(
            200,
            &[date, ("last-modified", "Sun, 15 Jun 2025 15:06:40 GMT")],
            false,
            0,
        );
        check(404, &[("cache-control", "max-age=5")], true, 5);
        check(206, &[("cache-control", "max-age=5")], false, 0);
        check(500, &[("etag", "\"1\"")], false, 0);
    }

    #[test]
    fn a_validation_speaks_of_the_same_response() {
        let request = Request::get("http://example.com/x")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = Response::builder()
            .header("etag", "\"1\"")
            .header("content-type", "text/plain")
            .body(())
            .unwrap();
        let read = Asked::of(&request)
            .unwrap()
            .answered(&response, SystemTime::now())
            .unwrap();
        for (name, value, same) in [
            ("date", "Sun, 15 Jun 2025 15:06:40 GMT", true),
            ("etag", "\"1\"", true),
            ("etag", "W/\"1\"", true),
            ("etag", "\"2\"", false),
            ("content-type", "text/plain", true),
            ("content-type", "text/html", false),
            ("content-language", "en", false),
            ("x-request-id", "7", true),
        ] {
            let headers = [(HeaderName::from_static(name), HeaderValue::from_static(value))];
            let headers = headers.into_iter().collect();
            assert_eq!(read.is_confirmed(&headers), same, "{name}: {value}");
        }
    }

    #[test]
    fn only_plain_requests_are_kept() {
        let request = |method: &str, header: Option<&str>| {
            let mut request = Request::builder().method(method).uri("http://example.com/");
            if let Some(name) = header {
                request = request.header(name, "x");
            }
            request.body(Empty::<Bytes>::new()).unwrap()
        };
        assert!(Asked::of(&request("GET", None)).is_some());
        assert!(Asked::of(&request("HEAD", Some("authorization"))).is_some());
        for (method, header) in [
            ("POST", None),
            ("OPTIONS", None),
            ("GET", Some("range")),
            ("GET", Some("if-none-match")),
        ] {
            assert!(
                Asked::of(&request(method, header)).is_none(),
                "{method} {header:?}"
            );
        }
    }
}
