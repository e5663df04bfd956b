//! Plugins and grants.
//!
//! What is stored is text, and it is parsed when it is read. A row that does not parse (an older or newer program wrote it,
//! or someone's hand) gives nothing: it is left out with a warning, and [`Store::unreadable`] lists it.

use super::{Doing, Store, StoreError, patient};
use fact_types::{Capability, CapabilityError, Digest, NameError, PluginName};
use rusqlite::{Connection, Row, TransactionBehavior};
use serde::Serialize;

/// An installed plugin.
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
}

/// A capability that a plugin was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantRow {
    /// The plugin.
    pub plugin: PluginName,
    /// What it may do.
    pub capability: Capability,
    /// Who granted it.
    pub granted_by: String,
    /// When, RFC 3339.
    pub granted_at: String,
    /// Why.
    pub reason: Option<String>,
}

/// A stored row that does not parse, and so counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The table it is in.
    pub table: &'static str,
    /// The plugin it is about, as stored.
    pub plugin: String,
    /// What is wrong.
    pub why: String,
}

impl PluginRow {
    /// Longest manifest: a plugin with a thousand tools and long schemas fits.
    pub const MANIFEST_MAX: usize = 4 << 20;
}

/// Longest of the short texts: names of people, times, reasons, sources.
const TEXT_MAX: usize = 4_000;

const PLUGIN_COLUMNS: &str = "SELECT name, digest, manifest, source, installed_at, enabled FROM plugins";
const GRANT_COLUMNS: &str = "SELECT plugin, capability, granted_by, granted_at, reason FROM grants";

/// A row as read: parsed, or the reason why it is not.
type Parsed<T> = Result<T, Unreadable>;

