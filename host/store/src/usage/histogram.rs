//! How long things took, in few numbers.

use std::collections::BTreeMap;
use std::time::Duration;

/// Counts of times in buckets whose width grows with the time: eight to each doubling of microseconds. A time read back is
/// at most 6.25 % away from one that was counted; below 16 µs it is exact to the microsecond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram(BTreeMap<u16, u64>);

/// Buckets to a doubling, as a power of two.
const FINENESS: u32 = 3;

impl Histogram {
    /// Counts a time.
    pub(crate) fn add(&mut self, time: Duration) {
        self.add_many(bucket(micros(time)), 1);
    }

    /// Counts as many times in a bucket.
    pub(crate) fn add_many(&mut self, bucket: u16, times: u64) {
        let count = self.0.entry(bucket).or_default();
        *count = count.saturating_add(times);
    }

    /// Counts what another one has.
    pub(crate) fn add_all(&mut self, other: &Histogram) {
        for (bucket, times) in other.buckets() {
            self.add_many(bucket, times);
        }
    }

    /// The buckets that are not empty, in order of their times.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().map(|(bucket, times)| (*bucket, *times))
    }

    /// The time that this percentage of all times does not exceed; none when there are no times.
    pub(crate) fn percentile(&self, percent: u64) -> Option<Duration> {
        let all = self
            .0
            .values()
            .fold(0u64, |sum, times| sum.saturating_add(*times));
        let rank = all.saturating_mul(percent.min(100)).div_ceil(100).max(1);
        let mut sum = 0u64;
        self.buckets()
            .find(|(_, times)| {
                sum = sum.saturating_add(*times);
                sum >= rank
            })
            .map(|(bucket, _)| Duration::from_micros(middle(bucket)))
    }
}

/// A time in whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The bucket of a time. Its number is at most 495.
fn bucket(micros: u64) -> u16 {
    let doublings = micros.checked_ilog2().unwrap_or_default();
    let number = match doublings.checked_sub(FINENESS) {
        None => micros,
        Some(shift) => (u64::from(shift + 1) << FINENESS) + ((micros >> shift) & 0b111),
    };
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// The time in the middle of a bucket, in microseconds.
fn middle(bucket: u16) -> u64 {
    let (row, part) = (u32::from(bucket) >> FINENESS, u64::from(bucket) & 0b111);
    let Some(shift) = row.checked_sub(1) else {
        return part;
    };
    let width = 1u64.checked_shl(shift).unwrap_or_default();
    (0b1000 | part).saturating_mul(width).saturating_add(width / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_one_another() {
        assert_eq!(
            (bucket(0), bucket(7), bucket(8), bucket(15), bucket(16)),
            (0, 7, 8, 15, 16)
        );
        assert_eq!(bucket(u64::MAX), 495);
        let mut last = 0;
        for micros in 0..100_000 {
            let now = bucket(micros);
            assert!(now == last || now == last + 1, "{micros}");
            last = now;
        }
    }

    #[test]
    fn no_times_have_no_percentile() {
        assert_eq!(Histogram::default().percentile(95), None);
        // A number that no program wrote.
        assert_eq!(middle(u16::MAX), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn percentiles_are_near_the_exact_ones(
            mut micros in prop::collection::vec((0u32..34, any::<u64>()).prop_map(|(size, n)| n & ((1 << size) - 1)), 1..300),
            percent in 1u64..=100,
        ) {
            let mut histogram = Histogram::default();
            let (mut one, mut two) = (Histogram::default(), Histogram::default());
            for (at, micros) in micros.iter().enumerate() {
                let time = Duration::from_micros(*micros);
                histogram.add(time);
                if at % 2 == 0 { one.add(time) } else { two.add(time) }
            }
            one.add_all(&two);
            prop_assert_eq!(&one, &histogram);
            micros.sort_unstable();
            let rank = (micros.len() as u64 * percent).div_ceil(100).max(1) as usize;
            let exact = micros[rank - 1] as f64;
            let told = histogram.percentile(percent).unwrap().as_micros() as f64;
            prop_assert!((told - exact).abs() <= exact * 0.07, "{} for {}", told, exact);
        }
    }
}
