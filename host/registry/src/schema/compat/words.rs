//! Changes in words.

use serde_json::Value;

/// Longest value that a sentence repeats, in characters.
const SHOWN: usize = 60;

/// A name as a part of a JSON pointer, and not all of one that is very long.
pub(super) fn escape(name: &str) -> String {
    shown_text(name).replace('~', "~0").replace('/', "~1")
}

/// That a keyword changed, where no more can be said.
pub(super) fn changed(key: &str) -> String {
    format!("`{}` changed", shown_text(key))
}

/// What changed in a keyword that only readers look at.
pub(super) fn for_readers(key: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    match (key, before, after) {
        ("default", None, Some(after)) => format!("{} is meant where it is left out", shown(after)),
        ("default", Some(before), Some(after)) => {
            format!(
                "where it is left out, {} is meant, and no longer {}",
                shown(after),
                shown(before)
            )
        }
        ("default", Some(_), None) => {
            "nothing is said any more of what is meant where it is left out".to_owned()
        }
        ("description" | "title", ..) => format!("its {key} changed"),
        _ => changed(key),
    }
}

/// A value in a sentence.
pub(super) fn shown(value: &Value) -> String {
    shown_text(&value.to_string())
}

/// A text in a sentence, cut where it is long.
pub(super) fn shown_text(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
