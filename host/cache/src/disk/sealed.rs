//! Entries and calls as they are sealed: four bytes with the length of what describes them, that, and the payload.

use super::keyring::{Keyring, KeyringError, Sort, Unopened};
use crate::Key;
use crate::entry::{Record, checksum};
use crate::popular::Asked;
use fact_store::{CacheRow, CallRow};

/// An entry as it comes from the disk.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) record: Record,
    pub(crate) payload: Vec<u8>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// A key sealed it that is not known.
    UnknownKey,
    /// It is not what was sealed for this place.
    Broken,
    /// It is another entry's, or its payload is not the one that was stored.
    Mismatch,
}

/// The entry in a row. With a key: only if it is that key's.
pub(crate) fn open_entry(ring: &Keyring, row: &CacheRow, key: Option<&Key>) -> Result<Opened, Bad> {
    let mut plain = ring
        .open_sealed(Sort::Entry, &row.id, row.key_id, &row.sealed)
        .map_err(|error| match error {
            Unopened::UnknownKey => Bad::UnknownKey,
            Unopened::Broken => Bad::Broken,
        })?;
    let length = plain
        .first_chunk::<4>()
        .map(|length| u32::from_le_bytes(*length) as usize);
    let record = length.and_then(|length| plain.get(4..4_usize.checked_add(length)?));
    let record: Record = record
        .and_then(|record| serde_json::from_slice(record).ok())
        .ok_or(Bad::Broken)?;
    plain.drain(..4 + length.unwrap_or_default());
    let expected = key.copied().unwrap_or(record.key);
    let good = record.key == expected
        && ring.place(Sort::Entry, &expected) == row.id
        && checksum(&plain) == record.checksum;
    if good {
        Ok(Opened {
            record,
            payload: plain,
        })
    } else {
        Err(Bad::Mismatch)
    }
}

/// The row for an entry.
pub(crate) fn seal_entry(ring: &Keyring, record: &Record, payload: &[u8]) -> Result<CacheRow, KeyringError> {
    let about = serde_json::to_vec(record).map_err(std::io::Error::from)?;
    let length = u32::try_from(about.len()).unwrap_or(u32::MAX).to_le_bytes();
    let id = ring.place(Sort::Entry, &record.key);
    let created = record.created.as_millisecond();
    Ok(CacheRow {
        id,
        key_id: ring.current(),
        // Rounded up: the exact moment is sealed, and this only says when the row can go.
        expires: record.expires.map(|end| end.as_millisecond().saturating_add(1)),
        last_used: created,
        hits: 0,
        sealed: ring.seal(Sort::Entry, &id, &[&length, about.as_slice(), payload].concat())?,
    })
}

/// The call in a row.
pub(crate) fn open_call(ring: &Keyring, row: &CallRow) -> Option<Asked> {
    let plain = ring
        .open_sealed(Sort::Call, &row.id, row.key_id, &row.sealed)
        .ok()?;
    serde_json::from_slice(&plain).ok()
}

/// The row for a call that was asked so often.
pub(crate) fn seal_call(
    ring: &Keyring,
    call: &Asked,
    count: i64,
    last: i64,
) -> Result<CallRow, KeyringError> {
    let plain = serde_json::to_vec(call).map_err(std::io::Error::from)?;
    let id = ring.place(Sort::Call, &call.key());
    Ok(CallRow {
        id,
        key_id: ring.current(),
        count,
        last,
        sealed: ring.seal(Sort::Call, &id, &plain)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{About, Kind};
    use jiff::Timestamp;
    use std::sync::Arc;

    fn record(key: Key, payload: &[u8]) -> Record {
        let about = About {
            kind: Kind::Tool,
            label: "a".to_owned(),
            principal: fact_types::Principal::local(),
            component: None,
            cost: Default::default(),
            tokens: 0,
            lifetime: None,
        };
        Record {
            key,
            about: Arc::new(about),
            created: Timestamp::UNIX_EPOCH,
            expires: None,
            checksum: checksum(payload),
        }
    }

    /// Even what was sealed with the right key for the right place is looked at: who sealed it may have been wrong.
    #[test]
    fn what_is_sealed_is_checked_too() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, _) = Keyring::open(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
        let (one, two) = (Key::of("t", &[b"1"]), Key::of("t", &[b"2"]));
        let row = seal_entry(&ring, &record(one, b"payload"), b"payload").unwrap();
        let opened = open_entry(&ring, &row, Some(&one)).unwrap();
        assert_eq!(
            (opened.record, opened.payload.as_slice()),
            (record(one, b"payload"), b"payload".as_slice())
        );
        assert!(open_entry(&ring, &row, None).is_ok());
        assert_eq!(open_entry(&ring, &row, Some(&two)).unwrap_err(), Bad::Mismatch);

        let wrong = seal_entry(&ring, &record(one, b"payload"), b"paxload").unwrap();
        assert_eq!(open_entry(&ring, &wrong, Some(&one)).unwrap_err(), Bad::Mismatch);
        for plain in [
            &b""[..],
            b"\xff\xff\xff\xff",
            b"\x02\0\0\0{}",
            b"\x02\0\0\0{",
            b"abc",
        ] {
            let sealed = ring.seal(Sort::Entry, &row.id, plain).unwrap();
            let row = CacheRow {
                sealed,
                ..row.clone()
            };
            assert_eq!(open_entry(&ring, &row, Some(&one)).unwrap_err(), Bad::Broken);
        }
        // The right place's seal around another entry.
        let other = record(two, b"payload");
        let about = serde_json::to_vec(&other).unwrap();
        let length = u32::try_from(about.len()).unwrap().to_le_bytes();
        let sealed = ring
            .seal(
                Sort::Entry,
                &row.id,
                &[&length, about.as_slice(), b"payload"].concat(),
            )
            .unwrap();
        let row = CacheRow { sealed, ..row };
        for key in [Some(&one), None] {
            assert_eq!(open_entry(&ring, &row, key).unwrap_err(), Bad::Mismatch);
        }
    }
}
