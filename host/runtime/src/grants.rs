//! What a component was granted, sorted by the import that asks.

use std::sync::Arc;

use fact_types::capability::{EnvGrant, FsGrant, HttpGrant, KvGrant, NetGrant, SqlGrant, ToolGrant};
use fact_types::{Capability, Digest};

/// The grants of one plugin.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// For `wasi:http`.
    pub http: Arc<[HttpGrant]>,
    /// For `fact:plugin/sql`.
    pub sql: Arc<[SqlGrant]>,
    /// For `fact:plugin/kv`.
    pub kv: Arc<[KvGrant]>,
    /// For `wasi:filesystem`.
    pub fs: Vec<FsGrant>,
    /// For `wasi:cli/environment`.
    pub env: Vec<EnvGrant>,
    /// For `fact:plugin/peers`.
    pub tools: Vec<ToolGrant>,
    /// For `wasi:sockets`.
    pub net: Arc<[NetGrant]>,
    /// For `wasi:clocks/wall-clock`.
    pub clock_wall: bool,
    /// For `wasi:clocks/monotonic-clock`.
    pub clock_monotonic: bool,
    /// For `wasi:random`.
    pub random: bool,
    /// For `fact:plugin/host`.
    pub host: HostGrants,
    fingerprint: Fingerprint,
}

/// The digest of the capabilities that the grants were sorted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint(Digest);

impl Default for Fingerprint {
    /// Of nothing at all.
    fn default() -> Self {
        Fingerprint(Digest::of(b""))
    }
}

/// What a plugin may know of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostGrants {
    /// Plugins and tools.
    pub registry: bool,
    /// Numbers of the moment.
    pub metrics: bool,
}

impl Grants {
    /// Sorts capabilities. Those of kinds that no import of this host serves grant nothing: see [`Grants::serves`].
    pub fn new<'a>(capabilities: impl IntoIterator<Item = &'a Capability>) -> Self {
        let (mut http, mut sql, mut kv, mut net) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut grants = Grants::default();
        let mut texts = std::collections::BTreeSet::new();
        for capability in capabilities {
            texts.insert(capability.to_string());
            match capability {
                Capability::Http(grant) => http.push(grant.clone()),
                Capability::Sql(grant) => sql.push(grant.clone()),
                Capability::Kv(grant) => kv.push(grant.clone()),
                Capability::Fs(grant) => grants.fs.push(grant.clone()),
                Capability::Env(grant) => grants.env.push(grant.clone()),
                Capability::Net(grant) => net.push(grant.clone()),
                Capability::Tool(grant) => grants.tools.push(grant.clone()),
                Capability::ClockWall => grants.clock_wall = true,
                Capability::ClockMonotonic => grants.clock_monotonic = true,
                Capability::RandomSecure => grants.random = true,
                Capability::HostRegistry => grants.host.registry = true,
                Capability::HostMetrics => grants.host.metrics = true,
                Capability::Secret(_) | Capability::Model(_) => {}
            }
        }
        grants.http = http.into();
        grants.sql = sql.into();
        grants.kv = kv.into();
        grants.net = net.into();
        let texts: Vec<String> = texts.into_iter().collect();
        // No capability has a line break in it: paths that do are refused where they are parsed.
        grants.fingerprint = Fingerprint(Digest::of(texts.join("\n").as_bytes()));
        grants
    }

    /// The same for the same capabilities, in whatever order they were granted; another one for others.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint.0
    }

    /// Whether this host has an import that a capability of this kind opens.
    pub fn serves(capability: &Capability) -> bool {
        !matches!(capability, Capability::Secret(_) | Capability::Model(_))
    }
}
