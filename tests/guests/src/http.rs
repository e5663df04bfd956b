//! Plain `wasi:http`, with a URL that goes to the host as it is written.

use std::time::Duration;

use fact_sdk::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to get.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Get {
    /// SCHEME://AUTHORITY/PATH, of which nothing is checked or changed.
    pub url: String,
}

/// What came.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Where a redirect points to.
    pub location: Option<String>,
    /// The beginning of the body.
    pub body: String,
}

/// All that came.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, as they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The beginning of the body: what one read gives, or all of it.
    pub body: Vec<u8>,
    /// The body broke off.
    pub broken: bool,
}

/// Gets a URL. `denied` means that the host did not allow the request; everything else is `unavailable`, so that a refusal
/// can't be mistaken for a server that is not there.
///
/// # Errors
/// With the host's own code.
pub fn get(url: &str, patience: Option<Duration>) -> Result<Answer, ToolError> {
    let response = exchange(url, &[], patience, false)?;
    let location = response.headers.iter().find(|(name, _)| name == "location");
    Ok(Answer {
        status: response.status,
        location: location.map(|(_, value)| String::from_utf8_lossy(value).into_owned()),
        body: String::from_utf8_lossy(&response.body).into_owned(),
    })
}

/// Gets a URL with these headers; `whole`: reads the body to its end.
///
/// # Errors
/// As for [`get`].
#[cfg(target_family = "wasm")]
pub fn exchange(
    url: &str,
    headers: &[(&str, &str)],
    patience: Option<Duration>,
    whole: bool,
) -> Result<Response, ToolError> {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};
    use wasip2::io::streams::StreamError;

    let refusal = |code: ErrorCode| {
        let message = format!("{code:?}");
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => ToolError::denied(message),
            _ => ToolError::unavailable(message),
        }
    };
    let misfit = |()| ToolError::invalid_input("the engine takes no such request");
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| ToolError::invalid_input("a URL has a scheme"))?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let fields = Fields::new();
    for (name, value) in headers {
        fields
            .append(name, value.as_bytes())
            .map_err(|_| ToolError::invalid_input("the engine takes no such header"))?;
    }
    let request = OutgoingRequest::new(fields);
    request.set_scheme(Some(&scheme)).map_err(misfit)?;
    request.set_authority(Some(authority)).map_err(misfit)?;
    request.set_path_with_query(Some(path)).map_err(misfit)?;
    let body = request.body().map_err(misfit)?;
    let nanoseconds = patience.and_then(|p| u64::try_from(p.as_nanos()).ok());
    let options = RequestOptions::new();
    options.set_connect_timeout(nanoseconds).map_err(misfit)?;
    options.set_first_byte_timeout(nanoseconds).map_err(misfit)?;
    options.set_between_bytes_timeout(nanoseconds).map_err(misfit)?;
    let future = handle(request, Some(options)).map_err(refusal)?;
    OutgoingBody::finish(body, None).map_err(refusal)?;
    let response = loop {
        match future.get() {
            Some(Ok(answer)) => break answer.map_err(refusal)?,
            Some(Err(())) => return Err(ToolError::internal("the answer was taken already")),
            None => future.subscribe().block(),
        }
    };
    let (status, headers) = (response.status(), response.headers().entries());
    let incoming = response.consume().map_err(misfit)?;
    let stream = incoming.stream().map_err(misfit)?;
    let (mut body, mut broken) = (Vec::new(), false);
    loop {
        match stream.blocking_read(4096) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => {
                broken = true;
                break;
            }
        }
        if !whole {
            break;
        }
    }
    Ok(Response {
        status,
        headers,
        body,
        broken,
    })
}

/// Outside a component there is no `wasi:http`.
///
/// # Errors
/// Always.
#[cfg(not(target_family = "wasm"))]
pub fn exchange(_: &str, _: &[(&str, &str)], _: Option<Duration>, _: bool) -> Result<Response, ToolError> {
    Err(ToolError::unavailable(
        "there is no wasi:http outside a component",
    ))
}
