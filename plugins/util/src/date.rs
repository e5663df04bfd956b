//! `parse_date`: dates in the forms that have one meaning.
//!
//! The forms are tried in order: `@seconds`, quarter, ISO week, year or month, ISO 8601 / RFC 3339, RFC 2822, numbers with
//! slashes or points, and names of months ([`crate::date::words`]). The first that fits decides.

pub mod words;

use crate::limits;
use fact_sdk::{ToolError, tool};
use jiff::civil::{Date, ISOWeekDate, Time, Weekday};
use jiff::fmt::{rfc2822, temporal::Pieces, temporal::PiecesOffset};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Arguments of `parse_date`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParseDate {
    /// The date, for example `2025-03-31`, `2025-03-31T12:00:00+02:00`, `31 Mar 2025`, `Mon, 31 Mar 2025 12:00:00 +0200`, `Q1 2025`, `2025-W14`, `@1743379200`.
    #[schemars(length(max = 200))]
    pub text: String,
}

/// How much a text says about a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// A year.
    Year,
    /// A quarter of a year.
    Quarter,
    /// A month.
    Month,
    /// A week that begins on Monday.
    Week,
    /// A day.
    Day,
    /// A day and a time of day, with no word of where: no instant.
    LocalTime,
    /// A moment, since the text gives an offset from UTC.
    Instant,
}

/// Answer of `parse_date`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Parsed {
    /// The date in ISO 8601, as precise as the text: `2025-03-31T12:00:00+02:00`, `2025-03-31`, `2025-W14`, `2025-03`, `2025`. A quarter, for which ISO 8601 has no form, is written `2025-Q1`.
    pub iso: String,
    /// How much the text says.
    pub precision: Precision,
    /// The first day.
    pub first_day: String,
    /// The last day; the first one again unless the text names a week, month, quarter or year.
    pub last_day: String,
    /// The year of the first day.
    pub year: i16,
    /// The quarter, 1 to 4. Absent for a year and for a week that lies in two quarters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarter: Option<i8>,
    /// The day of the week in English. Absent for periods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekday: Option<&'static str>,
    /// Seconds since 1970-01-01T00:00:00Z, for an instant only. A fraction of a second is cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch_seconds: Option<i64>,
    /// The instant in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utc: Option<String>,
}

/// Reads a date, a date with time, a month, a quarter or a year, and returns ISO 8601.
///
/// Takes ISO 8601, RFC 3339, RFC 2822, "31 Mar 2025", "March 31, 2025", "Q1 2025", "2025-W14" and "@seconds". Seconds since
/// 1970 are there when the text has an offset from UTC. What has two readings (03/04/2025), two-digit years, names of time
/// zones and words such as "today" are refused.
///
/// # Errors
/// `invalid-input`, with the reason.
#[tool(read_only, idempotent)]
pub fn parse_date(args: ParseDate) -> Result<Parsed, ToolError> {
    read(&args.text)
}

/// The ISO text of seconds since 1970.
///
/// # Errors
/// `invalid-input` for what is beyond the years -9999 to 9999.
pub fn from_epoch(seconds: &Number) -> Result<String, ToolError> {
    let refuse = || ToolError::invalid_input("seconds since 1970 are a number for a year from -9999 to 9999");
    let whole = match seconds.as_i64() {
        Some(seconds) => Timestamp::from_second(seconds).ok(),
        None => seconds
            .as_f64()
            .and_then(|seconds| jiff::SignedDuration::try_from_secs_f64(seconds).ok())
            .and_then(|since| Timestamp::from_duration(since).ok()),
    };
    whole.map(|instant| instant.to_string()).ok_or_else(refuse)
}

