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

/// Gets a URL. `denied` means that the host did not allow the request; everything else is `unavailable`, so that a refusal
/// can't be mistaken for a server that is not there.
///
/// # Errors
/// With the host's own code.
#[cfg(target_family = "wasm")]
pub fn get(url: &str, patience: Option<Duration>) -> Result<Answer, ToolError> {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};

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
    let request = OutgoingRequest::new(Fields::new());
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
    let location = response
        .headers()
        .get("location")
        .first()
        .map(|value| String::from_utf8_lossy(value).into_owned());
    let status = response.status();
    let body = response.consume().map_err(misfit)?;
    let stream = body.stream().map_err(misfit)?;
    let bytes = stream.blocking_read(4096).unwrap_or_default();
    Ok(Answer {
        status,
        location,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// Outside a component there is no `wasi:http`.
///
/// # Errors
/// Always.
#[cfg(not(target_family = "wasm"))]
pub fn get(_: &str, _: Option<Duration>) -> Result<Answer, ToolError> {
    Err(ToolError::unavailable(
        "there is no wasi:http outside a component",
    ))
}
