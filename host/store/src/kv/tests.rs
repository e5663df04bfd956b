//! Values in and out, their versions, the bounds, several users, damage.

use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// A store in a folder, asked by one thread.
struct World {
    store: KvStore,
    executor: tokio::runtime::Runtime,
}

fn bucket(name: &str) -> BucketName {
    name.to_owned().try_into().unwrap()
}

fn key(key: &str) -> KvKey {
    key.to_owned().try_into().unwrap()
}

fn value(value: &[u8]) -> KvValue {
    value.to_vec().try_into().unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

impl World {
    fn new(folder: &Path) -> Self {
        World::with(folder, KvLimits::default())
    }

    fn with(folder: &Path, limits: KvLimits) -> Self {
        World {
            store: KvStore::with_limits(folder, limits),
            executor: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap(),
        }
    }

    fn entry(&self, from: &str, at: &str) -> Option<KvEntry> {
        let (from, at) = (bucket(from), key(at));
        let get = self.store.get(&from, &at, soon());
        self.executor.block_on(get).unwrap()
    }

    fn get(&self, from: &str, at: &str) -> Option<Vec<u8>> {
        self.entry(from, at).map(|entry| entry.value)
    }

    fn version(&self, from: &str, at: &str) -> Option<String> {
        self.entry(from, at).map(|entry| entry.version)
    }

    fn try_set(&self, to: &str, at: &str, bytes: &[u8]) -> Result<(), KvErrorKind> {
        let (to, at) = (bucket(to), key(at));
        let set = self.store.set(&to, &at, value(bytes), soon());
        self.executor.block_on(set).map_err(|error| error.kind)
    }

    fn set(&self, to: &str, at: &str, bytes: &[u8]) {
        self.try_set(to, at, bytes).unwrap();
    }

    fn delete(&self, from: &str, at: &str) -> bool {
        let (from, at) = (bucket(from), key(at));
        let delete = self.store.delete(&from, &at, soon());
        self.executor.block_on(delete).unwrap()
    }

    fn swap(&self, to: &str, at: &str, version: Option<&str>, bytes: &[u8]) -> bool {
        let (to, at) = (bucket(to), key(at));
        let version = version.map(str::to_owned);
        let swap = self
            .store
            .compare_and_swap(&to, &at, version, value(bytes), soon());
        self.executor.block_on(swap).unwrap()
    }

    fn keys(&self, from: &str, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        let range = KvRange::new(prefix.to_owned(), after.map(str::to_owned), limit).unwrap();
        let from = bucket(from);
        let keys = self.store.keys(&from, &range, soon());
        self.executor.block_on(keys).unwrap()
    }
}

#[test]
fn values_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    assert_eq!(world.get("notes", "a"), None);
    assert!(!world.delete("notes", "a"));
    world.set("notes", "a", b"one");
    world.set("notes", "b", b"");
    world.set("other", "a", b"\0\xff");
    assert_eq!(world.get("notes", "a").as_deref(), Some(&b"one"[..]));
    assert_eq!(world.get("notes", "b").as_deref(), Some(&b""[..]));
    assert_eq!(world.get("other", "a").as_deref(), Some(&b"\0\xff"[..]));
    assert_eq!(world.get("Notes", "a"), None, "names differ by their case");
    assert_eq!(world.get("notes", "A"), None);
    assert!(world.delete("notes", "a"));
    assert!(!world.delete("notes", "a"));
    assert_eq!(world.get("notes", "a"), None);
    assert_eq!(
        world.get("other", "a").as_deref(),
        Some(&b"\0\xff"[..]),
        "another bucket's key"
    );
    let again = World::new(folder.path());
    assert_eq!(again.get("notes", "b").as_deref(), Some(&b""[..]));
}

