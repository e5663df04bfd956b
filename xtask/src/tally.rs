//! How many tests passed, failed and were skipped, read from the lines by which test runners say so.

use std::fmt;
use std::ops::Add;

/// A count of tests.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

impl Tally {
    /// The counts of one line, where it is a runner's summary: nextest's `... tests run: 4 passed (1 slow), 1 failed,
    /// 0 skipped` or libtest's `test result: ok. 4 passed; 0 failed; 1 ignored; ...`. What neither passed nor was
    /// skipped (timed out, aborted) failed.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let line = plain(line);
        if let Some((head, counts)) = line.split_once(" run: ") {
            let summary = head.trim_start().starts_with("Summary");
            return summary.then(|| Self::sum(counts.split(','), |_| true));
        }
        let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
        // The rest of the line is times and what the caller's own filter left out.
        Some(Self::sum(counts.split(';'), |what| {
            ["passed", "failed", "ignored"].contains(&what)
        }))
    }

    fn sum<'a>(counts: impl Iterator<Item = &'a str>, counted: impl Fn(&str) -> bool) -> Self {
        let counts = counts.filter_map(|count| {
            let (number, what) = count.trim().split_once(' ')?;
            counted(what).then_some((number.parse::<u64>().ok()?, what))
        });
        counts.fold(Self::default(), |sum, (number, what)| {
            sum + match what {
                "passed" => Self {
                    passed: number,
                    ..Self::default()
                },
                "skipped" | "ignored" => Self {
                    skipped: number,
                    ..Self::default()
                },
                _ => Self {
                    failed: number,
                    ..Self::default()
                },
            }
        })
    }
}

/// The line without colours and without what stands in brackets, where nextest puts counts that are part of another.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut escape, mut depth) = (false, 0_u32);
    for c in line.trim_end().chars() {
        match c {
            '\u{1b}' => escape = true,
            _ if escape => escape = !c.is_ascii_alphabetic(),
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                out.truncate(out.trim_end().len());
            }
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Option<(u64, u64, u64)>) {
        let want = want.map(|(passed, failed, skipped)| Tally {
            passed,
            failed,
            skipped,
        });
        assert_eq!(Tally::parse(line), want, "{line:?}");
    }

    #[test]
    fn nextest() {
        check(
            "     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped\n",
            Some((3, 0, 0)),
        );
        check(
            "     Summary [   9.1s] 1 test run: 1 passed, 4 skipped",
            Some((1, 0, 4)),
        );
        check(
            "     Summary [  10.0s] 6/9 tests run: 3 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 2 skipped",
            Some((3, 3, 2)),
        );
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \
             \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m",
            Some((2, 0, 0)),
        );
    }

    #[test]
    fn libtest() {
        check(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.02s",
            Some((3, 0, 1)),
        );
        check(
            "test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            Some((0, 2, 0)),
        );
    }

    #[test]
    fn other_lines() {
        check("", None);
        check("running 3 tests", None);
        check("        PASS [   0.004s] xtask tally::tests::libtest", None);
        check("a guest may run: 3 passed", None);
        check("test result: ", None);
    }

    #[test]
    fn is_said_plainly() {
        assert_eq!(
            Tally {
                passed: 7,
                failed: 0,
                skipped: 1
            }
            .to_string(),
            "7 passed, 0 failed, 1 skipped"
        );
    }
}
