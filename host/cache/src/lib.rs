//! Keeps results, in memory and on disk, for as long as the caller finds them true.
//!
//! The cache knows entries: keys, bounds, ages, places. It knows nothing of tools, and nothing of how it is decided that a
//! result is still true: the caller finds an entry, looks at what the result was read from, and either uses it, proves it
//! anew ([`Cache::refresh`]) or forgets it ([`Cache::forget_found`]). So nothing here is about soundness, except that what is found is exactly what was
//! stored under that key: that much is checked, by encryption that binds each entry on disk to its place.
//!
//! It fails open: whatever is wrong with it, a caller gets a miss and never an error, and [`Stored`] and
//! [`CacheMetrics`] say what was passed over.
//!
//! What was chosen, and why:
//!
//! - The memory level is the host's own: crates such as moka and quick_cache have one policy each, and here the policy is a
//!   setting, compared with the others on what is really asked, and changed while it runs. So is the single flight: moka's
//!   followers stand still behind a leader that nobody polls.
//! - The disk level is SQLite, in a file of its own: see [`fact_store::CacheFile`]. It is sealed with XChaCha20-Poly1305, whose
//!   nonces are long enough to be random, however many processes seal with one key.
//! - Latencies are kept by hdrhistogram: exact percentiles in a bounded space.
//!
//! A lookup that goes to the disk needs a tokio runtime with time; everything else works anywhere.
//!
//! ```
//! use fact_cache::{About, Cache, CacheConfig, Key, Kind, Payload, Stored, SystemClock};
//! use std::{sync::Arc, time::Duration};
//!
//! struct Answer(String);
//! impl Payload for Answer {
//!     fn encode(&self) -> Vec<u8> { self.0.clone().into_bytes() }
//!     fn decode(bytes: &[u8]) -> Option<Self> { String::from_utf8(bytes.to_vec()).ok().map(Answer) }
//!     fn weight(&self) -> usize { self.0.len() }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let folder = tempfile::tempdir().unwrap();
//! let cache = Cache::open(&CacheConfig::default(), Some(folder.path()), Arc::new(SystemClock::default()));
//! let key = Key::of("answer/1", &[b"what is the question?"]);
//! assert!(cache.find(&key).await.is_none());
//! let about = About {
//!     kind: Kind::Answer,
//!     label: "what is the question?".to_owned(),
//!     principal: fact_types::Principal::local(),
//!     component: None,
//!     cost: Duration::from_millis(80),
//!     tokens: 0,
//!     lifetime: None,
//! };
//! assert_eq!(cache.store(&key, Answer("42".to_owned()), about), Stored::Both);
//! assert_eq!(cache.find(&key).await.unwrap().payload.0, "42");
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod breaker;
mod cache;
mod canonical;
mod clock;
mod config;
mod disk;
mod entry;
mod flight;
mod health;
mod key;
mod memory;
mod metrics;
mod popular;
#[cfg(test)]
mod races;
mod survey;
#[cfg(test)]
mod tests;
mod units;
mod validate;

pub use breaker::{Alert, BreakerMetrics, Failure, Profile, State};
pub use cache::{Cache, CacheMetrics, DiskMetrics, DiskProblem, DiskUse};
pub use canonical::{canonical, canonicalize};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{BreakerConfig, CacheConfig};
pub use entry::{About, Found, Kind, Level, Payload, Skip, Stored, Why};
pub use flight::{Flight, Follow, Lead};
pub use health::{Condition, Health, Part};
pub use key::{Key, KeyError};
pub use memory::{MemoryUse, Shadow, Strategy};
pub use metrics::{Cost, Latencies, Lookup, Traffic};
pub use popular::{Asked, Popular};
pub use survey::{Listed, Listing, Select};
pub use units::{Fraction, Percent};
pub use validate::{Depth, Finding, Issue, Severity, Status, Truth, Validation};