#[test]
fn keys_are_listed_in_the_order_of_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    let all = [
        "B",
        "a",
        "a\0",
        "a\0b",
        "a/1",
        "a/2",
        "aé",
        "b",
        "é",
        "\u{10ffff}",
    ];
    for name in all.iter().rev() {
        world.set("n", name, b"x");
        world.set("m", &format!("{name}m"), b"x");
    }
    for (prefix, after, limit, expected) in [
        ("", None, 1000, &all[..]),
        ("", None, 3, &all[..3]),
        ("", Some("a"), 2, &all[2..4]),
        ("", Some("a/15"), 1, &all[5..6]),
        ("", Some("\u{10ffff}"), 9, &[]),
        ("", Some(""), 1, &all[..1]),
        ("a", None, 1000, &all[1..7]),
        ("a", Some("B"), 1, &all[1..2]),
        ("a", Some("b"), 9, &[]),
        ("a/", None, 9, &all[4..6]),
        ("a/1", None, 9, &all[4..5]),
        ("a\0", None, 9, &all[2..4]),
        ("é", None, 9, &all[8..9]),
        ("\u{10ffff}", None, 9, &all[9..]),
        ("c", None, 9, &[]),
        ("", None, 0, &[]),
    ] {
        assert_eq!(
            world.keys("n", prefix, after, limit),
            expected,
            "{prefix:?} {after:?} {limit}"
        );
    }
    assert_eq!(world.keys("none", "", None, 9), [""; 0]);
}

#[test]
fn a_version_never_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    let mut seen = BTreeSet::new();
    let mut fresh = |what: &str| {
        let version = world.version("n", "k").unwrap();
        assert_eq!(
            world.version("n", "k").as_ref(),
            Some(&version),
            "read twice: {what}"
        );
        assert!(seen.insert(version.clone()), "{what}");
        version
    };
    for _ in 0..20 {
        world.set("n", "k", b"same");
        fresh("the same value again");
        assert!(world.delete("n", "k"));
        assert!(world.swap("n", "k", None, b"same"));
        let version = fresh("deleted and set");
        assert!(world.swap("n", "k", Some(&version), b"same"));
        fresh("swapped");
    }
    // Another key leaves it alone, and does not share it.
    let version = world.version("n", "k");
    world.set("n", "other", b"same");
    world.set("m", "k", b"same");
    assert_eq!(world.version("n", "k"), version);
    assert_ne!(world.version("n", "other"), version);
    assert_ne!(world.version("m", "k"), version);
}

#[test]
fn a_swap_needs_the_version_of_now() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    assert!(!world.swap("n", "k", Some("0"), b"x"), "there is no such key");
    assert_eq!(world.get("n", "k"), None);
    assert!(world.swap("n", "k", None, b"one"));
    assert!(!world.swap("n", "k", None, b"two"), "there is one now");
    let first = world.version("n", "k").unwrap();
    for wrong in ["", "0", &first.to_uppercase(), &first[1..]] {
        assert!(!world.swap("n", "k", Some(wrong), b"two"), "{wrong}");
    }
    assert_eq!(
        world.version("n", "k").as_deref(),
        Some(first.as_str()),
        "not touched"
    );
    assert!(world.swap("n", "k", Some(&first), b"two"));
    assert!(!world.swap("n", "k", Some(&first), b"three"));
    assert_eq!(world.get("n", "k").as_deref(), Some(&b"two"[..]));
}

#[test]
fn what_is_not_kept_is_refused_by_name() {
    let long = |n: usize| "k".repeat(n);
    for (name, good) in [
        ("notes".to_owned(), true),
        ("A-b_c.9".to_owned(), true),
        (long(BUCKET_NAME_MAX), true),
        (long(BUCKET_NAME_MAX + 1), false),
        (String::new(), false),
        ("a b".to_owned(), false),
        ("a/b".to_owned(), false),
        ("a*".to_owned(), false),
        ("é".to_owned(), false),
        ("a\0".to_owned(), false),
    ] {
        assert_eq!(BucketName::try_from(name.clone()).is_ok(), good, "{name:?}");
    }
    for (name, good) in [
        ("a b/\0*é".to_owned(), true),
        (long(KEY_MAX), true),
        (long(KEY_MAX + 1), false),
        ("é".repeat(KEY_MAX / 2 + 1), false),
        (String::new(), false),
    ] {
        assert_eq!(KvKey::try_from(name.clone()).is_ok(), good, "{name:?}");
    }
    assert!(KvValue::try_from(vec![0; VALUE_MAX]).is_ok());
    assert!(KvValue::try_from(vec![0; VALUE_MAX + 1]).is_err());
    for (prefix, after, limit, good) in [
        (0, 0, LIST_MAX, true),
        (KEY_MAX, KEY_MAX, 0, true),
        (KEY_MAX + 1, 0, 1, false),
        (0, KEY_MAX + 1, 1, false),
        (0, 0, LIST_MAX + 1, false),
    ] {
        let range = KvRange::new(long(prefix), Some(long(after)), limit);
        assert_eq!(range.is_ok(), good, "{prefix} {after} {limit}");
    }
}

