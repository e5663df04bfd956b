//! Keys and lists of keys, and their answers.

use std::fmt;
use std::time::Instant;

use fact_store::{BucketName, KvEntry, KvKey, KvRange, KvStamp, KvStore};
use fact_types::capability::KvGrant;
use serde::{Deserialize, Serialize};

use super::digest::{Answer, Digester};

/// A question to a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum KvAsk {
    /// What a key has.
    Get { key: KvKey },
    /// Which keys there are.
    List { range: KvRange },
}

/// A question to a bucket, and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KvRead {
    bucket: BucketName,
    ask: KvAsk,
    answer: Answer,
    /// The state of the values before the question was asked. It means nothing to another process.
    #[serde(skip)]
    stamp: Option<KvStamp>,
}

impl KvRead {
    pub(crate) fn new(bucket: BucketName, ask: KvAsk, answer: Answer, stamp: Option<KvStamp>) -> Self {
        KvRead {
            bucket,
            ask,
            answer,
            stamp,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let texts = match &self.ask {
            KvAsk::Get { key } => key.as_str().len(),
            KvAsk::List { range } => range.prefix().len() + range.after().map_or(0, str::len),
        };
        self.bucket.as_str().len() + texts
    }

    /// Whether nobody changed any value since the question was asked.
    pub(super) fn is_settled(&self, values: &KvStore) -> bool {
        self.stamp.is_some() && self.stamp == values.stamp()
    }

    /// Asks again. The same answer: the read as it is proven now.
    pub(super) async fn ask_again(
        &self,
        values: &KvStore,
        grants: &[KvGrant],
        deadline: Instant,
    ) -> Result<KvRead, String> {
        let name = self.bucket.as_str();
        if !grants
            .iter()
            .any(|grant| grant.read && grant.bucket.matches(name))
        {
            return Err(format!("{self} is not granted any more"));
        }
        let stamp = values.stamp();
        let answer = match &self.ask {
            KvAsk::Get { key } => values
                .get(&self.bucket, key, deadline)
                .await
                .map(|found| entry(found.as_ref())),
            KvAsk::List { range } => values
                .keys(&self.bucket, range, deadline)
                .await
                .map(|found| keys(&found)),
        };
        match answer {
            Ok(answer) if answer == self.answer => Ok(KvRead {
                stamp,
                ..self.clone()
            }),
            Ok(_) => Err(format!("{self} has another answer")),
            Err(_) => Err(format!("{self} can't be asked again at the moment")),
        }
    }
}

impl fmt::Display for KvRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bucket = self.bucket.as_str();
        match &self.ask {
            KvAsk::Get { key } => write!(f, "kv {bucket}/{}", key.as_str()),
            KvAsk::List { range } => {
                write!(f, "kv {bucket}: the keys that begin with `{}`", range.prefix())?;
                match range.after() {
                    Some(after) => write!(f, " after `{after}`"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Of a key: its value and its version, since the component sees both.
pub(crate) fn entry(entry: Option<&KvEntry>) -> Answer {
    let mut digester = Digester::new("entry");
    match entry {
        Some(entry) => digester.flag(true).bytes(&entry.value).text(&entry.version),
        None => digester.flag(false),
    };
    digester.answer()
}

/// Of a list of keys.
pub(crate) fn keys(keys: &[String]) -> Answer {
    let mut digester = Digester::new("keys");
    for key in keys {
        digester.text(key);
    }
    digester.answer()
}
