//! Statements that read, and their answers.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use fact_store::{DataStamp, Databases, Plan, Rows, Sample, SqlError, SqlErrorKind, Table, Value};
use fact_types::capability::SqlGrant;
use serde::{Deserialize, Serialize};

use super::digest::{Answer, Digester};

/// A question to a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum SqlAsk {
    /// Which databases there are.
    Databases,
    /// A statement that reads.
    Query {
        statement: String,
        parameters: Vec<(String, Value)>,
        max_rows: Option<u32>,
    },
    /// How a statement would run.
    Explain {
        statement: String,
        parameters: Vec<(String, Value)>,
    },
    /// The tables.
    Schema,
    /// The sample questions.
    Samples,
}

/// A question to a database, and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SqlRead {
    database: String,
    ask: SqlAsk,
    answer: Answer,
    /// The database's state before the question was asked. It means nothing to another process.
    #[serde(skip)]
    stamp: Option<DataStamp>,
}

impl SqlRead {
    pub(crate) fn new(database: &str, ask: SqlAsk, answer: Answer, stamp: Option<DataStamp>) -> Self {
        SqlRead {
            database: database.to_owned(),
            ask,
            answer,
            stamp,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let texts = match &self.ask {
            SqlAsk::Query {
                statement,
                parameters,
                ..
            }
            | SqlAsk::Explain {
                statement,
                parameters,
            } => {
                statement.len()
                    + parameters
                        .iter()
                        .map(|(name, value)| name.len() + size(value))
                        .sum::<usize>()
            }
            SqlAsk::Databases | SqlAsk::Schema | SqlAsk::Samples => 0,
        };
        self.database.len() + texts
    }

    /// Whether the database was not changed by anyone since the question was asked.
    pub(super) fn is_settled(&self, databases: &Databases) -> bool {
        match self.ask {
            // These are settings of the host.
            SqlAsk::Databases | SqlAsk::Samples => false,
            _ => self.stamp.is_some() && self.stamp == databases.stamp(&self.database),
        }
    }

    /// Asks again. The same answer: the read as it is proven now.
    pub(super) async fn ask_again(
        &self,
        databases: &Databases,
        grants: &Arc<[SqlGrant]>,
        deadline: Instant,
    ) -> Result<SqlRead, String> {
        let stamp = databases.stamp(&self.database);
        let answer = ask(databases, grants, &self.database, &self.ask, deadline).await;
        match answer {
            Some(answer) if answer == self.answer => Ok(SqlRead {
                stamp,
                ..self.clone()
            }),
            Some(_) => Err(format!("{self} has another answer")),
            None => Err(format!("{self} can't be asked again at the moment")),
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 8,
    }
}

impl fmt::Display for SqlRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ask {
            SqlAsk::Databases => f.write_str("the list of databases"),
            SqlAsk::Query { statement, .. } => write!(f, "sql {}: {statement}", self.database),
            SqlAsk::Explain { statement, .. } => write!(f, "sql {}: the plan of {statement}", self.database),
            SqlAsk::Schema => write!(f, "sql {}: its tables", self.database),
            SqlAsk::Samples => write!(f, "sql {}: its sample questions", self.database),
        }
    }
}

/// The answer to a question. None: there is none that would be the same again.
async fn ask(
    databases: &Databases,
    grants: &Arc<[SqlGrant]>,
    database: &str,
    ask: &SqlAsk,
    deadline: Instant,
) -> Option<Answer> {
    match ask {
        SqlAsk::Databases => Some(names(&databases.granted(grants))),
        SqlAsk::Query {
            statement,
            parameters,
            max_rows,
        } => {
            let parameters = parameters.clone();
            let asked = databases.query(grants, database, statement, parameters, *max_rows, deadline);
            rows(&asked.await)
        }
        SqlAsk::Explain {
            statement,
            parameters,
        } => {
            let asked = databases.explain(grants, database, statement, parameters.clone(), deadline);
            plan(&asked.await)
        }
        SqlAsk::Schema => tables(&databases.schema(grants, database, deadline).await),
        SqlAsk::Samples => samples(&databases.samples(grants, database)),
    }
}

/// What can be kept of parameters: a number that JSON can't hold is not.
pub(crate) fn keepable(parameters: &[(String, Value)]) -> bool {
    parameters
        .iter()
        .all(|(_, value)| !matches!(value, Value::Real(number) if !number.is_finite()))
}

/// Of a failure: it has the same answer again when it lies in the question, and none when it lies in the moment.
fn failed(digester: &mut Digester, error: &SqlError) -> Option<Answer> {
    match error.kind {
        SqlErrorKind::InvalidInput | SqlErrorKind::Denied | SqlErrorKind::NotFound => Some(
            digester
                .flag(false)
                .text(error.kind.as_str())
                .text(&error.to_string())
                .answer(),
        ),
        SqlErrorKind::Unavailable | SqlErrorKind::Internal => None,
    }
}

pub(crate) fn names(names: &[String]) -> Answer {
    let mut digester = Digester::new("databases");
    for name in names {
        digester.text(name);
    }
    digester.answer()
}

pub(crate) fn rows(rows: &Result<Rows, SqlError>) -> Option<Answer> {
    let mut digester = Digester::new("rows");
    let rows = match rows {
        Err(error) => return failed(&mut digester, error),
        Ok(rows) if !rows.touched.unstable.is_empty() => return None,
        Ok(rows) => rows,
    };
    digester
        .flag(true)
        .flag(rows.truncated)
        .number(rows.columns.len() as u64);
    for column in &rows.columns {
        digester
            .text(&column.name)
            .optional(column.declared_type.as_deref());
    }
    for row in &rows.rows {
        for value in row {
            match value {
                Value::Null => digester.number(0),
                Value::Integer(number) => digester.number(1).number(number.cast_unsigned()),
                Value::Real(number) => digester.number(2).number(number.to_bits()),
                Value::Text(text) => digester.number(3).text(text),
                Value::Blob(bytes) => digester.number(4).bytes(bytes),
            };
        }
    }
    Some(digester.answer())
}

pub(crate) fn plan(plan: &Result<Plan, SqlError>) -> Option<Answer> {
    let mut digester = Digester::new("plan");
    match plan {
        Err(error) => failed(&mut digester, error),
        Ok(plan) => {
            digester.flag(true);
            for step in &plan.steps {
                digester.text(step);
            }
            Some(digester.answer())
        }
    }
}

pub(crate) fn tables(tables: &Result<Vec<Table>, SqlError>) -> Option<Answer> {
    let mut digester = Digester::new("tables");
    match tables {
        Err(error) => failed(&mut digester, error),
        Ok(tables) => {
            digester.flag(true);
            for table in tables {
                digester.text(&table.name).number(table.columns.len() as u64);
                for column in &table.columns {
                    digester
                        .text(&column.name)
                        .text(&column.declared_type)
                        .flag(column.nullable)
                        .flag(column.primary_key);
                }
            }
            Some(digester.answer())
        }
    }
}

pub(crate) fn samples(samples: &Result<Vec<Sample>, SqlError>) -> Option<Answer> {
    let mut digester = Digester::new("samples");
    match samples {
        Err(error) => failed(&mut digester, error),
        Ok(samples) => {
            digester.flag(true);
            for sample in samples {
                digester.text(&sample.question).text(&sample.statement);
            }
            Some(digester.answer())
        }
    }
}