#[test]
fn the_largest_key_and_value_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    let (name, bytes) = ("k".repeat(KEY_MAX), vec![7; VALUE_MAX]);
    world.set("n", &name, &bytes);
    assert_eq!(world.get("n", &name), Some(bytes));
}

#[test]
fn bounds_hold_and_what_frees_room_is_never_refused() {
    let folder = tempfile::tempdir().unwrap();
    let size = |bytes: usize| i64::try_from(1 + bytes + ENTRY).unwrap();
    let limits = KvLimits {
        buckets: 2,
        bucket_keys: 3,
        bucket_bytes: 3 * size(10),
        bytes: 4 * size(10),
    };
    let world = World::with(folder.path(), limits);
    let full = Err(KvErrorKind::Full);
    for name in ["1", "2", "3"] {
        world.set("a", name, &[0; 10]);
    }
    assert_eq!(world.try_set("a", "4", b""), full, "keys of a bucket");
    assert_eq!(world.get("a", "4"), None, "nothing of it happened");
    assert_eq!(world.try_set("a", "3", &[0; 11]), full, "bytes of a bucket");
    assert_eq!(world.get("a", "3"), Some(vec![0; 10]));
    world.set("a", "3", &[1; 10]);
    world.set("b", "1", &[0; 10]);
    assert_eq!(world.try_set("b", "2", b""), full, "bytes of all");
    assert_eq!(world.try_set("c", "1", b""), full, "buckets");
    world.set("a", "3", &[1; 9]);
    assert!(world.delete("a", "1"));
    world.set("b", "2", b"");
    // An emptied bucket makes room for another one.
    assert!(world.delete("b", "1") && world.delete("b", "2"));
    world.set("c", "1", b"");

    // Bounds that came later than what is there.
    let none = KvLimits {
        buckets: 0,
        bucket_keys: 0,
        bucket_bytes: 0,
        bytes: 0,
    };
    let world = World::with(folder.path(), none);
    assert_eq!(world.get("a", "3"), Some(vec![1; 9]));
    assert_eq!(world.try_set("a", "3", &[1; 10]), full);
    world.set("a", "3", &[2; 9]);
    world.set("a", "3", &[2; 8]);
    assert!(world.delete("a", "3") && world.delete("a", "2") && world.delete("c", "1"));
    assert_eq!(world.try_set("a", "1", b""), full);
}

#[test]
fn the_stamp_moves_with_every_change_by_anyone() {
    let folder = tempfile::tempdir().unwrap();
    let (world, other) = (World::new(folder.path()), World::new(folder.path()));
    assert_eq!(world.store.stamp(), None, "there is no file yet");
    assert!(!folder.path().join(KvStore::FILE).exists(), "looking makes none");
    world.set("n", "k", b"1");
    let acts: [(&str, &dyn Fn(), bool); 7] = [
        ("a look", &|| drop(world.get("n", "k")), false),
        ("another's look", &|| drop(other.keys("n", "", None, 9)), false),
        ("a change", &|| world.set("n", "k", b"1"), true),
        ("another's change", &|| other.set("n", "k", b"1"), true),
        ("another bucket's", &|| other.set("m", "k", b"1"), true),
        (
            "nothing to delete",
            &|| assert!(!other.delete("n", "none")),
            false,
        ),
        ("a deletion", &|| assert!(other.delete("n", "k")), true),
    ];
    for (what, act, moves) in acts {
        let before = world.store.stamp();
        assert!(before.is_some(), "{what}");
        act();
        assert_eq!(world.store.stamp() != before, moves, "{what}");
    }
}

