//! What a change does to the set of values that fit.

use super::{Direction, Verdict};

/// How sure it is that something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    No,
    Perhaps,
    Yes,
}

/// What a change does to the set of values that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effect {
    /// Some values that fitted do not.
    narrower: Sure,
    /// Some values fit that did not.
    wider: Sure,
}

impl Effect {
    /// Nothing.
    pub(super) const NONE: Effect = Effect::new(Sure::No, Sure::No);
    /// Some values that fitted do not, and none is new.
    pub(super) const NARROWER: Effect = Effect::new(Sure::Yes, Sure::No);
    /// Some values fit that did not, and none is lost.
    pub(super) const WIDER: Effect = Effect::new(Sure::No, Sure::Yes);
    /// Some values are lost, and some are new.
    pub(super) const BOTH: Effect = Effect::new(Sure::Yes, Sure::Yes);
    /// It can't be told.
    pub(super) const UNKNOWN: Effect = Effect::new(Sure::Perhaps, Sure::Perhaps);

    const fn new(narrower: Sure, wider: Sure) -> Self {
        Effect { narrower, wider }
    }

    /// The same where something beside it may undo it: what it does not do stays sure.
    pub(super) fn perhaps(self) -> Self {
        Effect::new(self.narrower.min(Sure::Perhaps), self.wider.min(Sure::Perhaps))
    }

    /// This one and another one.
    pub(super) fn and(self, other: Self) -> Self {
        Effect::new(self.narrower.max(other.narrower), self.wider.max(other.wider))
    }

    /// What it means for those who send, or read, such values.
    pub(super) fn verdict(self, direction: Direction) -> Verdict {
        let harm = match direction {
            Direction::Input => self.narrower,
            Direction::Output => self.wider,
        };
        match harm {
            Sure::No => Verdict::Compatible,
            Sure::Perhaps => Verdict::Unknown,
            Sure::Yes => Verdict::Breaking,
        }
    }
}
