//! Counting, storing, and several processes at it.

use super::*;
use crate::{PluginRow, Store};
use fact_types::Digest;
use std::sync::Arc;

fn tool(text: &str) -> ToolId {
    text.parse().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn open(folder: &std::path::Path) -> Store {
    let store = Store::open(folder).unwrap();
    let plugin = PluginRow {
        name: "sql".parse().unwrap(),
        digest: Digest::of(b"1"),
        manifest: "{}".to_owned(),
        source: "file".to_owned(),
        installed_at: "2025-04-01T00:00:00Z".to_owned(),
        enabled: true,
        disabled_tools: Default::default(),
    };
    store.put_plugin(&plugin, &[]).unwrap();
    store
}

#[test]
fn what_was_counted_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let usage = Usage::default();
    assert_eq!(store.usage(None).unwrap(), []);
    store.add_usage(&usage, Durability::Process).unwrap();
    assert_eq!(
        store.usage(Some(&tool("sql_query"))).unwrap(),
        [],
        "no data is no zeros"
    );

    for n in 1..=100 {
        usage.note(&tool("sql_query"), None, ms(n));
    }
    usage.note(&tool("sql_query"), Some(Code::Denied), ms(1));
    usage.note(&tool("sql_execute"), Some(Code::Crashed), ms(7));
    // Nobody can make the store keep counts of what is not there.
    usage.note(&tool("ghost_walk"), None, ms(7));
    let before = store.revision().unwrap();
    store.add_usage(&usage, Durability::Process).unwrap();
    assert_eq!(
        store.revision().unwrap(),
        before,
        "plugins need not be read again"
    );
    assert!(usage.take().is_empty());

    let all = store.usage(None).unwrap();
    assert_eq!(
        all.iter().map(|one| one.tool.to_string()).collect::<Vec<_>>(),
        ["sql_execute", "sql_query"]
    );
    let query = &all[1];
    assert_eq!((query.calls, query.successes), (101, 100));
    assert_eq!(query.failures, BTreeMap::from([("denied".to_owned(), 1)]));
    assert_eq!(query.mean, Duration::from_micros(5_051_000 / 101));
    assert_eq!(query.max, ms(100));
    assert!(
        query.p95.abs_diff(ms(95)) <= ms(95).mul_f64(0.07),
        "{:?}",
        query.p95
    );
    assert!(
        query.p50.abs_diff(ms(50)) <= ms(50).mul_f64(0.07),
        "{:?}",
        query.p50
    );
    assert!(query.first <= query.last && query.last <= Timestamp::now());
    assert_eq!(store.usage(Some(&tool("sql_execute"))).unwrap(), all[..1]);
    assert_eq!((all[0].calls, all[0].successes, all[0].max), (1, 0, ms(7)));

    // It goes with the plugin.
    assert!(store.remove_plugin(&"sql".parse().unwrap()).unwrap());
    assert_eq!(store.usage(None).unwrap(), []);
    assert_eq!(store.integrity_check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_could_not_be_stored_is_kept() {
    let usage = Usage::default();
    usage.note(&tool("sql_query"), None, ms(1));
    let taken = usage.take();
    usage.note(&tool("sql_query"), Some(Code::Denied), ms(3));
    usage.put_back(taken);
    let [(_, counted)] = usage.take().try_into().unwrap();
    assert_eq!(
        (counted.good, counted.failures.get("denied"), counted.total_us),
        (1, Some(&1), 4000)
    );
}

#[test]
fn memory_is_bounded() {
    let usage = Usage::default();
    for n in 0..PARTS * PART_MAX * 2 {
        usage.note(&tool(&format!("sql_t{n}")), None, ms(1));
    }
    let kept = usage.take();
    assert!(kept.len() <= PARTS * PART_MAX, "{}", kept.len());
    usage.put_back(kept);
}

#[test]
fn counts_of_all_who_share_the_store_add_up() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let (writers, rounds, calls) = (4u64, 25u64, 10u64);
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                // A store of its own, as another process has it.
                let store = Store::open(folder.path()).unwrap();
                let usage = Usage::default();
                for _ in 0..rounds {
                    for n in 0..calls {
                        let failure = (n % 5 == 0).then_some(Code::ToolFailed);
                        usage.note(&tool("sql_query"), failure, ms(n));
                    }
                    // Where the others kept it waiting, the counts are there for the next time.
                    while store.add_usage(&usage, Durability::Process).is_err() {}
                }
            });
        }
    });
    let [told] = Store::open(folder.path())
        .unwrap()
        .usage(None)
        .unwrap()
        .try_into()
        .unwrap();
    let all = writers * rounds * calls;
    assert_eq!((told.calls, told.successes), (all, all * 4 / 5));
    assert_eq!((told.mean, told.max), (Duration::from_micros(4500), ms(9)));
}

#[test]
fn noting_calls_from_many_threads_loses_none() {
    let usage = Arc::new(Usage::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let usage = &usage;
            scope.spawn(move || {
                let own = tool(&format!("sql_t{thread}"));
                for n in 0..10_000 {
                    usage.note(&own, None, Duration::from_micros(n));
                    usage.note(&tool("sql_all"), Some(Code::Deadline), Duration::from_micros(n));
                }
            });
        }
    });
    let counted: BTreeMap<String, u64> = usage
        .take()
        .into_iter()
        .map(|(tool, counted)| {
            (
                tool.to_string(),
                counted.good + counted.failures.values().sum::<u64>(),
            )
        })
        .collect();
    assert_eq!(counted["sql_all"], 40_000);
    assert_eq!(counted["sql_t3"], 10_000);
}

#[test]
fn counts_are_never_in_neither_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let usage = Usage::default();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Stores at its own pace, as the host does.
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                store.add_usage(&usage, Durability::Process).unwrap();
            }
        });
        let wrong = (1..=300).find_map(|n| {
            usage.note(&tool("sql_query"), None, ms(1));
            store.add_usage(&usage, Durability::Process).unwrap();
            let told = store.usage(None).unwrap()[0].calls;
            (told != n).then_some((n, told))
        });
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(wrong, None);
    });
}

#[test]
fn a_busy_store_is_not_waited_for_long_and_the_counts_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let usage = Usage::default();
    usage.note(&tool("sql_query"), None, ms(1));
    let mut other = rusqlite::Connection::open(folder.path().join(Store::FILE)).unwrap();
    let writing = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    assert!(store.add_usage(&usage, Durability::Machine).is_err());
    drop(writing);
    store.add_usage(&usage, Durability::Machine).unwrap();
    assert_eq!(store.usage(None).unwrap()[0].calls, 1);
}

#[test]
fn another_version_of_the_plugin_keeps_the_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let usage = Usage::default();
    usage.note(&tool("sql_query"), None, ms(1));
    store.add_usage(&usage, Durability::Machine).unwrap();
    let row = store.plugins().unwrap().remove(0);
    let next = PluginRow {
        digest: Digest::of(b"2"),
        ..row
    };
    store.put_plugin(&next, &[]).unwrap();
    assert_eq!(store.usage(None).unwrap()[0].calls, 1);
}
