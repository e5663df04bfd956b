//! Following redirects.
//!
//! Each hop is a request of its own, which the host allows or refuses as it would any other.

use crate::message;
use crate::transport::{Failure, Head, Outgoing, Transport};
use fact_sdk::ToolError;
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

/// Most redirects that are followed: real sites need one or two, and a loop needs an end.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// The end of a chain of requests.
#[derive(Debug)]
pub(crate) struct Landed<B> {
    pub(crate) head: Head,
    pub(crate) body: B,
    /// Where the answer came from.
    pub(crate) url: Url,
    /// The URLs that answered with a redirect, in order.
    pub(crate) redirects: Vec<Url>,
}

/// Why there is no answer, and from where.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// This request failed.
    Failed(Failure, Method, Box<Url>),
    /// The redirects do not end.
    Endless(Box<Url>),
}

impl From<NoAnswer> for ToolError {
    fn from(no: NoAnswer) -> Self {
        match no {
            NoAnswer::Failed(failure, method, url) => failure.into_error(&method, &url),
            NoAnswer::Endless(url) => ToolError::unavailable(format!(
                "{}: more than {REDIRECTS_MAX} redirects",
                url.origin().ascii_serialization()
            )),
        }
    }
}

/// Sends a request, and follows redirects if told so. A redirect that can't be followed, since it names no web address, is the answer.
pub(crate) fn fetch<T: Transport>(
    transport: &T,
    mut request: Outgoing,
    follow: bool,
) -> Result<Landed<T::Body>, NoAnswer> {
    let mut redirects = Vec::new();
    loop {
        let (head, body) = transport
            .send(&request)
            .map_err(|e| NoAnswer::Failed(e, request.method.clone(), Box::new(request.url.clone())))?;
        let target = if follow { target(&head, &request.url) } else { None };
        let Some(target) = target else {
            return Ok(Landed {
                head,
                body,
                url: request.url,
                redirects,
            });
        };
        if redirects.len() == REDIRECTS_MAX {
            return Err(NoAnswer::Endless(Box::new(request.url)));
        }
        redirects.push(request.url.clone());
        request = redirected(request, head.status, target);
    }
}

