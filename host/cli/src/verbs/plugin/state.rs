//! `fact plugin enable`, `disable` and `remove`.

use std::time::Duration;

use fact_types::PluginName;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::shell;

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
    let file = host.registry().drop_in_file(&host.drop_in_folder(), name);
    let drained = host.registry().remove(name, PATIENCE).await?;
    if screen.json_wanted() {
        return screen.json(&json!({ "removed": name, "drained": drained, "drop_in_file": file }));
    }
    screen.line(format!("Removed {name} and its grants."))?;
    if let Some(file) = file {
        screen.note(format!(
            "Its file is still in the drop-in folder, and is installed again when it changes. To be rid of it: rm {}",
            shell(&file.display().to_string())
        ));
    }
    Ok(())
}
