//! `wasi:http`: every request goes through the host's own egress, or nowhere.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fact_egress::{BoxError, EgressError, Part, Phase, Target, Timeouts};
use fact_types::Access;
use fact_types::capability::HttpGrant;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::Services;
use crate::grants::Grants;
use crate::trace::http::Asked;
use crate::trace::{Fleeting, Read};
use crate::witness::Witness;

/// How long a phase of a request may take when the guest does not say. The call's deadline bounds all of it.
const PHASE: Duration = Duration::from_secs(30);

/// The gate that every request of a call must pass.
pub(crate) struct Gate {
    services: Arc<Services>,
    grants: Arc<[HttpGrant]>,
    witness: Witness,
    /// Places for this call's requests, so that one call can't have every connection of the host.
    places: Arc<Semaphore>,
}

/// Requests of one call at the same time: as many as a browser makes, twice over.
const AT_ONCE: usize = 12;

impl Gate {
    pub(crate) fn new(services: &Arc<Services>, grants: &Grants, witness: &Witness) -> Self {
        Gate {
            services: Arc::clone(services),
            grants: Arc::clone(&grants.http),
            witness: witness.clone(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

type Exchanged = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Gate {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Exchanged> + Send> {
        let services = Arc::clone(&self.services);
        let grants = Arc::clone(&self.grants);
        let witness = self.witness.clone();
        let timeouts = Timeouts {
            connect: options.as_ref().and_then(|o| o.connect_timeout).unwrap_or(PHASE),
            first_byte: options
                .as_ref()
                .and_then(|o| o.first_byte_timeout)
                .unwrap_or(PHASE),
            between_bytes: options
                .as_ref()
                .and_then(|o| o.between_bytes_timeout)
                .unwrap_or(PHASE),
        };
        // Before the first byte leaves: the guest may drop the request at any moment, and the effect stands.
        let target = Target::new(request.method(), request.uri());
        let resource = Target::resource_of(request.method(), request.uri());
        let granted = |target: &Target| {
            grants
                .iter()
                .any(|g| g.allows(target.method().as_str(), target.url()))
        };
        let asked = Asked::of(&request);
        match &target {
            Ok(target) if granted(target) && target.access() == Access::Read => {
                // What has a body, or asks for a part, is never kept.
                match asked {
                    Some(_) => witness.touched(resource.clone()),
                    None => witness.read(resource.clone()),
                }
            }
            Ok(target) if granted(target) => {
                if !witness.may_write(&resource) {
                    return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
                }
                witness.wrote(resource.clone());
            }
            _ => witness.denied(resource.clone()),
        }
        let places = Arc::clone(&self.places);
        Box::new(async move {
            let place = places
                .acquire_owned()
                .await
                .map_err(|_| Error::ConnectionLimitReached)?;
            let request = request.map(|body| {
                body.map_err(|error| BoxError::from(format!("{error:?}")))
                    .boxed_unsync()
            });
            match services.egress.send(&grants, request, timeouts).await {
                Ok(response) => {
                    match asked.and_then(|asked| asked.answered(&response, SystemTime::now())) {
                        Some(read) => witness.keep(Read::Http(read)),
                        None => witness.spoil(Fleeting::Read {
                            resource: resource.clone(),
                        }),
                    }
                    let body_code = move |error| {
                        // The place is taken for as long as the body's connection is.
                        let _held = &place;
                        // What came of the answer before it broke off is not the answer.
                        witness.read(resource.clone());
                        code(&error)
                    };
                    let response = response.map(|body| body.map_err(body_code).boxed_unsync());
                    let done: Box<dyn Future<Output = Result<(), Error>> + Send> =
                        Box::new(std::future::ready(Ok(())));
                    Ok((response, done))
                }
                Err(error) => {
                    match error.is_denied() {
                        true => witness.denied(resource),
                        false => witness.read(resource),
                    }
                    tracing::debug!(%error, "a request was not made, or failed");
                    Err(code(&error))
                }
            }
        })
    }
}

/// What the guest learns.
fn code(error: &EgressError) -> Error {
    match error {
        EgressError::Denied { .. } => Error::HttpRequestDenied,
        EgressError::InvalidUrl(_) => Error::HttpRequestUriInvalid,
        EgressError::Dns => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        EgressError::Connect(_) => Error::ConnectionRefused,
        EgressError::Tls(_) => Error::TlsCertificateError,
        EgressError::Timeout { which: Phase::Dns } => Error::DnsTimeout,
        EgressError::Timeout {
            which: Phase::Connect,
        } => Error::ConnectionTimeout,
        EgressError::Timeout { .. } => Error::HttpResponseTimeout,
        EgressError::TooLarge {
            what: Part::RequestBody,
            limit,
        } => Error::HttpRequestBodySize(Some(*limit)),
        EgressError::TooLarge {
            what: Part::ResponseBody,
            limit,
        } => Error::HttpResponseBodySize(Some(*limit)),
        EgressError::TooLarge { what: Part::Url, .. } => Error::HttpRequestUriTooLong,
        EgressError::TooLarge {
            what: Part::ResponseHeaders,
            ..
        } => Error::HttpResponseHeaderSectionSize(None),
        EgressError::TooLarge { .. } => Error::HttpRequestHeaderSectionSize(None),
        EgressError::Busy => Error::ConnectionLimitReached,
        _ => Error::HttpProtocolError,
    }
}
