//! The connector to the host itself: which plugins and tools there are, and how busy the host is.
//!
//! It knows nothing that the host does not tell a plugin with its grants (`host:read:registry`, `host:read:metrics`): no
//! folders, no secrets, nobody's reasons.

mod pulse;
mod registry;

pub use pulse::{AllMetrics, Health, Metrics, MetricsFilter, State, ToolUsage, health, metrics};
pub use registry::{
    FoundPlugins, FoundTools, PluginAbout, PluginFilter, ToolAbout, ToolFilter, plugins, tools,
};

fact_sdk::plugin!(
    plugins, tools, health, metrics;
    name = "system",
    capabilities = [
        "host:read:registry" => "to list the plugins and tools that are installed",
        "host:read:metrics" => "to say how busy the host is and how its tools are used"
    ]
);
