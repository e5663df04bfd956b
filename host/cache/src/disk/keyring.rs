//! The keys that seal what is on disk: `cache.keys` in the data folder, for its owner only.
//!
//! The file is made on first use. Without it nothing on disk can be opened, so a lost or broken one is replaced by a new one
//! and the cache begins empty. Changing the key adds one; the older ones open what they sealed until all of that is sealed
//! anew.

use crate::Key;
use crate::key::from_hex;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use fact_store::RowId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// Most keys in the file. More are never needed: sealing anew removes the older ones.
const KEYS_MAX: usize = 8;

/// Largest file that is read: with eight keys it has about 2 KiB.
const FILE_MAX: u64 = 64 << 10;

/// The form of what is sealed. It is bound into every seal: what has another form does not open.
const FORM: &str = "fact-cache/1";

const NONCE: usize = 24;

/// What a sealed row is. One is never opened as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Entry,
    Call,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Sort::Entry => "entry",
            Sort::Call => "call",
        }
    }
}

/// Why the keys can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyringError {
    /// The file can't be read or written.
    #[error("can't use the file of the cache's keys")]
    File(#[from] std::io::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random,
    /// There are as many keys as the file may have.
    #[error("there are {KEYS_MAX} keys already: seal what the older ones sealed anew first")]
    TooMany,
}

/// What does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// A key sealed it that is not in the ring.
    UnknownKey,
    /// It is not what was sealed for this place.
    Broken,
}

/// The keys.
pub(crate) struct Keyring {
    path: PathBuf,
    /// From this and a key of an entry the place of its row is made, so that who reads the file can't tell what was asked by
    /// guessing.
    lookup: Zeroizing<[u8; 32]>,
    current: i64,
    keys: BTreeMap<i64, XChaCha20Poly1305>,
    /// The file as it was read: another process may change the key at any time.
    stamp: Option<Stamp>,
    /// The last key that was looked for in the file in vain, so that it is not read for every row.
    lost: Option<i64>,
}

/// By what it is seen that a file is another one.
type Stamp = (std::time::SystemTime, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Form {
    lookup: Hex,
    current: i64,
    keys: Vec<KeyForm>,
}

#[derive(Serialize, Deserialize)]
struct KeyForm {
    id: i64,
    key: Hex,
    since: Timestamp,
}

/// 32 secret bytes.
struct Hex(Zeroizing<[u8; 32]>);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        s.serialize_str(&Zeroizing::new(text))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(d)?);
        // What does not parse is never repeated: it may be a part of a key.
        let bytes = from_hex(&text).ok_or_else(|| serde::de::Error::custom("not a key"))?;
        Ok(Hex(Zeroizing::new(bytes)))
    }
}

impl Form {
    fn new(now: Timestamp) -> Result<Self, KeyringError> {
        let first = KeyForm::new(now)?;
        Ok(Form {
            lookup: Hex(random()?),
            current: first.id,
            keys: vec![first],
        })
    }
}

impl KeyForm {
    fn new(now: Timestamp) -> Result<Self, KeyringError> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|_| KeyringError::Random)?;
        Ok(KeyForm {
            // Random, so that a key that was lost and its successor never have the same.
            id: i64::from_le_bytes(id) & i64::MAX,
            key: Hex(random()?),
            since: now,
        })
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, KeyringError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|_| KeyringError::Random)?;
    Ok(bytes)
}

impl Keyring {
    /// The name of the file in the data folder.
    pub(crate) const FILE: &'static str = "cache.keys";

    /// The keys in a folder, and whether they are new; made if they are missing or broken. No other process may do the same
    /// at this moment.
    pub(crate) fn open(folder: &Path, now: Timestamp) -> Result<(Self, bool), KeyringError> {
        let path = folder.join(Self::FILE);
        let before = stamp(&path);
        match read(&path)? {
            Some(form) => Ok((Self::of(path, form, before), false)),
            None => {
                let form = Form::new(now)?;
                write(&path, &form)?;
                let after = stamp(&path);
                Ok((Self::of(path, form, after), true))
            }
        }
    }

    fn of(path: PathBuf, form: Form, stamp: Option<Stamp>) -> Self {
        let cipher = |key: &KeyForm| (key.id, XChaCha20Poly1305::new((&*key.key.0).into()));
        Keyring {
            path,
            lookup: form.lookup.0,
            current: form.current,
            keys: form.keys.iter().map(cipher).collect(),
            stamp,
            lost: None,
        }
    }

