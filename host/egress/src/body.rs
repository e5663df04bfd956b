//! Bodies that keep to their limits, in both directions.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, timeout_at};

use crate::config::EgressConfig;
use crate::error::{EgressError, Part, Phase};
use crate::slots::Slot;
use crate::{BoxError, headers};

/// A response's body as callers get it. Its data frames never add up to more than
/// [`EgressConfig::max_response_body`](crate::EgressConfig::max_response_body) bytes: the frame that would ends it with an
/// error instead. Dropping it closes the connection.
pub type ResponseBody = BoxBody<Bytes, EgressError>;

/// Why a request's body was not sent to its end, for whoever sees only that sending failed.
pub(crate) type Fault = Arc<OnceLock<EgressError>>;

/// A request's body: as long as was promised, no longer than is allowed, without trailers.
pub(crate) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, BoxError>,
    sent: u64,
    limit: u64,
    length: Option<u64>,
    fault: Fault,
}

impl RequestBody {
    /// A body, and the place where its fault will stand.
    pub(crate) fn new<B>(body: B, promised: Option<u64>, limit: u64) -> Result<(Self, Fault), EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let hint = body.size_hint();
        if let (Some(promised), Some(exact)) = (promised, hint.exact())
            && promised != exact
        {
            return Err(WRONG_LENGTH);
        }
        let length = promised.or(hint.exact());
        if length.unwrap_or_else(|| hint.lower()) > limit {
            return Err(too_large(limit));
        }
        let fault = Fault::default();
        let body = RequestBody {
            inner: body.map_err(Into::into).boxed_unsync(),
            sent: 0,
            limit,
            length,
            fault: Arc::clone(&fault),
        };
        Ok((body, fault))
    }

    fn fail(&self, fault: EgressError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let fault = self.fault.get_or_init(|| fault).clone();
        Poll::Ready(Some(Err(fault.into())))
    }
}

const WRONG_LENGTH: EgressError =
    EgressError::Protocol("the request's body is not as long as its Content-Length says");

fn too_large(limit: u64) -> EgressError {
    EgressError::TooLarge {
        what: Part::RequestBody,
        limit,
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) else {
                return match self.length {
                    Some(length) if length != self.sent => self.fail(WRONG_LENGTH),
                    _ => Poll::Ready(None),
                };
            };
            let data = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => data,
                // Trailers: dropped, see the crate's documentation.
                Ok(Err(_)) => continue,
                Err(error) => {
                    tracing::debug!(%error, "a request's body failed");
                    return self.fail(EgressError::Protocol("the request's body was not finished"));
                }
            };
            self.sent = self.sent.saturating_add(data.len() as u64);
            if self.sent > self.limit {
                return self.fail(too_large(self.limit));
            }
            if self.length.is_some_and(|length| self.sent > length) {
                return self.fail(WRONG_LENGTH);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.length.is_none_or(|length| length == self.sent)
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.sent)),
            None => SizeHint::default(),
        }
    }
}

/// The task that drives a connection; dropping this ends the task, and with it the connection.
#[derive(Debug)]
pub(crate) struct Connection {
    task: JoinHandle<()>,
    cut: Arc<AtomicBool>,
}

impl Connection {
    /// Drives a connection until it ends by itself or the deadline cuts it, whether or not someone reads from it. `slot` is
    /// free for others exactly when the connection is gone.
    pub(crate) fn drive<C>(mut connection: C, slot: Slot, deadline: Instant) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + Unpin + 'static,
    {
        let cut = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&cut);
        let task = tokio::spawn(async move {
            let _slot = slot;
            match timeout_at(deadline, &mut connection).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a connection failed"),
                // Before the connection goes: to a body without a length its end would look like a regular one.
                Err(_) => told.store(true, Ordering::Release),
            }
        });
        Connection { task, cut }
    }

    /// Whether the deadline ended it.
    fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A response's body on its way in.
pub(crate) struct Limited {
    /// The body and its connection, until the end or the first failure.
    open: Option<(Incoming, Connection)>,
    read: u64,
    config: Arc<EgressConfig>,
    between: Duration,
    /// Runs while a piece is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    pub(crate) fn new(
        body: Incoming,
        connection: Connection,
        config: Arc<EgressConfig>,
        between: Duration,
    ) -> Result<Self, EgressError> {
        let limit = config.max_response_body;
        if body.size_hint().lower() > limit {
            return Err(response_too_large(limit));
        }
        Ok(Limited {
            // An empty body may never be polled.
            open: (!body.is_end_stream()).then_some((body, connection)),
            read: 0,
            config,
            between,
            waiting: None,
        })
    }

    fn fail(&mut self, error: EgressError) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        self.open = None;
        Poll::Ready(Some(Err(error)))
    }

    /// Ready when the next piece is late. The whole response's time is the connection's matter.
    fn late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let between = self.between;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(between)));
        waiting.as_mut().poll(cx)
    }
}

pub(crate) fn headers_too_large(config: &EgressConfig) -> EgressError {
    EgressError::TooLarge {
        what: Part::ResponseHeaders,
        limit: config.max_header_bytes as u64,
    }
}

fn response_too_large(limit: u64) -> EgressError {
    EgressError::TooLarge {
        what: Part::ResponseBody,
        limit,
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let this = &mut *self;
        let Some((body, connection)) = &mut this.open else {
            return Poll::Ready(None);
        };
        let frame = match Pin::new(body).poll_frame(cx) {
            Poll::Pending => {
                ready!(this.late(cx));
                return this.fail(EgressError::Timeout {
                    which: Phase::BetweenBytes,
                });
            }
            Poll::Ready(None) if connection.was_cut() => {
                return this.fail(EgressError::Timeout { which: Phase::Total });
            }
            Poll::Ready(None) => {
                this.open = None;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "a response's body failed");
                let error = if connection.was_cut() {
                    EgressError::Timeout { which: Phase::Total }
                } else if error.is_parse_too_large() {
                    headers_too_large(&this.config)
                } else {
                    EgressError::Protocol("the response ended before its end")
                };
                return this.fail(error);
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        this.waiting = None;
        match frame.into_data() {
            Ok(data) => {
                let limit = this.config.max_response_body;
                this.read = this.read.saturating_add(data.len() as u64);
                if this.read > limit {
                    return this.fail(response_too_large(limit));
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Err(frame) => {
                let Ok(mut trailers) = frame.into_trailers() else {
                    return this.fail(EgressError::Protocol(
                        "the response holds an unknown kind of frame",
                    ));
                };
                if let Err(error) = headers::trailers(&mut trailers, &this.config) {
                    return this.fail(error);
                }
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.open.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.open
            .as_ref()
            .map_or(SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}
