//! Tools that answer what a test tells them to, and count their calls.

use fact_driver::{ToolAnswer, ToolInfo, Tools};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::time::Instant;

type Answer = Box<dyn Fn(&str, &Value) -> ToolAnswer + Send + Sync>;

pub(crate) struct FakeTools {
    list: Vec<ToolInfo>,
    answer: Answer,
    pub(crate) calls: Mutex<Vec<(String, Value)>>,
    /// So many calls must run at the same time before one of them answers.
    together: Option<Barrier>,
    /// Calls that never answer.
    pub(crate) stuck: bool,
    pub(crate) dropped: AtomicUsize,
    /// Of calls that run at the same time, the later ones answer first.
    pub(crate) later_first: bool,
    running: AtomicUsize,
    /// Most calls at the same time.
    pub(crate) most: AtomicUsize,
}

pub(crate) fn tool(name: &str, description: &str) -> ToolInfo {
    ToolInfo {
        name: name.to_owned(),
        title: None,
        description: description.to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": { "quarter": { "type": "string" } },
            "required": ["quarter"],
        }),
        read_only: true,
    }
}

/// Revenue by quarter.
pub(crate) fn revenue(arguments: &Value) -> ToolAnswer {
    ToolAnswer {
        reads: vec!["sql:read:finance/financial_records".to_owned()],
        elapsed: Duration::from_millis(3),
        ..ToolAnswer::ok(match arguments["quarter"].as_str() {
            Some("Q1") => json!({ "revenue": "68.5 bn" }),
            _ => json!({ "revenue": "70.1 bn" }),
        })
    }
}

impl FakeTools {
    pub(crate) fn new(
        list: Vec<ToolInfo>,
        answer: impl Fn(&str, &Value) -> ToolAnswer + Send + Sync + 'static,
    ) -> Self {
        FakeTools {
            list,
            answer: Box::new(answer),
            calls: Mutex::default(),
            together: None,
            stuck: false,
            dropped: AtomicUsize::new(0),
            later_first: false,
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// One tool, `sql_query`, that knows the revenue.
    pub(crate) fn sql() -> Self {
        FakeTools::new(vec![tool("sql_query", "Revenue by quarter.")], |_, arguments| {
            revenue(arguments)
        })
    }

    pub(crate) fn together(mut self, count: usize) -> Self {
        self.together = Some(Barrier::new(count));
        self
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

impl Tools for FakeTools {
    fn list(&self) -> Vec<ToolInfo> {
        self.list.clone()
    }

    fn call(&self, name: &str, arguments: Value, deadline: Instant) -> BoxFuture<'_, ToolAnswer> {
        assert!(deadline > Instant::now());
        let name = name.to_owned();
        Box::pin(async move {
            let answer = (self.answer)(&name, &arguments);
            self.calls.lock().unwrap().push((name, arguments));
            if self.stuck {
                let _guard = Dropped(&self.dropped);
                std::future::pending::<()>().await;
            }
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            if self.later_first {
                let wait = 40_u64.saturating_sub(10 * running as u64);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            self.running.fetch_sub(1, Ordering::SeqCst);
            if let Some(together) = &self.together {
                together.wait().await;
            }
            answer
        })
    }

    fn search(&self, query: &str, limit: usize) -> Vec<ToolInfo> {
        let hits = self.list.iter().filter(|tool| tool.description.contains(query));
        // One that this caller may not call, as an index that is out of date has it.
        let stale = tool("sql_drop", query);
        hits.take(limit).cloned().chain([stale]).collect()
    }
}

struct Dropped<'a>(&'a AtomicUsize);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
