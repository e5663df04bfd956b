//! Bytes that someone changed: whatever they are, there is an answer, soon.

use std::time::{Duration, Instant};

use fact_component::{embed_manifest, inspect};
use proptest::prelude::*;

use crate::{SAMPLE, component};

/// Far more than any file of this size needs, on any machine.
const SOON: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Drop(prop::sample::Index, u8),
    Double(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || any::<prop::sample::Index>();
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => at().prop_map(Change::Cut),
        1 => (at(), any::<u8>()).prop_map(|(at, n)| Change::Drop(at, n)),
        1 => (at(), any::<u8>()).prop_map(|(at, n)| Change::Double(at, n)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let span = |at: &prop::sample::Index, n: u8| {
        let from = at.index(bytes.len());
        from..(from + usize::from(n)).min(bytes.len())
    };
    match change {
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Drop(at, n) => drop(bytes.drain(span(at, *n))),
        Change::Double(at, n) => {
            let span = span(at, *n);
            let (to, copy) = (span.end, bytes[span].to_vec());
            bytes.splice(to..to, copy);
        }
        Change::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_component_is_answered(changes in prop::collection::vec(change(), 1..6)) {
        let mut bytes = sample().to_vec();
        for change in &changes {
            apply(&mut bytes, change);
        }
        answered(&bytes);
    }

    #[test]
    fn any_bytes_after_a_header_are_answered(rest in prop::collection::vec(any::<u8>(), 0..200)) {
        answered(&[b"\0asm\x0d\0\x01\0", &rest[..]].concat());
    }
}

fn sample() -> &'static [u8] {
    static SAMPLE_BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SAMPLE_BYTES.get_or_init(|| component(SAMPLE))
}

fn answered(bytes: &[u8]) {
    let start = Instant::now();
    match inspect(bytes) {
        Ok(it) => {
            // What can be read can be written to, and says then what was written.
            let with = inspect(&embed_manifest(bytes, "{}").unwrap()).unwrap();
            assert_eq!(with.manifest.as_deref(), Some("{}"));
            assert_eq!(with.imports, it.imports);
        }
        Err(error) => assert!(error.to_string().len() < 2000),
    }
    assert!(start.elapsed() < SOON);
}