#[test]
fn several_handles_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                let world = World::new(folder);
                for n in 0..10 {
                    world.set("own", &format!("{worker}/{n}"), b"x");
                    loop {
                        let entry = world.entry("shared", "count");
                        let count: u32 = entry.as_ref().map_or(0, |entry| {
                            std::str::from_utf8(&entry.value).unwrap().parse().unwrap()
                        });
                        let version = entry.as_ref().map(|entry| entry.version.as_str());
                        if world.swap("shared", "count", version, (count + 1).to_string().as_bytes()) {
                            break;
                        }
                    }
                }
            });
        }
    });
    let world = World::new(folder.path());
    assert_eq!(world.get("shared", "count").as_deref(), Some(&b"40"[..]));
    assert_eq!(world.keys("own", "", None, 1000).len(), 40);
}

#[test]
fn a_writer_that_takes_too_long_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.set("n", "k", b"1");
    let mut stuck = Connection::open(folder.path().join(KvStore::FILE)).unwrap();
    let held = stuck
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let (to, at) = (bucket("n"), key("k"));
    let set = world.store.set(&to, &at, value(b"2"), deadline);
    let error = world.executor.block_on(set).unwrap_err();
    assert_eq!(error.kind, KvErrorKind::Unavailable);
    assert_eq!(world.get("n", "k").as_deref(), Some(&b"1"[..]), "reading goes on");
    held.rollback().unwrap();
    world.set("n", "k", b"3");
    assert_eq!(world.get("n", "k").as_deref(), Some(&b"3"[..]));
}

#[test]
fn another_file_in_its_place_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    World::new(elsewhere.path()).set("n", "k", b"elsewhere");
    let world = World::new(folder.path());
    world.set("n", "k", b"here");
    let before = world.store.stamp();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{}{suffix}", KvStore::FILE)));
    }
    std::fs::rename(
        elsewhere.path().join(KvStore::FILE),
        folder.path().join(KvStore::FILE),
    )
    .unwrap();
    assert_ne!(world.store.stamp(), before);
    assert_eq!(world.get("n", "k").as_deref(), Some(&b"elsewhere"[..]));
    std::fs::remove_file(folder.path().join(KvStore::FILE)).unwrap();
    assert_eq!(world.get("n", "k"), None);
    world.set("n", "k", b"again");
    assert_eq!(
        World::new(folder.path()).get("n", "k").as_deref(),
        Some(&b"again"[..])
    );
}

#[test]
fn what_it_can_t_read_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(KvStore::FILE);
    let garbage = "no database at all ".repeat(500);
    std::fs::write(&path, &garbage).unwrap();
    let world = World::new(folder.path());
    assert_eq!(world.try_set("n", "k", b"1"), Err(KvErrorKind::Unavailable));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), garbage);

    std::fs::remove_file(&path).unwrap();
    world.set("n", "k", b"1");
    let later = Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(later);
    let world = World::new(folder.path());
    assert_eq!(world.try_set("n", "k", b"2"), Err(KvErrorKind::Unavailable));
}

#[test]
fn the_totals_are_those_of_the_entries() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    for n in 0..30_usize {
        world.set(["a", "b"][n % 2], &(n % 7).to_string(), &vec![0; n]);
        world.delete("a", &(n % 3).to_string());
    }
    let conn = Connection::open(folder.path().join(KvStore::FILE)).unwrap();
    let wrong: i64 = conn
        .query_row(
            "SELECT count(*) FROM buckets b WHERE (keys, bytes) IS NOT \
             (SELECT count(*), sum(length(key) + length(value) + ?1) FROM entries WHERE bucket = b.n)",
            [i64::try_from(ENTRY).unwrap()],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(wrong, 0);
    let whole: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    World::new(folder.path()).set("n", "k", b"1");
    let mode = std::fs::metadata(folder.path().join(KvStore::FILE))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