    /// Reads the file again: another process may have changed the key. Without a file that can be read, the keys stay.
    pub(crate) fn reload(&mut self) {
        // From before it is read: if it changes meanwhile, it is read once more.
        let before = stamp(&self.path);
        match read(&self.path) {
            Ok(Some(form)) => *self = Self::of(std::mem::take(&mut self.path), form, before),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "can't read the cache's keys again"),
        }
    }

    /// Whether the file is another one than was read.
    pub(crate) fn is_outdated(&self) -> bool {
        stamp(&self.path).is_some_and(|now| Some(now) != self.stamp)
    }

    /// Adds a key and seals with it from now on. No other process may do the same at this moment.
    pub(crate) fn rotate(&mut self, now: Timestamp) -> Result<(), KeyringError> {
        let mut form = match read(&self.path)? {
            Some(form) => form,
            None => Form::new(now)?,
        };
        if form.keys.len() >= KEYS_MAX {
            return Err(KeyringError::TooMany);
        }
        let key = KeyForm::new(now)?;
        form.current = key.id;
        form.keys.push(key);
        self.replace(form)
    }

    /// Removes the keys that seal nothing any more. No other process may change the keys at this moment.
    pub(crate) fn prune(&mut self) -> Result<(), KeyringError> {
        if let Some(mut form) = read(&self.path)? {
            let current = form.current;
            form.keys.retain(|key| key.id == current);
            self.replace(form)?;
        }
        Ok(())
    }

    fn replace(&mut self, form: Form) -> Result<(), KeyringError> {
        write(&self.path, &form)?;
        let after = stamp(&self.path);
        *self = Self::of(std::mem::take(&mut self.path), form, after);
        Ok(())
    }

    /// Whether a key is not known, and was not looked for in the file as it is.
    pub(crate) fn is_worth_a_look(&self, id: i64) -> bool {
        !self.keys.contains_key(&id) && (self.lost != Some(id) || self.is_outdated())
    }

    /// Reads the file again for a key that is not known.
    pub(crate) fn reload_for(&mut self, id: i64) {
        self.reload();
        self.lost = (!self.keys.contains_key(&id)).then_some(id);
    }

    pub(crate) fn current(&self) -> i64 {
        self.current
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Where the row of this key is.
    pub(crate) fn place(&self, sort: Sort, key: &Key) -> RowId {
        let mut hasher = blake3::Hasher::new_keyed(&self.lookup);
        hasher.update(sort.name().as_bytes()).update(key.as_bytes());
        hasher.finalize().into()
    }

    /// Seals something for a place, with the current key.
    pub(crate) fn seal(&self, sort: Sort, place: &RowId, plain: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let mut nonce = XNonce::default();
        getrandom::fill(&mut nonce).map_err(|_| KeyringError::Random)?;
        let bound = bound(sort, place, self.current);
        let payload = Payload {
            msg: plain,
            aad: &bound,
        };
        let cipher = self.keys.get(&self.current).ok_or(KeyringError::Random)?;
        let text = cipher
            .encrypt(&nonce, payload)
            .map_err(|_| KeyringError::Random)?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Opens what was sealed for a place.
    pub(crate) fn open_sealed(
        &self,
        sort: Sort,
        place: &RowId,
        key_id: i64,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        let cipher = self.keys.get(&key_id).ok_or(Unopened::UnknownKey)?;
        let (nonce, text) = sealed.split_first_chunk::<NONCE>().ok_or(Unopened::Broken)?;
        let bound = bound(sort, place, key_id);
        let payload = Payload {
            msg: text,
            aad: &bound,
        };
        cipher
            .decrypt(nonce.into(), payload)
            .map_err(|_| Unopened::Broken)
    }
}

/// What a seal is bound to: its form, its place and its key.
fn bound(sort: Sort, place: &RowId, key_id: i64) -> Vec<u8> {
    let mut bound = format!("{FORM}/{}/", sort.name()).into_bytes();
    bound.extend_from_slice(place);
    bound.extend_from_slice(&key_id.to_le_bytes());
    bound
}

/// The file as it is. None: there is none, or it is not one of ours.
fn read(path: &Path) -> Result<Option<Form>, KeyringError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    owner_only(&file)?;
    let mut text = Zeroizing::new(String::new());
    if std::io::Read::read_to_string(&mut std::io::Read::take(file, FILE_MAX), &mut text).is_err() {
        tracing::warn!("the file of the cache's keys is broken; the cache begins empty");
        return Ok(None);
    }
    let form: Option<Form> = serde_json::from_str(&text).ok();
    let good =
        form.filter(|form| form.keys.len() <= KEYS_MAX && form.keys.iter().any(|key| key.id == form.current));
    if good.is_none() {
        tracing::warn!("the file of the cache's keys is broken; the cache begins empty");
    }
    Ok(good)
}

