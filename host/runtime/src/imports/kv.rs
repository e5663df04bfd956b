//! `fact:plugin/kv`: values under keys, in the buckets that the plugin was granted. The store keeps them; this file asks the
//! grants, and tells the witness of each key.

use std::sync::Arc;

use fact_store::{BucketName, KvError, KvErrorKind, KvKey, KvRange, KvStore, KvValue};
use fact_types::Resource;
use fact_types::capability::KvGrant;
use wasmtime::component::HasData;

use crate::bindings::fact::plugin::kv::{self, Entry};
use crate::bindings::fact::plugin::types::{Error, ErrorCode};
use crate::meter::Deadline;
use crate::state::State;
use crate::trace::Read;
use crate::trace::kv::{self as answers, KvAsk, KvRead};
use crate::witness::Witness;

/// How much of a bucket's name a refusal repeats.
const SHOWN: usize = 64;

pub(crate) struct HasKv;

impl HasData for HasKv {
    type Data<'a> = Kv<'a>;
}

pub(crate) struct Kv<'a> {
    values: KvStore,
    grants: Arc<[KvGrant]>,
    witness: &'a Witness,
    deadline: Deadline,
}

/// What a question needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Read,
    Write,
}

impl Right {
    fn word(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "write",
        }
    }
}

impl Kv<'_> {
    pub(crate) fn of(state: &mut State) -> Kv<'_> {
        Kv {
            values: state.services.values.clone(),
            grants: Arc::clone(&state.grants.kv),
            witness: &state.witness,
            deadline: state.deadline,
        }
    }

    /// The bucket, where all that is needed is granted. What is refused is noted.
    fn granted(&self, bucket: String, at: &str, needed: &[Right]) -> Result<BucketName, Error> {
        let has = |right: &Right| {
            self.grants.iter().any(|grant| {
                let held = match right {
                    Right::Read => grant.read,
                    Right::Write => grant.write,
                };
                held && grant.bucket.matches(&bucket)
            })
        };
        match needed.iter().find(|right| !has(right)) {
            Some(right) => {
                let name = super::shown(&bucket, SHOWN);
                self.witness.denied(resource(&bucket, at));
                Err(failure(
                    ErrorCode::Denied,
                    format!("this plugin was not granted kv:{}:{name}", right.word()),
                ))
            }
            None => BucketName::try_from(bucket).map_err(|error| told(&error)),
        }
    }

    /// Says that a key is about to change, before it may: whoever asked can go away while it does. Refuses it for a tool that
    /// says that it only reads.
    fn writes(&self, bucket: &BucketName, key: &KvKey) -> Result<(), Error> {
        let resource = resource(bucket.as_str(), key.as_str());
        if !self.witness.may_write(&resource) {
            return Err(failure(
                ErrorCode::Denied,
                "this tool declares that it only reads".to_owned(),
            ));
        }
        self.witness.wrote(resource);
        Ok(())
    }

    async fn look(&self, bucket: String, key: String) -> Result<Option<Entry>, Error> {
        let bucket = self.granted(bucket, &key, &[Right::Read])?;
        let key = parsed::<KvKey, _>(key)?;
        let resource = resource(bucket.as_str(), key.as_str());
        let stamp = self.values.stamp();
        match self.values.get(&bucket, &key, self.deadline.0).await {
            Ok(found) => {
                self.witness.touched(resource);
                let answer = answers::entry(found.as_ref());
                let read = KvRead::new(bucket, KvAsk::Get { key }, answer, stamp);
                self.witness.keep(Read::Kv(read));
                Ok(found.map(|entry| Entry {
                    value: entry.value,
                    version: entry.version,
                }))
            }
            Err(error) => {
                self.witness.read(resource);
                Err(told(&error))
            }
        }
    }

    async fn list(
        &self,
        bucket: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let bucket = self.granted(bucket, &prefix, &[Right::Read])?;
        let range = KvRange::new(prefix, after, limit).map_err(|error| told(&error))?;
        // The list is noted by the beginning of the keys that are in it.
        let resource = resource(bucket.as_str(), range.prefix());
        let stamp = self.values.stamp();
        match self.values.keys(&bucket, &range, self.deadline.0).await {
            Ok(found) => {
                self.witness.touched(resource);
                let answer = answers::keys(&found);
                let read = KvRead::new(bucket, KvAsk::List { range }, answer, stamp);
                self.witness.keep(Read::Kv(read));
                Ok(found)
            }
            Err(error) => {
                self.witness.read(resource);
                Err(told(&error))
            }
        }
    }

    async fn put(&self, bucket: String, key: String, value: Vec<u8>) -> Result<(), Error> {
        let bucket = self.granted(bucket, &key, &[Right::Write])?;
        let (key, value) = (parsed::<KvKey, _>(key)?, parsed::<KvValue, _>(value)?);
        self.writes(&bucket, &key)?;
        let set = self.values.set(&bucket, &key, value, self.deadline.0);
        set.await.map_err(|error| told(&error))
    }

    async fn remove(&self, bucket: String, key: String) -> Result<bool, Error> {
        let bucket = self.granted(bucket, &key, &[Right::Write])?;
        let key = parsed::<KvKey, _>(key)?;
        self.writes(&bucket, &key)?;
        let delete = self.values.delete(&bucket, &key, self.deadline.0);
        delete.await.map_err(|error| told(&error))
    }

    async fn swap(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
        value: Vec<u8>,
    ) -> Result<bool, Error> {
        let bucket = self.granted(bucket, &key, &[Right::Write, Right::Read])?;
        let (key, value) = (parsed::<KvKey, _>(key)?, parsed::<KvValue, _>(value)?);
        self.writes(&bucket, &key)?;
        // It tells whether the version is that one.
        self.witness.touched(resource(bucket.as_str(), key.as_str()));
        let swap = self
            .values
            .compare_and_swap(&bucket, &key, version, value, self.deadline.0);
        swap.await.map_err(|error| told(&error))
    }
}

fn resource(bucket: &str, key: &str) -> Resource {
    Resource::Kv {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    }
}

fn parsed<T: TryFrom<V, Error = KvError>, V>(value: V) -> Result<T, Error> {
    T::try_from(value).map_err(|error| told(&error))
}

/// What the guest learns of a failure.
fn told(error: &KvError) -> Error {
    let code = match error.kind {
        KvErrorKind::InvalidInput => ErrorCode::InvalidInput,
        KvErrorKind::Full | KvErrorKind::Unavailable => ErrorCode::Unavailable,
        KvErrorKind::Internal => ErrorCode::Internal,
    };
    failure(code, error.to_string())
}

fn failure(code: ErrorCode, message: String) -> Error {
    Error {
        code,
        message,
        retry_after_ms: None,
        details: None,
    }
}

impl kv::Host for Kv<'_> {
    async fn get(&mut self, bucket: String, key: String) -> wasmtime::Result<Result<Option<Entry>, Error>> {
        Ok(self.look(bucket, key).await)
    }

    async fn set(
        &mut self,
        bucket: String,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.put(bucket, key, value).await)
    }

    async fn delete(&mut self, bucket: String, key: String) -> wasmtime::Result<Result<bool, Error>> {
        Ok(self.remove(bucket, key).await)
    }

    async fn list_keys(
        &mut self,
        bucket: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        Ok(self.list(bucket, prefix, after, limit).await)
    }

    async fn compare_and_swap(
        &mut self,
        bucket: String,
        key: String,
        version: Option<String>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, Error>> {
        Ok(self.swap(bucket, key, version, value).await)
    }
}
