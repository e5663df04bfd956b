//! What of a schema a plugin may see: what it may read.

use super::connection::Session;
use super::{SqlError, Table, TableColumn};
use fact_types::capability::SqlGrant;

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
    let mut select = session.conn.prepare(
        "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk \
         FROM pragma_table_list AS t, pragma_table_xinfo(t.name, 'main') AS c \
         WHERE t.schema = 'main' AND t.type IN ('table', 'view', 'virtual') \
         AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND c.hidden <> 1 \
         ORDER BY t.name, c.cid",
    )?;
    let mut rows = select.query([])?;
    let mut tables: Vec<Table> = Vec::new();
    let mut left = COLUMNS_MAX;
    while let Some(row) = rows.next()? {
        let (table, name): (String, String) = (row.get(0)?, row.get(1)?);
        if !may_read(&table, Some(&name)) {
            continue;
        }
        let Some(less) = left.checked_sub(1) else {
            return Err(SqlError::unavailable("the schema is too large to be listed"));
        };
        left = less;
        let primary_key = row.get::<_, i64>(4)? > 0;
        let column = TableColumn {
            name,
            declared_type: row.get(2)?,
            nullable: !row.get::<_, bool>(3)? && !primary_key,
            primary_key,
        };
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push(column),
            _ => tables.push(Table {
                name: table,
                columns: vec![column],
            }),
        }
    }
    Ok(tables)
}
