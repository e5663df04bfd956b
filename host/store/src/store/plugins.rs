//! Installed plugins: the version that answers, whether it may, and what else is kept of each.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::{NewGrant, add};
use super::text::{Parsed, TEXT_MAX, Unreadable, readable, select, within};
use super::{Doing, Store, StoreError, patient};
use fact_types::{Digest, NameError, PluginName, ToolName};
use rusqlite::{Connection, Row, Transaction};
use serde::Serialize;

/// An installed plugin: the version that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginRow {
    /// Its name.
    pub name: PluginName,
    /// Its component.
    pub digest: Digest,
    /// Its manifest, a JSON document of at most [`PluginRow::MANIFEST_MAX`] bytes.
    pub manifest: String,
    /// Where it came from.
    pub source: String,
    /// When, RFC 3339.
    pub installed_at: String,
    /// It may be called.
    pub enabled: bool,
    /// Tools of it that may not be called.
    pub disabled_tools: BTreeSet<ToolName>,
}

impl PluginRow {
    /// Longest manifest: a plugin with a thousand tools and long schemas fits.
    pub const MANIFEST_MAX: usize = 4 << 20;
}

pub(super) const PLUGIN_COLUMNS: &str =
    "SELECT name, digest, manifest, source, installed_at, enabled FROM plugins";

impl Store {
    /// All plugins, by name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn plugins(&self) -> Result<Vec<PluginRow>, StoreError> {
        patient(|| all(&self.main()))
    }

    /// One plugin; none when it is not installed.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn plugin(&self, name: &PluginName) -> Result<Option<PluginRow>, StoreError> {
        patient(|| {
            let conn = self.main();
            let sql = format!("{PLUGIN_COLUMNS} WHERE name = ?1");
            let Some(mut row) = readable(select(&conn, &sql, &[name.as_str()], plugin_row)?).pop() else {
                return Ok(None);
            };
            let sql = "SELECT plugin, tool FROM disabled_tools WHERE plugin = ?1";
            let pairs = select(&conn, sql, &[name.as_str()], pair)?;
            row.disabled_tools = pairs
                .into_iter()
                .filter_map(|(_, tool)| tool.parse().ok())
                .collect();
            Ok(Some(row))
        })
    }

    /// Installs a plugin, in one step with grants. Grants of the same capability on the same terms stay as they are. False:
    /// there is a plugin of that name with another component; nothing was changed.
    ///
    /// # Errors
    /// When a text is too long, a grant is for another plugin, or the store can't be written.
    pub fn put_plugin(&self, plugin: &PluginRow, grants: &[NewGrant]) -> Result<bool, StoreError> {
        const DOING: &str = "store a plugin";
        check(plugin)?;
        for grant in grants {
            grant.check()?;
            if grant.plugin != plugin.name {
                return Err(StoreError::NoPlugin(grant.plugin.to_string()));
            }
        }
        self.change(DOING, |transaction| {
            let there = live(transaction, &plugin.name).doing(DOING)?;
            match there {
                Some(digest) if digest != plugin.digest.to_string() => return Ok(false),
                Some(_) => {}
                None => {
                    insert(transaction, plugin).doing(DOING)?;
                }
            }
            for grant in grants {
                add(transaction, grant).doing(DOING)?;
            }
            Ok(true)
        })
    }

    /// Removes a plugin with its grants and its other versions. False: there was none.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn remove_plugin(&self, name: &PluginName) -> Result<bool, StoreError> {
        const DOING: &str = "remove a plugin";
        self.change(DOING, |transaction| {
            let removed = transaction.execute("DELETE FROM plugins WHERE name = ?1", [name.as_str()]);
            Ok(removed.doing(DOING)? > 0)
        })
    }

    /// Allows or forbids calls of a plugin. False: it is not installed.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn enable_plugin(&self, name: &PluginName, enabled: bool) -> Result<bool, StoreError> {
        const DOING: &str = "enable or disable a plugin";
        self.change(DOING, |transaction| {
            let changed = transaction.execute(
                "UPDATE plugins SET enabled = ?2 WHERE name = ?1",
                (name.as_str(), enabled),
            );
            Ok(changed.doing(DOING)? > 0)
        })
    }

    /// Allows or forbids calls of one tool. False: the plugin is not installed.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn enable_tool(&self, name: &PluginName, tool: &ToolName, enabled: bool) -> Result<bool, StoreError> {
        const DOING: &str = "enable or disable a tool";
        self.change(DOING, |transaction| {
            if live(transaction, name).doing(DOING)?.is_none() {
                return Ok(false);
            }
            let sql = if enabled {
                "DELETE FROM disabled_tools WHERE plugin = ?1 AND tool = ?2"
            } else {
                "INSERT INTO disabled_tools VALUES (?1, ?2) ON CONFLICT DO NOTHING"
            };
            transaction
                .execute(sql, (name.as_str(), tool.as_str()))
                .doing(DOING)?;
            Ok(true)
        })
    }

    /// The components of installed plugins and of the versions kept beside them, each once, in order. A plugin whose row does
    /// not parse, but whose digest does, counts: its component is not garbage.
    ///
    /// # Errors
    /// When the store can't be read, or holds a digest that is none: then nothing may be thrown away.
    pub fn digests_in_use(&self) -> Result<Vec<Digest>, StoreError> {
        patient(|| {
            const DOING: &str = "list the components in use";
            let sql = "SELECT digest FROM plugins UNION SELECT digest FROM versions";
            let digests = select(&self.main(), sql, &[], |row| {
                Ok(row.get::<_, String>(0)?.parse::<Digest>())
            })?;
            let mut digests = digests
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map_err(|source| StoreError::Database {
                    doing: DOING,
                    source: source.into(),
                })?;
            digests.sort_unstable();
            Ok(digests)
        })
    }
}

