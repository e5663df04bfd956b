//! Putting a new build in the place of the last.

use std::sync::Arc;

use fact_core::{Change, Host, InstallOptions, Plugin, Source};
use fact_types::{Capability, Code, Error, PluginName, Terms};

use crate::Built;

/// A build that answers now.
pub struct Reloaded {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// Whether it was not installed before.
    pub first: bool,
    /// What it can do that the last build could not. The author's own changes need nobody's approval.
    pub widened: Vec<String>,
}

/// Installs a build, or gives the plugin of its name the new version at once. Calls that run are not dropped.
///
/// # Errors
/// As for installing.
pub async fn reload(host: &Host, built: &Built, grants: &[Capability], by: &str) -> Result<Reloaded, Error> {
    let registry = host.registry();
    let name: PluginName = built
        .manifest
        .name
        .parse()
        .map_err(|error| Error::new(Code::BadComponent, format!("{error}.")))?;
    let source = Source::Bytes {
        label: built.path.display().to_string(),
        bytes: built.bytes.clone(),
    };
    match registry.plugin(&name) {
        Err(error) if error.code == Code::NotFound => {
            let options = InstallOptions {
                grants: grants
                    .iter()
                    .map(|capability| (capability.clone(), Terms::default()))
                    .collect(),
                by: by.to_owned(),
                ..InstallOptions::default()
            };
            Ok(Reloaded {
                plugin: registry.install(source, options).await?,
                first: true,
                widened: Vec::new(),
            })
        }
        Err(error) => Err(error),
        Ok(_) => {
            let update = registry.update(&name, source, true).await?;
            let widened = update.changes.iter().filter(|change| change.widens);
            let widened = widened.map(Change::in_words).collect();
            Ok(Reloaded {
                plugin: registry.plugin(&name)?,
                first: false,
                widened,
            })
        }
    }
}
