//! A host that keeps results, one beside it that runs every call, and the ground that both stand on.

use std::sync::Arc;

use fact_core::types::{Access, CacheState, Terms};
use fact_core::{Answer, Config, InstallOptions, Source};
use fact_tests::guests;
use serde_json::{Value, json};

use super::batch::{Batch, Event, Operation};
use super::ground::{DATABASES, Ground};
use super::site::{lock, serve};
use crate::forge::{Version, name};
use crate::rig::{Rig, folder, saw, share_compiled};

/// What came of the calls of many batches.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) programs: usize,
    pub(super) hits: usize,
    pub(super) stale: usize,
    pub(super) misses: usize,
    /// Calls in whose middle something was changed.
    pub(super) torn: usize,
}

/// An answer that was kept and is no longer what a run gives.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) round: usize,
    pub(super) program: Vec<Operation>,
    pub(super) kept: String,
    pub(super) fresh: String,
}

pub(super) struct World {
    keeping: Rig,
    running: Rig,
    ground: Arc<Ground>,
    site: String,
    /// Whether the twin is enabled.
    twin: bool,
    // Deleted when the world ends.
    folders: [tempfile::TempDir; 2],
}

fn settings(config: &mut Config, ground: &Ground, keeps: bool) {
    config.cache.enabled = keeps;
    for database in DATABASES {
        let database_config = fact_core::DatabaseConfig {
            path: ground.database(database),
            samples: Vec::new(),
        };
        config.databases.insert(database.to_owned(), database_config);
    }
}

fn word(says: bool) -> Version {
    Version::new("word", if says { "yes" } else { "no" })
}

impl World {
    pub(super) async fn new() -> Self {
        let folders = [folder(), folder()];
        let ground = Arc::new(Ground::new(folders[0].path()));
        ground.reset();
        share_compiled(folders[1].path());
        let site = format!("http://127.0.0.1:{}", serve(&ground));
        let keeping = Rig::open(folders[1].path(), |config| settings(config, &ground, true));
        let at = |path: &str| ground.at(path).display().to_string();
        let grants = [
            "sql:read:wal".to_owned(),
            "sql:write:wal".to_owned(),
            "sql:read:plain".to_owned(),
            "sql:write:plain".to_owned(),
            format!("fs:read:{}", at("one")),
            format!("fs:write:{}", at("one")),
            format!("fs:read:{}", at("two")),
            format!("http:GET:{site}/*+private"),
            "env:read:*".to_owned(),
            "tool:call:*".to_owned(),
        ];
        for plugin in ["program", "twin"] {
            let options = InstallOptions {
                name: Some(name(plugin)),
                grants: grants
                    .iter()
                    .map(|grant| (grant.parse().unwrap(), Terms::default()))
                    .collect(),
                by: "test".to_owned(),
            };
            let source = Source::Bytes {
                label: "test".to_owned(),
                bytes: guests::PROGRAM.bytes.to_vec(),
            };
            keeping.host.registry().install(source, options).await.unwrap();
        }
        keeping.install_version(&word(true), &[]).await;
        let running = Rig::open(folders[1].path(), |config| settings(config, &ground, false));
        World {
            keeping,
            running,
            ground,
            site,
            twin: true,
            folders,
        }
    }

    /// The arguments of a program.
    fn arguments(&self, program: &[Operation]) -> Value {
        let text = serde_json::to_string(program).unwrap();
        let text = text
            .replace("ROOT", self.ground.root.to_str().unwrap())
            .replace("SITE", &self.site);
        json!({ "operations": serde_json::from_str::<Value>(&text).unwrap() })
    }

    async fn happen(&mut self, event: &Event) {
        let registry = self.keeping.host.registry();
        match event {
            Event::Outside(change) => self.ground.apply(change),
            Event::Writes(program) => {
                // What waits for a lock waits for long.
                self.ground.settle();
                let arguments = self.arguments(program);
                let answer = self.keeping.call("program_run", arguments).await;
                // Where nothing may be written, nothing is, and that holds.
                let wrote = saw(&answer, Access::Write, |_| true);
                assert!(
                    !wrote || !answer.receipt.cache.is_hit(),
                    "{program:?}: {answer:?}"
                );
            }
            Event::Rest => tokio::time::sleep(std::time::Duration::from_millis(120)).await,
            Event::Grant(more) => {
                let (twin, clock) = (name("twin"), "clock:wall".parse().unwrap());
                if *more {
                    registry
                        .grant(&twin, &clock, &Terms::default(), "test", None)
                        .unwrap();
                } else {
                    registry.revoke(&twin, &clock, &Terms::default()).unwrap();
                }
            }
            // Telling it again would cost a write to the disk.
            Event::Enable(enabled) if *enabled == self.twin => {}
            Event::Enable(enabled) => {
                registry.enable(&name("twin"), *enabled).unwrap();
                self.twin = *enabled;
            }
            Event::Version(says) => {
                self.keeping.update("word", &word(*says)).await.unwrap();
            }
            Event::Reopen => {
                self.keeping.host.cache().flush().await.unwrap();
                let again = Rig::open(self.folders[1].path(), |config| {
                    settings(config, &self.ground, true)
                });
                self.keeping = again;
            }
        }
    }

    /// Runs a batch. The first answer that is not what a run gives.
    pub(super) async fn run(&mut self, batch: &Batch, tally: &mut Tally) -> Result<(), Wrong> {
        self.ground.reset();
        self.happen(&Event::Enable(true)).await;
        self.ground.arm(&batch.pauses);
        tally.programs += batch.programs.len();
        for (round, events) in batch.rounds.iter().enumerate() {
            for event in events {
                self.happen(event).await;
            }
            for program in &batch.programs {
                let arguments = self.arguments(program);
                loop {
                    // Only a call that may keep its answer finds things changed in its middle.
                    self.ground.open(true);
                    let kept = self.keeping.call("program_run", arguments.clone()).await;
                    let torn = self.ground.open(false);
                    tally.count(&kept, torn);
                    if torn {
                        // It may have seen some of before and some of after: no run gives that, and nobody may hear it again.
                        continue;
                    }
                    if round == 0 {
                        // Nothing happened yet that could make it wrong.
                        break;
                    }
                    let fresh = self.running.call("program_run", arguments).await;
                    assert!(!fresh.receipt.cache.is_hit());
                    let (kept, fresh) = (self.shown(&kept), self.shown(&fresh));
                    if kept != fresh {
                        return Err(Wrong {
                            round,
                            program: program.clone(),
                            kept,
                            fresh,
                        });
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    /// An answer, but for what holds by a server's word although it changed.
    fn shown(&self, answer: &Answer) -> String {
        let text = match answer.json() {
            Ok(document) => document.to_string(),
            Err(error) => format!("{}: {}", error.code, error.message),
        };
        let mut shown = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            let (content, after) = after.split_once('>').unwrap();
            let content = format!("<{content}>");
            assert!(
                lock(&self.ground.site).has_served(&content),
                "{content} was never served"
            );
            shown.push_str(before);
            shown.push_str(content.rsplit_once('/').unwrap().0);
            rest = after;
        }
        shown + rest
    }
}

impl Tally {
    fn count(&mut self, answer: &Answer, torn: bool) {
        match answer.receipt.cache.state {
            CacheState::Memory | CacheState::Disk => self.hits += 1,
            CacheState::Stale => self.stale += 1,
            CacheState::Miss => self.misses += 1,
            CacheState::Off => panic!("the cache was not asked: {answer:?}"),
        }
        self.torn += usize::from(torn);
    }
}
