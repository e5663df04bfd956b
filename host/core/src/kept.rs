//! What is kept, for people: why a result would be used again or not, and whether the cache is as it should be.
//!
//! Nothing here makes a call, takes a use of a grant, or counts as traffic.

use std::collections::BTreeSet;

use fact_cache::{Depth, DiskProblem, Found, Key, Kind, Level, Listed, Select, Truth, Validation, Why};
use fact_runtime::{Proof, Scope};
use fact_types::{Code, Error, ToolCall, ToolId};
use jiff::Timestamp;
use serde::Serialize;

use crate::Host;
use crate::call::validate;
use crate::recall::{Kept, Keyed, key};

/// More calls than are ever counted.
const COUNTED_MAX: usize = 10_000;

/// Why a call would be answered from the cache, or would run.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The tool, or the question that was answered.
    pub label: String,
    /// The entry's key. None: whether a call would have it depends on grants that are counted, which only a call can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// What is kept under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryState>,
    /// Whether it would be used.
    pub holds: bool,
    /// Why it would not, or why there is none; each a sentence's part.
    pub why: Vec<String>,
}

/// An entry, and each thing that it rests on.
#[derive(Debug, Clone, Serialize)]
pub struct EntryState {
    /// Where it is.
    pub levels: BTreeSet<Level>,
    /// When its tool ran.
    pub created: Timestamp,
    /// When its time is over, where a lifetime was declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What the declared lifetime stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unproven: Option<String>,
    /// It was a failure that the tool reported.
    pub failure: bool,
    /// Nothing was read: it follows from the component and its arguments alone.
    pub pure: bool,
    /// What was read.
    pub rests_on: Vec<RestsOn>,
}

/// A thing that a result rests on.
#[derive(Debug, Clone, Serialize)]
pub struct RestsOn {
    /// What.
    pub what: String,
    /// Why it is not as it was; none: it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
}

fn unreadable(problem: DiskProblem) -> Error {
    Error::new(
        Code::Unavailable,
        format!("What is kept can't be looked at: {problem}."),
    )
}

impl Host {
    /// The key of a call as it would be made now. None: that depends on grants that are counted.
    pub(crate) fn key_of(&self, call: &ToolCall) -> Result<Option<Key>, Error> {
        let (plugin, tool) = self.registry().tool(&call.tool)?;
        let arguments = validate(&tool, call)?;
        let grants = self
            .registry()
            .standing(&plugin, &tool.spec.name, &call.principal);
        Ok(grants.map(|grants| key(&Keyed::now(&plugin, &call.principal, &grants), &tool, &arguments)))
    }

    /// Why a call would be answered from the cache, or would run. It is not made.
    ///
    /// # Errors
    /// What the call itself would be refused for before it runs: `not-found`, `invalid-input`; `unavailable` when the disk
    /// can't be read.
    pub async fn explain_call(&self, call: &ToolCall) -> Result<Explained, Error> {
        let mut told = Explained {
            label: call.tool.to_string(),
            key: self.key_of(call)?,
            entry: None,
            holds: false,
            why: Vec::new(),
        };
        if !self.config().cache.enabled {
            told.why
                .push("the cache is switched off: `cache.enabled` is false".to_owned());
            return Ok(told);
        }
        let (plugin, tool) = self.registry().tool(&call.tool)?;
        if !plugin.row.enabled || !tool.enabled {
            told.why
                .push("it is disabled, so that no call of it is let through".to_owned());
        }
        let Some(own) = told.key else {
            told.why.push(
                "its plugin has grants that are counted, and which of them it has only a call can tell"
                    .to_owned(),
            );
            return Ok(told);
        };
        match self.cache().show(&own).await.map_err(unreadable)? {
            Some((listed, found)) => self.judge(&mut told, &listed, &found).await,
            None => {
                if call.resume.is_some() {
                    told.why
                        .push("a call that goes on with answers is never kept".to_owned());
                }
                told.why.extend(self.absent(call, &own).await?);
            }
        }
        Ok(told)
    }

    /// Why what is kept under a key would be used again or not. None: nothing is.
    ///
    /// # Errors
    /// `unavailable` when the disk can't be read.
    pub async fn explain_entry(&self, key: &Key) -> Result<Option<Explained>, Error> {
        let Some((listed, found)) = self.cache().show(key).await.map_err(unreadable)? else {
            return Ok(None);
        };
        let mut told = Explained {
            label: listed.label.clone(),
            key: Some(*key),
            entry: None,
            holds: false,
            why: Vec::new(),
        };
        self.judge(&mut told, &listed, &found).await;
        Ok(Some(told))
    }

    /// Tells of each thing that an entry rests on.
    async fn judge(&self, told: &mut Explained, listed: &Listed, found: &Found<Kept>) {
        let trace = &found.payload.trace;
        let rests_on: Vec<RestsOn> = self
            .explain_result(trace)
            .await
            .into_iter()
            .map(|(what, changed)| RestsOn {
                what,
                changed: changed.err(),
            })
            .collect();
        // A pure result has no reads, and still has a component and grants that must be the same.
        match self.still_true(trace).await {
            Proof::Holds | Proof::Renewed(_) => told.holds = told.why.is_empty(),
            Proof::Stale(why) => told.why.push(why),
        }
        told.entry = Some(EntryState {
            levels: listed.levels.clone(),
            created: listed.created,
            expires: listed.expires,
            unproven: found.payload.fleeting.as_ref().map(ToString::to_string),
            failure: found.payload.is_failure(),
            pure: trace.is_pure() && found.payload.fleeting.is_none(),
            rests_on,
        });
    }

