//! The cache's stage of a call: an answer that is still true, or the right to run.
//!
//! An entry is found by everything that its result depends on besides what it read; whether what it read is still so is asked
//! of the world, each time. So nothing here knows of lifetimes but of those that a tool declares for what can't be proven.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fact_cache::{About, Cache, Cost, Flight, Found, Key, Kind, Lead, Level, Lookup, Payload, Why};
use fact_registry::{Plugin, Tool};
use fact_runtime::{Fleeting, Grants, Proof, Scope, Trace};
use fact_types::{
    CacheClaim, CacheNote, CacheState, Code, Digest, Effects, Error, Freshness, Limits, Outcome, Principal,
    ToolCall, ToolOutput,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Host;
use crate::call::Track;
use crate::proof::{PROOF_MAX, Standing};

/// Keys of calls that turned out not to be kept, so that equal ones don't wait for one another. Forgetting all of them costs
/// no more than a wait.
const UNKEPT_MAX: usize = 10_000;

/// Longest reason that is remembered of each, in characters: a line for a reader.
const WHY_MAX: usize = 200;

/// A result that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// What was answered, or how the tool said that it failed.
    pub result: Result<ToolOutput, Error>,
    /// What the host saw of the call.
    pub effects: Effects,
    /// What the result rests on, as far as that can be proven.
    pub trace: Trace,
    /// What can't be proven of it, where a lifetime was declared instead.
    pub fleeting: Option<Fleeting>,
}

impl Kept {
    /// Whether it is a failure that the tool reported.
    pub fn is_failure(&self) -> bool {
        self.result.as_ref().map_or(true, |output| output.is_error)
    }
}

impl Payload for Kept {
    fn encode(&self) -> Vec<u8> {
        // What can't be written is not kept: an empty text is no entry.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn weight(&self) -> usize {
        self.answer_weight() + self.effects.weight() + self.trace.weight()
    }
}

impl Kept {
    /// Bytes of what was answered.
    fn answer_weight(&self) -> usize {
        match &self.result {
            Ok(output) => output.weight(),
            Err(error) => {
                let details = error
                    .details
                    .as_ref()
                    .map_or(0, |details| details.to_string().len());
                size_of::<Error>() + error.message.len() + details
            }
        }
    }
}

/// The cache of a host, and which calls are not for it.
pub(crate) struct Memory {
    pub(crate) cache: Cache<Kept>,
    /// With why they are not.
    unkept: Mutex<HashMap<Key, String>>,
}

/// What the cache says to a call.
pub(crate) enum Recalled {
    /// This is the answer.
    Hit(Box<Hit>),
    /// Run.
    Run(Seat),
}

/// An answer that was kept and is still true.
pub(crate) struct Hit {
    pub(crate) found: Found<Kept>,
    pub(crate) trace: Arc<Trace>,
    /// The world was asked whether it is: what the answer read was read again, under the same grants.
    asked: bool,
}

impl Hit {
    /// What was read just now to prove the answer.
    pub(crate) fn effects(&self) -> Effects {
        match self.asked {
            true => self.found.payload.effects.clone(),
            false => Effects::default(),
        }
    }
}

/// A call whose answer may have been kept.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) plugin: &'a Plugin,
    pub(crate) tool: &'a Tool,
    pub(crate) call: &'a ToolCall,
    /// As they reach the tool.
    pub(crate) arguments: &'a str,
    pub(crate) grants: &'a Arc<Grants>,
    /// What the answer must keep to.
    pub(crate) limits: &'a Limits,
    /// When the call must be over.
    pub(crate) by: Instant,
    /// A plugin makes it.
    pub(crate) nested: bool,
}

/// A call that runs, as the cache sees it.
#[derive(Default)]
pub(crate) struct Seat {
    key: Option<Key>,
    /// Equal calls wait while this is there.
    lead: Option<Lead>,
    /// Why an entry that was there was of no use.
    stale: Option<String>,
}

impl Memory {
    pub(crate) fn new(cache: Cache<Kept>) -> Self {
        Memory {
            cache,
            unkept: Mutex::default(),
        }
    }

    fn is_unkept(&self, key: &Key) -> bool {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.contains_key(key)
    }

