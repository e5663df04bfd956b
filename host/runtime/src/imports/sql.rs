//! `fact:plugin/sql`: statements under the plugin's grants. The store checks and runs them; this file translates, and tells
//! the witness which tables each one touched.

use std::sync::Arc;

use fact_store::{Databases, SqlError, SqlErrorKind, Touched, Value};
use fact_types::Resource;
use fact_types::capability::SqlGrant;
use wasmtime::component::HasData;

use crate::bindings::fact::plugin::sql::{self, Parameter, Rows, Sample, Table};
use crate::bindings::fact::plugin::types::{Error, ErrorCode};
use crate::meter::Deadline;
use crate::state::State;
use crate::trace::sql::{self as answers, SqlAsk, SqlRead};
use crate::trace::{Fleeting, Read};
use crate::witness::Witness;

pub(crate) struct HasSql;

impl HasData for HasSql {
    type Data<'a> = Sql<'a>;
}

pub(crate) struct Sql<'a> {
    databases: Databases,
    grants: Arc<[SqlGrant]>,
    witness: &'a Witness,
    deadline: Deadline,
}

impl Sql<'_> {
    pub(crate) fn of(state: &mut State) -> Sql<'_> {
        Sql {
            databases: state.services.databases.clone(),
            grants: Arc::clone(&state.grants.sql),
            witness: &state.witness,
            deadline: state.deadline,
        }
    }

    /// Notes what a statement touched, as far as it got.
    fn note(&self, database: &str, touched: &Touched) {
        let table = |table: &String| Resource::Sql {
            database: database.to_owned(),
            table: table.clone(),
        };
        for name in &touched.reads {
            self.witness.touched(table(name));
        }
        // A function that asks the clock or the dice makes the answer depend on them.
        for name in &touched.unstable {
            match name.starts_with("random") {
                true => self.witness.read(Resource::Random),
                false => self.witness.read(Resource::Clock {
                    name: "wall".to_owned(),
                }),
            }
        }
        for name in &touched.writes {
            self.witness.wrote(table(name));
        }
    }

    /// Notes what a question to a database touched, and keeps its answer; or, where it has none that would be the same again,
    /// that there was such a question.
    fn settle<T>(
        &self,
        database: &str,
        kept: Option<SqlRead>,
        result: Result<(T, Touched), SqlError>,
    ) -> wasmtime::Result<Result<T, Error>> {
        match kept {
            Some(read) => self.witness.keep(Read::Sql(read)),
            None => self.witness.spoil(Fleeting::Read {
                resource: Resource::Sql {
                    database: database.to_owned(),
                    table: String::new(),
                },
            }),
        }
        match result {
            Ok((value, touched)) => {
                self.note(database, &touched);
                Ok(Ok(value))
            }
            Err(error) => {
                self.note(database, &error.touched);
                if matches!(error.kind, SqlErrorKind::Denied | SqlErrorKind::NotFound) {
                    let table = error.denied.clone().unwrap_or_default();
                    self.witness.denied(Resource::Sql {
                        database: database.to_owned(),
                        table,
                    });
                }
                Ok(Err(failure(&error)))
            }
        }
    }
}

/// What the guest learns of a failure.
fn failure(error: &SqlError) -> Error {
    let code = match error.kind {
        SqlErrorKind::InvalidInput => ErrorCode::InvalidInput,
        SqlErrorKind::Denied => ErrorCode::Denied,
        SqlErrorKind::NotFound => ErrorCode::NotFound,
        SqlErrorKind::Unavailable => ErrorCode::Unavailable,
        SqlErrorKind::Internal => ErrorCode::Internal,
    };
    Error {
        code,
        message: error.to_string(),
        retry_after_ms: None,
        details: None,
    }
}

fn invalid(message: String) -> Error {
    Error {
        code: ErrorCode::InvalidInput,
        message,
        retry_after_ms: None,
        details: None,
    }
}

fn value_in(value: sql::Value) -> Result<Value, Error> {
    Ok(match value {
        sql::Value::Null => Value::Null,
        sql::Value::Integer(digits) => Value::Integer(
            digits
                .parse()
                .map_err(|_| invalid("an integer is written in decimal and has 64 bits".to_owned()))?,
        ),
        sql::Value::Real(number) => Value::Real(number),
        sql::Value::Text(text) => Value::Text(text),
        sql::Value::Blob(bytes) => Value::Blob(bytes),
    })
}

fn value_out(value: Value) -> sql::Value {
    match value {
        Value::Null => sql::Value::Null,
        Value::Integer(number) => sql::Value::Integer(number.to_string()),
        Value::Real(number) => sql::Value::Real(number),
        Value::Text(text) => sql::Value::Text(text),
        Value::Blob(bytes) => sql::Value::Blob(bytes),
    }
}

fn parameters_in(parameters: Vec<Parameter>) -> Result<Vec<(String, Value)>, Error> {
    parameters
        .into_iter()
        .map(|p| Ok((p.name, value_in(p.value)?)))
        .collect()
}