    /// Why there is no entry for a call.
    async fn absent(&self, call: &ToolCall, own: &Key) -> Result<Vec<String>, Error> {
        let mut why = Vec::new();
        if let Some(reason) = self.memory().unkept(own) {
            why.push(format!("it was not kept when it was last made: {reason}"));
        }
        why.extend(self.twins(call, own).await?);
        if why.is_empty() {
            why.push(match self.times_asked(call).await? {
                0 => "it was never asked, as far as is counted".to_owned(),
                times => format!(
                    "it was asked ({times} times, as far as is counted), and its result was not kept or has gone since: the \
                     receipt of a call says why it is not kept"
                ),
            });
        }
        let (_, tool) = self.registry().tool(&call.tool)?;
        if !tool.spec.annotations.read_only {
            why.push(
                "it does not say that it only reads, and results of calls that change something are never kept".to_owned(),
            );
        }
        Ok(why)
    }

    /// What is kept of the same call by another version, under other grants, or for someone else.
    async fn twins(&self, call: &ToolCall, own: &Key) -> Result<Vec<String>, Error> {
        let (plugin, tool) = self.registry().tool(&call.tool)?;
        let arguments = validate(&tool, call)?;
        let grants = self
            .registry()
            .standing(&plugin, &tool.spec.name, &call.principal);
        let fingerprint = grants.map(|grants| grants.fingerprint());
        let select = Select {
            label: Some(call.tool.to_string()),
            ..Select::default()
        };
        let mut why = BTreeSet::new();
        self.cache()
            .export(&select, |listed, kept| {
                let Some(scope) = kept.trace.scopes().first() else {
                    return;
                };
                let keyed = Keyed {
                    component: scope.component,
                    grants: scope.grants,
                    principal: &scope.principal,
                };
                if listed.key == *own || key(&keyed, &tool, &arguments) != listed.key {
                    return;
                }
                let Scope {
                    principal,
                    component,
                    grants,
                    ..
                } = scope;
                let mut other = Vec::new();
                if *component != plugin.row.digest {
                    other.push("of another version of the plugin".to_owned());
                }
                if Some(*grants) != fingerprint {
                    other.push("under other grants".to_owned());
                }
                if *principal != call.principal {
                    other.push(format!("for {principal}"));
                }
                why.insert(format!("a result of the same call is kept, {}", other.join(", ")));
            })
            .await
            .map_err(unreadable)?;
        Ok(why.into_iter().collect())
    }

    /// How often a call was asked, as far as that is counted.
    async fn times_asked(&self, call: &ToolCall) -> Result<u64, Error> {
        let (_, tool) = self.registry().tool(&call.tool)?;
        let arguments = validate(&tool, call)?;
        let counted = self.cache().popular(1, COUNTED_MAX).await.map_err(unreadable)?;
        let same = |asked: &fact_cache::Asked| {
            asked.tool.parse::<ToolId>().is_ok_and(|id| id == call.tool)
                && asked.arguments == arguments
                && asked.principal == call.principal
        };
        Ok(counted
            .iter()
            .filter(|popular| same(&popular.call))
            .map(|popular| popular.count)
            .sum())
    }

    /// Removes the results of a tool, and says how many they were.
    ///
    /// # Errors
    /// `unavailable` when the disk can't be read or written.
    pub async fn forget_results(&self, tool: &ToolId) -> Result<u64, Error> {
        let cache = self.cache();
        let select = Select {
            kind: Some(Kind::Tool),
            label: Some(tool.to_string()),
            ..Select::default()
        };
        let (name, mut removed) = (tool.to_string(), 0);
        for listed in cache.list(&select, usize::MAX).await.map_err(unreadable)?.entries {
            if listed.label.split(' ').next() == Some(name.as_str()) {
                cache.forget(&listed.key, Why::Asked);
                removed += 1;
            }
        }
        cache.flush().await.map_err(unreadable)?;
        Ok(removed)
    }

    /// Looks at every entry of the cache, as closely as is asked for; with `repair`, what is of no use is removed. With the
    /// closest look, each thing that an entry rests on is asked again.
    ///
    /// # Errors
    /// `unavailable` when the disk can't be read or written.
    pub async fn check_cache(&self, depth: Depth, repair: bool) -> Result<Validation, Error> {
        let still_true = |_: Key, found: Found<Kept>| async move {
            match self.still_true(&found.payload.trace).await {
                Proof::Holds | Proof::Renewed(_) => Truth::Holds,
                Proof::Stale(_) => Truth::Stale,
            }
        };
        let checked = match repair {
            true => self.cache().repair(depth, still_true).await,
            false => self.cache().validate(depth, still_true).await,
        };
        checked.map_err(unreadable)
    }
}
