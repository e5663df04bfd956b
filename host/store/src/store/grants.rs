//! What plugins were granted, on which terms.

use super::text::{Parsed, TEXT_MAX, Unreadable, readable, select, within};
use super::{Doing, Store, StoreError, patient};
use fact_types::{Capability, Grant, GrantId, Origin, PluginName, Terms};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

/// A grant to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The plugin.
    pub plugin: PluginName,
    /// What it may do.
    pub capability: Capability,
    /// When it may.
    pub terms: Terms,
    /// Who grants it.
    pub granted_by: String,
    /// When.
    pub granted_at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

impl NewGrant {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        within("who granted it", &self.granted_by, TEXT_MAX)?;
        within("the reason", self.reason.as_deref().unwrap_or_default(), TEXT_MAX)
    }
}

/// What became of a grant that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It was there, and stays as it was.
    Same,
    /// It was there with another count or another end, and has these now. It counts from the start.
    Changed,
}

pub(super) const GRANT_COLUMNS: &str = "SELECT g.plugin, g.capability, g.granted_by, g.granted_at, g.reason, g.id, g.tool, \
     g.principal, g.calls, g.until, u.used FROM grants g \
     LEFT JOIN grant_uses u ON u.plugin = g.plugin AND u.key = 'given:' || g.id";

impl Store {
    /// What a plugin was granted, in order of the capabilities' text.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn grants(&self, plugin: &PluginName) -> Result<Vec<Grant>, StoreError> {
        patient(|| {
            let sql = format!("{GRANT_COLUMNS} WHERE g.plugin = ?1 ORDER BY g.capability, g.id");
            Ok(readable(select(
                &self.main(),
                &sql,
                &[plugin.as_str()],
                grant_row,
            )?))
        })
    }

    /// What all plugins were granted, by plugin.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn all_grants(&self) -> Result<Vec<Grant>, StoreError> {
        patient(|| all(&self.main()))
    }

    /// Grants a capability. A grant of the same capability for the same tool and principal takes over the new count and end.
    ///
    /// # Errors
    /// When a text is too long, the plugin is not installed, or the store can't be written.
    pub fn add_grant(&self, grant: &NewGrant) -> Result<Added, StoreError> {
        grant.check()?;
        self.change("store a grant", |transaction| {
            add(transaction, grant).map_err(|error| match error.sqlite_error_code() {
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

    /// Takes a capability away: for one tool and principal where they are named in the terms, else wherever it was granted.
    /// Returns how many grants are gone.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn remove_grant(
        &self,
        plugin: &PluginName,
        capability: &Capability,
        terms: &Terms,
    ) -> Result<usize, StoreError> {
        const DOING: &str = "remove a grant";
        self.change(DOING, |transaction| {
            transaction
                .execute(
                    "DELETE FROM grants WHERE plugin = ?1 AND capability = ?2 \
                     AND (?3 IS NULL OR tool = ?3) AND (?4 IS NULL OR principal = ?4)",
                    (
                        plugin.as_str(),
                        capability.to_string(),
                        terms.tool.as_ref().map(|tool| tool.as_str()),
                        terms.principal.as_ref().map(|principal| principal.as_str()),
                    ),
                )
                .doing(DOING)
        })
    }
}

pub(super) fn all(conn: &Connection) -> Result<Vec<Grant>, StoreError> {
    let sql = format!("{GRANT_COLUMNS} ORDER BY g.plugin, g.capability, g.id");
    Ok(readable(select(conn, &sql, &[], grant_row)?))
}

pub(super) fn add(transaction: &Transaction<'_>, grant: &NewGrant) -> rusqlite::Result<Added> {
    let capability = grant.capability.to_string();
    let terms = &grant.terms;
    let tool = terms.tool.as_ref().map_or("", |tool| tool.as_str());
    let principal = terms
        .principal
        .as_ref()
        .map_or("", |principal| principal.as_str());
    let until = terms.until.map(|until| until.to_string());
    let there = transaction
        .query_row(
            "SELECT id, calls, until FROM grants WHERE plugin = ?1 AND capability = ?2 AND tool = ?3 AND principal = ?4",
            (grant.plugin.as_str(), &capability, tool, principal),
            |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Option<u32>>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            },
        )
        .optional()?;
    let added = match there {
        Some((_, calls, end)) if calls == terms.calls && end == until => return Ok(Added::Same),
        Some((id, ..)) => {
            transaction.execute("DELETE FROM grants WHERE id = ?1", [id])?;
            Added::Changed
        }
        None => Added::New,
    };
    transaction.execute(
        "INSERT INTO grants (plugin, capability, tool, principal, calls, until, granted_by, granted_at, reason) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            grant.plugin.as_str(),
            capability,
            tool,
            principal,
            terms.calls,
            until,
            &grant.granted_by,
            grant.granted_at.to_string(),
            &grant.reason,
        ),
    )?;
    Ok(added)
}

pub(super) fn grant_row(row: &Row<'_>) -> rusqlite::Result<Parsed<Grant>> {
    let plugin: String = row.get(0)?;
    let (capability, granted_at): (String, String) = (row.get(1)?, row.get(3)?);
    let (tool, principal): (String, String) = (row.get(6)?, row.get(7)?);
    let until: Option<String> = row.get(9)?;
    let some = |text: String| (!text.is_empty()).then_some(text);
    // A term that can't be read must not be left out: the grant would be wider than it was made.
    let parse = || -> Result<_, Box<dyn std::error::Error>> {
        Ok((
            plugin.parse::<PluginName>()?,
            capability.parse::<Capability>()?,
            granted_at.parse::<Timestamp>()?,
            some(tool).map(|tool| tool.parse()).transpose()?,
            some(principal).map(|principal| principal.parse()).transpose()?,
            until.map(|until| until.parse::<Timestamp>()).transpose()?,
        ))
    };
    let (name, capability, granted_at, tool, principal, until) = match parse() {
        Ok(parsed) => parsed,
        Err(why) => {
            return Ok(Err(Unreadable {
                table: "grants",
                why: why.to_string(),
                plugin,
            }));
        }
    };
    Ok(Ok(Grant {
        origin: Origin::Given(GrantId(row.get(5)?)),
        plugin: name,
        capability,
        terms: Terms {
            tool,
            principal,
            calls: row.get(8)?,
            until,
        },
        used: row.get::<_, Option<u32>>(10)?.unwrap_or_default(),
        granted_by: row.get(2)?,
        granted_at,
        reason: row.get(4)?,
    }))
}
