//! From what is written to what is sound. Everything that is wrong is told, not only the first of it.

use crate::file::{self, Problems, RawAnswer, RawExample, RawFile, RawParameter, RawTemplate};
use crate::kind;
use crate::statement;
use crate::template::{
    Answer, AnswerColumn, Bind, Dialect, Example, Kind, Origin, Parameter, Part, Phrasing, Piece, Shape,
    SlotPlace, Template, Unit,
};
use crate::words;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use toml::Spanned;

/// Bounds on what a template may have. They are far above what a person writes, and keep every question cheap.
const NAME_MAX: usize = 64;
const TEXT_MAX: usize = 500;
const STATEMENT_MAX: usize = 10_000;
const PHRASINGS_MAX: usize = 50;
const PHRASING_WORDS_MAX: usize = 30;
const EXAMPLES_MAX: usize = 20;
const PARAMETERS_MAX: usize = 12;
const COLUMNS_MAX: usize = 40;
const WORDS_MAX: usize = 500;

pub(crate) type Kinds = BTreeMap<String, Arc<Kind>>;

/// What a file gives.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) kinds: Kinds,
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) templates: Vec<Template>,
}

/// Checks a file. Kinds and words of the built-in file may be used in every other.
pub(crate) fn file(problems: &mut Problems<'_>, raw: RawFile, base: &Checked, origin: &Origin) -> Checked {
    let dialect = Arc::new(dialect(problems, &raw, &base.dialect));
    let mut kinds = base.kinds.clone();
    for (name, raw) in &raw.kinds {
        let place = raw.span().start;
        if raw.get_ref().kind.is_some() || raw.get_ref().default.is_some() {
            problems.add(
                place,
                format!("the kind `{name}` can't have `kind` or `default`: parameters have them"),
            );
        }
        if let Some(kind) = kind::check(problems, place, name, raw.get_ref(), None) {
            kinds.insert(name.clone(), Arc::new(kind));
        }
    }
    let mut templates: Vec<Template> = Vec::new();
    for raw in raw.templates {
        let place = raw.get_ref().name.span().start;
        if let Some(template) = template(problems, raw, &kinds, &dialect, origin) {
            if templates.iter().any(|other| other.name == template.name) {
                problems.add(
                    place,
                    format!("there are two templates with the name `{}`", template.name),
                );
            }
            templates.push(template);
        }
    }
    Checked {
        kinds,
        dialect,
        templates,
    }
}

fn dialect(problems: &mut Problems<'_>, raw: &RawFile, base: &Dialect) -> Dialect {
    let mut dialect = base.clone();
    let words: usize = raw.words.values().map(Vec::len).sum();
    if raw.neutral.len() > WORDS_MAX || words > WORDS_MAX {
        problems.add(
            0,
            format!("`neutral` and `words` may have {WORDS_MAX} words each"),
        );
        return dialect;
    }
    for word in &raw.neutral {
        dialect.neutral.extend(words::stems(word));
    }
    for (word, others) in &raw.words {
        let [stem] = words::stems(word).try_into().unwrap_or([String::new()]);
        if stem.is_empty() {
            problems.add(0, format!("`{word}` in `words` must be one word"));
            continue;
        }
        let others = others
            .iter()
            .map(|other| words::stems(other))
            .filter(|other| !other.is_empty());
        dialect.same.entry(stem).or_default().extend(others);
    }
    dialect
}

