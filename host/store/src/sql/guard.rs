//! Asks the grants for everything that a statement reads, writes and calls, at SQLite's own word.
//!
//! SQLite's compiler tells the authorizer of each table and column that a statement touches, whatever the statement looks
//! like. Three things need more than a look into the grants:
//!
//! **Names that are no tables.** A common table expression reaches the authorizer as a read of its name with an empty
//! column. It is allowed if and only if the schema has nothing of that name; where a CTE takes a table's name, the table
//! must be granted.
//!
//! **Views.** Reading through a view is reading what stands below it, with the view's name as *accessor*. A grant on the
//! view suffices for that: it is how an owner gives away a part of a table. In the other direction nothing is given: who
//! may read the tables but not the view can't use the view. Because a CTE may take a view's name and would then pass for
//! it, a grant on a view reaches no further than the view itself in a statement with the word WITH in it, wherever it
//! stands; such statements need grants on the tables too. A view in a view counts as granted when it is read through a
//! granted one; that is decided when all reads are known, after compiling and before running.
//!
//! **Column grants and REPLACE.** `UPDATE OR REPLACE` may delete rows that were not named. With a grant on columns only,
//! a statement with the word REPLACE in it is refused.

use super::schema_names::SchemaNames;
use super::{SqlError, Touched, functions};
use fact_types::capability::SqlGrant;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which statements are welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

/// The guard of one statement: the authorizer holds a clone of it.
#[derive(Clone)]
pub(super) struct Guard(Arc<Mutex<State>>);

struct State {
    grants: Arc<[SqlGrant]>,
    database: String,
    names: Arc<SchemaNames>,
    mode: Mode,
    /// A view's name as accessor can be believed.
    believe_views: bool,
    /// The statement has the word REPLACE in it.
    replaces: bool,
    touched: Touched,
    /// Reads that only a view can allow.
    through: BTreeSet<Through>,
    /// Real views by whose name something was accessed.
    accessors: BTreeSet<String>,
    refused: Option<Refused>,
    /// Anything at all was asked.
    asked: bool,
    /// The reads through views are decided; the statement may be compiled again while it runs, and finds the same.
    decided: bool,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Through {
    table: String,
    column: String,
    view: String,
}

#[derive(Clone)]
struct Refused {
    thing: Option<String>,
    message: String,
}

impl Refused {
    fn table(name: &str, act: &str) -> Self {
        Refused {
            thing: Some(name.to_owned()),
            message: format!("{act} `{name}` is not granted"),
        }
    }

