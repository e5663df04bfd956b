//! `kill -9` while plugins come, change and go: the registry is what was last acknowledged, or that and the one change that
//! was under way, wholly.
//!
//! Victims announce each change and acknowledge it, as in [`crate::crash`]. The test knows what each change comes to, so it
//! can say what must be on disk: the version that answers, the one that waits, those before, grants with their terms, and
//! what is disabled.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use fact_core::types::{Capability, Digest, Terms};
use fact_core::{Fate, InstallOptions, Source};
use fact_store::{Store, VersionState};
use serde_json::json;

use crate::crash::{kill_victim, with_section};
use crate::forge::{Version, name, tool};
use crate::rig::{Rig, dice, folder, run};

const TEST: &str = "crash_versions::what_was_acknowledged_is_what_is_there";
const FOLDER: &str = "FACT_TEST_VERSIONS_FOLDER";
const ROUND: &str = "FACT_TEST_VERSIONS_ROUND";

/// How often, in all.
const ROUNDS: u64 = 300;

/// Longest time from a victim's start to its end.
const LIFE: Duration = Duration::from_millis(500);

/// What happens to each plugin, in order, until it is removed.
const STORY: &[Act] = &[
    Act::Install,
    Act::Grant("clock:wall", 5),
    Act::Tool(false),
    Act::Update(2),
    Act::Update(1),
    Act::Reject,
    Act::Update(1),
    Act::Update(3),
    Act::Approve,
    Act::Grant("random:secure", 0),
    Act::Grant("clock:wall", 7),
    Act::Plugin(false),
    Act::Rollback,
    Act::Update(3),
    Act::Update(0),
    Act::Tool(true),
    Act::Plugin(true),
    Act::Revoke("random:secure"),
    Act::Update(1),
];

/// Something that is done to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Install,
    /// To one of the four versions: those with an odd number have a tool more.
    Update(usize),
    Approve,
    Reject,
    Rollback,
    /// A capability and for how many calls; 0: for all.
    Grant(&'static str, u32),
    Revoke(&'static str),
    Plugin(bool),
    Tool(bool),
    Remove,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Act::Install => "install",
            Act::Update(_) => "update",
            Act::Approve => "approve",
            Act::Reject => "reject",
            Act::Rollback => "rollback",
            Act::Grant(..) => "grant",
            Act::Revoke(_) => "revoke",
            Act::Plugin(_) => "enable or disable a plugin",
            Act::Tool(_) => "enable or disable a tool",
            Act::Remove => "remove",
        }
    }
}

/// A plugin as it must be on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    live: Digest,
    held: Option<Digest>,
    previous: Vec<Digest>,
    grants: BTreeMap<String, u32>,
    enabled: bool,
    disabled: BTreeSet<String>,
}

/// The components of a plugin's four versions: its own, so that the last one that uses them can be the one that dies.
struct Components([Vec<u8>; 4]);

impl Components {
    /// What all plugins' components are made of.
    fn base() -> Self {
        Components([0, 1, 2, 3].map(|n| {
            let version = Version::new("p", &format!("v{n}"));
            if n % 2 == 0 {
                version.bytes()
            } else {
                let more = tool("more", "Answers as well");
                version
                    .edit(|m| m["tools"].as_array_mut().unwrap().push(more))
                    .bytes()
            }
        }))
    }

    fn of(&self, plugin: &str) -> Self {
        Components([0, 1, 2, 3].map(|n| with_section(&self.0[n], plugin)))
    }

    fn digest(&self, n: usize) -> Digest {
        Digest::of(&self.0[n])
    }

    fn has_more(&self, digest: Digest) -> bool {
        [1, 3].iter().any(|n| self.digest(*n) == digest)
    }
}

/// All plugins as they must be on disk.
type States = BTreeMap<String, State>;

/// What an act comes to.
fn apply(states: &mut States, plugin: &str, act: Act, base: &Components) {
    let components = base.of(plugin);
    if act == Act::Install {
        let state = State {
            live: components.digest(0),
            held: None,
            previous: Vec::new(),
            grants: BTreeMap::new(),
            enabled: true,
            disabled: BTreeSet::new(),
        };
        assert_eq!(states.insert(plugin.to_owned(), state), None);
        return;
    }
    if act == Act::Remove {
        states.remove(plugin).unwrap();
        return;
    }
    let state = states.get_mut(plugin).unwrap();
    let swap = |state: &mut State, to: Digest| {
        state.previous.retain(|before| *before != to);
        state.previous.insert(0, state.live);
        state.live = to;
        state.held = None;
    };
    match act {
        Act::Update(n) => {
            let to = components.digest(n);
            if components.has_more(to) && !components.has_more(state.live) {
                state.held = Some(to);
            } else if to != state.live {
                swap(state, to);
            }
        }
        Act::Approve => {
            let held = state.held.unwrap();
            swap(state, held);
        }
        Act::Reject => state.held = None,
        Act::Rollback => {
            let before = state.previous[0];
            swap(state, before);
        }
        Act::Grant(capability, calls) => drop(state.grants.insert(capability.to_owned(), calls)),
        Act::Revoke(capability) => drop(state.grants.remove(capability)),
        Act::Plugin(enabled) => state.enabled = enabled,
        Act::Tool(true) => drop(state.disabled.remove("say")),
        Act::Tool(false) => drop(state.disabled.insert("say".to_owned())),
        Act::Install | Act::Remove => unreachable!("dealt with above"),
    }
}

