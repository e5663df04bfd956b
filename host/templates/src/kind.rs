//! Kinds of parameters: reading them, and which values they take.

use crate::file::{Problems, RawParameter};
use crate::period::Quarter;
use crate::statement;
use crate::template::{Kind, Shape, Source};
use crate::words;
use serde_json::Value;

/// Most values that a choice lists, and most words for one of them.
const CHOICES_MAX: usize = 200;
/// Longest word or value, in bytes.
const VALUE_MAX: usize = 200;
/// Years that a parameter can be.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2199;

/// Reads a kind. A parameter's own kind asks the database of its template when it names none.
pub(crate) fn check(
    problems: &mut Problems<'_>,
    place: usize,
    name: &str,
    raw: &RawParameter,
    database: Option<&str>,
) -> Option<Kind> {
    let mut wrong = Vec::new();
    let shape = shape(&mut wrong, raw, database);
    let label = raw.label.clone().unwrap_or_else(|| name.replace('_', " "));
    let plural = raw.plural.clone().unwrap_or_else(|| plural(&label));
    for text in [&label, &plural] {
        if text.trim().is_empty() || text.len() > VALUE_MAX {
            wrong.push(format!(
                "has a label that is empty or longer than {VALUE_MAX} bytes"
            ));
        }
    }
    let sound = wrong.is_empty();
    for wrong in wrong {
        problems.add(place, format!("`{name}` {wrong}"));
    }
    let shape = shape.filter(|_| sound)?;
    Some(Kind { label, plural, shape })
}

fn plural(label: &str) -> String {
    match label.strip_suffix('y') {
        Some(rest) if !rest.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{rest}ies"),
        _ => format!("{label}s"),
    }
}

fn shape(wrong: &mut Vec<String>, raw: &RawParameter, database: Option<&str>) -> Option<Shape> {
    const SORTS: [&str; 7] = ["integer", "number", "text", "year", "quarter", "list", "choice"];
    let sort = raw.sort.as_deref();
    let has = [
        (
            "statement",
            raw.statement.is_some(),
            &["list", "year", "quarter"][..],
        ),
        ("leave_out", !raw.leave_out.is_empty(), &["list"]),
        ("aliases", !raw.aliases.is_empty(), &["list"]),
        ("values", raw.values.is_some(), &["choice"]),
        ("least", raw.least.is_some(), &["integer", "number"]),
        ("most", raw.most.is_some(), &["integer", "number"]),
    ];
    for (key, there, sorts) in has {
        if there && sort.is_some_and(|sort| SORTS.contains(&sort) && !sorts.contains(&sort)) {
            wrong.push(format!(
                "has `{key}`, which only these types have: {}",
                sorts.join(", ")
            ));
        }
    }
    let source = source(wrong, raw, database);
    match sort {
        Some("integer") => {
            let (least, most) = (raw.least.unwrap_or(0.0), raw.most.unwrap_or(1e9));
            // Bounds of this size are exact in both types.
            let whole = |x: f64| (x.fract() == 0.0 && x.abs() <= 9e15).then_some(x as i64);
            match (whole(least), whole(most)) {
                (Some(least), Some(most)) if least <= most => return Some(Shape::Integer { least, most }),
                _ => wrong.push(
                    "must have whole numbers as `least` and `most`, the first not above the second"
                        .to_owned(),
                ),
            }
        }
        Some("number") => {
            let (least, most) = (raw.least.unwrap_or(-1e15), raw.most.unwrap_or(1e15));
            if least <= most {
                return Some(Shape::Number { least, most });
            }
            wrong.push("must not have `least` above `most`".to_owned());
        }
        Some("text") => return Some(Shape::Text),
        Some("year") => return Some(Shape::Year(source)),
        Some("quarter") => return Some(Shape::Quarter(source)),
        Some("list") => {
            let leave_out = raw
                .leave_out
                .iter()
                .flat_map(|word| words::Words::of(word).tokens);
            let leave_out = leave_out.map(|token| token.text).collect();
            let aliases = raw.aliases.clone().into_iter().collect::<Vec<_>>();
            if aliases.len() > CHOICES_MAX || raw.leave_out.len() > CHOICES_MAX {
                wrong.push(format!("may have {CHOICES_MAX} aliases and words to leave out"));
            }
            match source {
                Some(source) => {
                    return Some(Shape::List {
                        source,
                        leave_out,
                        aliases,
                    });
                }
                None => wrong.push("is a list, and needs the `statement` that gives its values".to_owned()),
            }
        }
        Some("choice") => {
            let values: Vec<(String, Vec<String>)> =
                raw.values.clone().unwrap_or_default().into_iter().collect();
            let long = |text: &String| text.is_empty() || text.len() > VALUE_MAX;
            let count: usize = values.iter().map(|(_, others)| others.len() + 1).sum();
            if values.is_empty() || count > CHOICES_MAX {
                wrong.push(format!(
                    "is a choice, and needs 1 to {CHOICES_MAX} `values` and words for them"
                ));
            } else if values
                .iter()
                .any(|(value, others)| long(value) || others.iter().any(long))
            {
                wrong.push(format!(
                    "has a value that is empty or longer than {VALUE_MAX} bytes"
                ));
            } else {
                return Some(Shape::Choice(values));
            }
        }
        other => wrong.push(format!(
            "has {}; the types are {}",
            other.map_or_else(|| "no `type`".to_owned(), |other| format!("the type `{other}`")),
            SORTS.join(", ")
        )),
    }
    None
}

fn source(wrong: &mut Vec<String>, raw: &RawParameter, database: Option<&str>) -> Option<Source> {
    let statement = raw.statement.as_ref()?;
    let Some(database) = raw.database.as_deref().or(database) else {
        wrong.push("has a `statement`, and needs the `database` that it is for".to_owned());
        return None;
    };
    match statement::parameters(statement) {
        Ok(names) if names.is_empty() => {}
        Ok(_) => {
            wrong.push("has a `statement` with parameters: where values come from, there are none".to_owned())
        }
        Err(why) => wrong.extend(
            why.into_iter()
                .map(|why| format!("has a wrong `statement`: {why}")),
        ),
    }
    Some(Source {
        database: database.to_owned(),
        statement: statement.trim().to_owned(),
    })
}

impl Kind {
    /// Whether a value can be one of these, as far as that can be told without data.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        match &self.shape {
            Shape::Integer { least, most } => value.as_i64().is_some_and(|n| (*least..=*most).contains(&n)),
            Shape::Number { least, most } => value.as_f64().is_some_and(|x| (*least..=*most).contains(&x)),
            Shape::Text | Shape::List { .. } => value.as_str().is_some_and(|text| text.len() <= VALUE_MAX),
            Shape::Year(_) => value.as_i64().is_some_and(|year| YEARS.contains(&year)),
            Shape::Quarter(_) => value.as_str().is_some_and(|text| Quarter::parse(text).is_some()),
            Shape::Choice(values) => value
                .as_str()
                .is_some_and(|text| values.iter().any(|(value, _)| value == text)),
        }
    }

    /// Where its values are, if they are data.
    pub(crate) fn source(&self) -> Option<&Source> {
        match &self.shape {
            Shape::Year(source) | Shape::Quarter(source) => source.as_ref(),
            Shape::List { source, .. } => Some(source),
            _ => None,
        }
    }
}