/// Whether a text is a name: small letters, digits and `separator`, beginning with a letter.
fn is_name(text: &str, separator: char) -> bool {
    text.len() <= NAME_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

fn template(
    problems: &mut Problems<'_>,
    raw: Spanned<RawTemplate>,
    kinds: &Kinds,
    dialect: &Arc<Dialect>,
    origin: &Origin,
) -> Option<Template> {
    let before = problems.list.len();
    let raw = raw.into_inner();
    let name = raw.name.get_ref().clone();
    if !is_name(&name, '-') {
        problems.add(
            raw.name.span().start,
            format!("the name `{name}` must be small letters, digits and hyphens, at most {NAME_MAX}"),
        );
    }
    for (what, text) in [
        ("description", Some(&raw.description)),
        ("family", raw.family.as_ref()),
        ("database", Some(&raw.database)),
    ] {
        let Some(text) = text else { continue };
        if text.get_ref().trim().is_empty() || text.get_ref().len() > TEXT_MAX {
            problems.add(
                text.span().start,
                format!("`{name}`: the {what} must have 1 to {TEXT_MAX} bytes"),
            );
        }
    }
    let parameters = parameters(problems, &name, &raw, kinds);
    let binds = binds(problems, &name, &raw.statement, &parameters);
    let phrasings = phrasings(problems, &name, &raw.phrasings, &parameters, dialect);
    if raw.examples.len() > EXAMPLES_MAX {
        problems.add(
            raw.name.span().start,
            format!("`{name}` has more than {EXAMPLES_MAX} examples"),
        );
    }
    let examples = raw
        .examples
        .into_iter()
        .map(|example| match example.into_inner() {
            RawExample::Question(question) => Example {
                question,
                expect: None,
            },
            RawExample::Full(full) => Example {
                question: full.question,
                expect: full.expect,
            },
        });
    let examples = examples.collect();
    let answer = answer(problems, &name, &raw.answer, &parameters);
    (problems.list.len() == before).then(|| Template {
        name,
        description: raw.description.into_inner(),
        family: raw.family.map(Spanned::into_inner),
        database: raw.database.into_inner(),
        statement: raw.statement.into_inner().trim().to_owned(),
        parameters,
        examples,
        origin: origin.clone(),
        phrasings,
        answer,
        binds,
        dialect: Arc::clone(dialect),
    })
}

fn parameters(problems: &mut Problems<'_>, name: &str, raw: &RawTemplate, kinds: &Kinds) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    if raw.parameters.len() > PARAMETERS_MAX {
        problems.add(
            raw.name.span().start,
            format!("`{name}` has more than {PARAMETERS_MAX} parameters"),
        );
        return parameters;
    }
    for (parameter, raw_parameter) in &raw.parameters {
        let place = raw_parameter.span().start;
        let before = problems.list.len();
        if !is_name(parameter, '_') {
            problems.add(
                place,
                format!("the parameter `{parameter}` must be small letters, digits and underscores"),
            );
        }
        let written: &RawParameter = raw_parameter.get_ref();
        let kind = match &written.kind {
            Some(kind) if written.sort.is_some() => {
                problems.add(
                    place,
                    format!("the parameter `{parameter}` has both a `type` and the `kind` {kind}: keep one"),
                );
                None
            }
            Some(kind) => {
                let known = kinds.get(kind).cloned();
                if known.is_none() {
                    let names: Vec<&str> = kinds.keys().map(String::as_str).collect();
                    problems.add(
                        place,
                        format!("there is no kind `{kind}`; there are: {}", names.join(", ")),
                    );
                }
                known
            }
            None => {
                kind::check(problems, place, parameter, written, Some(raw.database.get_ref())).map(Arc::new)
            }
        };
        // What is wrong here is told once: the rest of the template is checked as if the parameter were any that there can be.
        let kind = kind.unwrap_or_else(|| {
            Arc::new(Kind {
                label: parameter.clone(),
                plural: parameter.clone(),
                shape: Shape::Quarter(None),
            })
        });
        let sound = problems.list.len() == before;
        let mut default = None;
        if let Some(written) = &written.default {
            default = file::simple(written).filter(|value| kind.accepts(value));
            if default.is_none() && sound {
                problems.add(
                    place,
                    format!("the default of `{parameter}` is none that it can be"),
                );
            }
        }
        if problems.list.len() > before {
            default = Some(Value::Null);
        }
        parameters.push(Parameter {
            name: parameter.clone(),
            kind,
            default,
        });
    }
    parameters
}

