//! How often grants were made use of.

use super::text::select;
use super::{Doing, Store, StoreError, patient};
use fact_types::PluginName;
use jiff::{SignedDuration, Timestamp};
use rusqlite::OptionalExtension;

/// The uses of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantUse {
    /// The plugin.
    pub plugin: PluginName,
    /// The grant, or what its calls are counted under: see [`fact_types::Grant::key`] and
    /// [`counted_under`](fact_types::Grant::counted_under).
    pub key: String,
    /// Calls that made use of it, where they are counted.
    pub used: u32,
    /// When a call last did.
    pub last_used: Option<Timestamp>,
}

const DOING: &str = "count the uses of a grant";

/// How exactly it is known when a grant was last used. Finer costs a write to disk for each run of a command, and grants are
/// called unused after days.
const NOTED: SignedDuration = SignedDuration::from_hours(1);

impl Store {
    /// The uses of all grants.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn grant_uses(&self) -> Result<Vec<GrantUse>, StoreError> {
        patient(|| {
            let sql = "SELECT plugin, key, used, last_used FROM grant_uses ORDER BY plugin, key";
            let rows = select(&self.main(), sql, &[], |row| {
                let (plugin, last): (String, Option<String>) = (row.get(0)?, row.get(3)?);
                let (key, used) = (row.get(1)?, row.get(2)?);
                Ok(plugin.parse().ok().map(|plugin| GrantUse {
                    plugin,
                    key,
                    used,
                    last_used: last.and_then(|last| last.parse().ok()),
                }))
            })?;
            Ok(rows.into_iter().flatten().collect())
        })
    }

    /// Takes one use of each of these grants, of as many as it allows, and returns those of which there was one to take.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn take_uses<'a>(
        &self,
        plugin: &PluginName,
        grants: &[(&'a str, u32)],
    ) -> Result<Vec<&'a str>, StoreError> {
        self.change(DOING, |transaction| {
            let mut taken = Vec::new();
            for (key, most) in grants {
                let used: Option<u32> = transaction
                    .query_row(
                        "SELECT used FROM grant_uses WHERE plugin = ?1 AND key = ?2",
                        (plugin.as_str(), key),
                        |row| row.get(0),
                    )
                    .optional()
                    .doing(DOING)?;
                if used.unwrap_or_default() >= *most {
                    continue;
                }
                transaction
                    .execute(
                        "INSERT INTO grant_uses (plugin, key, used) VALUES (?1, ?2, 1) \
                         ON CONFLICT (plugin, key) DO UPDATE SET used = used + 1",
                        (plugin.as_str(), key),
                    )
                    .doing(DOING)?;
                taken.push(*key);
            }
            Ok(taken)
        })
    }

    /// Gives back uses that were taken and not made.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn return_uses(&self, plugin: &PluginName, keys: &[String]) -> Result<(), StoreError> {
        self.change(DOING, |transaction| {
            for key in keys {
                transaction
                    .execute(
                        "UPDATE grant_uses SET used = used - 1 WHERE plugin = ?1 AND key = ?2 AND used > 0",
                        (plugin.as_str(), key),
                    )
                    .doing(DOING)?;
            }
            Ok(())
        })
    }

    /// Notes when grants were last made use of, to the hour: a use soon after another writes nothing. A plugin that is gone is
    /// passed over.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn note_uses(&self, plugin: &PluginName, keys: &[String], now: Timestamp) -> Result<(), StoreError> {
        let old = now.checked_sub(NOTED).unwrap_or(now);
        self.change(DOING, |transaction| {
            for key in keys {
                transaction
                    .execute(
                        "INSERT INTO grant_uses (plugin, key, last_used) \
                         SELECT name, ?2, ?3 FROM plugins WHERE name = ?1 \
                         ON CONFLICT (plugin, key) DO UPDATE SET last_used = excluded.last_used \
                         WHERE last_used IS NULL OR last_used < ?4",
                        (plugin.as_str(), key, now.to_string(), old.to_string()),
                    )
                    .doing(DOING)?;
            }
            Ok(())
        })
    }
}
