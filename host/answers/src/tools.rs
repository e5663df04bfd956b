//! The tools of a host, as a model may call them.

use std::sync::Arc;
use std::time::Duration;

use fact_core::{Answer, Host, Scope};
use fact_driver::{ToolAnswer, ToolInfo, Tools};
use fact_types::{Access, Code, NameError, Principal, Span, ToolCall};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::time::Instant;

use crate::ledger::Ledger;

/// Most reads that are told of one call.
const READS_TOLD: usize = 50;

/// The tools that may be called, and what comes of the calls.
pub(crate) struct HostTools<'a> {
    host: &'a Arc<Host>,
    principal: &'a Principal,
    ledger: Ledger,
}

impl<'a> HostTools<'a> {
    pub(crate) fn new(host: &'a Arc<Host>, principal: &'a Principal) -> Self {
        HostTools {
            host,
            principal,
            ledger: Ledger::default(),
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    async fn make(&self, name: String, arguments: Value, deadline: Instant) -> ToolAnswer {
        let tool = match name.parse() {
            Ok(tool) => tool,
            Err(error) => {
                let error: NameError = error;
                return ToolAnswer::failed(Code::NotFound, error.to_string());
            }
        };
        let Value::Object(arguments) = arguments else {
            return ToolAnswer::failed(Code::InvalidInput, "Arguments are a JSON object.");
        };
        let limits = self.host.registry().tool(&tool).ok().map(|(_, tool)| {
            let mut limits = tool.limits.clone();
            let left = deadline.saturating_duration_since(Instant::now());
            limits.deadline = limits.deadline.min(Span(left.max(Duration::from_millis(1))));
            limits
        });
        let call = ToolCall {
            principal: self.principal.clone(),
            limits,
            ..ToolCall::new(tool, arguments)
        };
        let answer = self.host.call(call).await;
        self.ledger.note(&answer);
        told(&answer)
    }
}

impl Tools for HostTools<'_> {
    fn list(&self) -> Vec<ToolInfo> {
        let plugins = match self.host.registry().plugins() {
            Ok(plugins) => plugins,
            Err(error) => {
                tracing::warn!(%error, "the tools can't be listed");
                return Vec::new();
            }
        };
        let mut all: Vec<ToolInfo> = plugins
            .iter()
            .filter(|plugin| plugin.row.enabled)
            .flat_map(|plugin| plugin.tools.values())
            .filter(|tool| tool.enabled)
            .map(|tool| info(tool))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn call(&self, name: &str, arguments: Value, deadline: Instant) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(self.make(name.to_owned(), arguments, deadline))
    }

    fn search(&self, query: &str, limit: usize) -> Vec<ToolInfo> {
        match self.host.registry().search(query, &Scope::default(), limit) {
            Ok(found) => found.iter().map(|found| info(&found.tool)).collect(),
            Err(error) => {
                tracing::warn!(%error, "the tools can't be searched");
                Vec::new()
            }
        }
    }
}

fn info(tool: &fact_core::Tool) -> ToolInfo {
    ToolInfo {
        name: tool.id.to_string(),
        title: tool.spec.title.clone(),
        description: tool.spec.description.clone(),
        input_schema: tool.spec.input_schema.clone(),
        read_only: tool.spec.annotations.read_only,
    }
}

/// What came of a call, for a model.
fn told(answer: &Answer) -> ToolAnswer {
    let receipt = &answer.receipt;
    let reads = receipt
        .effects
        .iter()
        .filter(|effect| effect.access == Access::Read);
    let told = match answer.json() {
        Ok(json) => ToolAnswer::ok(json),
        Err(error) => ToolAnswer::failed(error.code, error.message),
    };
    ToolAnswer {
        call_id: Some(receipt.call_id),
        cached: receipt.cache.is_hit(),
        reads: reads
            .take(READS_TOLD)
            .map(|effect| effect.resource.to_string())
            .collect(),
        elapsed: receipt.total,
        ..told
    }
}
