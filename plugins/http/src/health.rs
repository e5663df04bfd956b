//! The tool `health`.

use crate::client::{self, NoAnswer};
use crate::transport::{Failure, Outgoing, Transport};
use crate::{message, transport};
use fact_sdk::{ToolError, tool};
use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Arguments of [`health`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Health {
    /// What to ask, with http:// or https://.
    #[schemars(length(min = 1, max = 8192))]
    url: String,
    /// How many seconds to wait for a connection and for the beginning of the answer, each.
    #[serde(default = "timeout_default")]
    #[schemars(range(min = 1, max = 30))]
    timeout_seconds: u8,
}

fn timeout_default() -> u8 {
    10
}

/// The answer of [`health`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// Whether there was an answer, whatever its status.
    reachable: bool,
    /// The status, where there was one. Redirects are not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// How long the answer took. Left out where the plugin was granted no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    millis: Option<u64>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Checks whether a URL answers, and with which status and how fast.
///
/// It asks with HEAD, and with GET where the server does not know HEAD; the body is not read. A server that is down is an answer, not an
/// error.
#[tool(read_only, open_world, title = "Check a URL")]
pub(crate) fn health(args: Health) -> Result<Report, ToolError> {
    run(&transport::real(), &args)
}

fn run(transport: &impl Transport, args: &Health) -> Result<Report, ToolError> {
    let mut request = Outgoing {
        method: Method::HEAD,
        url: message::parse_url(&args.url)?,
        headers: message::parse_headers(&BTreeMap::new())?,
        body: None,
        timeout: Duration::from_secs(args.timeout_seconds.clamp(1, 30).into()),
    };
    let start = Instant::now();
    let mut answer = client::fetch(transport, request.clone(), false);
    if answer
        .as_ref()
        .is_ok_and(|landed| matches!(landed.head.status.as_u16(), 405 | 501))
    {
        request.method = Method::GET;
        answer = client::fetch(transport, request, false);
    }
    // Without a grant the clock stands still.
    let millis = Some(start.elapsed())
        .filter(|d| !d.is_zero())
        .and_then(|d| u64::try_from(d.as_millis()).ok());
    match answer {
        Ok(landed) => {
            let status = Some(landed.head.status.as_u16());
            Ok(Report {
                reachable: true,
                status,
                millis,
                reason: None,
            })
        }
        // These say something about the request, not about the server.
        Err(no @ NoAnswer::Failed(Failure::Denied | Failure::Malformed | Failure::Other, ..)) => {
            Err(no.into())
        }
        Err(no) => {
            let reason = match no {
                NoAnswer::Failed(failure, ..) => Some(failure.reason().to_owned()),
                NoAnswer::Endless(_) => None,
            };
            Ok(Report {
                reachable: false,
                status: None,
                millis,
                reason,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Answer, Fake};
    use fact_sdk::ErrorCode;

    fn ask(fake: &Fake) -> Result<Report, ToolError> {
        run(
            fake,
            &Health {
                url: "https://a.test/".to_owned(),
                timeout_seconds: 1,
            },
        )
    }

    fn fake(answer: Answer) -> Fake {
        Fake {
            answers: vec![("https://a.test/", answer)],
            ..Fake::default()
        }
    }

    #[test]
    fn any_status_is_an_answer() {
        for status in [200, 302, 404, 500] {
            let fake = fake(Ok((status, "/2", b"")));
            let health = ask(&fake).unwrap();
            assert_eq!((health.reachable, health.status), (true, Some(status)));
            assert_eq!(fake.asked.borrow().len(), 1);
        }
    }

    #[test]
    fn a_server_without_head_is_asked_again() {
        let fake = fake(Ok((405, "", b"")));
        assert!(ask(&fake).unwrap().reachable);
        let methods = fake
            .asked
            .borrow()
            .iter()
            .map(|r| r.method.clone())
            .collect::<Vec<_>>();
        assert_eq!(methods, [Method::HEAD, Method::GET]);
    }

    #[test]
    fn no_answer_is_a_result_and_no_leave_is_an_error() {
        for failure in [
            Failure::Name,
            Failure::Connection,
            Failure::Timeout,
            Failure::Tls,
            Failure::Protocol,
        ] {
            let health = ask(&fake(Err(failure))).unwrap();
            assert_eq!(
                (health.reachable, health.reason.as_deref()),
                (false, Some(failure.reason()))
            );
        }
        assert_eq!(
            ask(&fake(Err(Failure::Denied))).unwrap_err().code(),
            ErrorCode::Denied
        );
    }
}