/// What each parameter of the statement is bound to.
fn binds(
    problems: &mut Problems<'_>,
    name: &str,
    raw: &Spanned<String>,
    parameters: &[Parameter],
) -> Vec<Bind> {
    let place = raw.span().start;
    if raw.get_ref().len() > STATEMENT_MAX {
        problems.add(
            place,
            format!("`{name}`: the statement may have {STATEMENT_MAX} bytes"),
        );
        return Vec::new();
    }
    let used = match statement::parameters(raw.get_ref()) {
        Ok(used) => used,
        Err(wrong) => {
            for wrong in wrong {
                problems.add(place, format!("`{name}`: {wrong}"));
            }
            return Vec::new();
        }
    };
    let mut binds = Vec::new();
    for used in used {
        let found = parameters.iter().enumerate().find_map(|(at, parameter)| {
            let part = part_of(parameter, &used)?;
            Some(Bind {
                name: used.clone(),
                parameter: at,
                part,
            })
        });
        match found {
            Some(bind) => binds.push(bind),
            None => problems.add(
                place,
                format!("`{name}`: the statement has `:{used}`, and there is no such parameter"),
            ),
        }
    }
    for (at, parameter) in parameters.iter().enumerate() {
        if !binds.iter().any(|bind| bind.parameter == at) {
            problems.add(
                place,
                format!(
                    "`{name}`: the statement does not use `:{}`; an answer that ignores it would be wrong",
                    parameter.name
                ),
            );
        }
    }
    binds
}

fn part_of(parameter: &Parameter, used: &str) -> Option<Part> {
    let rest = used.strip_prefix(parameter.name.as_str())?;
    let quarter = matches!(parameter.kind.shape, Shape::Quarter(_));
    match rest {
        "" => Some(Part::Whole),
        "_year" if quarter => Some(Part::Year),
        "_name" if quarter => Some(Part::Name),
        "_number" if quarter => Some(Part::Number),
        _ => None,
    }
}

fn phrasings(
    problems: &mut Problems<'_>,
    name: &str,
    raw: &Spanned<Vec<Spanned<String>>>,
    parameters: &[Parameter],
    dialect: &Dialect,
) -> Vec<Phrasing> {
    if raw.get_ref().is_empty() || raw.get_ref().len() > PHRASINGS_MAX {
        problems.add(
            raw.span().start,
            format!("`{name}` must have 1 to {PHRASINGS_MAX} phrasings"),
        );
        return Vec::new();
    }
    let mut phrasings = Vec::new();
    for text in raw.get_ref() {
        match phrasing(text.get_ref(), parameters, dialect) {
            Ok(phrasing) => phrasings.push(phrasing),
            Err(wrong) => problems.add(text.span().start, format!("`{name}`: the phrasing {wrong}")),
        }
    }
    phrasings
}