impl Store {
    /// All plugins, by name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn plugins(&self) -> Result<Vec<PluginRow>, StoreError> {
        patient(|| {
            let sql = format!("{PLUGIN_COLUMNS} ORDER BY name");
            readable(select(&self.main(), &sql, &[], plugin_row)?)
        })
    }

    /// One plugin; none when it is not installed.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn plugin(&self, name: &PluginName) -> Result<Option<PluginRow>, StoreError> {
        patient(|| {
            let sql = format!("{PLUGIN_COLUMNS} WHERE name = ?1");
            Ok(readable(select(&self.main(), &sql, &[name.as_str()], plugin_row)?)?.pop())
        })
    }

    /// Installs a plugin or replaces it, in one step with new grants. Grants that it has stay, as they are.
    ///
    /// # Errors
    /// When a text is too long, a grant is for another plugin, or the store can't be written.
    pub fn put_plugin(&self, plugin: &PluginRow, grants: &[GrantRow]) -> Result<(), StoreError> {
        patient(|| {
            const DOING: &str = "store a plugin";
            within("the manifest", &plugin.manifest, PluginRow::MANIFEST_MAX)?;
            within("the source", &plugin.source, TEXT_MAX)?;
            within("the time", &plugin.installed_at, TEXT_MAX)?;
            for grant in grants {
                check_grant(grant)?;
                if grant.plugin != plugin.name {
                    return Err(StoreError::NoPlugin(grant.plugin.to_string()));
                }
            }
            let mut conn = self.main();
            let transaction = conn
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing(DOING)?;
            // Not REPLACE: that would delete the old row, and its grants with it.
            transaction
                .execute(
                    "INSERT INTO plugins (name, digest, manifest, source, installed_at, enabled) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, manifest = excluded.manifest, \
                 source = excluded.source, installed_at = excluded.installed_at, enabled = excluded.enabled",
                    (
                        plugin.name.as_str(),
                        plugin.digest.to_string(),
                        &plugin.manifest,
                        &plugin.source,
                        &plugin.installed_at,
                        plugin.enabled,
                    ),
                )
                .doing(DOING)?;
            for grant in grants {
                insert(&transaction, grant).doing(DOING)?;
            }
            transaction.commit().doing(DOING)
        })
    }

    /// Removes a plugin and its grants. False: there was none.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn remove_plugin(&self, name: &PluginName) -> Result<bool, StoreError> {
        patient(|| {
            let removed = self
                .main()
                .execute("DELETE FROM plugins WHERE name = ?1", [name.as_str()]);
            Ok(removed.doing("remove a plugin")? > 0)
        })
    }

    /// What a plugin was granted, in order of the capabilities' text.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn grants(&self, plugin: &PluginName) -> Result<Vec<GrantRow>, StoreError> {
        patient(|| {
            let sql = format!("{GRANT_COLUMNS} WHERE plugin = ?1 ORDER BY capability");
            readable(select(&self.main(), &sql, &[plugin.as_str()], grant_row)?)
        })
    }

    /// What all plugins were granted, by plugin.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn all_grants(&self) -> Result<Vec<GrantRow>, StoreError> {
        patient(|| {
            let sql = format!("{GRANT_COLUMNS} ORDER BY plugin, capability");
            readable(select(&self.main(), &sql, &[], grant_row)?)
        })
    }

    /// Grants a capability. False: it was granted before, by the same text, and that grant stays as it is.
    ///
    /// # Errors
    /// When a text is too long, the plugin is not installed, or the store can't be written.
    pub fn add_grant(&self, grant: &GrantRow) -> Result<bool, StoreError> {
        patient(|| {
            check_grant(grant)?;
            insert(&self.main(), grant).map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    StoreError::NoPlugin(grant.plugin.to_string())
                }
                _ => StoreError::Database {
                    doing: "store a grant",
                    source: error.into(),
                },
            })
        })
    }

    /// Takes a capability away. False: it was not granted, by this text.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn remove_grant(&self, plugin: &PluginName, capability: &Capability) -> Result<bool, StoreError> {
        patient(|| {
            let removed = self.main().execute(
                "DELETE FROM grants WHERE plugin = ?1 AND capability = ?2",
                (plugin.as_str(), capability.to_string()),
            );
            Ok(removed.doing("remove a grant")? > 0)
        })
    }

    /// The components of installed plugins, each once, in order. A plugin whose row does not parse, but whose digest does,
    /// counts: its component is not garbage.
    ///
    /// # Errors
    /// When the store can't be read, or holds a digest that is none: then nothing may be thrown away.
    pub fn digests_in_use(&self) -> Result<Vec<Digest>, StoreError> {
        patient(|| {
            const DOING: &str = "list the components in use";
            let digests = select(&self.main(), "SELECT DISTINCT digest FROM plugins", &[], |row| {
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

    /// The rows that are left out because they don't parse.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        let conn = self.main();
        let plugins = select(&conn, PLUGIN_COLUMNS, &[], plugin_row)?;
        let grants = select(&conn, GRANT_COLUMNS, &[], grant_row)?;
        let plugins = plugins.into_iter().filter_map(Result::err);
        Ok(plugins
            .chain(grants.into_iter().filter_map(Result::err))
            .collect())
    }
}

fn within(what: &'static str, text: &str, most: usize) -> Result<(), StoreError> {
    if text.len() > most {
        return Err(StoreError::TooLong { what, most });
    }
    Ok(())
}

fn check_grant(grant: &GrantRow) -> Result<(), StoreError> {
    within("who granted it", &grant.granted_by, TEXT_MAX)?;
    within("the time", &grant.granted_at, TEXT_MAX)?;
    within(
        "the reason",
        grant.reason.as_deref().unwrap_or_default(),
        TEXT_MAX,
    )
}

/// True when it is new. Only a grant of the same text is passed over: a plugin that is not there is an error.
fn insert(conn: &Connection, grant: &GrantRow) -> rusqlite::Result<bool> {
    let inserted = conn.execute(
        "INSERT INTO grants (plugin, capability, granted_by, granted_at, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (plugin, capability) DO NOTHING",
        (
            grant.plugin.as_str(),
            grant.capability.to_string(),
            &grant.granted_by,
            &grant.granted_at,
            &grant.reason,
        ),
    )?;
    Ok(inserted > 0)
}

fn select<T>(
    conn: &Connection,
    sql: &str,
    parameters: &[&str],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    const DOING: &str = "read the store";
    let mut statement = conn.prepare_cached(sql).doing(DOING)?;
    let rows = statement
        .query_map(rusqlite::params_from_iter(parameters), read)
        .doing(DOING)?;
    rows.collect::<Result<_, _>>().doing(DOING)
}

fn readable<T>(rows: Vec<Parsed<T>>) -> Result<Vec<T>, StoreError> {
    let keep = |row: Parsed<T>| {
        row.inspect_err(|bad| {
            tracing::warn!(
                table = bad.table,
                plugin = bad.plugin,
                why = bad.why,
                "left out a stored row"
            );
        })
        .ok()
    };
    Ok(rows.into_iter().filter_map(keep).collect())
}

fn plugin_row(row: &Row<'_>) -> rusqlite::Result<Parsed<PluginRow>> {
    let (name, digest): (String, String) = (row.get(0)?, row.get(1)?);
    let bad = |why: String| Unreadable {
        table: "plugins",
        plugin: name.clone(),
        why,
    };
    let parse = || Ok::<(PluginName, Digest), NameError>((name.parse()?, digest.parse()?));
    let (name, digest) = match parse() {
        Ok(parsed) => parsed,
        Err(why) => return Ok(Err(bad(why.to_string()))),
    };
    Ok(Ok(PluginRow {
        name,
        digest,
        manifest: row.get(2)?,
        source: row.get(3)?,
        installed_at: row.get(4)?,
        enabled: row.get(5)?,
    }))
}

fn grant_row(row: &Row<'_>) -> rusqlite::Result<Parsed<GrantRow>> {
    let (plugin, capability): (String, String) = (row.get(0)?, row.get(1)?);
    let bad = |why: String| Unreadable {
        table: "grants",
        plugin: plugin.clone(),
        why,
    };
    let name: PluginName = match plugin.parse() {
        Ok(name) => name,
        Err(why) => return Ok(Err(bad(NameError::to_string(&why)))),
    };
    let capability: Capability = match capability.parse() {
        Ok(capability) => capability,
        Err(why) => return Ok(Err(bad(CapabilityError::to_string(&why)))),
    };
    Ok(Ok(GrantRow {
        plugin: name,
        capability,
        granted_by: row.get(2)?,
        granted_at: row.get(3)?,
        reason: row.get(4)?,
    }))
}