    /// Why this process did not keep the result of a call when it was last made.
    pub(crate) fn unkept(&self, key: &Key) -> Option<String> {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.get(key).cloned()
    }

    fn note_unkept(&self, key: Key, unkept: Option<String>) {
        let mut keys = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(why) = unkept else {
            keys.remove(&key);
            return;
        };
        if keys.len() >= UNKEPT_MAX {
            keys.clear();
        }
        keys.insert(key, why.chars().take(WHY_MAX).collect());
    }
}

impl Host {
    /// Stage: an answer that is still true, or the right to run. A nested call never waits for others: one that it waits for
    /// may wait for it.
    pub(crate) async fn recall(&self, wanted: Wanted<'_>) -> Recalled {
        let memory = self.memory();
        let mut seat = Seat::default();
        let call = wanted.call;
        if !self.config().cache.enabled || call.resume.is_some() {
            return Recalled::Run(seat);
        }
        let key = wanted.key();
        seat.key = Some(key);
        if call.freshness != Freshness::Warm && !wanted.nested {
            memory
                .cache
                .asked(&call.principal, &wanted.tool.id, wanted.arguments.to_owned());
        }
        if call.freshness == Freshness::Run {
            return Recalled::Run(seat);
        }
        if let Some(hit) = self.look_for(&key, wanted, &mut seat).await {
            return Recalled::Hit(hit);
        }
        if wanted.nested || memory.is_unkept(&key) {
            return Recalled::Run(seat);
        }
        match memory.cache.flight(&key) {
            // Another may have landed a moment ago.
            Flight::Lead(lead) => {
                if let Some(hit) = self.look_for(&key, wanted, &mut seat).await {
                    return Recalled::Hit(hit);
                }
                seat.lead = Some(lead);
            }
            Flight::Follow(follow) => {
                let landed = tokio::time::timeout_at(wanted.by.into(), follow.landed()).await;
                if landed.is_ok()
                    && let Some(hit) = self.look_for(&key, wanted, &mut seat).await
                {
                    return Recalled::Hit(hit);
                }
                // It was not kept, or is stale again: everyone runs for themselves.
            }
        }
        Recalled::Run(seat)
    }

    /// An entry that is still true, and within the call's limits.
    async fn look_for(&self, key: &Key, wanted: Wanted<'_>, seat: &mut Seat) -> Option<Box<Hit>> {
        let scope = Scope {
            tool: wanted.tool.id.clone(),
            principal: wanted.call.principal.clone(),
            component: wanted.plugin.row.digest,
            grants: wanted.grants.fingerprint(),
        };
        let own = Standing {
            host: self,
            own: Some((scope, wanted.grants)),
        };
        // Half of the time that is left: where the proof takes longer, the tool still has the other half.
        let now = Instant::now();
        let half = wanted.by.saturating_duration_since(now) / 2;
        let hit = self.look(key, &own, now + half.min(PROOF_MAX), seat).await?;
        // Larger than its bound by now: the tool is stopped for that when it runs.
        let size = u64::try_from(hit.found.payload.answer_weight()).unwrap_or(u64::MAX);
        (size <= wanted.limits.output.0).then_some(hit)
    }

    /// An entry that is still true.
    async fn look(&self, key: &Key, own: &Standing<'_>, by: Instant, seat: &mut Seat) -> Option<Box<Hit>> {
        let cache = &self.memory().cache;
        let found = cache.find(key).await?;
        let proof = self.runtime().recheck(&found.payload.trace, own, by).await;
        let proven = match proof {
            Proof::Holds => None,
            Proof::Renewed(trace) => {
                let renewed = Kept {
                    trace: trace.clone(),
                    ..Kept::clone(&found.payload)
                };
                cache.refresh(key, &found, renewed);
                Some(trace)
            }
            Proof::Stale(why) => {
                cache.forget_found(key, &found, Why::Stale);
                seat.stale = Some(why);
                return None;
            }
        };
        let asked = proven.is_some();
        let mut trace = proven.unwrap_or_else(|| found.payload.trace.clone());
        if let Some(fleeting) = &found.payload.fleeting {
            trace.spoil(fleeting.clone());
        }
        Some(Box::new(Hit {
            trace: Arc::new(trace),
            found,
            asked,
        }))
    }