pub(super) fn all(conn: &Connection) -> Result<Vec<PluginRow>, StoreError> {
    let sql = format!("{PLUGIN_COLUMNS} ORDER BY name");
    let mut rows = readable(select(conn, &sql, &[], plugin_row)?);
    let mut disabled: BTreeMap<String, BTreeSet<ToolName>> = BTreeMap::new();
    for (plugin, tool) in select(conn, "SELECT plugin, tool FROM disabled_tools", &[], pair)? {
        if let Ok(tool) = tool.parse() {
            disabled.entry(plugin).or_default().insert(tool);
        }
    }
    for row in &mut rows {
        row.disabled_tools = disabled.remove(row.name.as_str()).unwrap_or_default();
    }
    Ok(rows)
}

pub(super) fn check(plugin: &PluginRow) -> Result<(), StoreError> {
    within("the manifest", &plugin.manifest, PluginRow::MANIFEST_MAX)?;
    within("the source", &plugin.source, TEXT_MAX)?;
    within("the time", &plugin.installed_at, TEXT_MAX)
}

/// The digest of the version that answers.
pub(super) fn live(transaction: &Transaction<'_>, name: &PluginName) -> rusqlite::Result<Option<String>> {
    use rusqlite::OptionalExtension;
    transaction
        .query_row(
            "SELECT digest FROM plugins WHERE name = ?1",
            [name.as_str()],
            |row| row.get(0),
        )
        .optional()
}

fn insert(transaction: &Transaction<'_>, plugin: &PluginRow) -> rusqlite::Result<usize> {
    transaction.execute(
        "INSERT INTO plugins (name, digest, manifest, source, installed_at, enabled) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            plugin.name.as_str(),
            plugin.digest.to_string(),
            &plugin.manifest,
            &plugin.source,
            &plugin.installed_at,
            plugin.enabled,
        ),
    )
}

fn pair(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// A row of `PLUGIN_COLUMNS`; the disabled tools are in another table.
pub(super) fn plugin_row(row: &Row<'_>) -> rusqlite::Result<Parsed<PluginRow>> {
    let (name, digest): (String, String) = (row.get(0)?, row.get(1)?);
    let parse = || Ok::<(PluginName, Digest), NameError>((name.parse()?, digest.parse()?));
    let (name, digest) = match parse() {
        Ok(parsed) => parsed,
        Err(why) => {
            return Ok(Err(Unreadable {
                table: "plugins",
                plugin: name,
                why: why.to_string(),
            }));
        }
    };
    Ok(Ok(PluginRow {
        name,
        digest,
        manifest: row.get(2)?,
        source: row.get(3)?,
        installed_at: row.get(4)?,
        enabled: row.get(5)?,
        disabled_tools: BTreeSet::new(),
    }))
}
