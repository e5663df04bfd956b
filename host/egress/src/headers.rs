//! Which headers cross the host, in either direction.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::EgressConfig;
use crate::error::{EgressError, Part};
use crate::target::Target;

/// Headers about one connection, not about the message. The host's own HTTP library writes what is needed of them.
const ONE_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// What a guest's headers become.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) headers: HeaderMap,
    /// The length that the guest promises for the body.
    pub(crate) length: Option<u64>,
}

/// The headers that are sent.
pub(crate) fn outgoing(
    target: &Target,
    mut headers: HeaderMap,
    config: &EgressConfig,
    user_agent: &HeaderValue,
) -> Result<Outgoing, EgressError> {
    // First of all: what follows takes time and room by the number of headers.
    if headers.len() > config.max_header_count {
        return Err(EgressError::TooLarge {
            what: Part::RequestHeaderCount,
            limit: config.max_header_count as u64,
        });
    }
    if size(&headers) > config.max_header_bytes {
        return Err(EgressError::TooLarge {
            what: Part::RequestHeaders,
            limit: config.max_header_bytes as u64,
        });
    }
    let length = promised_length(&headers)?;
    drop_one_hop(&mut headers);
    for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT] {
        headers.remove(name);
    }
    headers
        .entry(header::USER_AGENT)
        .or_insert_with(|| user_agent.clone());
    headers.insert(header::HOST, target.host_header()?);
    // A connection carries one request; saying so lets the server close it at once.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(Outgoing { headers, length })
}

/// The headers of a response, for the guest.
pub(crate) fn incoming(headers: &mut HeaderMap) {
    drop_one_hop(headers);
}

/// Trailers of a response, for the guest.
pub(crate) fn trailers(headers: &mut HeaderMap, config: &EgressConfig) -> Result<(), EgressError> {
    if headers.len() > config.max_header_count || size(headers) > config.max_header_bytes {
        return Err(EgressError::TooLarge {
            what: Part::ResponseHeaders,
            limit: config.max_header_bytes as u64,
        });
    }
    drop_one_hop(headers);
    headers.remove(header::CONTENT_LENGTH);
    Ok(())
}

/// Names and values, and what stands around them in the message: `: ` and the end of the line.
fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

fn drop_one_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let proxy: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("proxy-"))
        .cloned()
        .collect();
    for name in named.iter().chain(&proxy).chain(&ONE_HOP) {
        headers.remove(name);
    }
}

fn promised_length(headers: &HeaderMap) -> Result<Option<u64>, EgressError> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(EgressError::Protocol(
            "the request has more than one Content-Length",
        ));
    }
    value
        .to_str()
        .ok()
        // `parse` alone would take a plus sign.
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or(EgressError::Protocol("the request's Content-Length is no number"))
}
