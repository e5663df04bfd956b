//! The transport of a component: `wasi:http`.

use crate::transport::{Bytes, Failure, Head, Outgoing, Transport};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method as WasiMethod,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

/// What `blocking-write-and-flush` takes at once.
const WRITE_MAX: usize = 4096;

/// How much to ask for at once: enough to need few calls, little enough to hold.
const READ_MAX: usize = 64 * 1024;

pub(crate) struct Wasi;

impl Transport for Wasi {
    type Body = IncomingResponse;

    fn send(&self, request: &Outgoing) -> Result<(Head, IncomingResponse), Failure> {
        let outgoing = OutgoingRequest::new(fields(&request.headers)?);
        let scheme = match request.url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(Failure::Malformed),
        };
        let path_with_query = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        outgoing
            .set_method(&method(&request.method))
            .map_err(|()| Failure::Malformed)?;
        outgoing
            .set_scheme(Some(&scheme))
            .map_err(|()| Failure::Malformed)?;
        outgoing
            .set_authority(Some(request.url.authority()))
            .map_err(|()| Failure::Malformed)?;
        outgoing
            .set_path_with_query(Some(&path_with_query))
            .map_err(|()| Failure::Malformed)?;
        let body = outgoing.body().map_err(|()| Failure::Other)?;

        let future = outgoing_handler::handle(outgoing, Some(options(request))).map_err(|e| failure(&e))?;
        // A server may answer before it has read everything, and the host may refuse at once: the answer says more than
        // the broken pipe.
        let sent = send_body(body, request.body.as_deref().unwrap_or_default());
        let response = wait(&future)?;
        let head = Head {
            status: StatusCode::from_u16(response.status()).map_err(|_| Failure::Protocol)?,
            headers: headers(&response),
        };
        // A final answer counts even if the server did not want the rest of the body.
        if let (Err(e), true) = (sent, head.status.is_informational()) {
            return Err(e);
        }
        Ok((head, response))
    }

    fn read(&self, response: IncomingResponse, max: usize) -> Result<Bytes, Failure> {
        let body = response.consume().map_err(|()| Failure::Other)?;
        let stream = body.stream().map_err(|()| Failure::Other)?;
        let mut bytes = Bytes::default();
        // One byte beyond what is wanted tells whether there was more.
        while bytes.data.len() <= max {
            let want = (max + 1 - bytes.data.len()).min(READ_MAX);
            match stream.blocking_read(want as u64) {
                Ok(chunk) => bytes.data.extend_from_slice(&chunk),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(e)) => {
                    return Err(http_error_code(&e).as_ref().map_or(Failure::Connection, failure));
                }
            }
        }
        bytes.truncated = bytes.data.len() > max;
        bytes.data.truncate(max);
        drop(stream);
        drop::<IncomingBody>(body);
        Ok(bytes)
    }
}

fn method(method: &Method) -> WasiMethod {
    match method.as_str() {
        "GET" => WasiMethod::Get,
        "HEAD" => WasiMethod::Head,
        "POST" => WasiMethod::Post,
        "PUT" => WasiMethod::Put,
        "PATCH" => WasiMethod::Patch,
        "DELETE" => WasiMethod::Delete,
        other => WasiMethod::Other(other.to_owned()),
    }
}

fn fields(headers: &HeaderMap) -> Result<Fields, Failure> {
    let list = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    Fields::from_list(&list.collect::<Vec<_>>()).map_err(|_| Failure::Malformed)
}

fn options(request: &Outgoing) -> RequestOptions {
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(request.timeout.as_nanos()).ok();
    // A host that knows no such option has a deadline of its own.
    let _ = options.set_connect_timeout(nanoseconds);
    let _ = options.set_first_byte_timeout(nanoseconds);
    let _ = options.set_between_bytes_timeout(nanoseconds);
    options
}

fn send_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), Failure> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| Failure::Other)?;
        for chunk in bytes.chunks(WRITE_MAX) {
            stream
                .blocking_write_and_flush(chunk)
                .map_err(|_| Failure::Connection)?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|e| failure(&e))
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, Failure> {
    loop {
        match future.get() {
            Some(Ok(answer)) => return answer.map_err(|e| failure(&e)),
            Some(Err(())) => return Err(Failure::Other),
            None => future.subscribe().block(),
        }
    }
}

/// Headers that HTTP itself does not allow are left out.
fn headers(response: &IncomingResponse) -> HeaderMap {
    let entries = response.headers().entries();
    let entries = entries.into_iter().filter_map(|(name, value)| {
        Some((
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_bytes(&value).ok()?,
        ))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in entries {
        headers.append(name, value);
    }
    headers
}

fn failure(code: &ErrorCode) -> Failure {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Failure::Denied,
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => Failure::Name,
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpResponseIncomplete => Failure::Connection,
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Failure::Timeout,
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            Failure::Tls
        }
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_) => Failure::Malformed,
        ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_) => Failure::TooLarge,
        ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError => Failure::Protocol,
        ErrorCode::LoopDetected | ErrorCode::ConfigurationError | ErrorCode::InternalError(_) => {
            Failure::Other
        }
    }
}
