//! Rows in and out, the bounds, several users, damage.

use super::*;

const BOUNDS: CacheBounds = CacheBounds {
    bytes: 1 << 20,
    entries: 1000,
    calls: 10,
};

fn id(n: u64) -> RowId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&n.to_le_bytes());
    id
}

fn row(n: u64, used: i64, len: usize) -> CacheRow {
    CacheRow {
        id: id(n),
        key_id: 7,
        expires: None,
        last_used: used,
        hits: 0,
        sealed: vec![u8::try_from(n % 256).unwrap(); len],
    }
}

fn put(rows: impl IntoIterator<Item = CacheRow>) -> CacheBatch {
    CacheBatch {
        put: rows.into_iter().map(|row| (row, false)).collect(),
        ..CacheBatch::default()
    }
}

fn open_one() -> (CacheFile, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (CacheFile::open(folder.path()).unwrap(), folder)
}

#[test]
fn rows_in_and_out() {
    let (file, folder) = open_one();
    assert_eq!(file.get(&id(1)).unwrap(), None);
    file.apply(&put([row(1, 10, 100), row(2, 10, 50)]), BOUNDS, 10)
        .unwrap();
    assert_eq!(file.get(&id(1)).unwrap(), Some(row(1, 10, 100)));
    let used = CacheBatch {
        used: vec![(id(1), 3, 20), (id(9), 1, 20)],
        ..CacheBatch::default()
    };
    file.apply(&used, BOUNDS, 20).unwrap();
    let kept = CacheBatch {
        put: vec![(row(1, 15, 10), true)],
        remove: vec![id(2)],
        ..CacheBatch::default()
    };
    file.apply(&kept, BOUNDS, 20).unwrap();

    // Another handle sees the same, and the totals are those of the rows.
    let other = CacheFile::open(folder.path()).unwrap();
    let found = other.get(&id(1)).unwrap().unwrap();
    assert_eq!((found.hits, found.last_used, found.sealed.len()), (3, 20, 10));
    assert_eq!(other.get(&id(2)).unwrap(), None);
    assert_eq!(
        other.totals().unwrap(),
        CacheTotals {
            entries: 1,
            bytes: 266,
            calls: 0,
            cleared: 0
        }
    );
    let clear = CacheBatch {
        clear: true,
        ..CacheBatch::default()
    };
    other.apply(&clear, BOUNDS, 20).unwrap();
    assert_eq!(
        file.totals().unwrap(),
        CacheTotals {
            cleared: 1,
            ..CacheTotals::default()
        }
    );
}

#[test]
fn the_bounds_hold_and_the_longest_unused_go_first() {
    let (file, _folder) = open_one();
    let bounds = CacheBounds {
        bytes: 100 * 1256,
        ..BOUNDS
    };
    for n in 0..400_u64 {
        file.apply(&put([row(n, n as i64, 1000)]), bounds, 0).unwrap();
        assert!(file.totals().unwrap().bytes <= bounds.bytes, "{n}");
    }
    let totals = file.totals().unwrap();
    assert!((90..=100).contains(&totals.entries), "{totals:?}");
    assert!(file.get(&id(399)).unwrap().is_some() && file.get(&id(0)).unwrap().is_none());

    let few = CacheBounds {
        entries: 10,
        ..BOUNDS
    };
    let trimmed = file.apply(&CacheBatch::default(), few, 0).unwrap();
    let left = file.totals().unwrap().entries;
    assert!((1..=10).contains(&left), "{left}");
    assert_eq!(trimmed.evicted as i64, totals.entries - left);
    // One that is larger than everything leaves nothing rather than break the bound.
    file.apply(&put([row(1000, 9999, 2 << 20)]), BOUNDS, 0).unwrap();
    assert_eq!(file.totals().unwrap().entries, 0);
}