/// Where an answer points to, if it is a redirect that can be followed.
fn target(head: &Head, from: &Url) -> Option<Url> {
    let is_redirect = matches!(head.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = head.headers.get(header::LOCATION).filter(|_| is_redirect)?;
    let target = from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
    message::parse_url(target.as_str()).ok()
}

/// The request that follows a redirect.
fn redirected(mut request: Outgoing, status: StatusCode, target: Url) -> Outgoing {
    let becomes_get = match status.as_u16() {
        303 => request.method != Method::HEAD,
        301 | 302 => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = None;
        let about_body = |name: &header::HeaderName| name.as_str().starts_with("content-");
        let names = request
            .headers
            .keys()
            .filter(|name| about_body(name))
            .cloned()
            .collect::<Vec<_>>();
        remove(&mut request.headers, names);
    }
    if target.origin() != request.url.origin() {
        // Meant for the first server alone.
        remove(
            &mut request.headers,
            [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION],
        );
    }
    request.url = target;
    request
}

fn remove(headers: &mut HeaderMap, names: impl IntoIterator<Item = header::HeaderName>) {
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::transport::Bytes;
    use fact_sdk::ErrorCode;
    use http::HeaderValue;
    use std::cell::RefCell;
    use std::time::Duration;

    /// Status, `Location` and body.
    pub(crate) type Answer = Result<(u16, &'static str, &'static [u8]), Failure>;

    /// A server of a few URLs, and a record of what was asked.
    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) answers: Vec<(&'static str, Answer)>,
        pub(crate) asked: RefCell<Vec<Outgoing>>,
    }

    impl Transport for Fake {
        type Body = &'static [u8];

        fn send(&self, request: &Outgoing) -> Result<(Head, Self::Body), Failure> {
            self.asked.borrow_mut().push(request.clone());
            let answer = self.answers.iter().find(|(url, _)| *url == request.url.as_str());
            let (status, location, body) = answer.map_or(Err(Failure::Denied), |(_, answer)| *answer)?;
            let mut headers = HeaderMap::new();
            if !location.is_empty() {
                headers.insert(header::LOCATION, HeaderValue::from_static(location));
            }
            Ok((
                Head {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers,
                },
                body,
            ))
        }

        fn read(&self, body: Self::Body, max: usize) -> Result<Bytes, Failure> {
            let data = body[..max.min(body.len())].to_vec();
            Ok(Bytes {
                truncated: data.len() < body.len(),
                data,
            })
        }
    }

    fn ask(method: Method) -> Outgoing {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "content-type", "x-own"] {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        Outgoing {
            method,
            url: Url::parse("https://a.test/1").unwrap(),
            headers,
            body: Some(b"body".to_vec()),
            timeout: Duration::from_secs(1),
        }
    }

    /// Follows one redirect, and returns what the second request was.
    fn second(method: Method, status: u16, location: &'static str) -> Option<Outgoing> {
        let fake = Fake {
            answers: vec![("https://a.test/1", Ok((status, location, b"")))],
            ..Fake::default()
        };
        let _ = fetch(&fake, ask(method), true);
        fake.asked.into_inner().into_iter().nth(1)
    }

    #[test]
    fn methods_after_a_redirect() {
        #[track_caller]
        fn check(status: u16, before: Method, after: Method, keeps_body: bool) {
            let second = second(before, status, "/2").expect("followed");
            assert_eq!(second.method, after);
            assert_eq!(second.body.is_some(), keeps_body);
            assert_eq!(second.headers.contains_key("content-type"), keeps_body);
            assert!(second.headers.contains_key("authorization") && second.headers.contains_key("x-own"));
        }
        check(301, Method::POST, Method::GET, false);
        check(302, Method::POST, Method::GET, false);
        check(303, Method::POST, Method::GET, false);
        check(303, Method::PUT, Method::GET, false);
        check(303, Method::HEAD, Method::HEAD, true);
        check(302, Method::PUT, Method::PUT, true);
        check(307, Method::POST, Method::POST, true);
        check(308, Method::DELETE, Method::DELETE, true);
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        #[track_caller]
        fn check(location: &'static str, keeps: bool) {
            let second = second(Method::GET, 307, location).expect("followed");
            assert_eq!(second.headers.contains_key("authorization"), keeps, "{location}");
            assert_eq!(second.headers.contains_key("cookie"), keeps, "{location}");
            assert!(second.headers.contains_key("x-own"));
        }
        check("/2", true);
        check("https://a.test:443/2", true);
        check("https://b.test/", false);
        check("http://a.test/", false);
        check("https://a.test:8443/", false);
        check("//b.test/", false);
    }

    #[test]
    fn what_is_no_redirect_is_the_answer() {
        for (status, location) in [
            (200, "/2"),
            (304, "/2"),
            (302, ""),
            (302, "file:///etc/passwd"),
            (302, "ftp://b.test/"),
            (302, "https://me:pw@b.test/"),
            (302, "http://"),
        ] {
            assert_eq!(second(Method::GET, status, location), None, "{status} {location}");
        }
    }

    #[test]
    fn redirects_end() {
        let fake = Fake {
            answers: vec![("https://a.test/1", Ok((302, "/1", b"")))],
            ..Fake::default()
        };
        let error = ToolError::from(fetch(&fake, ask(Method::GET), true).unwrap_err());
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert_eq!(fake.asked.borrow().len(), REDIRECTS_MAX + 1);
    }

    #[test]
    fn redirects_are_followed_when_told_so() {
        let fake = Fake {
            answers: vec![
                ("https://a.test/1", Ok((302, "/2", b""))),
                ("https://a.test/2", Ok((200, "", b"end"))),
            ],
            ..Fake::default()
        };
        let landed = fetch(&fake, ask(Method::GET), true).unwrap();
        assert_eq!((landed.head.status.as_u16(), landed.url.path()), (200, "/2"));
        assert_eq!(
            landed.redirects.iter().map(Url::as_str).collect::<Vec<_>>(),
            ["https://a.test/1"]
        );
        let landed = fetch(&fake, ask(Method::GET), false).unwrap();
        assert_eq!((landed.head.status.as_u16(), landed.redirects.len()), (302, 0));
    }

    #[test]
    fn a_refused_hop_is_named() {
        let fake = Fake {
            answers: vec![("https://a.test/1", Ok((302, "http://10.0.0.1/", b"")))],
            ..Fake::default()
        };
        let error = ToolError::from(fetch(&fake, ask(Method::GET), true).unwrap_err());
        assert_eq!(error.code(), ErrorCode::Denied);
        assert!(error.message().contains("http://10.0.0.1"), "{error}");
    }
}
