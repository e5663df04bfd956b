//! What of a schema a plugin may see: what it may read.

use super::connection::Session;
use super::{SqlError, Table, TableColumn};
use fact_types::capability::SqlGrant;
use rusqlite::Statement;

/// Most tables and columns listed: a listing is for a reader, and a schema is the owner's, but memory is the host's.
const COLUMNS_MAX: usize = 20_000;

/// Tables and views with at least one column that may be read, by name.
pub(super) fn list(
    session: &mut Session,
    grants: &[SqlGrant],
    database: &str,
) -> Result<Vec<Table>, SqlError> {
    let may_read =
        |table: &str, column: Option<&str>| grants.iter().any(|g| g.allows_read(database, table, column));
    let mut list = session.conn.prepare(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let names = list.query_map([], |row| row.get::<_, String>(0))?;
    let mut describe = session.conn.prepare(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )?;
    let mut tables: Vec<Table> = Vec::new();
    let mut left = COLUMNS_MAX;
    for name in names {
        let name = name?;
        if !may_read(&name, None) {
            continue;
        }
        // A view that no longer fits its tables has no columns; the others do.
        let Ok(columns) = columns(&mut describe, &name) else {
            tracing::warn!(
                database,
                view = name,
                "left a view without columns out of a schema"
            );
            continue;
        };
        let columns: Vec<TableColumn> = columns
            .into_iter()
            .filter(|column| may_read(&name, Some(&column.name)))
            .collect();
        left = left
            .checked_sub(columns.len())
            .ok_or_else(|| SqlError::unavailable("the schema is too large to be listed"))?;
        if !columns.is_empty() {
            tables.push(Table { name, columns });
        }
    }
    Ok(tables)
}

fn columns(describe: &mut Statement<'_>, table: &str) -> rusqlite::Result<Vec<TableColumn>> {
    let rows = describe.query_map([table], |row| {
        let primary_key = row.get::<_, i64>(3)? > 0;
        Ok(TableColumn {
            name: row.get(0)?,
            declared_type: row.get(1)?,
            nullable: !row.get::<_, bool>(2)? && !primary_key,
            primary_key,
        })
    })?;
    rows.collect()
}
