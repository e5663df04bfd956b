//! Calls that plugins make to tools: down the same path as any other call, for the plugin itself.
//!
//! The principal of such a call is the plugin, never whoever called it. So a grant that the called plugin holds for one
//! user alone does not hold here, whichever user stands at the top; and what a plugin may reach through others is what
//! `tool:call:` was granted for, no more.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use fact_runtime::{PeerAnswer, PeerCall, Peers};
use fact_types::{Code, Effects, Error, Outcome, Principal, ToolCall};

use crate::Host;
use crate::host::Parts;

/// The way back from a guest to the host that runs it. The runtime is built before the host, and must not keep it alive.
#[derive(Default)]
pub(crate) struct WayBack(OnceLock<Weak<Parts>>);

impl WayBack {
    /// Says where the way leads. Only the first time counts.
    pub(crate) fn lead_to(&self, host: &Arc<Parts>) {
        self.0.get_or_init(|| Arc::downgrade(host));
    }

    /// The host, while it is there.
    pub(crate) fn host(&self) -> Result<Host, Error> {
        self.0
            .get()
            .and_then(Weak::upgrade)
            .map(Host::of)
            .ok_or_else(|| Error::new(Code::Unavailable, "The host is stopping."))
    }
}

impl Peers for WayBack {
    fn call(&self, call: PeerCall) -> Pin<Box<dyn Future<Output = PeerAnswer> + Send + 'static>> {
        let host = self.host();
        Box::pin(async move {
            match host {
                Ok(host) => host.call_by_plugin(call).await,
                Err(error) => PeerAnswer {
                    result: Err(error),
                    effects: Effects::default(),
                    trace: Arc::default(),
                },
            }
        })
    }
}

impl Host {
    async fn call_by_plugin(&self, call: PeerCall) -> PeerAnswer {
        let PeerCall {
            from,
            tool,
            arguments,
            nesting,
        } = call;
        let call = ToolCall {
            principal: Principal::plugin(&from),
            ..ToolCall::new(tool, arguments)
        };
        let answer = self.call_within(call, Some(&nesting)).await;
        tracing::debug!(
            call = %answer.receipt.call_id,
            root = %nesting.root_call(),
            depth = nesting.depth(),
            plugin = %from,
            tool = %answer.receipt.tool,
            "a plugin's call"
        );
        let result = match answer.result {
            Ok(Outcome::Complete(output)) => Ok(output),
            // The plugin has nobody to ask, and the contract has no words for it.
            Ok(Outcome::InputRequired(_)) => Err(Error::new(
                Code::ToolFailed,
                "The tool asks its caller for more, which a plugin can't give.",
            )),
            Err(error) => Err(error),
        };
        PeerAnswer {
            result,
            effects: answer.receipt.effects,
            trace: answer.trace,
        }
    }
}
