//! Looking at what is kept, for people: nothing here counts as a use or as traffic.

use crate::cache::{Cache, DiskProblem};
use crate::entry::{Found, Kind, Payload, Record, Why};
use crate::{Key, Level};
use fact_types::{Digest, Principal};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Entries that are removed before it is waited until they are gone: fewer than may wait for the disk.
pub(crate) const SOME: usize = 10_000;

/// Which entries. What is left out does not narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Select {
    /// The first digits of the key.
    pub key: Option<String>,
    /// The kind.
    pub kind: Option<Kind>,
    /// A part of the label, whatever its case.
    pub label: Option<String>,
    /// Whose calls.
    pub principal: Option<Principal>,
    /// Results of this component.
    pub component: Option<Digest>,
}

impl Select {
    fn takes(&self, record: &Record) -> bool {
        let about = &record.about;
        let lower = |text: &str| text.to_lowercase();
        let is = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(test);
        is(&self.key, &|digits| {
            record.key.to_string().starts_with(&lower(digits))
        }) && is(&self.label, &|part| lower(&about.label).contains(&lower(part)))
            && self.kind.is_none_or(|kind| kind == about.kind)
            && self.principal.as_ref().is_none_or(|own| *own == about.principal)
            && self.component.is_none_or(|own| Some(own) == about.component)
    }
}

/// An entry as it is listed.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// What kind of result it is.
    pub kind: Kind,
    /// The tool or the question.
    pub label: String,
    /// Whose call it was.
    pub principal: Principal,
    /// The component that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
    /// How long the call took.
    pub cost: Duration,
    /// Tokens that it took.
    pub tokens: u64,
    /// When it was stored.
    pub created: Timestamp,
    /// When its time is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Bytes of the payload, as it is encoded; for an entry in memory only, as it lies there.
    pub bytes: usize,
    /// How often it was found, as far as that is noted.
    pub uses: u64,
    /// Where it is.
    pub levels: BTreeSet<Level>,
}

/// Entries, the newest first.
#[derive(Debug, Clone, Serialize)]
pub struct Listing {
    /// As many as were asked for.
    pub entries: Vec<Listed>,
    /// How many there are.
    pub total: usize,
    /// Rows on disk that do not open; validation removes them.
    pub unreadable: u64,
}

impl<P: Payload> Cache<P> {
    /// The newest entries among these.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn list(&self, select: &Select, limit: usize) -> Result<Listing, DiskProblem> {
        let newest = |entries: &mut Vec<Listed>| {
            entries.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.key.cmp(&b.key)));
            entries.truncate(limit);
        };
        let (mut entries, mut total) = (Vec::new(), 0);
        let unreadable = self
            .each(select, |listed, _| {
                total += 1;
                entries.push(listed);
                // There may be millions.
                if entries.len() >= limit.saturating_mul(2).saturating_add(1000) {
                    newest(&mut entries);
                }
            })
            .await?;
        newest(&mut entries);
        Ok(Listing {
            entries,
            total,
            unreadable,
        })
    }

    /// The entry with this key, with its payload.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn show(&self, key: &Key) -> Result<Option<(Listed, Found<P>)>, DiskProblem> {
        let select = Select {
            key: Some(key.to_string()),
            ..Select::default()
        };
        let listed = self.list(&select, 1).await?.entries.pop();
        Ok(listed.zip(self.probe(key).await))
    }

    /// Gives each of these entries with its payload, in no order. What is over, or does not decode, is passed over.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn export(&self, select: &Select, mut each: impl FnMut(Listed, &P)) -> Result<(), DiskProblem> {
        let now = self.now();
        self.each(select, |listed, payload| {
            let over = listed.expires.is_some_and(|end| now >= end);
            match payload {
                _ if over => {}
                Body::Here(payload) => each(listed, payload),
                Body::Encoded(bytes) => {
                    if let Some(payload) = P::decode(bytes) {
                        each(listed, &payload);
                    }
                }
            }
        })
        .await
        .map(drop)
    }

    /// Removes these entries from both levels, and says how many they were.
    ///
    /// # Errors
    /// When the disk can't be read or written.
    pub async fn clear_selected(&self, select: &Select) -> Result<u64, DiskProblem> {
        let mut count = 0;
        loop {
            let mut keys = Vec::new();
            self.each(select, |listed, _| {
                if keys.len() < SOME {
                    keys.push(listed.key);
                }
            })
            .await?;
            if keys.is_empty() {
                return Ok(count);
            }
            for key in &keys {
                self.forget(key, Why::Asked);
            }
            self.flush().await?;
            count += keys.len() as u64;
        }
    }

    /// Every entry once, and how many rows on disk do not open.
    async fn each(
        &self,
        select: &Select,
        mut each: impl FnMut(Listed, Body<'_, P>),
    ) -> Result<u64, DiskProblem> {
        let mut unreadable = 0;
        let mut memory: HashMap<Key, _> = self
            .memory
            .all()
            .into_iter()
            .filter(|(_, entry, _)| select.takes(&entry.record))
            .map(|(key, entry, uses)| (key, (entry, uses)))
            .collect();
        if let Ok(disk) = &self.disk {
            disk.flush().await?;
            disk.walk(|row, opened| match opened {
                Err(_) => unreadable += 1,
                Ok(opened) if select.takes(&opened.record) => {
                    let mut listed = listed(&opened.record, opened.payload.len(), Level::Disk);
                    listed.uses = row.hits.unsigned_abs();
                    if let Some((entry, _)) = memory.remove(&opened.record.key) {
                        listed.levels.insert(Level::Memory);
                        listed.uses = listed.uses.saturating_add(entry.unnoted.into());
                    }
                    each(listed, Body::Encoded(&opened.payload));
                }
                Ok(_) => {}
            })
            .await?;
        }
        for (entry, uses) in memory.into_values() {
            let mut listed = listed(&entry.record, entry.payload.weight(), Level::Memory);
            listed.uses = uses.saturating_sub(1).into();
            each(listed, Body::Here(&entry.payload));
        }
        Ok(unreadable)
    }
}

enum Body<'a, P> {
    Here(&'a P),
    Encoded(&'a [u8]),
}

fn listed(record: &Record, bytes: usize, level: Level) -> Listed {
    let about = Arc::clone(&record.about);
    Listed {
        key: record.key,
        kind: about.kind,
        label: about.label.clone(),
        principal: about.principal.clone(),
        component: about.component,
        cost: about.cost,
        tokens: about.tokens,
        created: record.created,
        expires: record.expires,
        bytes,
        uses: 0,
        levels: BTreeSet::from([level]),
    }
}
