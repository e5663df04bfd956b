//! Calls within calls: where a call stands in the tree of calls that one caller started, and what bounds that tree.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fact_types::CallId;

use crate::meter::Deadline;
use crate::witness::Witness;

/// Deepest nesting: a call, and so many more below it, each made by the one above. What people compose has three or four
/// levels; each level holds a slot and an instance while it waits for the one below. A circle of plugins ends here too.
pub const DEPTH_MAX: u32 = 8;

/// Most calls within one call, on all levels together. Without this bound a tree of eight levels could have any number of
/// leaves, all of them paid for by the host and none by whoever asked for the first.
pub const CALLS_MAX: u32 = 64;

/// Where a call stands among the calls that one caller's call led to.
#[derive(Debug, Clone)]
pub struct Nesting {
    root: CallId,
    depth: u32,
    /// Calls that were made within the root so far, on all levels.
    made: Arc<AtomicU32>,
    above: Option<Above>,
}

/// What a nested call owes to the one that made it.
#[derive(Debug, Clone)]
struct Above {
    /// The nested call is over when this one is.
    deadline: Deadline,
    /// Sees what the nested call does, for the one that made it.
    witness: Witness,
}

/// Why no further call can be made within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMany {
    #[error(
        "calls of tools by tools are nested {DEPTH_MAX} deep, which is the most; is there a circle of tools that call each other?"
    )]
    Deep,
    #[error("this call led to {CALLS_MAX} calls of other tools already, which is the most")]
    Calls,
}

impl Nesting {
    /// The place of a call that no plugin made.
    pub(crate) fn root(call: CallId) -> Self {
        Nesting {
            root: call,
            depth: 0,
            made: Arc::default(),
            above: None,
        }
    }

    /// The place of one more call below this one. `witness` sees what it does.
    pub(crate) fn below(&self, deadline: Deadline, witness: Witness) -> Result<Self, TooMany> {
        if self.depth >= DEPTH_MAX {
            return Err(TooMany::Deep);
        }
        let counted = self
            .made
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| {
                (made < CALLS_MAX).then_some(made + 1)
            });
        if counted.is_err() {
            return Err(TooMany::Calls);
        }
        Ok(Nesting {
            root: self.root,
            depth: self.depth + 1,
            made: Arc::clone(&self.made),
            above: Some(Above { deadline, witness }),
        })
    }

    /// The call that all of it is for.
    pub fn root_call(&self) -> CallId {
        self.root
    }

    /// How many calls are above this one.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// A deadline that is no later than the one above.
    pub(crate) fn within(&self, own: Deadline) -> Deadline {
        match &self.above {
            Some(above) => Deadline(own.0.min(above.deadline.0)),
            None => own,
        }
    }

    /// The witness of the call that stands here.
    pub(crate) fn witness(&self) -> Witness {
        match &self.above {
            Some(above) => above.witness.clone(),
            None => Witness::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_chain_ends_at_the_depth() {
        let deadline = Deadline(Instant::now());
        let mut nesting = Nesting::root(CallId::new());
        let root = nesting.root_call();
        for depth in 1..=DEPTH_MAX {
            nesting = nesting.below(deadline, Witness::default()).unwrap();
            assert_eq!((nesting.depth(), nesting.root_call()), (depth, root));
        }
        let refused = nesting.below(deadline, Witness::default());
        assert_eq!(refused.unwrap_err(), TooMany::Deep);
    }

    #[test]
    fn the_levels_share_one_count() {
        let deadline = Deadline(Instant::now());
        let root = Nesting::root(CallId::new());
        let child = root.below(deadline, Witness::default()).unwrap();
        for made in 1..CALLS_MAX {
            let from = if made % 2 == 0 { &root } else { &child };
            from.below(deadline, Witness::default()).unwrap();
        }
        for from in [&root, &child] {
            let refused = from.below(deadline, Witness::default());
            assert_eq!(refused.unwrap_err(), TooMany::Calls);
        }
        // Another root has a count of its own.
        Nesting::root(CallId::new())
            .below(deadline, Witness::default())
            .unwrap();
    }

    #[test]
    fn a_deadline_is_never_later_than_the_one_above() {
        let now = Instant::now();
        let at = |seconds| Deadline(now + Duration::from_secs(seconds));
        let root = Nesting::root(CallId::new());
        assert_eq!(root.within(at(9)), at(9));
        let child = root.below(at(5), Witness::default()).unwrap();
        assert_eq!(child.within(at(9)), at(5));
        assert_eq!(child.within(at(1)), at(1));
    }
}