/// Reads a date in any of the forms.
///
/// # Errors
/// `invalid-input`, with the reason.
pub fn read(text: &str) -> Result<Parsed, ToolError> {
    let text = limits::term("text", text)?;
    if let Some(seconds) = text.strip_prefix('@') {
        let seconds = seconds
            .parse::<i64>()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        let instant =
            seconds.ok_or_else(|| ToolError::invalid_input("after `@` stand whole seconds since 1970"))?;
        return Ok(instant_at(instant, Offset::UTC, true));
    }
    if let Some(period) = quarter(text)
        .or_else(|| week(text))
        .or_else(|| year_or_month(text))
    {
        return period;
    }
    if let Ok(pieces) = Pieces::parse(text) {
        return from_pieces(text, &pieces);
    }
    if let Ok(zoned) = rfc2822::parse(text) {
        return Ok(instant_at(zoned.timestamp(), zoned.offset(), false));
    }
    if let Some(date) = numbers(text) {
        return date.map(day);
    }
    words::read(text)?.map_or_else(|| Err(unreadable(text)), Ok)
}

fn unreadable(text: &str) -> ToolError {
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "today" | "now" | "yesterday" | "tomorrow")
        || lower.contains(" ago")
        || lower.contains("last ")
    {
        return ToolError::invalid_input(format!(
            "`{text}` depends on the present day, which this tool does not know; give the date"
        ));
    }
    ToolError::invalid_input(format!(
        "`{text}` is not a date that can be read; write for example 2025-03-31 or 31 Mar 2025"
    ))
}

/// A day.
#[must_use]
pub fn day(date: Date) -> Parsed {
    Parsed {
        weekday: Some(weekday(date.weekday())),
        ..period(date.to_string(), Precision::Day, date, date)
    }
}

/// A month.
#[must_use]
pub fn month(first: Date) -> Parsed {
    let iso = format!("{:04}-{:02}", first.year(), first.month());
    period(
        iso,
        Precision::Month,
        first.first_of_month(),
        first.last_of_month(),
    )
}

fn period(iso: String, precision: Precision, first: Date, last: Date) -> Parsed {
    let quarter_of = |date: Date| (date.month() - 1) / 3 + 1;
    let within_one = (first.year(), quarter_of(first)) == (last.year(), quarter_of(last));
    Parsed {
        iso,
        precision,
        first_day: first.to_string(),
        last_day: last.to_string(),
        year: first.year(),
        quarter: within_one.then(|| quarter_of(first)),
        weekday: None,
        epoch_seconds: None,
        utc: None,
    }
}

fn weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn instant_at(instant: Timestamp, offset: Offset, zulu: bool) -> Parsed {
    let utc = instant.to_string();
    let iso = if zulu {
        utc.clone()
    } else {
        instant.display_with_offset(offset).to_string()
    };
    Parsed {
        iso,
        precision: Precision::Instant,
        epoch_seconds: Some(instant.as_second()),
        utc: Some(utc),
        ..day(offset.to_datetime(instant).date())
    }
}

fn from_pieces(text: &str, pieces: &Pieces<'_>) -> Result<Parsed, ToolError> {
    if pieces.time_zone_annotation().is_some() {
        return Err(ToolError::invalid_input(format!(
            "`{text}` names a time zone, and this tool has no table of them; give the offset from UTC instead, for example +02:00"
        )));
    }
    let date = pieces.date();
    let Some(time) = pieces.time() else {
        return Ok(day(date));
    };
    let (offset, zulu) = match pieces.offset() {
        None => return Ok(local(date, time)),
        Some(PiecesOffset::Numeric(offset)) => (offset.offset(), false),
        Some(_) => (Offset::UTC, true),
    };
    let instant = offset
        .to_timestamp(date.to_datetime(time))
        .map_err(|_| ToolError::invalid_input(format!("`{text}` is beyond the years that are taken")))?;
    Ok(instant_at(instant, offset, zulu))
}

/// A day with a time of day.
#[must_use]
pub fn local(date: Date, time: Time) -> Parsed {
    Parsed {
        iso: date.to_datetime(time).to_string(),
        precision: Precision::LocalTime,
        ..day(date)
    }
}