    /// Answers with what was kept, and says so.
    pub(crate) fn use_kept(
        &self,
        hit: Hit,
        call: &ToolCall,
        track: &mut Track<'_>,
    ) -> Result<Outcome, Error> {
        let Hit { found, trace, .. } = hit;
        let cache = &self.memory().cache;
        track.trace = trace;
        track.receipt.effects = found.payload.effects.clone();
        track.receipt.cache = note(&found);
        if call.freshness != Freshness::Warm {
            cache.record(Lookup::Hit {
                level: found.level,
                latency: track.started.elapsed(),
                saved: Cost {
                    time: found.about.cost,
                    tokens: found.about.tokens,
                },
            });
        }
        found.payload.result.clone().map(Outcome::Complete)
    }

    /// Keeps what a call that ran came to, if it may be kept, and says what became of it.
    pub(crate) fn retain(
        &self,
        seat: Seat,
        (plugin, tool): (&Plugin, &Tool),
        call: &ToolCall,
        (result, arguments): (&Result<Outcome, Error>, &str),
        track: &mut Track<'_>,
    ) {
        let Some(key) = seat.key else { return };
        let (memory, trace, receipt) = (self.memory(), &track.trace, &mut track.receipt);
        let claim = tool.spec.cache.unwrap_or_default();
        let kept = keepable(result, trace, claim, memory.cache.max_negative_lifetime());
        receipt.cache = CacheNote {
            state: match seat.stale {
                Some(_) => CacheState::Stale,
                None => CacheState::Miss,
            },
            why: seat.stale.or_else(|| match &kept {
                Ok(_) => trace.fleeting().map(ToString::to_string),
                Err(why) => Some(why.clone()),
            }),
            ..CacheNote::default()
        };
        let latency = track.started.elapsed();
        let spent = Cost {
            time: receipt.run,
            tokens: 0,
        };
        memory.cache.record(match (call.freshness, receipt.cache.state) {
            (Freshness::Warm, _) => Lookup::Warmed,
            (_, CacheState::Stale) => Lookup::Stale { latency, spent },
            _ => Lookup::Miss { latency, spent },
        });
        memory.note_unkept(key, kept.as_ref().err().cloned());
        let Ok(Keep {
            result,
            trace: proven,
            lifetime,
        }) = kept
        else {
            return;
        };
        let about = About {
            kind: Kind::Tool,
            label: format!("{} {arguments}", tool.id),
            principal: call.principal.clone(),
            component: Some(plugin.row.digest),
            cost: receipt.run,
            tokens: 0,
            lifetime,
        };
        let kept = Kept {
            result,
            effects: receipt.effects.clone(),
            trace: proven,
            fleeting: trace.fleeting().cloned(),
        };
        memory.cache.store(&key, kept, about);
    }
}

impl Wanted<'_> {
    fn key(&self) -> Key {
        let keyed = Keyed::now(self.plugin, &self.call.principal, self.grants);
        key(&keyed, self.tool, self.arguments)
    }
}

/// Under what a call is made, of all that its result depends on besides what it reads.
pub(crate) struct Keyed<'a> {
    pub(crate) component: Digest,
    pub(crate) grants: Digest,
    pub(crate) principal: &'a Principal,
}

impl<'a> Keyed<'a> {
    /// What holds for a call of this principal now, with these grants.
    pub(crate) fn now(plugin: &Plugin, principal: &'a Principal, grants: &Grants) -> Self {
        Keyed {
            component: plugin.row.digest,
            grants: grants.fingerprint(),
            principal,
        }
    }
}

/// The key of a call: everything that its result depends on besides what it reads. Its arguments are in order, and reach the
/// tool as they are here: so calls of the same key are the same call.
pub(crate) fn key(keyed: &Keyed<'_>, tool: &Tool, arguments: &str) -> Key {
    Key::of(
        "call/2",
        &[
            keyed.component.to_string().as_bytes(),
            tool.id.to_string().as_bytes(),
            tool.spec.export.as_deref().unwrap_or_default().as_bytes(),
            arguments.as_bytes(),
            keyed.grants.to_string().as_bytes(),
            keyed.principal.as_str().as_bytes(),
        ],
    )
}

