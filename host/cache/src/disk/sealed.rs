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
