//! Times in words.

use std::time::Duration;

use jiff::Timestamp;

/// A span of time to three digits.
pub(crate) fn time(time: Duration) -> String {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

/// How long ago something was. What is not over yet was just now: clocks differ.
pub(crate) fn ago(then: Timestamp) -> String {
    match rough(Timestamp::now().as_second().saturating_sub(then.as_second())) {
        Some(span) => format!("{span} ago"),
        None => "just now".to_owned(),
    }
}

/// How long it is until something.
pub(crate) fn left(end: Timestamp) -> String {
    rough(end.as_second().saturating_sub(Timestamp::now().as_second()))
        .unwrap_or_else(|| "less than a second".to_owned())
}

/// A span in its largest unit; none where it is less than a second.
fn rough(seconds: i64) -> Option<String> {
    Some(match seconds {
        ..=0 => return None,
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_050, "1.05 ms"),
            (25_900, "25 ms"),
            (1_250_000, "1.25 s"),
            (61_000_000, "61.00 s"),
        ] {
            assert_eq!(time(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn spans_are_rough() {
        for (seconds, text) in [
            (-5, None),
            (0, None),
            (1, Some("1 s")),
            (59, Some("59 s")),
            (60, Some("1 min")),
            (7_199, Some("1 h")),
            (86_399, Some("23 h")),
            (200_000, Some("2 d")),
        ] {
            assert_eq!(rough(seconds).as_deref(), text, "{seconds}");
        }
        assert_eq!(ago(Timestamp::now()), "just now");
    }
}
