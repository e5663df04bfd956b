//! What one call may do: the grants that hold for it, and the uses that it takes of those that are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fact_runtime::Grants;
use fact_types::{Access, Capability, Effect, Effects, Error, Grant, Lapse, Principal, Resource, ToolName};
use jiff::Timestamp;

use crate::plugin::Plugin;
use crate::{Registry, blocking, store_failed};

/// Most grants that are over of which a call keeps account: a reader is told of the first few.
const OVER_MAX: usize = 20;

/// Most grants that are over that one message tells of.
const TOLD_MAX: usize = 3;

/// What a call may do.
pub struct Allowance {
    /// The grants that hold.
    pub grants: Arc<Grants>,
    /// The places, among the plugin's grants, of those that hold without being counted.
    free: Vec<usize>,
    /// The places of those that hold because this call took a use.
    taken: Vec<usize>,
    /// Those that would hold for this call, were their time or their calls not over.
    over: Vec<Grant>,
}

impl Allowance {
    /// What to tell about a call that was refused something: which of its plugin's grants that would have allowed it are over,
    /// and how to renew them. `effects` are what the host saw; where it saw no refusal, the guest asked beforehand what it has.
    /// None where no grant that is over has to do with it.
    pub fn over(&self, effects: &Effects) -> Option<String> {
        let refused = || effects.iter().filter(|effect| effect.access == Access::Denied);
        let unseen = refused().next().is_none();
        let matters = |grant: &&Grant| {
            unseen
                || refused().any(|effect| {
                    [Access::Read, Access::Write]
                        .iter()
                        .any(|access| grant.capability.allows(*access, &effect.resource))
                })
        };
        let now = Timestamp::now();
        let told: Vec<String> = self
            .over
            .iter()
            .filter(matters)
            .take(TOLD_MAX)
            .filter_map(|grant| fact_policy::over(grant, now))
            .collect();
        (!told.is_empty()).then(|| told.join(". "))
    }
}

/// Whether `free`, which is not counted, allowed all of an effect, so that it is no use of `counted`. An effect tells less than
/// a grant does (not the columns that were read, not the address that a name stood for), so in doubt it is a use.
fn serves(free: &Capability, counted: &Capability, effect: &Effect) -> bool {
    let private = |capability: &Capability| match capability {
        Capability::Http(grant) => grant.private,
        Capability::Net(grant) => grant.private,
        _ => false,
    };
    match effect.resource {
        // The path tells all.
        Resource::File { .. } => free.allows(effect.access, &effect.resource),
        _ => {
            let needed = effect.resource.needed(effect.access);
            (private(free) || !private(counted)) && needed.is_some_and(|needed| free.covers(&needed))
        }
    }
}

impl Registry {
    /// The grants that hold for a call. Of those that are counted it takes one use each, for good before the call begins: two
    /// calls at once, here or in another process, never share the last one. What a grant without a count gives anyway is not
    /// taken from one that has one.
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
            return Ok(Allowance {
                grants: Arc::clone(plugin.all_grants()),
                free: Vec::new(),
                taken: Vec::new(),
                over: Vec::new(),
            });
        }
        let now = Timestamp::now();
        let (mut free, mut counted, mut over) = (Vec::new(), Vec::new(), Vec::new());
        for (at, grant) in plugin.grants.iter().enumerate() {
            // How often a grant was used is asked of the store below; what was read with the plugin may be old.
            match (grant.holds(tool, principal, now), grant.terms.calls) {
                (Ok(()), None) => free.push(at),
                (Ok(()) | Err(Lapse::UsedUp(_)), Some(_)) => counted.push(at),
                (Err(Lapse::Expired(_)), _) => over.push(grant.clone()),
                _ => {}
            }
        }
        let given = |wanted: &Capability| {
            free.iter()
                .filter_map(|at| plugin.grants.get(*at))
                .any(|grant| grant.capability.covers(wanted))
        };
        over.retain(|grant| !given(&grant.capability));
        counted.retain(|at| {
            plugin
                .grants
                .get(*at)
                .is_some_and(|grant| !given(&grant.capability))
        });
        let mut taken = Vec::new();
        if !counted.is_empty() {
            // One use, however many of its grants a rule has.
            let uses: BTreeMap<String, u32> = counted
                .iter()
                .filter_map(|at| plugin.grants.get(*at))
                .filter_map(|grant| Some((grant.counted_under(), grant.terms.calls?)))
                .collect();
            let (registry, name) = (Arc::clone(self), plugin.row.name.clone());
            let had: BTreeSet<String> = blocking(move || {
                let wanted: Vec<(&str, u32)> =
                    uses.iter().map(|(key, calls)| (key.as_str(), *calls)).collect();
                let had = registry.store.take_uses(&name, &wanted).map_err(store_failed)?;
                Ok(had.into_iter().map(str::to_owned).collect())
            })
            .await?;
            for at in counted {
                match plugin.grants.get(at) {
                    Some(grant) if had.contains(&grant.counted_under()) => taken.push(at),
                    Some(grant) => over.push(Grant {
                        used: grant.terms.calls.unwrap_or_default(),
                        ..grant.clone()
                    }),
                    None => {}
                }
            }
        }
        over.truncate(OVER_MAX);
        let grants = free
            .iter()
            .chain(&taken)
            .filter_map(|at| plugin.grants.get(*at))
            .map(|grant| &grant.capability);
        Ok(Allowance {
            grants: Arc::new(Grants::new(grants)),
            free,
            taken,
            over,
        })
    }

    /// The grants that a call would have now, without taking a use of any. None: that depends on grants that are counted, and
    /// what is left of those only a call can tell.
    pub fn standing(&self, plugin: &Plugin, tool: &ToolName, principal: &Principal) -> Option<Arc<Grants>> {
        if !plugin.has_terms {
            return Some(Arc::clone(plugin.all_grants()));
        }
        let now = Timestamp::now();
        let mut held = Vec::new();
        for grant in &plugin.grants {
            match grant.holds(tool, principal, now) {
                Ok(()) if grant.terms.calls.is_some() => return None,
                Err(Lapse::UsedUp(_)) => return None,
                Ok(()) => held.push(&grant.capability),
                Err(_) => {}
            }
        }
        Some(Arc::new(Grants::new(held)))
    }

    /// Gives back the uses of grants that a call did not make use of, and notes which it did. Not called for a call that was
    /// dropped: that has used them.
    pub async fn settle(self: &Arc<Self>, plugin: &Arc<Plugin>, allowance: Allowance, effects: &Effects) {
        let at = |place: &usize| plugin.grants.get(*place);
        let free: Vec<&Capability> = allowance
            .free
            .iter()
            .filter_map(at)
            .map(|grant| &grant.capability)
            .collect();
        let used = |grant: &Grant| {
            let own = &grant.capability;
            !effects.is_complete()
                || effects.iter().any(|effect| {
                    effect.access != Access::Denied
                        && own.allows(effect.access, &effect.resource)
                        && (grant.terms.calls.is_none() || !free.iter().any(|free| serves(free, own, effect)))
                })
        };
        let mut unused: BTreeSet<String> = allowance
            .taken
            .iter()
            .filter_map(at)
            .map(Grant::counted_under)
            .collect();
        for grant in allowance.taken.iter().filter_map(at).filter(|grant| used(grant)) {
            unused.remove(&grant.counted_under());
        }
        let unused: Vec<String> = unused.into_iter().collect();
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
