//! One statement, compiled under guard, bound and run.

use super::connection::Session;
use super::guard::Guard;
use super::program::Program;
use super::{Changed, Column, Plan, Rows, SqlError, SqlLimits, Touched, Value};
use fact_types::capability::SqlGrant;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Batch, Statement, ToSql};
use std::sync::Arc;

/// What a caller asks for.
pub(super) struct Asked {
    pub(super) grants: Arc<[SqlGrant]>,
    pub(super) database: String,
    pub(super) statement: String,
    pub(super) parameters: Vec<(String, Value)>,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(x) => ValueRef::Real(*x),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(n) => Value::Integer(n),
            ValueRef::Real(x) => Value::Real(x),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Blob(bytes.to_owned()),
            },
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
        }
    }
}

/// Compiles the one statement of `text` under a guard, binds the parameters, and hands it to `job`.
fn guarded<T>(
    session: &mut Session,
    asked: &Asked,
    limits: &SqlLimits,
    job: impl FnOnce(&mut Statement<'_>, &Guard) -> Result<T, SqlError>,
) -> Result<(T, Touched), SqlError> {
    check_text(&asked.statement, limits)?;
    let names = session.names.get(&session.conn)?;
    let guard = Guard::new(
        Arc::clone(&asked.grants),
        &asked.database,
        names,
        session.mode,
        &asked.statement,
    );
    session.conn.authorizer(Some(guard.callback()))?;
    let mut batch = Batch::new(&session.conn, &asked.statement);
    let first = batch.next().map_err(|error| guard.explain(error))?;
    let Some(mut statement) = first else {
        return Err(SqlError::invalid("there is no statement"));
    };
    if !guard.asked() {
        // VACUUM is one: its compiler asks nothing.
        return Err(SqlError::denied(None, "the statement does what is never allowed"));
    }
    if statement.is_explain() != 0 {
        return Err(SqlError::invalid(
            "EXPLAIN is no statement here: ask for the plan instead",
        ));
    }
    // A second statement is compiled only to see that there is one: what it may do does not matter.
    if !matches!(batch.next(), Ok(None)) {
        return Err(SqlError::invalid("more than one statement"));
    }
    bind(&mut statement, &asked.parameters)?;
    let program = Program::of(&session.conn, &asked.statement).map_err(|error| guard.explain(error))?;
    guard.confirm(&program)?;
    let touched = guard.touched();
    match job(&mut statement, &guard) {
        Ok(value) => Ok((value, touched)),
        Err(error) => Err(error.with(touched)),
    }
}

/// Both would be cut off or refused by SQLite too, less clearly.
fn check_text(statement: &str, limits: &SqlLimits) -> Result<(), SqlError> {
    if statement.contains('\0') {
        return Err(SqlError::invalid("the statement has a NUL in it"));
    }
    let most = usize::try_from(limits.statement_bytes_max).unwrap_or(usize::MAX);
    if statement.len() > most {
        return Err(SqlError::invalid(format!(
            "the statement is longer than {most} bytes"
        )));
    }
    Ok(())
}

/// Every parameter of the statement gets a value, and every value is used.
fn bind(statement: &mut Statement<'_>, values: &[(String, Value)]) -> Result<(), SqlError> {
    let mut used = vec![false; values.len()];
    let mut missing = Vec::new();
    for index in 1..=statement.parameter_count() {
        let Some(name) = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix([':', '@', '$']))
            .map(str::to_owned)
        else {
            return Err(SqlError::invalid(
                "parameters are written with names, `:name`, and not as `?`",
            ));
        };
        let mut found = values.iter().enumerate().filter(|(_, (n, _))| *n == name);
        match (found.next(), found.next()) {
            (Some((at, (_, value))), None) => {
                statement.raw_bind_parameter(index, value)?;
                if let Some(used) = used.get_mut(at) {
                    *used = true;
                }
            }
            (None, _) => missing.push(format!("`{name}`")),
            (Some(_), Some(_)) => {
                return Err(SqlError::invalid(format!(
                    "the parameter `{name}` is given twice"
                )));
            }
        }
    }
    if !missing.is_empty() {
        return Err(SqlError::invalid(format!(
            "no value for the parameter {}",
            missing.join(", ")
        )));
    }
    if let Some((name, _)) = values.iter().zip(&used).find(|(_, used)| !**used).map(|(v, _)| v) {
        return Err(SqlError::invalid(format!(
            "the statement has no parameter `{name}`"
        )));
    }
    Ok(())
}

