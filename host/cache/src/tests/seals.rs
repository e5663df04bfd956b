//! What is on disk can't be read, changed or moved; keys come and go.

use super::*;
use std::path::Path;

/// All rows as they lie in the file.
fn bytes_of(folder: &Path) -> Vec<u8> {
    [CacheFile::FILE, "cache.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(folder.join(name)).unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn sec_cache_encryption_stored_bytes_are_unreadable() {
    let world = World::new();
    let cache = world.open();
    cache.store(
        &key(1),
        Text("TechCorp earned 12.5 bn".to_owned()),
        about("sql_query of TechCorp"),
    );
    cache.asked(
        &Principal::local(),
        &"sql_query".parse().unwrap(),
        "TechCorp".to_owned(),
    );
    cache.flush().await.unwrap();
    let bytes = bytes_of(world.folder.path());
    assert!(bytes.len() > 4096);
    for secret in ["TechCorp", "sql_query", "12.5"] {
        assert!(
            !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
            "{secret}"
        );
    }
    assert!(
        !bytes.windows(32).any(|part| part == key(1).as_bytes()),
        "what was asked can't be guessed"
    );
}

/// Changes the rows of the file by hand.
fn meddle(world: &World, mut change: impl FnMut(&CacheFile, Vec<fact_store::CacheRow>)) {
    let file = CacheFile::open(world.folder.path()).unwrap();
    let rows = file
        .page(0, 100)
        .unwrap()
        .into_iter()
        .map(|(_, row)| row)
        .collect();
    change(&file, rows);
}

fn put_row(file: &CacheFile, row: fact_store::CacheRow) {
    let batch = fact_store::CacheBatch {
        put: vec![(row, true)],
        ..Default::default()
    };
    let bounds = fact_store::CacheBounds {
        bytes: 1 << 30,
        entries: 1000,
        calls: 1000,
    };
    file.apply(&batch, bounds, 0).unwrap();
}

#[tokio::test]
async fn a_row_with_any_byte_changed_is_never_served() {
    let world = World::new();
    drop({
        let cache = world.open();
        cache.store(&key(1), text(1), about("a"));
        cache
    });
    let mut original = None;
    meddle(&world, |_, rows| original = Some(rows[0].clone()));
    let original = original.unwrap();
    let reader = World {
        config: CacheConfig {
            memory: fact_types::ByteSize(0),
            ..world.config.clone()
        },
        ..world
    };
    let cache = reader.open();
    assert!(found(&cache, 1).await.is_some());
    let file = CacheFile::open(reader.folder.path()).unwrap();
    for place in 0..original.sealed.len() {
        let mut row = original.clone();
        row.sealed[place] ^= 1 << (place % 8);
        put_row(&file, row);
        assert_eq!(found(&cache, 1).await, None, "byte {place}");
        cache.flush().await.unwrap();
        assert_eq!(file.get(&original.id).unwrap(), None, "it is removed");
    }
    for row in [
        fact_store::CacheRow {
            key_id: original.key_id ^ 1,
            ..original.clone()
        },
        fact_store::CacheRow {
            sealed: vec![],
            ..original.clone()
        },
        fact_store::CacheRow {
            sealed: original.sealed[..original.sealed.len() - 1].to_vec(),
            ..original.clone()
        },
        fact_store::CacheRow {
            sealed: [original.sealed.as_slice(), b"x"].concat(),
            ..original.clone()
        },
    ] {
        put_row(&file, row);
        assert_eq!(found(&cache, 1).await, None);
        cache.flush().await.unwrap();
    }
    put_row(&file, original.clone());
    assert_eq!(
        found(&cache, 1).await,
        Some((text(1), Level::Disk)),
        "the row itself is good"
    );
    assert_eq!(
        cache.metrics().disk.unwrap().invalid,
        original.sealed.len() as u64 + 4
    );
}

#[tokio::test]
async fn sec_cache_encryption_swapped_rows_are_refused() {
    let world = World::new();
    drop({
        let cache = world.open();
        cache.store(&key(1), text(1), about("a"));
        cache.store(&key(2), text(2), about("a"));
        cache
    });
    meddle(&world, |file, rows| {
        let [one, two] = rows.as_slice() else {
            panic!("two rows")
        };
        put_row(
            file,
            fact_store::CacheRow {
                sealed: one.sealed.clone(),
                ..two.clone()
            },
        );
        put_row(
            file,
            fact_store::CacheRow {
                sealed: two.sealed.clone(),
                ..one.clone()
            },
        );
    });
    let cache = world.open();
    assert_eq!((found(&cache, 1).await, found(&cache, 2).await), (None, None));
}

#[tokio::test]
async fn sec_cache_encryption_rotation() {
    let world = World::new();
    let (cache, other) = (world.open(), world.open());
    cache.store(&key(1), text(1), about("a"));
    cache.asked(
        &Principal::local(),
        &"sql_query".parse().unwrap(),
        "{}".to_owned(),
    );
    cache.rotate().await.unwrap();
    cache.store(&key(2), text(2), about("a"));
    cache.flush().await.unwrap();
    // A process that was there before, and one that comes after, open both.
    for cache in [&other, &world.open()] {
        assert!(found(cache, 1).await.is_some() && found(cache, 2).await.is_some());
    }
    assert_eq!(cache.metrics().disk.unwrap().keys, 2);
    assert_eq!(cache.reseal().await.unwrap(), 2);
    assert_eq!(cache.metrics().disk.unwrap().keys, 1);
    let fresh = world.open();
    assert!(found(&fresh, 1).await.is_some() && found(&fresh, 2).await.is_some());
    assert_eq!(fresh.popular(1, 10).await.unwrap().len(), 1);
    assert_eq!(cache.reseal().await.unwrap(), 0);
}

#[tokio::test]
async fn a_process_that_was_there_before_seals_with_the_new_key() {
    let world = World::new();
    let (cache, other) = (world.open(), world.open());
    cache.rotate().await.unwrap();
    cache.reseal().await.unwrap();
    other.store(&key(1), text(1), about("a"));
    other.flush().await.unwrap();
    assert_eq!(found(&cache, 1).await, Some((text(1), Level::Disk)));
}

#[test]
fn many_that_open_at_once_have_the_same_keys() {
    let world = World::new();
    let caches: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| world.open())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let run = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    run.block_on(async {
        for (n, cache) in caches.iter().enumerate() {
            assert_eq!(cache.store(&key(n), text(n), about("a")), Stored::Both);
            cache.flush().await.unwrap();
        }
        for cache in &caches {
            for n in 0..caches.len() {
                assert!(found(cache, n).await.is_some(), "{n}");
            }
        }
    });
}

#[tokio::test]
async fn without_its_keys_the_cache_is_empty_and_works() {
    let world = World::new();
    drop({
        let cache = world.open();
        cache.store(&key(1), text(1), about("a"));
        cache
    });
    std::fs::remove_file(world.folder.path().join("cache.keys")).unwrap();
    let cache = world.open();
    assert_eq!(found(&cache, 1).await, None);
    let listing = cache.list(&Select::default(), 10).await.unwrap();
    assert_eq!((listing.total, listing.unreadable), (0, 0));
    assert_eq!(cache.store(&key(1), text(2), about("a")), Stored::Both);
    cache.flush().await.unwrap();
    assert_eq!(found(&world.open(), 1).await, Some((text(2), Level::Disk)));
}
