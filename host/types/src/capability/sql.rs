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

    fn has_column(&self, column: &str) -> bool {
        match &self.columns {
            None => true,
            Some(columns) => columns.iter().any(|own| own.eq_ignore_ascii_case(column)),
        }
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
        self.rights.read && self.names(database, table, column)
    }

    /// Whether `column` of `table` (none: whole rows, as inserting and deleting need) may be written.
    pub fn allows_write(&self, database: &str, table: &str, column: Option<&str>) -> bool {
        // Whole rows hold every column: a grant for some of them does not cover that.
        let whole = column.is_some() || self.has_whole(table);
        self.rights.write && whole && self.names(database, table, column)
    }

    /// What the grant says of a table; a grant of the whole database says nothing of any.
    fn entries(&self, table: &str) -> impl Iterator<Item = &TableGrant> {
        self.tables
            .iter()
            .flatten()
            .filter(move |own| own.table.eq_ignore_ascii_case(table))
    }

    /// Whether every column of a table is in the grant.
    fn has_whole(&self, table: &str) -> bool {
        self.tables.is_none() || self.entries(table).any(|own| own.columns.is_none())
    }

    /// Whether everything that `wanted` allows is allowed by this grant too.
    pub fn covers(&self, wanted: &SqlGrant) -> bool {
        let rights = (self.rights.read || !wanted.rights.read) && (self.rights.write || !wanted.rights.write);
        let tables = match (&self.tables, &wanted.tables) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(wanted)) => wanted.iter().all(|table| self.covers_table(table)),
        };
        rights && self.database.covers(&wanted.database) && tables
    }

    fn covers_table(&self, wanted: &TableGrant) -> bool {
        match &wanted.columns {
            None => self.has_whole(&wanted.table),
            Some(columns) => columns
                .iter()
                .all(|column| self.entries(&wanted.table).any(|own| own.has_column(column))),
        }
    }

    /// Whether the grant is about a table; empty: one that is not known. `whole`: about all of it.
    pub(super) fn touches(&self, database: &str, table: &str, whole: bool) -> bool {
        self.names_database(database)
            && match &self.tables {
                None => true,
                Some(_) if table.is_empty() => !whole,
                Some(_) if whole => self.has_whole(table),
                Some(_) => self.entries(table).next().is_some(),
            }
    }

    /// The grant in pieces: one right to one table.
    pub(super) fn pieces(&self) -> Vec<SqlGrant> {
        let tables: Vec<Option<Vec<TableGrant>>> = match &self.tables {
            None => vec![None],
            Some(tables) => tables.iter().map(|table| Some(vec![table.clone()])).collect(),
        };
        let rights = [(self.rights.read, true), (self.rights.write, false)];
        let mut out = Vec::new();
        for (_, read) in rights.into_iter().filter(|(held, _)| *held) {
            out.extend(tables.iter().map(|tables| SqlGrant {
                rights: SqlRights {
                    read,
                    write: !read,
                    write_first: !read,
                },
                database: self.database.clone(),
                tables: tables.clone(),
            }));
        }
        out
    }

    fn names(&self, database: &str, table: &str, column: Option<&str>) -> bool {
        if !self.names_database(database) {
            return false;
        }
        self.tables.is_none()
            || self
                .entries(table)
                .any(|own| column.is_none_or(|column| own.has_column(column)))
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
