//! The cache's stage of a call: an answer that is still true, or the right to run.
//!
//! An entry is found by everything that its result depends on besides what it read; whether what it read is still so is asked
//! of the world, each time. So nothing here knows of lifetimes but of those that a tool declares for what can't be proven.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fact_cache::{About, Cache, Cost, Flight, Found, Key, Kind, Lead, Level, Lookup, Payload, Why};
use fact_registry::{Plugin, Tool};
use fact_runtime::{Fleeting, Grants, Proof, Scope, Trace};
use fact_types::{CacheNote, CacheState, Effects, Freshness, Limits, Outcome, ToolCall, ToolOutput};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Host;
use crate::call::Track;
use crate::proof::{PROOF_MAX, Standing};

/// Keys of calls that turned out not to be kept, so that equal ones don't wait for one another. Forgetting all of them costs
/// no more than a wait.
const UNKEPT_MAX: usize = 10_000;

/// A result that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// What was answered.
    pub output: ToolOutput,
    /// What the host saw of the call.
    pub effects: Effects,
    /// What the result rests on, as far as that can be proven.
    pub trace: Trace,
    /// What can't be proven of it, where a lifetime was declared instead.
    pub fleeting: Option<Fleeting>,
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
        self.output.weight() + self.effects.weight() + self.trace.weight()
    }
}

/// The cache of a host, and which calls are not for it.
pub(crate) struct Memory {
    pub(crate) cache: Cache<Kept>,
    unkept: Mutex<HashSet<Key>>,
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
        unkept.contains(key)
    }

    fn note_unkept(&self, key: Key, unkept: bool) {
        let mut keys = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        if !unkept {
            keys.remove(&key);
            return;
        }
        if keys.len() >= UNKEPT_MAX {
            keys.clear();
        }
        keys.insert(key);
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
        let size = u64::try_from(hit.found.payload.output.weight()).unwrap_or(u64::MAX);
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
    pub(crate) fn use_kept(&self, hit: Hit, call: &ToolCall, track: &mut Track<'_>) -> Outcome {
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
        Outcome::Complete(found.payload.output.clone())
    }

    /// Keeps what a call that ran came to, if it may be kept, and says what became of it.
    pub(crate) fn retain(
        &self,
        seat: Seat,
        (plugin, tool): (&Plugin, &Tool),
        call: &ToolCall,
        outcome: Option<&Outcome>,
        track: &mut Track<'_>,
    ) {
        let Some(key) = seat.key else { return };
        let (memory, trace, receipt) = (self.memory(), &track.trace, &mut track.receipt);
        receipt.cache = CacheNote {
            state: match seat.stale {
                Some(_) => CacheState::Stale,
                None => CacheState::Miss,
            },
            why: seat.stale.or_else(|| trace.fleeting().map(ToString::to_string)),
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
        let declared = tool.spec.cache.and_then(|cache| cache.ttl);
        let kept = outcome.and_then(|outcome| keepable(outcome, trace, declared.is_some()));
        memory.note_unkept(key, kept.is_none());
        let Some((output, proven)) = kept else { return };
        let fleeting = trace.fleeting().cloned();
        let about = About {
            kind: Kind::Tool,
            label: tool.id.to_string(),
            principal: call.principal.clone(),
            component: Some(plugin.row.digest),
            cost: receipt.run,
            tokens: 0,
            lifetime: fleeting.as_ref().and(declared).map(|ttl| ttl.0),
        };
        let kept = Kept {
            output: output.clone(),
            effects: receipt.effects.clone(),
            trace: proven,
            fleeting,
        };
        memory.cache.store(&key, kept, about);
    }
}

impl Wanted<'_> {
    /// The key: everything that the result depends on besides what it reads. The arguments are in order, and reach the tool as
    /// they are here: so calls of the same key are the same call.
    fn key(&self) -> Key {
        Key::of(
            "call/2",
            &[
                self.plugin.row.digest.to_string().as_bytes(),
                self.tool.id.to_string().as_bytes(),
                self.tool.spec.export.as_deref().unwrap_or_default().as_bytes(),
                self.arguments.as_bytes(),
                self.grants.fingerprint().to_string().as_bytes(),
                self.call.principal.as_str().as_bytes(),
            ],
        )
    }
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
            document: found.payload.output.structured.clone()?,
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
            output,
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

/// What of an outcome may be kept, with the part of its trace that can be proven.
fn keepable<'a>(outcome: &'a Outcome, trace: &Trace, declared: bool) -> Option<(&'a ToolOutput, Trace)> {
    let Outcome::Complete(output) = outcome else {
        return None;
    };
    if output.is_error {
        return None;
    }
    match trace.fleeting() {
        None => Some((output, trace.clone())),
        Some(Fleeting::Read { .. }) if declared => Some((output, trace.provable())),
        Some(_) => None,
    }
}
