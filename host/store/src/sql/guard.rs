//! Asks the grants for everything that a statement reads, writes and calls, at SQLite's own word.
//!
//! SQLite's compiler tells the authorizer of each table and column that a statement touches, whatever the statement looks
//! like. Four things need more than a look into the grants:
//!
//! **Names that are no tables.** A common table expression reaches the authorizer as a read of its name with an empty
//! column. It is allowed if and only if the schema has nothing of that name; where a CTE takes a table's name, the table
//! must be granted.
//!
//! **Views.** A grant on a view suffices for reading *through* it: it is how an owner gives away a part of a table. The
//! view that SQLite names for each access can't be relied on for that: a CTE with a view's name passes for the view, and
//! where a view is merged into the statement around it, none is named. What can be relied on is that a statement reaches
//! only what it spells out, and what the views that it spells out stand on. So a table that is not granted may be read
//! when its name is nowhere in the statement, not even in a literal or alias, a granted view's name is, and no other
//! view's name is. In the other direction nothing is given: who may read the tables but not the view can't use the view.
//!
//! **What the authorizer is not told.** The columns that NATURAL and USING compare are never reported, and a table of
//! which nothing else is used is not either. The compiled program knows: [`Guard::confirm`] holds it against what was
//! told.
//!
//! **Column grants and REPLACE.** `UPDATE OR REPLACE` may delete rows that were not named. With a grant on columns only,
//! a statement with the word REPLACE in it is refused.

use super::program::Program;
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
    words: Words,
    /// What the statement spells out lets it look through views.
    through_views: bool,
    touched: Touched,
    refused: Option<Refused>,
    /// Anything at all was asked.
    asked: bool,
    /// The statement passed. What is compiled from here on is the same again, or a virtual table's own statements.
    passed: bool,
}

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

    fn error(&self) -> SqlError {
        SqlError::denied(self.thing.clone(), self.message.clone())
    }
}

/// The words of a statement, lower case: what stands between characters that can't be part of a name. SQLite has no other
/// way to spell a keyword or a plain name, so "it is not there" is certain; "it is there" may mean a literal or a comment.
struct Words(BTreeSet<String>);

impl Words {
    fn of(statement: &str) -> Self {
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
        let words = statement.split(|c| !in_name(c)).filter(|word| !word.is_empty());
        Words(words.map(str::to_ascii_lowercase).collect())
    }

    fn has(&self, lower: &str) -> bool {
        self.0.contains(lower)
    }

    /// Whether the statement may spell out this name. A name that is not one word always may.
    fn may_name(&self, name: &str) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !name.bytes().all(plain) || self.has(&name.to_ascii_lowercase())
    }

    /// Joins on columns that the authorizer is not told of.
    fn join_silently(&self) -> bool {
        self.has("natural") || self.has("using")
    }
}

impl Guard {
    pub(super) fn new(
        grants: Arc<[SqlGrant]>,
        database: &str,
        names: Arc<SchemaNames>,
        mode: Mode,
        statement: &str,
    ) -> Self {
        let mut state = State {
            grants,
            database: database.to_owned(),
            names,
            mode,
            words: Words::of(statement),
            through_views: false,
            touched: Touched::default(),
            refused: None,
            asked: false,
            passed: false,
        };
        state.through_views = state.looks_through_views();
        Guard(Arc::new(Mutex::new(state)))
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

    /// Whether SQLite asked anything: it does so for every statement that reads or writes rows.
    pub(super) fn asked(&self) -> bool {
        self.state().asked
    }

    /// Holds the compiled program against what the authorizer was told, and adds what it was not told.
    pub(super) fn confirm(&self, program: &Program) -> Result<(), SqlError> {
        let mut state = self.state();
        state.confirm(program).map_err(|refused| refused.error())?;
        state.passed = true;
        Ok(())
    }

    /// The refusal behind an error of SQLite's, or the error itself.
    pub(super) fn explain(&self, error: rusqlite::Error) -> SqlError {
        match &self.state().refused {
            Some(refused) => refused.error(),
            None => error.into(),
        }
    }

    pub(super) fn touched(&self) -> Touched {
        self.state().touched.clone()
    }
}

/// No table or column has this name, so it is granted where all are.
const ANY: &str = "*";

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

    /// Whether the statement spells out a granted view and no other.
    fn looks_through_views(&self) -> bool {
        let (granted, others): (Vec<_>, Vec<_>) = self
            .names
            .views()
            .filter(|view| self.words.may_name(view))
            .partition(|view| self.may_read(view, None));
        self.mode == Mode::Read && !granted.is_empty() && others.is_empty()
    }

    /// Whether a table or view that is not granted can only have been reached through a granted view, or by a granted
    /// virtual table that keeps its contents there.
    fn is_behind_another(&self, table: &str) -> bool {
        let by_virtual = || {
            let mut owners = self.names.virtual_owners(table);
            self.mode == Mode::Read && owners.any(|owner| self.may_read(owner, Some(ANY)))
        };
        !self.words.may_name(table) && (self.through_views || by_virtual())
    }

