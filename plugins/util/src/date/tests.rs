use super::*;
use serde_json::json;

#[test]
fn reads() {
    let check =
        |text: &str, iso: &str, precision: Precision, first: &str, last: &str, quarter: Option<i8>| {
            let parsed = read(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            let got = (
                parsed.iso.as_str(),
                parsed.precision,
                parsed.first_day.as_str(),
                parsed.last_day.as_str(),
                parsed.quarter,
            );
            assert_eq!(got, (iso, precision, first, last, quarter), "{text}");
        };
    let check_day = |text: &str| {
        check(
            text,
            "2025-03-31",
            Precision::Day,
            "2025-03-31",
            "2025-03-31",
            Some(1),
        )
    };
    for text in [
        "2025-03-31",
        " 2025-03-31 ",
        "20250331",
        "2025/03/31",
        "2025/3/31",
        "31/03/2025",
        "03/31/2025",
        "31.3.2025",
        "31 Mar 2025",
        "31 march 2025",
        "31. March 2025",
        "March 31, 2025",
        "Mar 31st 2025",
        "2025 Mar 31",
        "31-Mar-2025",
        "Mon, 31 Mar 2025",
        "Monday 31 March 2025",
        "2025-W14-1",
    ] {
        check_day(text);
    }
    check(
        "04/04/2025",
        "2025-04-04",
        Precision::Day,
        "2025-04-04",
        "2025-04-04",
        Some(2),
    );
    check(
        "Q1 2025",
        "2025-Q1",
        Precision::Quarter,
        "2025-01-01",
        "2025-03-31",
        Some(1),
    );
    check(
        "2025-Q4",
        "2025-Q4",
        Precision::Quarter,
        "2025-10-01",
        "2025-12-31",
        Some(4),
    );
    check(
        "2025q2",
        "2025-Q2",
        Precision::Quarter,
        "2025-04-01",
        "2025-06-30",
        Some(2),
    );
    check(
        "Feb 2024",
        "2024-02",
        Precision::Month,
        "2024-02-01",
        "2024-02-29",
        Some(1),
    );
    check(
        "2025-02",
        "2025-02",
        Precision::Month,
        "2025-02-01",
        "2025-02-28",
        Some(1),
    );
    check("2025", "2025", Precision::Year, "2025-01-01", "2025-12-31", None);
    check(
        "2025-W14",
        "2025-W14",
        Precision::Week,
        "2025-03-31",
        "2025-04-06",
        None,
    );
    check(
        "2025-03-31 12:30",
        "2025-03-31T12:30:00",
        Precision::LocalTime,
        "2025-03-31",
        "2025-03-31",
        Some(1),
    );
    check(
        "31 Mar 2025 14:30",
        "2025-03-31T14:30:00",
        Precision::LocalTime,
        "2025-03-31",
        "2025-03-31",
        Some(1),
    );
}

#[test]
fn knows_instants() {
    let check = |text: &str, iso: &str, epoch: i64, utc: &str| {
        let parsed = read(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(
            (
                parsed.iso.as_str(),
                parsed.epoch_seconds,
                parsed.utc.as_deref(),
                parsed.precision
            ),
            (iso, Some(epoch), Some(utc), Precision::Instant),
            "{text}"
        );
    };
    check(
        "2025-03-31T00:00:00Z",
        "2025-03-31T00:00:00Z",
        1_743_379_200,
        "2025-03-31T00:00:00Z",
    );
    check(
        "2025-03-31T02:00:00+02:00",
        "2025-03-31T02:00:00+02:00",
        1_743_379_200,
        "2025-03-31T00:00:00Z",
    );
    check(
        "Mon, 31 Mar 2025 02:00:00 +0200",
        "2025-03-31T02:00:00+02:00",
        1_743_379_200,
        "2025-03-31T00:00:00Z",
    );
    check(
        "@1743379200",
        "2025-03-31T00:00:00Z",
        1_743_379_200,
        "2025-03-31T00:00:00Z",
    );
    check("@-1", "1969-12-31T23:59:59Z", -1, "1969-12-31T23:59:59Z");
}

#[test]
fn the_day_of_an_instant_is_the_local_one() {
    let parsed = read("2025-04-01T00:30:00+02:00").unwrap();
    assert_eq!(
        (parsed.first_day.as_str(), parsed.quarter, parsed.weekday),
        ("2025-04-01", Some(2), Some("Tuesday"))
    );
}

#[test]
fn a_day_has_no_epoch() {
    assert_eq!(read("2025-03-31").unwrap().epoch_seconds, None);
    assert_eq!(read("2025-03-31T12:00").unwrap().epoch_seconds, None);
}

#[test]
fn refuses() {
    let check = |text: &str, word: &str| {
        let error = format!("{:?}", read(text).expect_err(text));
        assert!(error.contains(word), "{text}: {error}");
    };
    check("03/04/2025", "2025-04-03 or 2025-03-04");
    check("3.4.2025", "can mean");
    check("31/03/25", "four digits");
    check("Q1", "year");
    check("Q5 2025", "not a date");
    check("today", "present day");
    check("3 days ago", "present day");
    check("2025-02-30", "not a");
    check("30 Feb 2025", "calendar");
    check("2025-13", "month");
    check("2024-W53", "no week 53");
    check("2025-03-31T12:00:00+02:00[Europe/Berlin]", "offset");
    check("Tue 31 Mar 2025", "Monday");
    check("31 Mar", "year");
    check("31 Mar 2025 2024", "not a date");
    check("", "empty");
    check("next spring", "not a date");
    check("@1e9", "whole seconds");
    check("@99999999999999", "whole seconds");
}

#[test]
fn epoch_numbers() {
    let check = |number: serde_json::Value, iso: Option<&str>| {
        let serde_json::Value::Number(number) = number else {
            panic!("a number")
        };
        assert_eq!(from_epoch(&number).ok().as_deref(), iso, "{number}");
    };
    check(json!(0), Some("1970-01-01T00:00:00Z"));
    check(json!(0.5), Some("1970-01-01T00:00:00.5Z"));
    check(json!(1e300), None);
    check(json!(i64::MAX), None);
}