#[test]
fn a_file_that_is_cleared_gives_its_room_back() {
    let (file, folder) = open_one();
    let bounds = CacheBounds {
        bytes: 1 << 30,
        ..BOUNDS
    };
    file.apply(&put((0..300).map(|n| row(n, 0, 10_000))), bounds, 0)
        .unwrap();
    file.checkpoint().unwrap();
    let path = folder.path().join(CacheFile::FILE);
    let size = || std::fs::metadata(&path).unwrap().len();
    assert!(size() > 3_000_000);
    let clear = CacheBatch {
        clear: true,
        ..CacheBatch::default()
    };
    file.apply(&clear, bounds, 0).unwrap();
    assert!(size() < 200_000, "{}", size());
    file.apply(&put([row(1, 0, 10)]), bounds, 0).unwrap();
    assert_eq!(file.totals().unwrap().entries, 1);
}

#[test]
fn what_is_over_goes_at_its_time() {
    let (file, _folder) = open_one();
    let ends = |n, at| CacheRow {
        expires: Some(at),
        ..row(n, 0, 1)
    };
    file.apply(&put([ends(1, 100), ends(2, 101), row(3, 0, 1)]), BOUNDS, 99)
        .unwrap();
    assert_eq!(file.totals().unwrap().entries, 3);
    let trimmed = file.apply(&CacheBatch::default(), BOUNDS, 100).unwrap();
    assert_eq!(
        trimmed,
        Trimmed {
            expired: 1,
            evicted: 0
        }
    );
    assert!(file.get(&id(1)).unwrap().is_none() && file.get(&id(2)).unwrap().is_some());
}

#[test]
fn calls_are_counted_and_bounded() {
    let (file, _folder) = open_one();
    let call = |n, count| CallRow {
        id: id(n),
        key_id: 7,
        count,
        last: 5,
        sealed: vec![1],
    };
    let batch = |calls| CacheBatch {
        calls,
        ..CacheBatch::default()
    };
    file.apply(&batch(vec![call(1, 2), call(2, 1)]), BOUNDS, 0)
        .unwrap();
    file.apply(&batch(vec![call(1, 3)]), BOUNDS, 0).unwrap();
    let counts = |least| -> Vec<i64> {
        file.calls(least, 50)
            .unwrap()
            .iter()
            .map(|row| row.count)
            .collect()
    };
    assert_eq!((counts(1), counts(3)), (vec![5, 1], vec![5]));
    file.apply(&batch((10..40).map(|n| call(n, 1)).collect()), BOUNDS, 0)
        .unwrap();
    assert!(counts(1).len() <= 10 && counts(1)[0] == 5);
}

#[test]
fn a_damaged_file_is_begun_anew_and_a_newer_one_is_left_alone() {
    let (file, folder) = open_one();
    file.apply(&put([row(1, 0, 5000)]), BOUNDS, 0).unwrap();
    drop(file);
    let path = folder.path().join(CacheFile::FILE);
    std::fs::write(
        &path,
        b"this is no database, and long enough to be read as the head of one".repeat(20),
    )
    .unwrap();
    let file = CacheFile::open(folder.path()).unwrap();
    assert_eq!(file.totals().unwrap(), CacheTotals::default());
    held(&file.writer)
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(file);
    assert!(matches!(
        CacheFile::open(folder.path()),
        Err(StoreError::TooNew { found: 99, known: 1 })
    ));
}

#[test]
fn several_handles_write_at_once() {
    let (_file, folder) = open_one();
    std::thread::scope(|scope| {
        for worker in 0..4_u64 {
            let folder = folder.path();
            scope.spawn(move || {
                let file = CacheFile::open(folder).unwrap();
                for n in 0..25 {
                    file.apply(&put([row(worker * 100 + n, 0, 10)]), BOUNDS, 0)
                        .unwrap();
                }
            });
        }
    });
    let totals = CacheFile::open(folder.path()).unwrap().totals().unwrap();
    assert_eq!((totals.entries, totals.bytes), (100, 100 * 266));
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_file, folder) = open_one();
    let mode = std::fs::metadata(folder.path().join(CacheFile::FILE))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