/// Puts the whole file in its place at once: a reader sees the old one or the new one.
fn write(path: &Path, form: &Form) -> Result<(), KeyringError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut text = serde_json::to_vec_pretty(form).map_err(std::io::Error::from)?;
    // Made for its owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let written = file.write_all(&text).and_then(|()| file.as_file().sync_all());
    text.zeroize();
    written?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Takes from others what a careless copy gave them.
#[cfg(unix)]
fn owner_only(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!("others could read the cache's keys; from now on only the owner can");
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn owner_only(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> (Keyring, bool) {
        Keyring::open(folder, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn sec_cache_encryption_an_old_key_still_opens_and_swapped_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, new) = open(folder.path());
        assert!(new);
        let place = ring.place(Sort::Entry, &Key::of("t", &[b"1"]));
        let other = ring.place(Sort::Entry, &Key::of("t", &[b"2"]));
        assert_ne!(place, ring.place(Sort::Call, &Key::of("t", &[b"1"])));
        let old = ring.current();
        let sealed = ring.seal(Sort::Entry, &place, b"a secret figure").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(
            sealed,
            ring.seal(Sort::Entry, &place, b"a secret figure").unwrap()
        );

        ring.rotate(Timestamp::UNIX_EPOCH).unwrap();
        assert_ne!(ring.current(), old);
        let again = open(folder.path());
        assert!(!again.1);
        for ring in [&ring, &again.0] {
            assert_eq!(place, ring.place(Sort::Entry, &Key::of("t", &[b"1"])));
            let open = |sort, place, id, sealed: &[u8]| ring.open_sealed(sort, place, id, sealed);
            assert_eq!(
                open(Sort::Entry, &place, old, &sealed).unwrap(),
                b"a secret figure"
            );
            assert_eq!(open(Sort::Entry, &other, old, &sealed), Err(Unopened::Broken));
            assert_eq!(open(Sort::Call, &place, old, &sealed), Err(Unopened::Broken));
            assert_eq!(
                open(Sort::Entry, &place, ring.current(), &sealed),
                Err(Unopened::Broken)
            );
            assert_eq!(open(Sort::Entry, &place, 1, &sealed), Err(Unopened::UnknownKey));
            for cut in [0, 5, NONCE, NONCE + 8] {
                assert_eq!(
                    open(Sort::Entry, &place, old, &sealed[..cut]),
                    Err(Unopened::Broken)
                );
            }
        }
        ring.prune().unwrap();
        assert_eq!(ring.len(), 1);
        assert_eq!(
            ring.open_sealed(Sort::Entry, &place, old, &sealed),
            Err(Unopened::UnknownKey)
        );
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ring, _) = open(folder.path());
        for _ in 1..KEYS_MAX {
            ring.rotate(Timestamp::UNIX_EPOCH).unwrap();
        }
        assert!(matches!(
            ring.rotate(Timestamp::UNIX_EPOCH),
            Err(KeyringError::TooMany)
        ));
    }

    #[test]
    fn a_broken_file_gives_way_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, _) = open(folder.path());
        let path = folder.path().join(Keyring::FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for broken in [
            String::new(),
            "{}".to_owned(),
            "\u{0}".repeat(100),
            text.replace(&ring.current().to_string(), "1")
                .replacen("\"id\": 1", "\"id\": 2", 1),
            text[..text.len() / 2].to_owned(),
            " ".repeat(100_000) + &text,
        ] {
            std::fs::write(&path, broken).unwrap();
            let (other, new) = open(folder.path());
            assert!(new && other.current() != ring.current());
            assert!(!open(folder.path()).1, "the new one is good");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(open(folder.path()).1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Keyring::FILE);
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        open(folder.path());
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!open(folder.path()).1);
        assert_eq!(mode(), 0o600);
    }
}
