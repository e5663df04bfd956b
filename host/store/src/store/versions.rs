//! Versions of a plugin beside the one that answers: one that waits for approval, and those before.

use super::plugins::live;
use super::text::{Parsed, TEXT_MAX, Unreadable, readable, select, within};
use super::{Doing, PluginRow, Store, StoreError, patient};
use fact_types::{Digest, NameError, PluginName, ToolName};
use rusqlite::{Connection, Row, Transaction};
use serde::Serialize;

/// A version of a plugin that does not answer at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionRow {
    /// The plugin.
    pub plugin: PluginName,
    /// Why it is kept.
    pub state: VersionState,
    /// Its component.
    pub digest: Digest,
    /// Its manifest, a JSON document of at most [`PluginRow::MANIFEST_MAX`] bytes.
    pub manifest: String,
    /// Where it came from.
    pub source: String,
    /// Since when it waits, or no longer answers; RFC 3339.
    pub since: String,
}

/// Why a version is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// It waits for approval.
    Held,
    /// It answered before.
    Previous,
}

impl VersionState {
    fn as_str(self) -> &'static str {
        match self {
            VersionState::Held => "held",
            VersionState::Previous => "previous",
        }
    }
}

impl VersionRow {
    /// Most versions before the present one that are kept of a plugin: enough to go back past a bad week, few enough that a
    /// plugin of 20 MiB that is updated daily does not fill the disk.
    pub const PREVIOUS_MAX: u32 = 5;
}

pub(super) const VERSION_COLUMNS: &str =
    "SELECT plugin, state, digest, manifest, source, since FROM versions";

const DOING: &str = "change a plugin's version";

impl Store {
    /// The other versions of all plugins, by plugin, the latest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn versions(&self) -> Result<Vec<VersionRow>, StoreError> {
        patient(|| all(&self.main()))
    }

    /// Lets another version answer: the present one is kept as the latest of those before, and nothing waits any more. Of the
    /// tools that are `renamed`, from and to, those that were disabled stay so. False: `from` does not answer any more; nothing
    /// was changed.
    ///
    /// # Errors
    /// When a text is too long or the store can't be written.
    pub fn swap(
        &self,
        name: &PluginName,
        from: Digest,
        to: &VersionRow,
        renamed: &[(ToolName, ToolName)],
        now: &str,
    ) -> Result<bool, StoreError> {
        check(to)?;
        within("the time", now, TEXT_MAX)?;
        self.change(DOING, |transaction| {
            if live(transaction, name).doing(DOING)? != Some(from.to_string()) {
                return Ok(false);
            }
            let run = || -> rusqlite::Result<()> {
                transaction.execute(
                    "INSERT OR REPLACE INTO versions (plugin, state, digest, manifest, source, since, turn) \
                     SELECT name, 'previous', digest, manifest, source, ?2, \
                     (SELECT coalesce(max(turn), 0) + 1 FROM versions) FROM plugins WHERE name = ?1",
                    (name.as_str(), now),
                )?;
                transaction.execute(
                    "UPDATE plugins SET digest = ?2, manifest = ?3, source = ?4, installed_at = ?5 WHERE name = ?1",
                    (name.as_str(), to.digest.to_string(), &to.manifest, &to.source, now),
                )?;
                for (old, new) in renamed {
                    transaction.execute(
                        "INSERT OR IGNORE INTO disabled_tools \
                         SELECT plugin, ?3 FROM disabled_tools WHERE plugin = ?1 AND tool = ?2",
                        (name.as_str(), old.as_str(), new.as_str()),
                    )?;
                }
                transaction.execute(
                    "DELETE FROM versions WHERE plugin = ?1 AND (state = 'held' OR digest = ?2)",
                    (name.as_str(), to.digest.to_string()),
                )?;
                transaction.execute(
                    "DELETE FROM versions WHERE plugin = ?1 AND state = 'previous' AND digest NOT IN \
                     (SELECT digest FROM versions WHERE plugin = ?1 AND state = 'previous' ORDER BY turn DESC LIMIT ?2)",
                    (name.as_str(), VersionRow::PREVIOUS_MAX),
                )?;
                Ok(())
            };
            run().doing(DOING)?;
            Ok(true)
        })
    }

    /// Keeps a version until it is approved, in the place of one that waited before. False: `from` does not answer any more;
    /// nothing was changed.
    ///
    /// # Errors
    /// When a text is too long or the store can't be written.
    pub fn hold(&self, name: &PluginName, from: Digest, version: &VersionRow) -> Result<bool, StoreError> {
        check(version)?;
        self.change(DOING, |transaction| {
            if live(transaction, name).doing(DOING)? != Some(from.to_string()) {
                return Ok(false);
            }
            unhold(transaction, name).doing(DOING)?;
            transaction
                .execute(
                    "INSERT INTO versions (plugin, state, digest, manifest, source, since, turn) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT coalesce(max(turn), 0) + 1 FROM versions))",
                    (
                        name.as_str(),
                        VersionState::Held.as_str(),
                        version.digest.to_string(),
                        &version.manifest,
                        &version.source,
                        &version.since,
                    ),
                )
                .doing(DOING)?;
            Ok(true)
        })
    }

    /// Lets nothing wait for approval any more. False: nothing waited.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn unhold(&self, name: &PluginName) -> Result<bool, StoreError> {
        self.change(DOING, |transaction| {
            Ok(unhold(transaction, name).doing(DOING)? > 0)
        })
    }
}

pub(super) fn all(conn: &Connection) -> Result<Vec<VersionRow>, StoreError> {
    let sql = format!("{VERSION_COLUMNS} ORDER BY plugin, turn DESC");
    Ok(readable(select(conn, &sql, &[], version_row)?))
}

fn unhold(transaction: &Transaction<'_>, name: &PluginName) -> rusqlite::Result<usize> {
    transaction.execute(
        "DELETE FROM versions WHERE plugin = ?1 AND state = 'held'",
        [name.as_str()],
    )
}

fn check(version: &VersionRow) -> Result<(), StoreError> {
    within("the manifest", &version.manifest, PluginRow::MANIFEST_MAX)?;
    within("the source", &version.source, TEXT_MAX)?;
    within("the time", &version.since, TEXT_MAX)
}

pub(super) fn version_row(row: &Row<'_>) -> rusqlite::Result<Parsed<VersionRow>> {
    let (plugin, state, digest): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let parse = || Ok::<(PluginName, Digest), NameError>((plugin.parse()?, digest.parse()?));
    let (name, digest) = match parse() {
        Ok(parsed) => parsed,
        Err(why) => {
            return Ok(Err(Unreadable {
                table: "versions",
                plugin,
                why: why.to_string(),
            }));
        }
    };
    Ok(Ok(VersionRow {
        plugin: name,
        state: if state == VersionState::Held.as_str() {
            VersionState::Held
        } else {
            VersionState::Previous
        },
        digest,
        manifest: row.get(3)?,
        source: row.get(4)?,
        since: row.get(5)?,
    }))
}
