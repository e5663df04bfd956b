//! Two processes with one file, one of them killed in the middle of writing.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const FOLDER: &str = "FACT_CACHE_TEST_FOLDER";

/// Stores and tells what is on disk, until it is killed. Does nothing unless it is started by the test below.
#[tokio::test]
async fn child_that_stores_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let clock = Arc::new(ManualClock::at("2025-04-01T00:00:00Z".parse().unwrap()));
    let cache: Cache<Text> = Cache::open(&CacheConfig::default(), Some(folder.as_ref()), clock);
    for n in 0.. {
        cache.store(&key(n), text(n), about("a"));
        if n % 10 == 9 {
            cache.flush().await.unwrap();
            println!("\nflushed {n}");
        }
    }
}

#[tokio::test]
async fn what_another_process_wrote_is_found_and_survives_its_end() {
    let world = World::new();
    let cache = world.open();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::processes::child_that_stores_until_it_is_killed",
            "--nocapture",
        ])
        .env(FOLDER, world.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut flushed = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(n) = line.unwrap().strip_prefix("flushed ") {
            let n: usize = n.parse().unwrap();
            flushed = Some(n);
            // While it goes on writing.
            assert_eq!(found(&cache, n).await, Some((text(n), Level::Disk)));
            cache.forget(&key(n - 1), Why::Stale);
            cache.flush().await.unwrap();
            if n >= 99 {
                break;
            }
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let last = flushed.unwrap();
    assert!(last >= 99, "the other process ended by itself");
    let fresh = world.open();
    for n in 0..=last {
        let expected = (n % 10 != 8).then(|| (text(n), Level::Disk));
        assert_eq!(found(&fresh, n).await, expected, "{n} of {last}");
    }
    let report = fresh
        .validate(Depth::Standard, async |_, _| Truth::Unknown)
        .await
        .unwrap();
    assert_eq!(report.status, Status::Healthy);
}
