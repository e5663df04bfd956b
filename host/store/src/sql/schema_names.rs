//! The names that a database's schema has, to tell tables from names that a statement made up.

use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The names in one state of a schema.
#[derive(Debug, Default)]
pub(super) struct SchemaNames {
    /// Tables and views, lower case, with the spelling of their definition.
    known: BTreeMap<String, String>,
    /// Those of them that are views.
    views: BTreeSet<String>,
    /// Virtual tables, lower case.
    virtuals: BTreeSet<String>,
    /// The table that each root page belongs to, an index's page too.
    roots: BTreeMap<i64, String>,
    /// Modules that are tables by themselves, lower case.
    modules: BTreeSet<String>,
}

impl SchemaNames {
    fn load(conn: &Connection, modules: BTreeSet<String>) -> rusqlite::Result<Self> {
        let mut names = SchemaNames {
            modules,
            ..SchemaNames::default()
        };
        let mut select =
            conn.prepare("SELECT type, name, tbl_name, coalesce(rootpage, 0) FROM main.sqlite_schema")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
            let (table, root): (String, i64) = (row.get(2)?, row.get(3)?);
            if root > 0 {
                names.roots.insert(root, table);
            }
            let lower = name.to_ascii_lowercase();
            match kind.as_str() {
                "view" => {
                    names.views.insert(lower.clone());
                    names.known.insert(lower, name);
                }
                "table" => {
                    if root == 0 {
                        names.virtuals.insert(lower.clone());
                    }
                    names.known.insert(lower, name);
                }
                _ => {}
            }
        }
        Ok(names)
    }

    /// The schema has a table or view of this name.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.known.contains_key(&name.to_ascii_lowercase())
    }

    /// The schema has a view of this name.
    pub(super) fn is_view(&self, name: &str) -> bool {
        self.views.contains(&name.to_ascii_lowercase())
    }

    /// The views, lower case.
    pub(super) fn views(&self) -> impl Iterator<Item = &str> {
        self.views.iter().map(String::as_str)
    }

    /// The virtual tables that may keep their contents in this table: those whose name it begins with.
    pub(super) fn virtual_owners(&self, table: &str) -> impl Iterator<Item = &str> {
        let lower = table.to_ascii_lowercase();
        self.virtuals
            .iter()
            .filter(move |owner| {
                lower
                    .strip_prefix(owner.as_str())
                    .is_some_and(|rest| rest.starts_with('_'))
            })
            .map(String::as_str)
    }

    /// The table that a root page belongs to. SQLite's schema table is on page 1 and has no entry.
    pub(super) fn rooted_at(&self, page: i64) -> Option<&str> {
        self.roots.get(&page).map(String::as_str)
    }

    /// SQLite itself gives this name a meaning: its own tables, pragmas as tables, modules.
    pub(super) fn is_reserved(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        lower.starts_with("sqlite_")
            || lower.starts_with("pragma_")
            || (self.modules.contains(&lower) && !self.known.contains_key(&lower))
    }

    /// The name as its definition spells it.
    pub(super) fn spelling(&self, name: &str) -> String {
        self.known
            .get(&name.to_ascii_lowercase())
            .map_or_else(|| name.to_owned(), Clone::clone)
    }
}

/// The names of the schema as it is now, read again only when it changed.
///
/// Must be asked inside the transaction that the statement runs in, so that it runs against the same schema.
#[derive(Debug, Default)]
pub(super) struct NamesCache {
    of: Option<(i64, Arc<SchemaNames>)>,
}

impl NamesCache {
    pub(super) fn get(&mut self, conn: &Connection) -> rusqlite::Result<Arc<SchemaNames>> {
        let version: i64 = conn.query_row("PRAGMA main.schema_version", [], |row| row.get(0))?;
        if let Some((of, names)) = &self.of
            && *of == version
        {
            return Ok(Arc::clone(names));
        }
        let mut list = conn.prepare("PRAGMA module_list")?;
        let modules = list
            .query_map([], |row| row.get::<_, String>(0))?
            .map(|name| name.map(|n| n.to_ascii_lowercase()))
            .collect::<Result<_, _>>()?;
        let names = Arc::new(SchemaNames::load(conn, modules)?);
        self.of = Some((version, Arc::clone(&names)));
        Ok(names)
    }
}