    fn ask(&mut self, context: &AuthContext<'_>) -> Result<(), Refused> {
        self.asked = true;
        if !matches!(context.database_name, None | Some("main")) {
            return Err(Refused::act(
                "only the database itself may be used, no temporary tables",
            ));
        }
        if let Some(view) = context.accessor.filter(|name| self.names.is_view(name))
            && self.mode == Mode::Read
        {
            if !self.may_read(view, None) && !self.is_behind_another(view) {
                return Err(Refused::table(&self.names.spelling(view), "reading"));
            }
            self.touched.reads.insert(self.names.spelling(view));
        }
        match context.action {
            AuthAction::Select | AuthAction::Recursive => Ok(()),
            AuthAction::Read {
                table_name,
                column_name,
            } => self.read(table_name, column_name),
            AuthAction::Function { function_name } => self.function(function_name),
            AuthAction::Insert { table_name } => self.write(table_name, None),
            AuthAction::Delete { table_name } => self.write(table_name, None),
            AuthAction::Update {
                table_name,
                column_name,
            } => self.write(table_name, Some(column_name)),
            // Full-text tables look for changes that way.
            AuthAction::Pragma {
                pragma_name: "data_version",
                pragma_value: None,
            } if self.passed => Ok(()),
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

    fn read(&mut self, table: &str, column: &str) -> Result<(), Refused> {
        let refused = || Refused::table(table, "reading");
        if !self.names.is_known(table) {
            // With an empty column it is a CTE. With a column, or by a name that SQLite gives a meaning of its own, it is
            // a table that nobody made: a pragma as a table, the statistics.
            let made_up = column.is_empty() && !self.names.is_reserved(table);
            return if made_up || functions::is_table_function(table) {
                Ok(())
            } else {
                Err(refused())
            };
        }
        if self.names.is_reserved(table) {
            return Err(refused());
        }
        if !self.may_read(table, Some(column).filter(|c| !c.is_empty())) && !self.is_behind_another(table) {
            return Err(refused());
        }
        self.touched.reads.insert(self.names.spelling(table));
        Ok(())
    }

    fn write(&mut self, table: &str, column: Option<&str>) -> Result<(), Refused> {
        if self.mode == Mode::Read {
            return Err(Refused {
                thing: Some(table.to_owned()),
                message: format!("the statement writes `{table}`, and a query may only read"),
            });
        }
        if self.names.is_reserved(table) || !self.may_write(table, column) {
            return Err(Refused::table(table, "writing"));
        }
        if column.is_some() && self.words.has("replace") && !self.may_write(table, None) {
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

    fn confirm(&mut self, program: &Program) -> Result<(), Refused> {
        let silent = self.words.join_silently();
        if silent && program.opens_virtual {
            return Err(Refused::act(
                "NATURAL and USING are not allowed together with table functions and virtual tables: join with ON",
            ));
        }
        for page in &program.reads {
            let table = self.opened(*page)?;
            if self.keeps_count(&table) {
                continue;
            }
            let told = self.touched.reads.contains(&table) || self.touched.writes.contains(&table);
            // Which columns were compared is not known, so it must not matter.
            if (!told || silent) && !self.may_read(&table, Some(ANY)) && !self.is_behind_another(&table) {
                return Err(Refused::table(&table, "reading"));
            }
            if !told {
                self.touched.reads.insert(table);
            }
        }
        for page in &program.writes {
            let table = self.opened(*page)?;
            if !self.keeps_count(&table) && !self.touched.writes.contains(&table) {
                if !self.may_write(&table, None) {
                    return Err(Refused::table(&table, "writing"));
                }
                self.touched.writes.insert(table);
            }
        }
        Ok(())
    }

    /// Where SQLite keeps the last AUTOINCREMENT of each table, which an insert moves.
    fn keeps_count(&self, table: &str) -> bool {
        self.mode == Mode::Write && table == "sqlite_sequence"
    }

    /// The table that a page is the root of, or that an index on it belongs to.
    fn opened(&self, page: i64) -> Result<String, Refused> {
        self.names
            .rooted_at(page)
            .map(str::to_owned)
            .ok_or_else(|| Refused::table("sqlite_schema", "reading"))
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words() {
        for (statement, word, found) in [
            ("SELECT * FROM kept", "kept", true),
            ("select*from\"KEPT\"", "kept", true),
            ("SELECT/**/[Kept].a", "kept", true),
            ("SELECT 'kept'", "kept", true),
            (
                "SELECT kept_codes, _kept, kept1, ékept, $kept FROM t",
                "kept",
                false,
            ),
            ("SELECT 1", "odd name", true),
            ("", "kept", false),
        ] {
            assert_eq!(Words::of(statement).may_name(word), found, "{statement}");
        }
    }
}