#[test]
fn what_was_acknowledged_is_what_is_there() {
    if let (Ok(data), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) {
        return victim(Path::new(&data), &round);
    }
    // Two at a time, each in a folder of its own: most of a round is waiting.
    let halves: Vec<_> = (0..2)
        .map(|half| std::thread::spawn(move || rounds(half, ROUNDS / 2)))
        .collect();
    let mut hit = BTreeMap::new();
    for half in halves {
        for (what, times) in half.join().unwrap() {
            *hit.entry(what).or_insert(0) += times;
        }
    }
    // The test is worth something only when victims died in the midst of things.
    let total: u64 = hit.values().sum();
    assert!(total > ROUNDS / 10, "few victims died during a change: {hit:?}");
    for what in ["install", "update"] {
        assert!(hit.contains_key(what), "no victim died during {what}: {hit:?}");
    }
}

/// Kills so many victims, and tells during what they died.
fn rounds(half: u64, rounds: u64) -> BTreeMap<&'static str, u64> {
    let folder = folder();
    let base = Components::base();
    for (n, component) in base.0.iter().enumerate() {
        std::fs::write(folder.path().join(format!("v{n}.wasm")), component).unwrap();
    }
    drop(Rig::open(folder.path(), |_| {}));
    let mut known = States::new();
    let mut hit = BTreeMap::new();
    for round in 0..rounds {
        let life = LIFE.mul_f64(dice(half * rounds + round));
        let vars = [
            (FOLDER, folder.path().display().to_string()),
            (ROUND, round.to_string()),
        ];
        let said = kill_victim(TEST, &vars, life);
        let open = take(&said, &mut known, &base);
        if let Some((_, act)) = &open {
            *hit.entry(act.name()).or_insert(0) += 1;
        }
        check(folder.path(), &mut known, open, &base);
        if known.len() > 20 {
            let store = Store::open(folder.path()).unwrap();
            for name in std::mem::take(&mut known).into_keys() {
                assert!(store.remove_plugin(&name.parse().unwrap()).unwrap());
            }
        }
    }
    run(afterwards(folder.path(), &known, &base));
    hit
}

/// Takes a victim's words, and returns what it was about when it died.
fn take(said: &str, known: &mut States, base: &Components) -> Option<(String, Act)> {
    let mut open = None;
    // A last line without its end was cut off by the kill: it was never said.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    for line in whole.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (done, plugin, at) = match words.as_slice() {
            ["TRY", plugin, at] => (false, *plugin, *at),
            ["DONE", plugin, at] => (true, *plugin, *at),
            _ => continue,
        };
        let act = STORY
            .get(at.parse::<usize>().unwrap())
            .copied()
            .unwrap_or(Act::Remove);
        if done {
            apply(known, plugin, act, base);
        }
        open = (!done).then(|| (plugin.to_owned(), act));
    }
    open
}

/// Compares with the disk, and takes over what came of the open change.
fn check(data: &Path, known: &mut States, open: Option<(String, Act)>, base: &Components) {
    let store = Store::open(data).unwrap();
    assert_eq!(store.integrity_check().unwrap(), [""; 0]);
    assert!(store.unreadable().unwrap().is_empty());
    let there = on_disk(&store);
    // Whatever a row names has its bytes.
    for state in there.values() {
        for digest in state
            .previous
            .iter()
            .chain(&state.held)
            .chain(std::iter::once(&state.live))
        {
            let bytes = std::fs::read(data.join(format!("components/{digest}.wasm"))).unwrap();
            assert_eq!(Digest::of(&bytes), *digest);
        }
    }
    if *known == there {
        return;
    }
    let Some((plugin, act)) = open else {
        panic!("something is lost or came from nowhere: {known:?}, and on disk {there:?}")
    };
    // Half of a change is no change: with all of it, the two must be equal.
    apply(known, &plugin, act, base);
    assert_eq!(*known, there, "after {act:?} of {plugin}");
}

