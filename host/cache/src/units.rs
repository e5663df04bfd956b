//! Parts of a whole. A fraction and a percentage are different types, so that no target is missed by a factor of a hundred.

use serde::Serialize;
use std::fmt;

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Fraction(f64);

/// A part of a whole, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Percent(f64);

impl Fraction {
    /// `part` of `whole`; none where there is no whole.
    #[allow(clippy::cast_precision_loss, reason = "counts")]
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then(|| Fraction((part.min(whole) as f64) / (whole as f64)))
    }

    /// This number, brought into the range from 0 to 1. What is no number is 0.
    pub fn clamped(value: f64) -> Self {
        Fraction(if value.is_nan() {
            0.0
        } else {
            value.clamp(0.0, 1.0)
        })
    }

    /// As a number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The same part, in percent.
    pub fn percent(self) -> Percent {
        Percent(self.0 * 100.0)
    }
}

impl Percent {
    /// As a number from 0 to 100.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The same part, as a fraction.
    pub fn fraction(self) -> Fraction {
        Fraction(self.0 / 100.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_nothing_is_no_number() {
        assert_eq!(Fraction::of(0, 0), None);
        let quarter = Fraction::of(1, 4).unwrap();
        assert_eq!((quarter.get(), quarter.percent().get()), (0.25, 25.0));
        assert_eq!(quarter.percent().to_string(), "25.0 %");
        assert_eq!(quarter.percent().fraction(), quarter);
        assert_eq!(
            (Fraction::clamped(f64::NAN).get(), Fraction::clamped(7.0).get()),
            (0.0, 1.0)
        );
    }
}
