//! Names to addresses.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What [`Resolve::resolve`] gives.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Turns names into addresses. Asked exactly once for a request, never for a host that is an address.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, a name in lower case ASCII without a dot at its end. The caller bounds the time, and may
    /// drop the future.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// Most questions to the system at once. A question can't be taken back, so each slow one holds a thread of the process for
/// longer than the request that asked it; more than this many slow name servers must not use up those threads.
const MAX_QUESTIONS: usize = 64;

/// The system's own resolver.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    questions: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        SystemResolver {
            questions: Arc::new(Semaphore::new(MAX_QUESTIONS)),
        }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let permit = Arc::clone(&self.questions)
                .acquire_owned()
                .await
                .map_err(io::Error::other)?;
            let host = host.to_owned();
            // In a task of its own, which keeps the permit until the system answers, whether or not someone still waits.
            let question = tokio::spawn(async move {
                let _permit = permit;
                let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            });
            question.await.map_err(io::Error::other)?
        })
    }
}
