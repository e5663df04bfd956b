//! The host's only way out to the network over HTTP.
//!
//! A plugin speaks plain `wasi:http`; the runtime hands each request to [`Egress::send`], with the grants that the plugin
//! holds. Nothing else in the host opens a connection on a plugin's behalf.
//!
//! # The order of the checks
//!
//! 1. **The URL** is parsed by the WHATWG rules, and only that form is used from here on: `2130706433`, `0x7f.1` and
//!    `127.0.0.1` are one host, and so are `localhost.` and `localhost`. Refused: every scheme but `http` and `https`, user
//!    information, a fragment, port 0, more than 8 KiB.
//! 2. **The method** must be one that a grant can name; `CONNECT`, `TRACE` and invented ones never are.
//! 3. **The grants**: at least one must allow method and URL. Only those that do have a say in what follows, so that
//!    `+private` on one host opens no other.
//! 4. **Headers and body**: see [below](#what-a-guest-cannot-set).
//! 5. **A free connection**: so many at once to one host, so many in all; then [`EgressError::Busy`].
//! 6. **The addresses**: the name is resolved once, in bounded time, and every address of the answer is
//!    [checked](check_address). One bad address refuses the request: an answer that mixes public and internal addresses is
//!    an attack or a mistake, and neither deserves a lucky pick. A host that is an address goes through the same check.
//! 7. **The connection** goes to the addresses that were checked, in their order; nothing is resolved again. With `https`,
//!    the certificate must be valid for the URL's host.
//!
//! Redirects are not followed. The guest's HTTP library does that, with a new request that passes all of this again.
//! No proxy is used, whatever the environment says. Nothing is decompressed.
//!
//! # What a guest cannot set
//!
//! The request line and `Host` come from the parsed URL. These headers of a guest are dropped: `Host`, `Connection` and
//! whatever it names, `Keep-Alive`, `Transfer-Encoding`, `TE`, `Trailer`, `Upgrade`, `Expect`, `HTTP2-Settings` and all of
//! `Proxy-*`; so are trailers. `Content-Length` is taken as a promise: more than one, one that is no number, or a
//! body that is shorter fails the request, and no byte past it is sent. A `GET` or `HEAD` has a body only where its length is known.
//!
//! # Connections
//!
//! Each request makes a connection of its own and closes it when the body ends, fails or is dropped; dropping the future of
//! [`Egress::send`] closes it too. There is no pool yet. If one comes, it must be keyed by the address that was checked and
//! by the grants that allowed it: reuse must never skip step 6.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use fact_egress::{Egress, EgressConfig, Timeouts};
//! use fact_types::Capability;
//! use http_body_util::{BodyExt, Empty};
//!
//! let Capability::Http(grant) = "http:GET:https://api.github.com/*".parse()? else { return Ok(()) };
//! let egress = Egress::new(EgressConfig::default())?;
//! let request = http::Request::get("https://api.github.com/zen").body(Empty::<Bytes>::new())?;
//! let response = egress.send(&[grant], request, Timeouts::default()).await?;
//! println!("{}", response.into_body().collect().await?.to_bytes().len());
//! # Ok(())
//! # }
//! ```

mod body;
mod config;
mod connect;
mod egress;
mod error;
mod headers;
mod resolve;
mod slots;
mod target;

pub use body::ResponseBody;
pub use config::{EgressConfig, SetupError, Timeouts};
pub use egress::Egress;
pub use error::{ConnectFailure, EgressError, Part, Phase, Reason, TlsFailure};
pub use fact_types::{Refusal, check_address};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use target::Target;

/// Any error, as bodies carry it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