fn on_disk(store: &Store) -> States {
    let mut states: States = store
        .plugins()
        .unwrap()
        .into_iter()
        .map(|row| {
            let state = State {
                live: row.digest,
                held: None,
                previous: Vec::new(),
                grants: BTreeMap::new(),
                enabled: row.enabled,
                disabled: row.disabled_tools.iter().map(ToString::to_string).collect(),
            };
            (row.name.to_string(), state)
        })
        .collect();
    for version in store.versions().unwrap() {
        let state = states.get_mut(version.plugin.as_str()).unwrap();
        match version.state {
            VersionState::Held => assert_eq!(state.held.replace(version.digest), None),
            VersionState::Previous => state.previous.push(version.digest),
        }
    }
    for grant in store.all_grants().unwrap() {
        let state = states.get_mut(grant.plugin.as_str()).unwrap();
        let calls = grant.terms.calls.unwrap_or_default();
        state.grants.insert(grant.capability.to_string(), calls);
    }
    states
}

/// Not only the store: a host opens, calls what is there, and goes on.
async fn afterwards(data: &Path, known: &States, base: &Components) {
    let rig = Rig::open(data, |_| {});
    let registry = rig.host.registry();
    assert_eq!(registry.plugins().unwrap().len(), known.len());
    for (plugin, state) in known {
        registry.enable(&name(plugin), true).unwrap();
        registry
            .enable_tool(&format!("{plugin}_say").parse().unwrap(), true)
            .unwrap();
        let components = base.of(plugin);
        let says = (0..4).find(|n| components.digest(*n) == state.live).unwrap();
        let said = rig.answer(&format!("{plugin}_say"), json!({})).await;
        assert_eq!(said, json!(format!("v{says}")), "{plugin}");
    }
    // What a killed installation left behind is in nobody's way, not even of itself.
    let plugin = "victim-0-0";
    let components = base.of(plugin);
    if known.contains_key(plugin) {
        assert!(registry.remove(&name(plugin), Duration::ZERO).await.unwrap());
    }
    install(&rig, plugin, components.0[0].clone()).await;
    assert_eq!(rig.answer(&format!("{plugin}_say"), json!({})).await, "v0");
}

/// Changes what is there until it is killed.
fn victim(data: &Path, round: &str) {
    let base = Components([0, 1, 2, 3].map(|n| std::fs::read(data.join(format!("v{n}.wasm"))).unwrap()));
    run(async {
        let rig = Rig::open(data, |_| {});
        let mut before: Option<String> = None;
        for turn in 0.. {
            let plugin = format!("victim-{round}-{turn}");
            let components = base.of(&plugin);
            for (at, act) in STORY.iter().enumerate() {
                say("TRY", &plugin, at);
                perform(&rig, &plugin, *act, &components).await;
                say("DONE", &plugin, at);
            }
            if let Some(before) = before.replace(plugin) {
                say("TRY", &before, STORY.len());
                perform(&rig, &before, Act::Remove, &components).await;
                say("DONE", &before, STORY.len());
            }
        }
    });
}

fn say(word: &str, plugin: &str, at: usize) {
    // One write, so that a line is there whole or not at all.
    let line = format!("{word} {plugin} {at}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

async fn install(rig: &Rig, plugin: &str, bytes: Vec<u8>) {
    let options = InstallOptions {
        name: Some(name(plugin)),
        grants: Vec::new(),
        by: "victim".to_owned(),
    };
    rig.host.registry().install(source(bytes), options).await.unwrap();
}

fn source(bytes: Vec<u8>) -> Source {
    Source::Bytes {
        label: "victim".to_owned(),
        bytes,
    }
}

async fn perform(rig: &Rig, plugin: &str, act: Act, components: &Components) {
    let registry = rig.host.registry();
    let own = name(plugin);
    let capability = |text: &str| text.parse::<Capability>().unwrap();
    match act {
        Act::Install => install(rig, plugin, components.0[0].clone()).await,
        Act::Update(n) => {
            let update = registry
                .update(&own, source(components.0[n].clone()), false)
                .await;
            assert_ne!(update.unwrap().fate, Fate::Unchanged);
        }
        Act::Approve => drop(registry.approve(&own, None).await.unwrap()),
        Act::Reject => drop(registry.reject(&own).await.unwrap()),
        Act::Rollback => drop(registry.rollback(&own, None).await.unwrap()),
        Act::Grant(text, calls) => {
            let terms = Terms {
                calls: (calls > 0).then_some(calls),
                ..Terms::default()
            };
            let granted = registry.grant(&own, &capability(text), &terms, "victim", None);
            drop(granted.unwrap());
        }
        Act::Revoke(text) => {
            let gone = registry.revoke(&own, &capability(text), &Terms::default());
            assert_eq!(gone.unwrap(), 1);
        }
        Act::Plugin(enabled) => registry.enable(&own, enabled).unwrap(),
        Act::Tool(enabled) => registry
            .enable_tool(&format!("{plugin}_say").parse().unwrap(), enabled)
            .unwrap(),
        Act::Remove => drop(registry.remove(&own, Duration::ZERO).await.unwrap()),
    }
}