/// An answer that was kept, and is still true.
#[derive(Debug)]
pub struct KeptAnswer {
    /// The answer, as it was given to be kept.
    pub document: Value,
    /// Where it was found, and since when it is there.
    pub note: CacheNote,
    /// What the host saw of the calls behind it.
    pub effects: Effects,
    /// What it rests on.
    pub trace: Arc<Trace>,
}

impl Host {
    /// An answer of which [`Host::keep_answer`] took care, while everything that it rests on is still so.
    pub async fn recall_answer(&self, key: &Key) -> Option<KeptAnswer> {
        let started = Instant::now();
        if !self.config().cache.enabled {
            return None;
        }
        let standing = Standing {
            host: self,
            own: None,
        };
        let by = started + PROOF_MAX;
        let Hit { found, trace, .. } = *self.look(key, &standing, by, &mut Seat::default()).await?;
        self.memory().cache.record(Lookup::Hit {
            level: found.level,
            latency: started.elapsed(),
            saved: Cost {
                time: found.about.cost,
                tokens: found.about.tokens,
            },
        });
        Some(KeptAnswer {
            document: found.payload.result.as_ref().ok()?.structured.clone()?,
            note: note(&found),
            effects: found.payload.effects.clone(),
            trace,
        })
    }

    /// Keeps an answer that was made of calls of tools, for as long as what all of them read is so. What can't be proven is not
    /// kept.
    pub fn keep_answer(&self, key: &Key, document: Value, effects: Effects, trace: Trace, about: About) {
        if trace.fleeting().is_some() || !self.config().cache.enabled {
            return;
        }
        let output = ToolOutput {
            structured: Some(document),
            ..ToolOutput::default()
        };
        let kept = Kept {
            result: Ok(output),
            effects,
            trace,
            fleeting: None,
        };
        self.memory().cache.store(key, kept, about);
    }
}

/// Where an answer came from that was kept.
fn note(found: &Found<Kept>) -> CacheNote {
    CacheNote {
        state: match found.level {
            Level::Memory => CacheState::Memory,
            Level::Disk => CacheState::Disk,
        },
        created: Some(found.created),
        expires: found.expires,
        why: found.payload.fleeting.as_ref().map(ToString::to_string),
    }
}

/// What of a result may be kept.
struct Keep {
    result: Result<ToolOutput, Error>,
    /// The part of its trace that can be proven.
    trace: Trace,
    /// None: for as long as it is true.
    lifetime: Option<Duration>,
}

/// What of a result may be kept, or why nothing of it may. Failures are kept only where the tool itself reported them, and says
/// for how long that is good; a refusal never is, so that whoever asks again is refused again, and on record.
fn keepable(
    result: &Result<Outcome, Error>,
    trace: &Trace,
    claim: CacheClaim,
    negative_max: Duration,
) -> Result<Keep, String> {
    let (result, declared, failed) = match result {
        Ok(Outcome::Complete(output)) if output.is_error => (Ok(output.clone()), claim.negative_ttl, true),
        Ok(Outcome::Complete(output)) => (Ok(output.clone()), claim.ttl, false),
        Ok(Outcome::InputRequired(_)) => return Err("it asks for more before it answers".to_owned()),
        Err(error) => {
            let own = matches!(error.code, Code::InvalidInput | Code::NotFound | Code::ToolFailed);
            // When it is to be tried again, the tool has said better than its declaration.
            if !own || error.retry_after_ms.is_some() {
                return Err(format!("it failed with {}, which is never kept", error.code));
            }
            (Err(error.clone()), claim.negative_ttl, true)
        }
    };
    let declared = declared.map(|ttl| if failed { ttl.0.min(negative_max) } else { ttl.0 });
    if failed && declared.is_none_or(|ttl| ttl.is_zero()) {
        return Err("it failed, and declares no lifetime for failures".to_owned());
    }
    match trace.fleeting() {
        None => Ok(Keep {
            result,
            trace: trace.clone(),
            lifetime: declared.filter(|_| failed),
        }),
        Some(Fleeting::Read { .. }) if declared.is_some() => Ok(Keep {
            result,
            trace: trace.provable(),
            lifetime: declared,
        }),
        Some(why) => Err(why.to_string()),
    }
}