pub(super) fn query(
    session: &mut Session,
    asked: &Asked,
    limits: &SqlLimits,
    rows_max: u32,
) -> Result<Rows, SqlError> {
    let (mut rows, touched) = guarded(session, asked, limits, |statement, guard| {
        if !statement.readonly() {
            return Err(SqlError::denied(
                None,
                "the statement writes, and a query may only read",
            ));
        }
        collect(statement, guard, limits, rows_max)
    })?;
    rows.touched = touched;
    Ok(rows)
}

fn collect(
    statement: &mut Statement<'_>,
    guard: &Guard,
    limits: &SqlLimits,
    rows_max: u32,
) -> Result<Rows, SqlError> {
    let columns: Vec<Column> = statement
        .columns()
        .map(|column| Column {
            name: column.name().to_owned(),
            declared_type: column.decl_type().map(str::to_owned),
        })
        .collect();
    let rows_max = usize::try_from(rows_max.min(limits.rows_max)).unwrap_or(usize::MAX);
    let mut answer = Rows {
        columns,
        rows: Vec::new(),
        truncated: false,
        touched: Touched::default(),
    };
    let mut size = 0usize;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| guard.explain(error))? {
        if answer.rows.len() >= rows_max {
            answer.truncated = true;
            break;
        }
        let mut cells = Vec::with_capacity(answer.columns.len());
        for index in 0..answer.columns.len() {
            let value = Value::from(row.get_ref(index)?);
            size = size.saturating_add(value.size());
            cells.push(value);
            if size > limits.answer_bytes_max {
                answer.truncated = true;
                return Ok(answer);
            }
        }
        size = size.saturating_add(size_of::<Vec<Value>>());
        answer.rows.push(cells);
    }
    Ok(answer)
}

pub(super) fn execute(session: &mut Session, asked: &Asked, limits: &SqlLimits) -> Result<Changed, SqlError> {
    let (rows, touched) = guarded(session, asked, limits, |statement, guard| {
        if statement.readonly() {
            return Err(SqlError::invalid("the statement only reads: it is a query"));
        }
        if statement.column_count() > 0 {
            return Err(SqlError::invalid("RETURNING is not supported: query afterwards"));
        }
        statement.raw_execute().map_err(|error| guard.explain(error))
    })?;
    Ok(Changed {
        rows: u64::try_from(rows).unwrap_or(u64::MAX),
        touched,
    })
}

pub(super) fn explain(session: &mut Session, asked: &Asked, limits: &SqlLimits) -> Result<Plan, SqlError> {
    let ((), touched) = guarded(session, asked, limits, |statement, _| {
        if statement.readonly() {
            Ok(())
        } else {
            Err(SqlError::denied(
                None,
                "the statement writes, and a query may only read",
            ))
        }
    })?;
    // The authorizer of the statement is still there: the plan is made under the same guard.
    let mut plan = session.conn.prepare(&format!(
        "EXPLAIN QUERY PLAN {}",
        asked
            .statement
            .trim_start_matches(|c: char| c == ';' || c.is_ascii_whitespace())
    ))?;
    let mut rows = plan.raw_query();
    let mut depths = std::collections::HashMap::from([(0i64, 0usize)]);
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, parent, detail): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let depth = depths.get(&parent).copied().unwrap_or(0);
        depths.insert(id, depth.saturating_add(1));
        steps.push(format!("{}{detail}", "  ".repeat(depth.min(50))));
        if steps.len() >= PLAN_STEPS {
            break;
        }
    }
    Ok(Plan { steps, touched })
}

/// Longest plan: more is no help to anyone.
const PLAN_STEPS: usize = 500;
