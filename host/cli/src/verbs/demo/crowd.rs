//! A plugin that spins on every core, and what others notice of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::{Answer, Host};
use fact_types::{Code, Freshness, ToolCall, ToolId};
use serde_json::json;

use super::report::{Group, Row};
use super::tight;

/// Calls that are made meanwhile.
const CALLS: usize = 50;

/// What each of them may take. They take a few milliseconds; the rest is for machines that are busy with other things.
const FAST: Duration = Duration::from_millis(500);

pub(super) async fn run(host: &Arc<Host>) -> [Row; 2] {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let spinning: Vec<_> = (0..cores).filter_map(|_| spin(host)).map(tokio::spawn).collect();
    // All of them must run before anything is measured.
    let patience = Instant::now() + Duration::from_millis(500);
    while host.running() < cores as u64 && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let crowd = host.running();

    let (mut slowest, mut done) = (Duration::ZERO, 0);
    for _ in 0..CALLS {
        let started = Instant::now();
        let answer = hash(host).await;
        slowest = slowest.max(started.elapsed());
        done += usize::from(answer.is_some_and(|answer| answer.output().is_ok()));
    }
    // Calls that were made after the last spinner's end say nothing.
    let crowded = crowd >= cores as u64 && host.running() > 0;

    let mut ends = Vec::new();
    let started = Instant::now();
    for task in spinning {
        ends.extend(task.await);
    }
    let stopped = ends.iter().filter(|code| **code == Some(Code::Deadline)).count();
    let meanwhile = Row {
        group: Group::Hostile,
        title: format!("{CALLS} calls of others while {cores} spin"),
        call: "util_hash".to_owned(),
        expected: format!("{CALLS} answers, each within {} ms", FAST.as_millis()),
        got: format!(
            "{done} answers, the slowest in {:.1} ms",
            slowest.as_secs_f64() * 1e3
        ),
        remark: (!crowded).then(|| "the crowd was not there all the time".to_owned()),
        milliseconds: slowest.as_secs_f64() * 1e3,
        good: done == CALLS && slowest <= FAST && crowded,
        receipt: None,
    };
    let crowd = Row {
        group: Group::Hostile,
        title: "all of those that spin".to_owned(),
        call: "hostile_spin".to_owned(),
        expected: format!("{cores} x {}", Code::Deadline),
        got: format!("{stopped} x {}", Code::Deadline),
        remark: None,
        milliseconds: started.elapsed().as_secs_f64() * 1e3,
        good: stopped == cores,
        receipt: None,
    };
    [meanwhile, crowd]
}

/// A call of someone else, which really runs.
async fn hash(host: &Host) -> Option<Answer> {
    let id: ToolId = "util_hash".parse().ok()?;
    let arguments = serde_json::Map::from_iter([("text".to_owned(), json!("abc"))]);
    let call = ToolCall {
        freshness: Freshness::Run,
        ..ToolCall::new(id, arguments)
    };
    Some(host.call(call).await)
}

/// A call that spins until its deadline, and the code that it ends with.
fn spin(host: &Arc<Host>) -> Option<impl Future<Output = Option<Code>> + Send + 'static> {
    let id: ToolId = "hostile_spin".parse().ok()?;
    let (_, tool) = host.registry().tool(&id).ok()?;
    let call = ToolCall {
        limits: Some(tight(&tool.limits)),
        freshness: Freshness::Run,
        ..ToolCall::new(id, serde_json::Map::new())
    };
    let host = Arc::clone(host);
    Some(async move { host.call(call).await.output().err().map(|error| error.code) })
}
