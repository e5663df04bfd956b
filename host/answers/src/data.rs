//! The data of templates: statements go through the tool of the `sql` plugin, as anyone's would.

use fact_core::Host;
use fact_templates::{Data, DataError, Rows};
use fact_types::{Code, Error, Principal, ToolCall};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::ledger::Ledger;

/// The tool that runs statements.
pub(crate) const TOOL: &str = "sql_query";

/// What to do where there is no such tool, or it may not read.
const INSTALL: &str = "`fact plugin install builtin:sql --grant sql:read:finance` installs it";

pub(crate) struct ToolData<'a> {
    host: &'a Host,
    principal: Principal,
    ledger: Ledger,
}

impl<'a> ToolData<'a> {
    pub(crate) fn new(host: &'a Host, principal: &Principal, ledger: &Ledger) -> Self {
        ToolData {
            host,
            principal: principal.clone(),
            ledger: ledger.clone(),
        }
    }

    pub(crate) fn owned(host: &'a Host, principal: &Principal) -> Self {
        ToolData::new(host, principal, &Ledger::default())
    }
}

impl Data for ToolData<'_> {
    async fn query(
        &self,
        database: &str,
        statement: &str,
        parameters: &Map<String, Value>,
    ) -> Result<Rows, DataError> {
        let failed = |error: Error| match error.code {
            Code::NotFound if !self.has_tool() => DataError::new(
                Code::NotFound,
                format!("Questions are answered by the tool `{TOOL}`, which is not installed: {INSTALL}."),
            ),
            code => DataError::new(code, error.message),
        };
        let arguments = json!({
            "database": database,
            "statement": statement,
            "parameters": parameters,
        });
        let (Ok(tool), Value::Object(arguments)) = (TOOL.parse(), arguments) else {
            return Err(DataError::new(Code::Internal, "A fault of the host."));
        };
        let call = ToolCall {
            principal: self.principal.clone(),
            ..ToolCall::new(tool, arguments)
        };
        let answer = self.host.call(call).await;
        self.ledger.note(&answer);
        let document = answer.json().map_err(failed)?;
        let answer: Told = serde_json::from_value(document).map_err(|_| {
            DataError::new(
                Code::ToolFailed,
                format!("The tool `{TOOL}` answers with something else than rows."),
            )
        })?;
        Ok(Rows {
            columns: answer.columns.into_iter().map(|column| column.name).collect(),
            rows: answer.rows,
            truncated: answer.truncated,
        })
    }
}

/// What the tool answers, as far as it matters here.
#[derive(Deserialize)]
struct Told {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
    truncated: bool,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

impl ToolData<'_> {
    fn has_tool(&self) -> bool {
        TOOL.parse()
            .is_ok_and(|tool| self.host.registry().tool(&tool).is_ok())
    }
}