    fn act(message: &str) -> Self {
        Refused {
            thing: None,
            message: message.to_owned(),
        }
    }
}

/// Whether `word` stands in the statement between characters that can't be part of a name. SQLite has no other way to
/// spell a keyword, so "no" is certain; "yes" may be a word in a literal.
fn has_word(statement: &str, word: &str) -> bool {
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || !b.is_ascii();
    statement
        .as_bytes()
        .split(|b| !in_name(*b))
        .any(|token| token.eq_ignore_ascii_case(word.as_bytes()))
}

impl Guard {
    pub(super) fn new(
        grants: Arc<[SqlGrant]>,
        database: &str,
        names: Arc<SchemaNames>,
        mode: Mode,
        statement: &str,
    ) -> Self {
        Guard(Arc::new(Mutex::new(State {
            grants,
            database: database.to_owned(),
            names,
            mode,
            believe_views: !has_word(statement, "WITH"),
            replaces: has_word(statement, "REPLACE"),
            touched: Touched::default(),
            through: BTreeSet::new(),
            accessors: BTreeSet::new(),
            refused: None,
            asked: false,
            decided: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The callback for SQLite.
    pub(super) fn callback(&self) -> impl FnMut(AuthContext<'_>) -> Authorization + Send + 'static {
        let guard = self.clone();
        move |context: AuthContext<'_>| {
            let mut state = guard.state();
            match state.ask(&context) {
                Ok(()) => Authorization::Allow,
                Err(refused) => {
                    state.refused.get_or_insert(refused);
                    Authorization::Deny
                }
            }
        }
    }

    /// Whether SQLite asked anything: it does so for every statement, and not for an empty text.
    pub(super) fn asked(&self) -> bool {
        self.state().asked
    }

    /// After compiling: decides what views allow.
    pub(super) fn decide(&self) -> Result<(), SqlError> {
        let mut state = self.state();
        if state.refused.is_none() {
            state.refused = state.undecided();
        }
        state.decided = true;
        match &state.refused {
            Some(refused) => Err(SqlError::denied(refused.thing.clone(), refused.message.clone())),
            None => Ok(()),
        }
    }

    /// The refusal behind an error of SQLite's, or the error itself.
    pub(super) fn explain(&self, error: rusqlite::Error) -> SqlError {
        match &self.state().refused {
            Some(refused) => SqlError::denied(refused.thing.clone(), refused.message.clone()),
            None => error.into(),
        }
    }

    pub(super) fn touched(&self) -> Touched {
        self.state().touched.clone()
    }
}

impl State {
    fn may_read(&self, table: &str, column: Option<&str>) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.allows_read(&self.database, table, column))
    }

    fn may_write(&self, table: &str, column: Option<&str>) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.allows_write(&self.database, table, column))
    }

    fn ask(&mut self, context: &AuthContext<'_>) -> Result<(), Refused> {
        self.asked = true;
        if !matches!(context.database_name, None | Some("main")) {
            return Err(Refused::act(
                "only the database itself may be used, no temporary tables",
            ));
        }
        let view = context.accessor.filter(|name| self.names.is_view(name));
        if let Some(view) = view
            && !self.decided
        {
            self.accessors.insert(view.to_ascii_lowercase());
        }
        match context.action {
            AuthAction::Select | AuthAction::Recursive => Ok(()),
            AuthAction::Read {
                table_name,
                column_name,
            } => self.read(table_name, column_name, view),
            AuthAction::Function { function_name } => self.function(function_name),
            AuthAction::Insert { table_name } => self.write(table_name, None),
            AuthAction::Delete { table_name } => self.write(table_name, None),
            AuthAction::Update {
                table_name,
                column_name,
            } => self.write(table_name, Some(column_name)),
            AuthAction::Pragma { .. } => Err(Refused::act("PRAGMA is not allowed")),
            AuthAction::Attach { .. } | AuthAction::Detach { .. } => {
                Err(Refused::act("attaching and detaching databases is not allowed"))
            }
            AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => Err(Refused::act(
                "transactions are not allowed: each statement is one",
            )),
            _ => Err(Refused::act(
                "the statement does what is never allowed, such as changing the schema",
            )),
        }
    }

    fn function(&mut self, name: &str) -> Result<(), Refused> {
        if !functions::allowed(name) {
            return Err(Refused {
                thing: Some(name.to_owned()),
                message: format!("the function `{name}` is not allowed"),
            });
        }
        if functions::unstable(name) {
            self.touched.unstable.insert(name.to_ascii_lowercase());
        }
        Ok(())
    }

    fn read(&mut self, table: &str, column: &str, view: Option<&str>) -> Result<(), Refused> {
        let refused = || Refused::table(table, "reading");
        if functions::is_table_function(table) && !self.names.is_known(table) {
            return Ok(());
        }
        if !self.names.is_known(table) {
            // With an empty column it is a CTE. With a column, or by a name that SQLite gives a meaning of its own, it is
            // a table that nobody made: a pragma as a table, the statistics.
            return if column.is_empty() && !self.names.is_reserved(table) {
                Ok(())
            } else {
                Err(refused())
            };
        }
        if self.names.is_reserved(table) {
            return Err(refused());
        }
        let direct = self.may_read(table, Some(column).filter(|c| !c.is_empty()));
        if !direct {
            let through = Through {
                table: table.to_ascii_lowercase(),
                column: column.to_owned(),
                view: view
                    .filter(|_| self.believe_views)
                    .ok_or_else(refused)?
                    .to_ascii_lowercase(),
            };
            if self.decided && !self.through.contains(&through) {
                return Err(refused());
            }
            self.through.insert(through);
        }
        self.touched.reads.insert(self.names.spelling(table));
        if let Some(view) = view {
            self.touched.reads.insert(self.names.spelling(view));
        }
        Ok(())
    }

    fn write(&mut self, table: &str, column: Option<&str>) -> Result<(), Refused> {
        if self.mode == Mode::Read {
            return Err(Refused {
                thing: Some(table.to_owned()),
                message: format!("the statement writes `{table}`, and a query may only read"),
            });
        }
        let refused = || Refused::table(table, "writing");
        if self.names.is_reserved(table) || !self.may_write(table, column) {
            return Err(refused());
        }
        if column.is_some() && self.replaces && !self.may_write(table, None) {
            return Err(Refused {
                thing: Some(table.to_owned()),
                message: format!(
                    "with a grant on columns of `{table}`, no statement with the word REPLACE is allowed"
                ),
            });
        }
        self.touched.writes.insert(self.names.spelling(table));
        Ok(())
    }

    /// What the views don't allow.
    fn undecided(&self) -> Option<Refused> {
        let mut trusted: BTreeSet<&str> = self
            .accessors
            .iter()
            .map(String::as_str)
            .filter(|view| self.may_read(view, None))
            .collect();
        // A view read through a trusted one is trusted: as often as there are views, no chain is longer.
        for _ in 0..self.accessors.len() {
            for read in &self.through {
                if trusted.contains(read.view.as_str()) && self.names.is_view(&read.table) {
                    trusted.insert(&read.table);
                }
            }
        }
        if let Some(view) = self
            .accessors
            .iter()
            .find(|view| !trusted.contains(view.as_str()))
        {
            return Some(Refused::table(&self.names.spelling(view), "reading"));
        }
        let read = self
            .through
            .iter()
            .find(|read| !trusted.contains(read.view.as_str()))?;
        Some(Refused::table(&self.names.spelling(&read.table), "reading"))
    }
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn words() {
        for (statement, found) in [
            ("WITH a AS (SELECT 1) SELECT 1", true),
            ("with\ta as (select 1) select 1", true),
            ("/**/wItH/**/a AS (SELECT 1) SELECT 1", true),
            ("SELECT * FROM (WITH a AS (SELECT 1) SELECT 1)", true),
            ("SELECT 'with'", true),
            ("SELECT withdrawals, _with, with1, éwith FROM t", false),
            ("", false),
        ] {
            assert_eq!(has_word(statement, "WITH"), found, "{statement}");
        }
    }
}
