//! Giving and taking capabilities.

use std::path::Path;

use fact_runtime::Grants;
use fact_types::{Capability, Code, Error, PluginName};

use crate::plugin::Grant;
use crate::{Registry, store_failed};

impl Registry {
    /// Grants a capability to a plugin. False: it had it already.
    ///
    /// A relative folder is taken from the working directory, now and for good: what is kept is the folder's own path.
    ///
    /// # Errors
    /// `not-found` when the plugin or the folder does not exist; `invalid-input` when this host serves no such capability.
    pub fn grant(
        &self,
        plugin: &PluginName,
        capability: &Capability,
        by: &str,
        reason: Option<&str>,
    ) -> Result<(bool, Capability), Error> {
        self.plugin(plugin)?;
        let capability = settle(capability)?;
        let row = Grant {
            plugin: plugin.clone(),
            capability: capability.clone(),
            granted_by: by.to_owned(),
            granted_at: now(),
            reason: reason.map(str::to_owned),
        };
        let new = self.store.add_grant(&row).map_err(store_failed)?;
        Ok((new, capability))
    }

    /// Takes a capability from a plugin. False: it did not have it.
    ///
    /// # Errors
    /// `not-found` when the plugin does not exist.
    pub fn revoke(&self, plugin: &PluginName, capability: &Capability) -> Result<bool, Error> {
        self.plugin(plugin)?;
        if self
            .store
            .remove_grant(plugin, capability)
            .map_err(store_failed)?
        {
            return Ok(true);
        }
        // A folder may be named as it was when it was granted.
        match settle(capability) {
            Ok(settled) if settled != *capability => {
                self.store.remove_grant(plugin, &settled).map_err(store_failed)
            }
            _ => Ok(false),
        }
    }
}

/// The capability as it is kept.
pub(crate) fn settle(capability: &Capability) -> Result<Capability, Error> {
    if !Grants::serves(capability) {
        return Err(Error::new(
            Code::InvalidInput,
            format!(
                "This version of FACT offers plugins no `{}` capability, so `{capability}` can't be granted.",
                capability.kind()
            ),
        ));
    }
    match capability {
        Capability::Fs(grant) => {
            let folder = folder(grant.folder())?;
            let settled = grant
                .at(&folder)
                .map_err(|error| Error::new(Code::InvalidInput, error.to_string()))?;
            Ok(Capability::Fs(settled))
        }
        other => Ok(other.clone()),
    }
}

/// A folder's own path: absolute, and without links.
fn folder(named: &Path) -> Result<std::path::PathBuf, Error> {
    let shown = named.display();
    let real = named.canonicalize().map_err(|error| {
        Error::new(
            Code::NotFound,
            format!("The folder `{shown}` can't be granted: {}.", error.kind()),
        )
    })?;
    if !real.is_dir() {
        return Err(Error::new(
            Code::InvalidInput,
            format!("`{shown}` is no folder. Grant the folder that it is in."),
        ));
    }
    Ok(real)
}

/// This moment, in UTC.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