/// A year of four digits.
#[must_use]
pub fn four_digits(text: &str) -> Option<i16> {
    (text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn quarter(text: &str) -> Option<Result<Parsed, ToolError>> {
    let compact: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '/'))
        .collect::<String>()
        .to_ascii_uppercase();
    let (before, after) = compact.split_once('Q')?;
    let (number, year) = if before.is_empty() {
        after.split_at_checked(1)?
    } else {
        (after, before)
    };
    let number: i8 = match number {
        "1" => 1,
        "2" => 2,
        "3" => 3,
        "4" => 4,
        _ => return None,
    };
    if year.is_empty() {
        return Some(Err(ToolError::invalid_input(format!(
            "`{text}` names no year; write for example Q{number} 2025"
        ))));
    }
    let year = four_digits(year)?;
    let first = Date::new(year, number * 3 - 2, 1).ok()?;
    let last = Date::new(year, number * 3, 1).ok()?.last_of_month();
    Some(Ok(period(
        format!("{year:04}-Q{number}"),
        Precision::Quarter,
        first,
        last,
    )))
}

/// `2025-W14` and `2025W14`, or a day of it: `2025-W14-1`.
fn week(text: &str) -> Option<Result<Parsed, ToolError>> {
    let (year, rest) = text.split_at_checked(4)?;
    let year = four_digits(year)?;
    let rest = rest.strip_prefix('-').unwrap_or(rest).strip_prefix(['W', 'w'])?;
    let (number, rest) = rest.split_at_checked(2)?;
    let number: i8 = number.parse().ok()?;
    let weekday = match rest.strip_prefix('-').unwrap_or(rest) {
        "" => None,
        digit => Some(Weekday::from_monday_one_offset(digit.parse().ok()?).ok()?),
    };
    let refuse = || ToolError::invalid_input(format!("the year {year} has no week {number}"));
    let Ok(start) = ISOWeekDate::new(year, number, weekday.unwrap_or(Weekday::Monday)) else {
        return Some(Err(refuse()));
    };
    let first = start.date();
    if weekday.is_some() {
        return Some(Ok(day(first)));
    }
    let last = first.checked_add(6.days()).ok()?;
    Some(Ok(period(
        format!("{year:04}-W{number:02}"),
        Precision::Week,
        first,
        last,
    )))
}

/// `2025` and `2025-03`.
fn year_or_month(text: &str) -> Option<Result<Parsed, ToolError>> {
    let (year, number) = text
        .split_once('-')
        .map_or((text, None), |(year, number)| (year, Some(number)));
    let year = four_digits(year)?;
    match number {
        None => {
            let first = Date::new(year, 1, 1).ok()?;
            Some(Ok(period(
                format!("{year:04}"),
                Precision::Year,
                first,
                first.last_of_year(),
            )))
        }
        Some(number) if number.len() == 2 => {
            let number = number.parse::<i8>().ok()?;
            Some(Date::new(year, number, 1).map(month).map_err(|_| {
                ToolError::invalid_input(format!("`{text}` has no month {number}; months go from 01 to 12"))
            }))
        }
        Some(_) => None,
    }
}

/// Three numbers with slashes, points or hyphens between them. The year stands at one end and has four digits; which of
/// the others is the day must follow from the numbers.
fn numbers(text: &str) -> Option<Result<Date, ToolError>> {
    let sign = text
        .chars()
        .find(|c| !c.is_ascii_digit())
        .filter(|c| matches!(c, '/' | '.' | '-'))?;
    let mut parts = text.split(sign);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |part: &str| {
        matches!(part.len(), 1 | 2)
            .then(|| part.parse::<i8>().ok())
            .flatten()
    };
    if parts.next().is_some() {
        return None;
    }
    let refuse = || ToolError::invalid_input(format!("`{text}` is not a day of the calendar"));
    if let Some(year) = four_digits(first) {
        return Some(Date::new(year, short(second)?, short(third)?).map_err(|_| refuse()));
    }
    let (first, second) = (short(first)?, short(second)?);
    let Some(year) = four_digits(third) else {
        return Some(Err(ToolError::invalid_input(format!(
            "`{text}` has no year of four digits; write for example 2025-03-31"
        ))));
    };
    match (Date::new(year, second, first), Date::new(year, first, second)) {
        (Ok(one), Ok(other)) if one != other => Some(Err(ToolError::invalid_input(format!(
            "`{text}` can mean {one} or {other}; write the one that is meant"
        )))),
        (Ok(date), _) | (_, Ok(date)) => Some(Ok(date)),
        (Err(_), Err(_)) => Some(Err(refuse())),
    }
}

#[cfg(test)]
mod tests;
