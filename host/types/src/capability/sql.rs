//! Databases: `sql:read:finance`, `sql:read:finance/companies(name,sector),financial_records`.

use std::fmt;

use super::{Risk, names::NamePattern, names::read_write, rights};

/// What may be done with tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlRights {
    /// Rows may be read.
    pub read: bool,
    /// Rows may be inserted, changed and deleted.
    pub write: bool,
    write_first: bool,
}

/// A table, or some of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableGrant {
    /// The table's or view's name. Compared without regard to case, as SQL does.
    pub table: String,
    /// The columns; none: all of them.
    pub columns: Option<Vec<String>>,
}

/// A database, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlGrant {
    /// What may be done.
    pub rights: SqlRights,
    /// The database's name in the host's configuration.
    pub database: NamePattern,
    /// The tables; none: all of them.
    pub tables: Option<Vec<TableGrant>>,
}

fn identifier(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if text.is_empty() || !text.bytes().all(good) || text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "`{text}` is no name of a table or column: letters, digits and `_`"
        ));
    }
    Ok(text.to_owned())
}

/// Splits at commas that are not inside parentheses.
fn split_outside(text: &str) -> Result<Vec<&str>, String> {
    let mut out = Vec::new();
    let (mut rest, mut inside, mut at) = (text, false, 0);
    while let Some(c) = rest.get(at..).and_then(|r| r.chars().next()) {
        match c {
            '(' if inside => return Err("parentheses inside parentheses".to_owned()),
            '(' => inside = true,
            ')' if !inside => return Err("a `)` without its `(`".to_owned()),
            ')' => inside = false,
            ',' if !inside => {
                let (item, more) = rest.split_at(at);
                out.push(item);
                rest = more.strip_prefix(',').unwrap_or(more);
                at = 0;
                continue;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    if inside {
        return Err("a `(` without its `)`".to_owned());
    }
    out.push(rest);
    Ok(out)
}

impl TableGrant {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((table, columns)) = text.split_once('(') else {
            return Ok(TableGrant {
                table: identifier(text)?,
                columns: None,
            });
        };
        let columns = columns
            .strip_suffix(')')
            .ok_or("columns are written TABLE(COLUMN,COLUMN)")?;
        let columns = columns.split(',').map(identifier).collect::<Result<_, _>>()?;
        Ok(TableGrant {
            table: identifier(table)?,
            columns: Some(columns),
        })
    }
}

impl SqlGrant {
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let (first, resource) = rest
            .split_once(':')
            .ok_or("it is written sql:read:DATABASE or sql:read:DATABASE/TABLE")?;
        let rights = rights(first, &["read", "write"])?;
        let (database, tables) = match resource.split_once('/') {
            Some((database, tables)) => (database, Some(tables)),
            None => (resource, None),
        };
        let tables = match tables {
            None => None,
            Some(list) => Some(
                split_outside(list)?
                    .into_iter()
                    .map(TableGrant::parse)
                    .collect::<Result<Vec<_>, _>>()?,
            ),
        };
        Ok(SqlGrant {
            rights: SqlRights {
                read: rights.contains(&"read"),
                write: rights.contains(&"write"),
                write_first: rights.first() == Some(&"write"),
            },
            database: NamePattern::parse(database)?,
            tables,
        })
    }

    /// Whether the grant is about this database at all.
    pub fn names_database(&self, database: &str) -> bool {
        self.database.matches(database)
    }

    /// Whether `column` of `table` (none: the table as such, as `COUNT(*)` reads it) may be read.
    pub fn allows_read(&self, database: &str, table: &str, column: Option<&str>) -> bool {
        self.rights.read && self.covers(database, table, column)
    }

    /// Whether `column` of `table` (none: whole rows, as inserting and deleting need) may be written.
    pub fn allows_write(&self, database: &str, table: &str, column: Option<&str>) -> bool {
        // Whole rows hold every column: a grant for some of them does not cover that.
        let whole = column.is_some() || self.table(table).is_none_or(|t| t.columns.is_none());
        self.rights.write && whole && self.covers(database, table, column)
    }

    fn table(&self, table: &str) -> Option<&TableGrant> {
        self.tables
            .as_ref()?
            .iter()
            .find(|t| t.table.eq_ignore_ascii_case(table))
    }

    fn covers(&self, database: &str, table: &str, column: Option<&str>) -> bool {
        if !self.names_database(database) {
            return false;
        }
        let Some(tables) = &self.tables else { return true };
        tables
            .iter()
            .filter(|t| t.table.eq_ignore_ascii_case(table))
            .any(|t| match (&t.columns, column) {
                (None, _) | (Some(_), None) => true,
                (Some(columns), Some(column)) => columns.iter().any(|c| c.eq_ignore_ascii_case(column)),
            })
    }

    pub(super) fn in_words(&self) -> String {
        let verb = match (self.rights.read, self.rights.write) {
            (true, true) => "read and change",
            (false, true) => "change",
            _ => "read",
        };
        match &self.tables {
            None => format!("{verb} the whole database {}", self.database),
            Some(tables) => {
                let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
                format!("{verb} {} of the database {}", names.join(", "), self.database)
            }
        }
    }

    pub(super) fn risk(&self) -> Risk {
        match (self.rights.write, self.database.is_everything()) {
            (true, true) => Risk::High,
            (true, false) | (false, true) => Risk::Medium,
            (false, false) => Risk::Low,
        }
    }
}

impl fmt::Display for TableGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table)?;
        match &self.columns {
            Some(columns) => write!(f, "({})", columns.join(",")),
            None => Ok(()),
        }
    }
}

impl fmt::Display for SqlGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rights = read_write(self.rights.read, self.rights.write, self.rights.write_first);
        write!(f, "{rights}:{}", self.database)?;
        for (i, table) in self.tables.iter().flatten().enumerate() {
            write!(f, "{}{table}", if i == 0 { "/" } else { "," })?;
        }
        Ok(())
    }
}
