//! A thousand installed plugins: opening, the first call of any of them, and what a call costs beside a host with one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fact_core::types::Terms;
use fact_core::{InstallOptions, Plugin, Source};
use fact_tests::guests;
use serde_json::json;

use crate::forge::{Version, name};
use crate::rig::{Rig, run};

const PLUGINS: usize = 1_000;

async fn install(rig: &Rig, name: &str) {
    let source = Source::Bytes {
        label: "test:many".to_owned(),
        bytes: guests::ECHO.bytes.to_vec(),
    };
    let options = InstallOptions {
        name: Some(name.parse().unwrap()),
        grants: Vec::new(),
        by: "test".to_owned(),
    };
    rig.host.registry().install(source, options).await.unwrap();
}

/// What the first call of any plugin may take: its component is mapped, linked and run. Some 2 ms on a quiet machine, and
/// 17 ms were the worst of five hundred on one with five times as much to do as it has cores.
const FIRST: Duration = Duration::from_millis(20);

/// How long the machine keeps a thread waiting that wants to do next to nothing.
struct Stalls {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Stalls {
    fn watch() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            const NAP: Duration = Duration::from_millis(1);
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                std::thread::sleep(NAP);
                longest = longest.max(started.elapsed().saturating_sub(NAP));
            }
            longest
        });
        Stalls { done, thread }
    }

    fn longest(self) -> Duration {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The time of one call.
async fn call(rig: &Rig, plugin: &str) -> Duration {
    let started = Instant::now();
    rig.answer(&format!("{plugin}_run"), json!({ "text": "x" })).await;
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn a_thousand_plugins_are_as_quick_as_one() {
    run(async {
        let rig = Rig::new();
        for n in 0..PLUGINS {
            install(&rig, &format!("p{n}")).await;
        }

        let started = Instant::now();
        let again = rig.second();
        assert_eq!(again.host.registry().plugins().unwrap().len(), PLUGINS);
        let opening = started.elapsed();
        assert!(opening < Duration::from_secs(2), "opening took {opening:?}");

        let stalls = Stalls::watch();
        let mut firsts = Vec::new();
        for n in 0..PLUGINS {
            firsts.push(call(&again, &format!("p{n}")).await);
        }
        let stalled = stalls.longest();
        firsts.sort_unstable();
        let (usual, longest) = (firsts[PLUGINS * 99 / 100], firsts[PLUGINS - 1]);
        assert!(usual < FIRST, "1 of 100 first calls took {usual:?} or more");
        // Each of them. Where it takes longer, the machine must have kept a thread that did nothing waiting for the rest.
        assert!(
            longest < FIRST + stalled,
            "a first call took {longest:?}, and the machine stood still for {stalled:?} at most"
        );

        // Taken in turns, so that whatever else the machine does weighs on both.
        let one = Rig::new();
        install(&one, "p7").await;
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for _ in 0..600 {
            few.push(call(&one, "p7").await);
            many.push(call(&again, "p7").await);
        }
        let (few, many) = (median(few), median(many));
        assert!(
            many.as_secs_f64() <= 1.2 * few.as_secs_f64(),
            "a call among {PLUGINS} plugins took {many:?}, beside one {few:?}"
        );

        // A change of one plugin leaves the others as they are, linked and all.
        let registry = again.host.registry();
        let (before, changed) = ("p8".parse().unwrap(), "p9".parse().unwrap());
        let kept = registry.plugin(&before).unwrap();
        let capability = "clock:wall".parse().unwrap();
        registry
            .grant(&changed, &capability, &Terms::default(), "test", None)
            .unwrap();
        assert_eq!(registry.plugin(&changed).unwrap().grants.len(), 1);
        assert!(Arc::ptr_eq(&kept, &registry.plugin(&before).unwrap()));
    });
}

/// What is known and loaded of the others stays as it is, here and in another process.
#[test]
fn a_change_of_one_plugin_leaves_the_others_alone() {
    run(async {
        const OTHERS: usize = 50;
        let rig = Rig::new();
        let second = rig.second();
        let version = |n: usize| Version::new(&format!("p{n}"), &format!("word-{n}"));
        for n in 0..OTHERS {
            rig.install_version(&version(n), &[]).await;
        }
        let others = |rig: &Rig| -> Vec<Arc<Plugin>> {
            let all = rig.host.registry().plugins().unwrap();
            all.into_iter()
                .filter(|plugin| plugin.row.name.as_str() != "p0")
                .collect()
        };
        let before = [others(&rig), others(&second)];
        let registry = rig.host.registry();
        let p = name("p0");
        let same = |what: &str| {
            for (rig, before) in [&rig, &second].into_iter().zip(&before) {
                let now = others(rig);
                assert_eq!(now.len(), OTHERS - 1, "{what}");
                for (now, before) in now.iter().zip(before) {
                    assert!(
                        Arc::ptr_eq(now, before),
                        "{what}: {} was read again",
                        now.row.name
                    );
                }
            }
        };
        let clock = "clock:wall".parse().unwrap();
        registry
            .grant(&p, &clock, &Terms::default(), "test", None)
            .unwrap();
        same("a grant");
        rig.update("p0", &version(0).saying("another word"))
            .await
            .unwrap();
        same("an update");
        registry.enable(&p, false).unwrap();
        same("disabling it");
        registry.remove(&p, Duration::ZERO).await.unwrap();
        same("its removal");
        rig.install_version(&version(0), &[]).await;
        same("its installation");
        for n in 0..OTHERS {
            let said = second.answer(&format!("p{n}_say"), json!({})).await;
            assert_eq!(said, json!(format!("word-{n}")));
        }
    });
}
