//! `fact plugin enable`, `disable` and `remove`.

use std::time::Duration;

use fact_types::PluginName;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// How long calls that run may take to end when their plugin is removed: as long as a call may take by default.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn enable(context: &Context, name: &PluginName, enabled: bool) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    host.registry().enable(name, enabled)?;
    if screen.json_wanted() {
        return screen.json(&json!({ "plugin": name, "enabled": enabled }));
    }
    screen.line(if enabled {
        format!("{name} may be called.")
    } else {
        format!("{name} is disabled: no call of its tools is let through. Its grants stay.")
    })
}

pub(super) async fn remove(context: &Context, name: &PluginName) -> Result<(), Failure> {
    let (host, screen) = (context.host().await?, context.screen());
    let drained = host.registry().remove(name, PATIENCE).await?;
    if screen.json_wanted() {
        return screen.json(&json!({ "removed": name, "drained": drained }));
    }
    screen.line(format!("Removed {name} and its grants."))
}
