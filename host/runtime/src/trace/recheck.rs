//! Whether a trace still holds, found out without running anything.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::{HostFacts, Read, Scope, Seen, Trace, digest};
use crate::grants::Grants;
use crate::imports::{environment, filesystem};
use crate::{Runtime, Services};

/// What was found out about a trace.
#[derive(Debug)]
pub enum Proof {
    /// It holds.
    Holds,
    /// It holds; proving it anew will be cheaper with this one.
    Renewed(Trace),
    /// It does not hold, or nobody can tell.
    Stale(String),
}

/// Whoever knows what a scope may do now.
pub trait Scopes: Send + Sync {
    /// The grants of a scope; an error when the same call would be made by another component, with other grants, or not at
    /// all.
    fn grants(&self, scope: &Scope) -> Result<Arc<Grants>, String>;
}

impl Runtime {
    /// Whether every answer that a trace was made of would be given again now.
    ///
    /// Takes microseconds where nothing changed, and never longer than `deadline`.
    pub async fn recheck(&self, trace: &Trace, scopes: &dyn Scopes, deadline: Instant) -> Proof {
        if let Some(why) = &trace.fleeting {
            return Proof::Stale(why.to_string());
        }
        let mut grants = Vec::with_capacity(trace.scopes.len());
        for scope in &trace.scopes {
            match scopes.grants(scope) {
                Ok(found) => grants.push(found),
                Err(why) => return Proof::Stale(why),
            }
        }
        let mut renewed: Option<Trace> = None;
        for (at, Seen { scope, read }) in trace.reads.iter().enumerate() {
            let Some(grants) = grants.get(*scope) else {
                return Proof::Stale("its list of reads is damaged".to_owned());
            };
            if self.services.is_settled(read, grants) {
                continue;
            }
            let asked = self.services.ask_again(read, grants, deadline);
            let asked = tokio::time::timeout_at(deadline.into(), asked).await;
            match asked {
                Ok(Ok(read)) => {
                    let renewed = renewed.get_or_insert_with(|| trace.clone());
                    if let Some(seen) = renewed.reads.get_mut(at) {
                        seen.read = read;
                    }
                }
                Ok(Err(why)) => return Proof::Stale(why),
                Err(_) => return Proof::Stale(format!("{read} takes too long to be asked again")),
            }
        }
        match renewed {
            Some(trace) => Proof::Renewed(trace),
            None => Proof::Holds,
        }
    }

    /// Of each read of a trace: what it is, and why it would not hold now.
    pub async fn explain(
        &self,
        trace: &Trace,
        scopes: &dyn Scopes,
        deadline: Instant,
    ) -> Vec<(String, Result<(), String>)> {
        let mut all = Vec::with_capacity(trace.reads.len());
        for Seen { scope, read } in &trace.reads {
            let found = match trace.scopes.get(*scope).map(|scope| scopes.grants(scope)) {
                None => Err("its list of reads is damaged".to_owned()),
                Some(Err(why)) => Err(why),
                Some(Ok(grants)) if self.services.is_settled(read, &grants) => Ok(()),
                Some(Ok(grants)) => {
                    let asked = self.services.ask_again(read, &grants, deadline);
                    match tokio::time::timeout_at(deadline.into(), asked).await {
                        Ok(result) => result.map(|_| ()),
                        Err(_) => Err("it takes too long to be asked again".to_owned()),
                    }
                }
            };
            all.push((read.to_string(), found));
        }
        all
    }
}

impl Services {
    /// Whether something cheap proves that the answer is the same.
    fn is_settled(&self, read: &Read, grants: &Grants) -> bool {
        match read {
            Read::Sql(read) => read.is_settled(&self.databases),
            Read::File(read) => read.is_settled(),
            Read::Http(read) => read.is_settled(SystemTime::now()),
            Read::Kv(read) => read.is_settled(&self.values),
            Read::Env { name, answer } => {
                let value = environment::variable(&grants.env, name);
                digest::variable(value.as_deref()) == *answer
            }
            Read::Environment { answer } => digest::variables(&environment::granted(&grants.env)) == *answer,
            Read::Folders { answer } => filesystem::there(&grants.fs) == *answer,
            Read::Host { .. } => false,
        }
    }

    /// Asks again. The read as it is proven now, or why its answer does not hold.
    async fn ask_again(&self, read: &Read, grants: &Arc<Grants>, deadline: Instant) -> Result<Read, String> {
        match read {
            Read::Sql(read) => read
                .ask_again(&self.databases, &grants.sql, deadline)
                .await
                .map(Read::Sql),
            Read::File(read) => {
                let read = read.clone();
                // Reading files may block.
                tokio::task::spawn_blocking(move || read.ask_again())
                    .await
                    .map_err(|_| "a file can't be read again".to_owned())?
                    .map(|read| Read::File(Box::new(read)))
            }
            Read::Http(read) => read.ask_again(&self.egress, &grants.http).await.map(Read::Http),
            Read::Kv(read) => read
                .ask_again(&self.values, &grants.kv, deadline)
                .await
                .map(Read::Kv),
            Read::Env { .. } | Read::Environment { .. } | Read::Folders { .. } => {
                Err(format!("{read} has another value"))
            }
            Read::Host { about, answer } => {
                let told = match about {
                    HostFacts::Plugins => self.facts.plugins(),
                    HostFacts::Tools => self.facts.tools(),
                };
                match told {
                    Ok(facts) if digest::text("facts", Some(&facts.to_string())) == *answer => {
                        Ok(read.clone())
                    }
                    _ => Err(format!("{read} is not what it was")),
                }
            }
        }
    }
}
