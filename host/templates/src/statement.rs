//! What a template's statement names, found without an engine. The engine has the last word when it runs.

use std::collections::BTreeSet;

/// The named parameters of a statement.
///
/// # Errors
/// With a sentence for each thing that a template's statement must not be or have.
pub(crate) fn parameters(statement: &str) -> Result<BTreeSet<String>, Vec<String>> {
    let chars: Vec<char> = statement.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut ended = false;
    let mut first = None;
    let mut place = 0;
    while place < chars.len() {
        let c = at(place);
        let next = at(place + 1);
        if c.is_whitespace() {
            place += 1;
            continue;
        }
        if (c == '-' && next == '-') || (c == '/' && next == '*') {
            let line = c == '-';
            place += 2;
            while place < chars.len()
                && !(line && at(place) == '\n')
                && !(!line && at(place) == '*' && at(place + 1) == '/')
            {
                place += 1;
            }
            place += if line { 1 } else { 2 };
            continue;
        }
        if ended {
            wrong.push("the statement goes on after a semicolon, and must be one statement only".to_owned());
            break;
        }
        match c {
            '\'' | '"' | '`' | '[' => {
                let end = if c == '[' { ']' } else { c };
                place += 1;
                while place < chars.len() && at(place) != end {
                    place += 1;
                }
                if place >= chars.len() {
                    wrong.push("the statement has a quote without its end".to_owned());
                }
                place += 1;
                first.get_or_insert_with(String::new);
            }
            ';' => {
                ended = true;
                place += 1;
            }
            ':' | '@' | '$' | '?' => {
                let from = place + 1;
                place = from;
                while is_name(at(place)) {
                    place += 1;
                }
                let name: String = chars.get(from..place).unwrap_or_default().iter().collect();
                if c == ':' && !name.is_empty() {
                    names.insert(name);
                } else {
                    wrong.push(format!(
                        "the statement has the parameter `{c}{name}`; write parameters as `:name`"
                    ));
                }
            }
            _ if is_name(c) || !c.is_ascii() => {
                let from = place;
                while is_name(at(place)) || (place < chars.len() && !at(place).is_ascii()) {
                    place += 1;
                }
                let word: String = chars.get(from..place).unwrap_or_default().iter().collect();
                first.get_or_insert(word.to_ascii_lowercase());
            }
            _ => {
                first.get_or_insert_with(String::new);
                place += 1;
            }
        }
    }
    if !matches!(first.as_deref(), Some("select" | "with")) {
        wrong.push("the statement must begin with SELECT or WITH".to_owned());
    }
    if wrong.is_empty() { Ok(names) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_are_names() {
        for (statement, expected) in [
            (
                "SELECT :a, ':b', \":c\", [:d], `:e` -- :f\n, :g_1 /* :h ; */ FROM t WHERE x = :a;",
                "a g_1",
            ),
            ("/* x */ WITH q AS (SELECT 1) SELECT * FROM q ; -- end", ""),
            ("select 'it''s :x'", ""),
        ] {
            let names: Vec<String> = parameters(statement).unwrap().into_iter().collect();
            assert_eq!(names.join(" "), expected);
        }
    }

    #[test]
    fn others_are_refused() {
        for (statement, says) in [
            ("DELETE FROM t", "SELECT or WITH"),
            ("", "SELECT or WITH"),
            ("SELECT 1; DROP TABLE t", "one statement"),
            ("SELECT ?", "`?`"),
            ("SELECT ?1", "`?1`"),
            ("SELECT @a", "`@a`"),
            ("SELECT $a", "`$a`"),
            ("SELECT 'x", "quote"),
            ("(SELECT 1)", "SELECT or WITH"),
        ] {
            let wrong = parameters(statement).unwrap_err();
            assert!(wrong.iter().any(|w| w.contains(says)), "{statement}: {wrong:?}");
        }
    }
}
