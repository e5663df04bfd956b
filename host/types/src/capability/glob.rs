//! Patterns of paths: the last character `*` stands for any text, another `*` for any text without a slash.
//!
//! All questions are one walk of the pattern's states over a text, so that no pattern makes an answer slow: the time is at
//! most the product of the two lengths.

/// What a text is made of. That of another pattern has stars, which only a star that stands for as much takes in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Byte(u8),
    Segment,
    Rest,
}

/// Whether a text fits a pattern.
pub fn fits(pattern: &str, text: &str) -> bool {
    walk(pattern, text.bytes().map(Symbol::Byte)).is_some_and(|states| states.last() == Some(&true))
}

/// Whether some text that begins with this one fits a pattern.
pub(super) fn begins(pattern: &str, text: &str) -> bool {
    walk(pattern, text.bytes().map(Symbol::Byte)).is_some()
}

/// Whether every text that fits `wanted` fits `pattern`. May say no where the answer is yes, never the other way.
pub fn covers(pattern: &str, wanted: &str) -> bool {
    walk(pattern, symbols(wanted)).is_some_and(|states| states.last() == Some(&true))
}

fn symbols(pattern: &str) -> impl Iterator<Item = Symbol> {
    let last = pattern.len().saturating_sub(1);
    pattern.bytes().enumerate().map(move |(at, byte)| match byte {
        b'*' if at == last => Symbol::Rest,
        b'*' => Symbol::Segment,
        byte => Symbol::Byte(byte),
    })
}

/// The places of the pattern at which a text may end, if there are any: one more than the pattern has symbols, the last of
/// them being its end.
fn walk(pattern: &str, text: impl Iterator<Item = Symbol>) -> Option<Vec<bool>> {
    let pattern: Vec<Symbol> = symbols(pattern).collect();
    let mut states = vec![false; pattern.len() + 1];
    if let Some(first) = states.first_mut() {
        *first = true;
    }
    skip_stars(&pattern, &mut states);
    for symbol in text {
        let mut next = vec![false; states.len()];
        for (at, own) in pattern.iter().enumerate() {
            if states.get(at) != Some(&true) {
                continue;
            }
            let to = match (own, symbol) {
                (Symbol::Rest, _) => at,
                (Symbol::Segment, Symbol::Segment) => at,
                (Symbol::Segment, Symbol::Byte(byte)) if byte != b'/' => at,
                (Symbol::Byte(own), Symbol::Byte(byte)) if *own == byte => at + 1,
                _ => continue,
            };
            if let Some(state) = next.get_mut(to) {
                *state = true;
            }
        }
        skip_stars(&pattern, &mut next);
        states = next;
        if !states.contains(&true) {
            return None;
        }
    }
    Some(states)
}

/// A star may stand for nothing.
fn skip_stars(pattern: &[Symbol], states: &mut [bool]) {
    for (at, symbol) in pattern.iter().enumerate() {
        let star = !matches!(symbol, Symbol::Byte(_));
        if star
            && states.get(at) == Some(&true)
            && let Some(after) = states.get_mut(at + 1)
        {
            *after = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "/", false),
            ("*", "", true),
            ("/a/*", "/a/", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/a", false),
            ("/*/c", "/b/c", true),
            ("/*/c", "//c", true),
            ("/*/c", "/a/b/c", false),
            ("/**", "/a/b", true),
            ("/*a*b/*", "/xaab/y/z", true),
            ("/*a*b/*", "/xa/ab/y", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        for (pattern, text, expected) in [
            ("/a/*", "/", true),
            ("/a/*", "/a/b", true),
            ("/a/*/c", "/a/bb", true),
            ("/a/*/c", "/a/b/d", false),
            ("/a", "/ab", false),
        ] {
            assert_eq!(begins(pattern, text), expected, "{pattern} {text}…");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, wanted, expected) in [
            ("/a/*", "/a/*", true),
            ("/a/*", "/a/b/*", true),
            ("/a/*", "/a/*/c", true),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b*/c", true),
            ("/a/*/c", "/a/*", false),
            ("/a/*/c", "/a/*/*/c", false),
            ("/a/b*/c", "/a/*/c", false),
            ("/a/b", "/a/*", false),
            ("/a*", "/a", true),
            ("/a", "/a*", false),
            ("*", "/**/*", true),
        ] {
            assert_eq!(covers(pattern, wanted), expected, "{pattern} covers {wanted}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_their_number() {
        let pattern = format!("/{}x", "*a".repeat(400));
        assert!(!fits(&pattern, &format!("/{}", "a".repeat(8000))));
    }
}
