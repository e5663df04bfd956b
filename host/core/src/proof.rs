//! Whether what a result rests on is still so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_runtime::{Grants, Proof, Scope, Scopes, Trace};

use crate::Host;

/// Longest time for proving that a result is still true. A proof that takes longer is hardly better than the call.
pub(crate) const PROOF_MAX: Duration = Duration::from_secs(10);

/// The call that a proof is made for: what it may do is known already, and was counted.
pub(crate) struct Standing<'a> {
    pub(crate) host: &'a Host,
    /// Its own scope and grants. Another tool may be of the same component and have the same grants, and yet be gone.
    pub(crate) own: Option<(Scope, &'a Arc<Grants>)>,
}

impl Scopes for Standing<'_> {
    fn grants(&self, scope: &Scope) -> Result<Arc<Grants>, String> {
        if let Some((own, grants)) = &self.own
            && own == scope
        {
            return Ok(Arc::clone(grants));
        }
        let name = &scope.tool;
        let registry = self.host.registry();
        let (plugin, tool, _) = registry
            .begin(name)
            .map_err(|_| format!("there is no tool {name} any more"))?;
        if plugin.row.digest != scope.component {
            return Err(format!("the plugin of {name} has another version"));
        }
        if !plugin.row.enabled || !tool.enabled {
            return Err(format!("{name} is disabled"));
        }
        match registry.standing(&plugin, &tool.spec.name, &scope.principal) {
            Some(grants) if grants.fingerprint() == scope.grants => Ok(grants),
            Some(_) => Err(format!("the plugin of {name} has other grants")),
            None => Err(format!("the plugin of {name} has grants that are counted")),
        }
    }
}

impl Host {
    /// Whether the result that a trace belongs to is still true: whether the same call would get the same answers from the
    /// world, and so give the same result. No guest runs.
    pub async fn still_true(&self, trace: &Trace) -> Proof {
        let standing = Standing {
            host: self,
            own: None,
        };
        self.runtime()
            .recheck(trace, &standing, Instant::now() + PROOF_MAX)
            .await
    }

    /// Of each thing that a result rests on: what it is, and why it would be another now.
    pub async fn explain_result(&self, trace: &Trace) -> Vec<(String, Result<(), String>)> {
        let standing = Standing {
            host: self,
            own: None,
        };
        self.runtime()
            .explain(trace, &standing, Instant::now() + PROOF_MAX)
            .await
    }
}
