//! Dates with the name of a month: `31 Mar 2025`, `March 31st, 2025`, `Mon 31 March 2025 14:30`, `Mar 2025`.

use super::{Parsed, day, four_digits, local, month};
use fact_sdk::ToolError;
use jiff::civil::{Date, Time};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

#[derive(Default)]
struct Found {
    weekday: Option<usize>,
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<Time>,
}

/// Reads a date with the English name of a month, or returns nothing when the text is of another form.
///
/// # Errors
/// `invalid-input` when the form fits but the date does not exist.
pub fn read(text: &str) -> Result<Option<Parsed>, ToolError> {
    let Some(found) = collect(text) else {
        return Ok(None);
    };
    let (Some(number), Some(year)) = (found.month, found.year) else {
        if found.month.is_some() {
            return Err(ToolError::invalid_input(format!(
                "`{text}` has no year of four digits; write for example 31 Mar 2025"
            )));
        }
        return Ok(None);
    };
    let exists = |date: Result<Date, jiff::Error>| {
        date.map_err(|_| ToolError::invalid_input(format!("`{text}` is not a day of the calendar")))
    };
    let Some(number_of_day) = found.day else {
        let plain = found.weekday.is_none() && found.time.is_none();
        let first = exists(Date::new(year, number, 1))?;
        return Ok(plain.then(|| month(first)));
    };
    let date = exists(Date::new(year, number, number_of_day))?;
    let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
    if found.weekday.is_some_and(|said| said != index) {
        let right = day(date).weekday.unwrap_or_default();
        return Err(ToolError::invalid_input(format!(
            "`{text}` is a {right}; correct the day of the week or leave it out"
        )));
    }
    Ok(Some(
        found.time.map_or_else(|| day(date), |time| local(date, time)),
    ))
}

/// Each word must be one part of a date, and no part may come twice.
fn collect(text: &str) -> Option<Found> {
    let mut found = Found::default();
    let words = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '-' | '/'))
        .filter(|word| !word.is_empty());
    for word in words {
        let lower = word.trim_end_matches('.').to_lowercase();
        let fresh = if let Some(year) = four_digits(&lower) {
            found.year.replace(year).is_none()
        } else if lower.contains(':') {
            found.time.replace(lower.parse().ok()?).is_none()
        } else if lower.starts_with(|c: char| c.is_ascii_digit()) {
            found.day.replace(number_of_day(&lower)?).is_none()
        } else if let Some(index) = name(&MONTHS, &lower) {
            found.month.replace(i8::try_from(index + 1).ok()?).is_none()
        } else {
            found.weekday.replace(name(&WEEKDAYS, &lower)?).is_none()
        };
        if !fresh {
            return None;
        }
    }
    Some(found)
}

fn number_of_day(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = word.get(digits.len()..)?;
    (digits.len() <= 2 && matches!(suffix, "" | "st" | "nd" | "rd" | "th"))
        .then(|| digits.parse().ok())
        .flatten()
}

/// The index of the name that begins with the word, which has three letters at least.
fn name(names: &[&str], word: &str) -> Option<usize> {
    if word.len() < 3 {
        return None;
    }
    names.iter().position(|name| name.starts_with(word))
}
