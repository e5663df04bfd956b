//! What one call may do: the grants that hold for it, and the uses that it takes of those that are counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fact_runtime::Grants;
use fact_types::{Access, Effects, Error, Grant, Lapse, Principal, ToolName};
use jiff::Timestamp;

use crate::plugin::Plugin;
use crate::{Registry, blocking, store_failed};

/// What a call may do.
#[derive(Default)]
pub struct Allowance {
    /// The grants that hold. None: all that the plugin has.
    pub grants: Option<Arc<Grants>>,
    /// The places, among the plugin's grants, of those of which this call took a use.
    taken: Vec<usize>,
}

impl Registry {
    /// The grants that hold for a call. Of those that are counted it takes one use each, for good before the call begins: two
    /// calls at once, here or in another process, never share the last one.
    ///
    /// # Errors
    /// `unavailable` when uses can't be counted: then nothing may run.
    pub async fn allow(
        self: &Arc<Self>,
        plugin: &Arc<Plugin>,
        tool: &ToolName,
        principal: &Principal,
    ) -> Result<Allowance, Error> {
        if !plugin.has_terms {
            return Ok(Allowance::default());
        }
        let now = Timestamp::now();
        // How often a grant was used is asked of the store below; what was read with the plugin may be old.
        let holds = |grant: &Grant| match grant.holds(tool, principal, now) {
            Ok(()) | Err(Lapse::UsedUp(_)) => true,
            Err(_) => false,
        };
        let mut held: Vec<usize> = Vec::new();
        let mut counted: Vec<(usize, String, u32)> = Vec::new();
        for (at, grant) in plugin.grants.iter().enumerate().filter(|(_, grant)| holds(grant)) {
            match grant.terms.calls {
                Some(calls) => counted.push((at, grant.key(), calls)),
                None => held.push(at),
            }
        }
        let mut taken = Vec::new();
        if !counted.is_empty() {
            let (registry, name) = (Arc::clone(self), plugin.row.name.clone());
            taken = blocking(move || {
                let wanted: Vec<(&str, u32)> = counted
                    .iter()
                    .map(|(_, key, calls)| (key.as_str(), *calls))
                    .collect();
                let had = registry.store.take_uses(&name, &wanted).map_err(store_failed)?;
                Ok(counted
                    .iter()
                    .filter(|(_, key, _)| had.contains(&key.as_str()))
                    .map(|(at, ..)| *at)
                    .collect::<Vec<_>>())
            })
            .await?;
        }
        let grants = held
            .iter()
            .chain(&taken)
            .filter_map(|at| plugin.grants.get(*at))
            .map(|grant| &grant.capability);
        Ok(Allowance {
            grants: Some(Arc::new(Grants::new(grants))),
            taken,
        })
    }

    /// Gives back the uses of grants that a call did not make use of, and notes which it did. Not called for a call that was
    /// dropped: that has used them.
    pub async fn settle(self: &Arc<Self>, plugin: &Arc<Plugin>, allowance: Allowance, effects: &Effects) {
        let used = |grant: &Grant| {
            !effects.is_complete()
                || effects.iter().any(|effect| {
                    effect.access != Access::Denied
                        && grant.capability.allows(effect.access, &effect.resource)
                })
        };
        let unused: Vec<String> = allowance
            .taken
            .iter()
            .filter_map(|at| plugin.grants.get(*at))
            .filter(|grant| !used(grant))
            .map(Grant::key)
            .collect();
        // Once in a while is enough to tell grants that are used from those that never are.
        let fresh: Vec<String> = plugin
            .grants
            .iter()
            .zip(&plugin.noted)
            .filter(|(grant, noted)| {
                !effects.is_empty()
                    && !noted.load(Ordering::Relaxed)
                    && used(grant)
                    && !noted.swap(true, Ordering::Relaxed)
            })
            .map(|(grant, _)| grant.key())
            .collect();
        if unused.is_empty() && fresh.is_empty() {
            return;
        }
        let (registry, name) = (Arc::clone(self), plugin.row.name.clone());
        let written = blocking(move || {
            if !unused.is_empty() {
                registry.store.return_uses(&name, &unused).map_err(store_failed)?;
            }
            if !fresh.is_empty() {
                registry
                    .store
                    .note_uses(&name, &fresh, Timestamp::now())
                    .map_err(store_failed)?;
            }
            Ok(())
        });
        if let Err(error) = written.await {
            // The grant lasts for fewer calls than it could, which is the safe side.
            tracing::warn!(%error, plugin = %plugin.row.name, "the uses of a grant can't be noted");
        }
    }
}
