//! Words that are written wrongly.

/// Most words that are compared with a wrong one. A collection of a thousand tools has some ten thousand.
pub(super) const VOCABULARY_MAX: usize = 20_000;

/// Most corrections of a word.
const CORRECTIONS: usize = 3;

/// The words of a vocabulary that are fewest slips away from a word: one slip in a short word, two in a long one, none in
/// words of less than four letters. The slip is never the first letter, which people get right.
pub(super) fn corrections<'a>(word: &str, vocabulary: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let word: Vec<char> = word.chars().collect();
    let most = match word.len() {
        0..4 => return Vec::new(),
        4..8 => 1,
        _ => 2,
    };
    let mut best = most;
    let mut found: Vec<(usize, &str)> = Vec::new();
    for candidate in vocabulary {
        if candidate.chars().next() != word.first().copied() || candidate.len() > 4 * (word.len() + most) {
            continue;
        }
        let chars: Vec<char> = candidate.chars().collect();
        if chars.len().abs_diff(word.len()) > best {
            continue;
        }
        let slips = slips(&word, &chars);
        if slips <= best {
            best = slips;
            found.push((slips, candidate));
        }
    }
    found.retain(|(slips, _)| *slips == best);
    found
        .into_iter()
        .take(CORRECTIONS)
        .map(|(_, word)| word)
        .collect()
}

/// How many letters are wrong, missing, too many or changed places with their neighbour.
fn slips(a: &[char], b: &[char]) -> usize {
    // Rows of the table of distances between beginnings: that before the last, the last, and this one.
    let mut older: Vec<usize> = Vec::new();
    let mut old: Vec<usize> = (0..=b.len()).collect();
    let mut before_a = None;
    for (i, &ca) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        let mut before_b = None;
        for (j, &cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut least = (at(&old, j) + usize::from(ca != cb))
                .min(at(&old, j + 1) + 1)
                .min(at(&row, j) + 1);
            if before_a == Some(cb) && before_b == Some(ca) && j > 0 {
                least = least.min(at(&older, j - 1) + 1);
            }
            row.push(least);
            before_b = Some(cb);
        }
        older = std::mem::replace(&mut old, row);
        before_a = Some(ca);
    }
    old.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let vocabulary = [
            "repository",
            "repositories",
            "kubernetes",
            "issue",
            "tissue",
            "image",
            "mail",
            "git",
        ];
        for (word, expected) in [
            ("repositroy", vec!["repository"]),
            ("reposiotry", vec!["repository"]),
            ("kuberntes", vec!["kubernetes"]),
            ("isue", vec!["issue"]),
            ("iamge", vec!["image"]),
            ("gti", vec![]),
            ("mial", vec!["mail"]),
            ("zebra", vec![]),
        ] {
            assert_eq!(corrections(word, vocabulary.into_iter()), expected, "{word}");
        }
    }

    #[test]
    fn slips_are_counted() {
        let count = |a: &str, b: &str| slips(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("abcd", "acbd", 1),
        ] {
            assert_eq!((count(a, b), count(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
