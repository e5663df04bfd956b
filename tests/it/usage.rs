//! Every call of a tool that exists is counted, and no other.

use std::collections::BTreeMap;
use std::time::Duration;

use fact_tests::guests;
use serde_json::json;

use crate::rig::{PATIENCE, Rig, run};

#[test]
fn calls_are_counted_however_they_end() {
    run(async {
        let rig = Rig::new();
        rig.install(guests::TRAP, &[]).await;
        rig.install(guests::SPIN, &[]).await;
        let spin = "spin_run".parse().unwrap();
        assert_eq!(rig.host.usage(None).unwrap(), []);

        rig.host.call_json("trap_run", json!({})).await;
        rig.host.call_json("trap_run", json!([])).await;
        rig.host.call_json("trap_gone", json!({})).await;
        // Nobody waits for this one.
        let dropped = rig.host.call_json("spin_run", json!({}));
        assert!(
            tokio::time::timeout(Duration::from_millis(200), dropped)
                .await
                .is_err()
        );

        let told: BTreeMap<_, _> = rig
            .host
            .usage(None)
            .unwrap()
            .into_iter()
            .map(|one| (one.tool.to_string(), one.failures))
            .collect();
        let failed = |code: &str| BTreeMap::from([(code.to_owned(), 1)]);
        let expected = [
            ("spin_run".to_owned(), failed("cancelled")),
            ("trap_run".to_owned(), failed("crashed")),
        ];
        assert_eq!(told, BTreeMap::from(expected));
        let [one] = rig.host.usage(Some(&spin)).unwrap().try_into().unwrap();
        assert!(one.max >= Duration::from_millis(190), "{one:?}");

        // Another process sees the next one without being told to look: the host stores by itself.
        let second = rig.second();
        rig.host.call_json("trap_run", json!({})).await;
        let start = std::time::Instant::now();
        loop {
            let [trap] = second
                .host
                .usage(Some(&"trap_run".parse().unwrap()))
                .unwrap()
                .try_into()
                .unwrap();
            if trap.calls == 2 {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "{trap:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
