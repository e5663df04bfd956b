//! What a component was granted, sorted by the import that asks.

use std::sync::Arc;

use fact_types::Capability;
use fact_types::capability::{EnvGrant, FsGrant, HttpGrant, NetGrant, SqlGrant, ToolGrant};

/// The grants of one plugin.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// For `wasi:http`.
    pub http: Arc<[HttpGrant]>,
    /// For `fact:plugin/sql`.
    pub sql: Arc<[SqlGrant]>,
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
        let (mut http, mut sql, mut net) = (Vec::new(), Vec::new(), Vec::new());
        let mut grants = Grants::default();
        for capability in capabilities {
            match capability {
                Capability::Http(grant) => http.push(grant.clone()),
                Capability::Sql(grant) => sql.push(grant.clone()),
                Capability::Fs(grant) => grants.fs.push(grant.clone()),
                Capability::Env(grant) => grants.env.push(grant.clone()),
                Capability::Net(grant) => net.push(grant.clone()),
                Capability::Tool(grant) => grants.tools.push(grant.clone()),
                Capability::ClockWall => grants.clock_wall = true,
                Capability::ClockMonotonic => grants.clock_monotonic = true,
                Capability::RandomSecure => grants.random = true,
                Capability::HostRegistry => grants.host.registry = true,
                Capability::HostMetrics => grants.host.metrics = true,
                Capability::Kv(_) | Capability::Secret(_) | Capability::Model(_) => {}
            }
        }
        grants.http = http.into();
        grants.sql = sql.into();
        grants.net = net.into();
        grants
    }

    /// Whether this host has an import that a capability of this kind opens.
    pub fn serves(capability: &Capability) -> bool {
        !matches!(
            capability,
            Capability::Kv(_) | Capability::Secret(_) | Capability::Model(_)
        )
    }
}