/// Reads `"[total] {metric} of {company} in [the quarter] {quarter}"`.
fn phrasing(text: &str, parameters: &[Parameter], dialect: &Dialect) -> Result<Phrasing, String> {
    if text.len() > TEXT_MAX {
        return Err(format!("is longer than {TEXT_MAX} bytes"));
    }
    let mut phrasing = Phrasing {
        text: text.to_owned(),
        words: Vec::new(),
        optional: Vec::new(),
        slots: Vec::new(),
    };
    let mut optional = false;
    let mut rest = text;
    while !rest.is_empty() {
        let next = rest.find(['{', '[', ']', '}']).unwrap_or(rest.len());
        let (words, after) = rest.split_at(next);
        let list = if optional {
            &mut phrasing.optional
        } else {
            &mut phrasing.words
        };
        for word in words::stems(words) {
            if !(words::is_neutral(&word) || dialect.neutral.contains(&word)) {
                list.push(dialect.word_for(&word));
            }
        }
        let mut chars = after.chars();
        rest = match chars.next() {
            None => "",
            Some('[') if !optional => {
                optional = true;
                chars.as_str()
            }
            Some(']') if optional => {
                optional = false;
                chars.as_str()
            }
            Some('{') => {
                let (slot, after) = chars.as_str().split_once('}').ok_or("has a { without its }")?;
                let at = parameters.iter().position(|parameter| parameter.name == slot);
                let at = at.ok_or_else(|| format!("has {{{slot}}}, and there is no such parameter"))?;
                if phrasing.slots.iter().any(|slot| slot.parameter == at) {
                    return Err(format!("has {{{slot}}} twice"));
                }
                if optional
                    && parameters
                        .get(at)
                        .is_none_or(|parameter| parameter.default.is_none())
                {
                    return Err(format!("may leave out {{{slot}}}, which has no default"));
                }
                phrasing.slots.push(SlotPlace {
                    parameter: at,
                    optional,
                });
                after
            }
            Some(other) => return Err(format!("has a {other} where none can be")),
        };
    }
    if optional {
        return Err("has a [ without its ]".to_owned());
    }
    for (at, parameter) in parameters.iter().enumerate() {
        if parameter.default.is_none() && !phrasing.slots.iter().any(|slot| slot.parameter == at) {
            return Err(format!(
                "`{text}` does not have {{{}}}, which has no default",
                parameter.name
            ));
        }
    }
    phrasing.words.sort_unstable();
    phrasing.words.dedup();
    if phrasing.words.len() + phrasing.optional.len() > PHRASING_WORDS_MAX {
        return Err(format!("has more than {PHRASING_WORDS_MAX} words"));
    }
    if phrasing.words.is_empty() && phrasing.slots.iter().all(|slot| slot.optional) {
        return Err("has neither a slot nor a word that would tell it from other questions".to_owned());
    }
    Ok(phrasing)
}

fn answer(
    problems: &mut Problems<'_>,
    name: &str,
    raw: &Spanned<RawAnswer>,
    parameters: &[Parameter],
) -> Answer {
    let place = raw.span().start;
    let raw = raw.get_ref();
    if raw.columns.is_empty() || raw.columns.len() > COLUMNS_MAX {
        problems.add(
            place,
            format!("`{name}`: the answer must have 1 to {COLUMNS_MAX} columns"),
        );
        return Answer::default();
    }
    let columns: BTreeSet<&str> = raw.columns.iter().map(|column| column.name.as_str()).collect();
    if columns.len() != raw.columns.len() {
        problems.add(
            place,
            format!("`{name}`: two columns of the answer have the same name"),
        );
    }
    let slots: BTreeSet<&str> = parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let mut text = |what: &str, text: &str, with_columns: bool| -> Vec<Piece> {
        let allowed = |piece: &str| slots.contains(piece) || (with_columns && columns.contains(piece));
        pieces(text, allowed).unwrap_or_else(|wrong| {
            problems.add(place, format!("`{name}`: {what} of the answer {wrong}"));
            Vec::new()
        })
    };
    let one = raw.one.as_ref().map(|one| text("`one`", one, true));
    let title = raw
        .title
        .as_ref()
        .map(|title| text("`title`", title, false))
        .unwrap_or_default();
    let none = raw.none.as_ref().map(|none| text("`none`", none, false));
    let mut read = Vec::new();
    for column in &raw.columns {
        let label = column.label.as_ref().map(|label| text("a label", label, false));
        read.push(AnswerColumn {
            name: column.name.clone(),
            unit: match column.unit.as_deref() {
                None | Some("plain") => Unit::Plain,
                Some("count") => Unit::Count,
                Some("percent") => Unit::Percent,
                Some(other) => Unit::Of(other.to_owned()),
            },
            label,
        });
    }
    Answer {
        one,
        title,
        none,
        columns: read,
    }
}

/// Reads `"The {metric} was {value}."`.
fn pieces(text: &str, allowed: impl Fn(&str) -> bool) -> Result<Vec<Piece>, String> {
    if text.len() > TEXT_MAX {
        return Err(format!("is longer than {TEXT_MAX} bytes"));
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("has a { without its }")?;
        if !allowed(name) {
            return Err(format!(
                "has {{{name}}}, which is no parameter or column that it could show"
            ));
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}