impl sql::Host for Sql<'_> {
    async fn databases(&mut self) -> wasmtime::Result<Vec<String>> {
        let names = self.databases.granted(&self.grants);
        let answer = answers::names(&names);
        self.witness
            .keep(Read::Sql(SqlRead::new("", SqlAsk::Databases, answer, None)));
        Ok(names)
    }

    async fn query(
        &mut self,
        database: String,
        statement: String,
        parameters: Vec<Parameter>,
        max_rows: u32,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let parameters = match parameters_in(parameters) {
            Ok(parameters) => parameters,
            Err(error) => return Ok(Err(error)),
        };
        let max_rows = (max_rows > 0).then_some(max_rows);
        let stamp = self.databases.stamp(&database);
        let result = self
            .databases
            .query(
                &self.grants,
                &database,
                &statement,
                parameters.clone(),
                max_rows,
                self.deadline.0,
            )
            .await;
        let kept = answers::rows(&result)
            .filter(|_| answers::keepable(&parameters))
            .map(|answer| {
                let ask = SqlAsk::Query {
                    statement,
                    parameters,
                    max_rows,
                };
                SqlRead::new(&database, ask, answer, stamp)
            });
        self.settle(&database, kept, result.map(rows_out))
    }

    async fn execute(
        &mut self,
        database: String,
        statement: String,
        parameters: Vec<Parameter>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let parameters = match parameters_in(parameters) {
            Ok(parameters) => parameters,
            Err(error) => return Ok(Err(error)),
        };
        let resource = Resource::Sql {
            database: database.clone(),
            table: String::new(),
        };
        let granted = self
            .grants
            .iter()
            .any(|grant| grant.rights.write && grant.names_database(&database));
        // What was not granted for writing, the store refuses.
        if granted && !self.witness.may_write(&resource) {
            return Ok(Err(only_reads()));
        }
        let result = self
            .databases
            .execute(&self.grants, &database, &statement, parameters, self.deadline.0)
            .await;
        self.settle(
            &database,
            None,
            result.map(|changed| (u32::try_from(changed.rows).unwrap_or(u32::MAX), changed.touched)),
        )
    }

    async fn schema(&mut self, database: String) -> wasmtime::Result<Result<Vec<Table>, Error>> {
        let stamp = self.databases.stamp(&database);
        let result = self
            .databases
            .schema(&self.grants, &database, self.deadline.0)
            .await;
        let kept =
            answers::tables(&result).map(|answer| SqlRead::new(&database, SqlAsk::Schema, answer, stamp));
        self.settle(&database, kept, result.map(tables_out))
    }

    async fn explain(
        &mut self,
        database: String,
        statement: String,
        parameters: Vec<Parameter>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let parameters = match parameters_in(parameters) {
            Ok(parameters) => parameters,
            Err(error) => return Ok(Err(error)),
        };
        let stamp = self.databases.stamp(&database);
        let result = self
            .databases
            .explain(
                &self.grants,
                &database,
                &statement,
                parameters.clone(),
                self.deadline.0,
            )
            .await;
        let kept = answers::plan(&result)
            .filter(|_| answers::keepable(&parameters))
            .map(|answer| {
                let ask = SqlAsk::Explain {
                    statement,
                    parameters,
                };
                SqlRead::new(&database, ask, answer, stamp)
            });
        self.settle(&database, kept, result.map(|plan| (plan.steps, plan.touched)))
    }

    async fn samples(&mut self, database: String) -> wasmtime::Result<Result<Vec<Sample>, Error>> {
        let result = self.databases.samples(&self.grants, &database);
        let kept =
            answers::samples(&result).map(|answer| SqlRead::new(&database, SqlAsk::Samples, answer, None));
        self.settle(&database, kept, result.map(samples_out))
    }
}

fn rows_out(answer: fact_store::Rows) -> (Rows, Touched) {
    let rows = Rows {
        columns: answer
            .columns
            .into_iter()
            .map(|c| sql::Column {
                name: c.name,
                declared_type: c.declared_type,
            })
            .collect(),
        rows: answer
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(value_out).collect())
            .collect(),
        truncated: answer.truncated,
    };
    (rows, answer.touched)
}

fn tables_out(tables: Vec<fact_store::Table>) -> (Vec<Table>, Touched) {
    let touched = Touched {
        reads: tables.iter().map(|t| t.name.clone()).collect(),
        ..Touched::default()
    };
    let column = |c: fact_store::TableColumn| sql::TableColumn {
        name: c.name,
        declared_type: c.declared_type,
        nullable: c.nullable,
        primary_key: c.primary_key,
    };
    let tables = tables
        .into_iter()
        .map(|table| Table {
            name: table.name,
            columns: table.columns.into_iter().map(column).collect(),
        })
        .collect();
    (tables, touched)
}

fn samples_out(samples: Vec<fact_store::Sample>) -> (Vec<Sample>, Touched) {
    let sample = |s: fact_store::Sample| Sample {
        question: s.question,
        statement: s.statement,
    };
    (samples.into_iter().map(sample).collect(), Touched::default())
}

/// What a guest would hear that is stopped before it does.
fn only_reads() -> Error {
    Error {
        code: ErrorCode::Denied,
        message: "this tool declares that it only reads".to_owned(),
        retry_after_ms: None,
        details: None,
    }
}
