//! A thousand installed plugins: opening, the first call of any of them, and what a call costs beside a host with one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::types::Terms;
use fact_core::{InstallOptions, Source};
use fact_tests::guests;
use serde_json::json;

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

        let mut firsts = Vec::new();
        for n in (0..PLUGINS).step_by(PLUGINS / 25) {
            firsts.push(call(&again, &format!("p{n}")).await);
        }
        let first = median(firsts);
        assert!(first < Duration::from_millis(20), "a first call took {first:?}");

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
