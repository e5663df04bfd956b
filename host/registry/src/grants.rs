//! Giving and taking capabilities.

use std::path::Path;

use fact_runtime::Grants;
use fact_store::{Added, NewGrant};
use fact_types::{Capability, Code, Error, Grant, Origin, PluginName, Terms, ToolName};
use jiff::Timestamp;

use crate::{Registry, store_failed};

impl Registry {
    /// What a plugin was granted, with how often each grant that is counted was used until now.
    ///
    /// # Errors
    /// `not-found` when the plugin does not exist.
    pub fn grants(&self, plugin: &PluginName) -> Result<Vec<Grant>, Error> {
        let mut grants = self.plugin(plugin)?.grants.clone();
        let uses = self.store.grant_uses().map_err(store_failed)?;
        for grant in &mut grants {
            let key = grant.counted_under();
            let used = uses.iter().find(|used| used.plugin == *plugin && used.key == key);
            grant.used = used.map_or(0, |used| used.used);
        }
        Ok(grants)
    }

    /// Grants a capability to a plugin, on terms.
    ///
    /// A relative folder is taken from the working directory, now and for good: what is kept is the folder's own path.
    ///
    /// # Errors
    /// `not-found` when the plugin, the tool or the folder does not exist; `invalid-input` when this host serves no such
    /// capability, or the terms can never be met.
    pub fn grant(
        &self,
        plugin: &PluginName,
        capability: &Capability,
        terms: &Terms,
        by: &str,
        reason: Option<&str>,
    ) -> Result<(Added, Capability), Error> {
        let capability = self.grantable(plugin, capability, terms)?;
        let grant = NewGrant {
            plugin: plugin.clone(),
            capability: capability.clone(),
            terms: terms.clone(),
            granted_by: by.to_owned(),
            granted_at: crate::moment(),
            reason: reason.map(str::to_owned),
        };
        let added = self.store.add_grant(&grant).map_err(store_failed)?;
        Ok((added, capability))
    }

    /// What granting would come to, without doing it.
    ///
    /// # Errors
    /// As for [`Registry::grant`].
    pub fn would_grant(
        &self,
        plugin: &PluginName,
        capability: &Capability,
        terms: &Terms,
    ) -> Result<(Added, Capability), Error> {
        let capability = self.grantable(plugin, capability, terms)?;
        let there = self.plugin(plugin)?;
        let same = there.grants.iter().find(|grant| {
            matches!(grant.origin, Origin::Given(_))
                && grant.capability == capability
                && (&grant.terms.tool, &grant.terms.principal) == (&terms.tool, &terms.principal)
        });
        let added = match same {
            None => Added::New,
            Some(grant) if grant.terms == *terms => Added::Same,
            Some(_) => Added::Changed,
        };
        Ok((added, capability))
    }

    /// The capability as it is kept, if it can be granted on these terms.
    fn grantable(
        &self,
        plugin: &PluginName,
        capability: &Capability,
        terms: &Terms,
    ) -> Result<Capability, Error> {
        let there = self.plugin(plugin)?;
        can_be_met(terms, plugin, |tool| there.tools.contains_key(tool))?;
        settle(capability)
    }

    /// Takes a capability from a plugin: for the tool and the principal in the terms where they are named, else wherever it
    /// was granted. Returns how many grants are gone.
    ///
    /// # Errors
    /// `not-found` when the plugin does not exist.
    pub fn revoke(
        &self,
        plugin: &PluginName,
        capability: &Capability,
        terms: &Terms,
    ) -> Result<usize, Error> {
        self.plugin(plugin)?;
        let gone = self
            .store
            .remove_grant(plugin, capability, terms)
            .map_err(store_failed)?;
        if gone > 0 {
            return Ok(gone);
        }
        // A folder may be named as it was when it was granted.
        match settle(capability) {
            Ok(settled) if settled != *capability => self
                .store
                .remove_grant(plugin, &settled, terms)
                .map_err(store_failed),
            _ => Ok(0),
        }
    }
}

/// Checks that there can be a call for which the terms hold.
pub(crate) fn can_be_met(
    terms: &Terms,
    plugin: &PluginName,
    has: impl Fn(&ToolName) -> bool,
) -> Result<(), Error> {
    if let Some(tool) = terms.tool.as_ref().filter(|tool| !has(tool)) {
        return Err(Error::new(
            Code::NotFound,
            format!(
                "`{plugin}` has no tool `{tool}`. `fact tool list --plugin {plugin}` shows those it has."
            ),
        ));
    }
    if terms.until.is_some_and(|until| until <= Timestamp::now()) {
        return Err(Error::new(
            Code::InvalidInput,
            "The grant would end before it begins; name a moment that is still to come.",
        ));
    }
    if terms.calls == Some(0) {
        return Err(Error::new(
            Code::InvalidInput,
            "A grant for 0 calls allows nothing; name at least 1.",
        ));
    }
    Ok(())
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
