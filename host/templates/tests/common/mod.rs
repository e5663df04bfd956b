//! The demo database, asked as the host does.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test file uses a part of this, and ends with the first thing that is not as it should be"
)]

use fact_store::{DatabaseConfig, Databases, Plan, SqlError, SqlErrorKind, SqlLimits, Value as Sql, demo};
use fact_templates::{Data, DataError, Filled, Resolution, Rows, Templates};
use fact_types::{Capability, Code};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Demo {
    pub folder: TempDir,
    databases: Databases,
    pub asked: AtomicUsize,
}

impl Demo {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("finance.db");
        demo::seed(&path).unwrap();
        let config = DatabaseConfig {
            path,
            samples: Vec::new(),
        };
        let databases = Databases::new(
            BTreeMap::from([("finance".to_owned(), config)]),
            SqlLimits::default(),
        );
        Demo {
            folder,
            databases,
            asked: AtomicUsize::new(0),
        }
    }

    /// Changes the data.
    pub async fn change(&self, statement: &str) {
        let Capability::Sql(read) = "sql:read:finance".parse().unwrap() else {
            panic!()
        };
        let Capability::Sql(write) = "sql:write:finance".parse().unwrap() else {
            panic!()
        };
        let grants = Arc::from([read, write]);
        self.databases
            .execute(&grants, "finance", statement, Vec::new(), deadline())
            .await
            .unwrap();
    }

    pub async fn plan(&self, statement: &str, parameters: &Map<String, Value>) -> Plan {
        let Capability::Sql(read) = "sql:read:finance".parse().unwrap() else {
            panic!()
        };
        let grants = Arc::from([read]);
        self.databases
            .explain(&grants, "finance", statement, bound(parameters), deadline())
            .await
            .unwrap()
    }

    /// The one figure that a statement gives.
    pub async fn figure(&self, statement: &str) -> Value {
        let rows = self.query("finance", statement, &Map::new()).await.unwrap();
        rows.rows[0][0].clone()
    }

    /// What a question leads to, and the answer's text.
    pub async fn ask(
        &self,
        templates: &Templates,
        question: &str,
        previous: Option<&Filled>,
    ) -> (Resolution, String) {
        let resolution = templates.resolve(question, previous, self).await.unwrap();
        let text = match &resolution {
            Resolution::Filled(filled) => {
                let rows = self
                    .query(&filled.database, &filled.statement, &filled.parameters)
                    .await
                    .unwrap();
                templates.render(filled, &rows).text
            }
            other => other.text().unwrap(),
        };
        (resolution, text)
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn bound(parameters: &Map<String, Value>) -> Vec<(String, Sql)> {
    let value = |value: &Value| match value {
        Value::Null => Sql::Null,
        Value::Bool(b) => Sql::Integer((*b).into()),
        Value::Number(n) => n
            .as_i64()
            .map_or_else(|| Sql::Real(n.as_f64().unwrap()), Sql::Integer),
        Value::String(text) => Sql::Text(text.clone()),
        other => panic!("{other}"),
    };
    parameters
        .iter()
        .map(|(name, v)| (name.clone(), value(v)))
        .collect()
}

impl Data for Demo {
    async fn query(
        &self,
        database: &str,
        statement: &str,
        parameters: &Map<String, Value>,
    ) -> Result<Rows, DataError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let Capability::Sql(grant) = "sql:read:finance".parse().unwrap() else {
            panic!()
        };
        let grants = Arc::from([grant]);
        let rows = self
            .databases
            .query(&grants, database, statement, bound(parameters), None, deadline())
            .await;
        let rows = rows.map_err(|error: SqlError| {
            let code = match error.kind {
                SqlErrorKind::InvalidInput => Code::InvalidInput,
                SqlErrorKind::Denied => Code::Denied,
                SqlErrorKind::NotFound => Code::NotFound,
                _ => Code::Unavailable,
            };
            DataError::new(code, error.message)
        })?;
        let cell = |value: Sql| match value {
            Sql::Null => Value::Null,
            Sql::Integer(n) => n.into(),
            Sql::Real(x) => json!(x),
            Sql::Text(text) => text.into(),
            Sql::Blob(_) => json!({"base64": ""}),
        };
        Ok(Rows {
            columns: rows.columns.into_iter().map(|column| column.name).collect(),
            rows: rows
                .rows
                .into_iter()
                .map(|row| row.into_iter().map(cell).collect())
                .collect(),
            truncated: rows.truncated,
        })
    }
}

/// Whether a text has one of the figures that an older program is known to have made up.
pub fn invented(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    ["1234567.89", "1133221.55", "1234567", "1133221"]
        .iter()
        .any(|figure| digits.contains(figure))
}

/// Whether a text has an amount: a number in groups of three, or a share.
pub fn has_figure(text: &str) -> bool {
    let grouped = text.as_bytes().windows(5).any(|window| {
        matches!(window, [a, b',', b, c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
    });
    grouped
        || ["dollars", " bn", "million", " %"]
            .iter()
            .any(|word| text.contains(word))
}
