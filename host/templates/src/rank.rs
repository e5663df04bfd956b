//! Which templates are nearest to a question that none answers: `bm25` over their words.

use crate::template::Template;
use crate::words::{is_neutral, stems};
use std::collections::HashMap;

/// The usual constants of bm25.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Words of templates, counted.
#[derive(Debug, Default)]
pub(crate) struct Rank {
    /// How often each template has each word, and how many words it has.
    counts: Vec<(HashMap<String, u32>, u32)>,
    /// In how many templates a word is.
    spread: HashMap<String, u32>,
    mean: f64,
}

impl Rank {
    pub(crate) fn of(templates: &[Template]) -> Self {
        let mut rank = Rank::default();
        let mut total = 0.0;
        for template in templates {
            let mut counts: HashMap<String, u32> = HashMap::new();
            let mut length = 0;
            let phrasings = template.phrasings().chain([template.description.as_str()]);
            let examples = template.examples.iter().map(|example| example.question.as_str());
            for word in phrasings
                .chain(examples)
                .flat_map(stems)
                .filter(|word| !is_neutral(word))
            {
                *counts.entry(template.dialect.word_for(&word)).or_default() += 1;
                length += 1;
            }
            for word in counts.keys() {
                *rank.spread.entry(word.clone()).or_default() += 1;
            }
            total += f64::from(length);
            rank.counts.push((counts, length));
        }
        rank.mean = total / f64::from(u32::try_from(templates.len().max(1)).unwrap_or(u32::MAX));
        rank
    }

    /// Places of templates that have something of a question, the nearest first.
    pub(crate) fn nearest(&self, question: &[String], templates: &[Template], most: usize) -> Vec<usize> {
        let all = self.counts.len() as f64;
        let mut scored: Vec<(f64, usize)> = Vec::new();
        for (place, ((counts, length), template)) in self.counts.iter().zip(templates).enumerate() {
            let mut score = 0.0;
            for word in question.iter().filter(|word| !is_neutral(word)) {
                let word = template.dialect.word_for(word);
                let (Some(count), Some(spread)) = (counts.get(&word), self.spread.get(&word)) else {
                    continue;
                };
                let (count, spread) = (f64::from(*count), f64::from(*spread));
                let rare = ((all - spread + 0.5) / (spread + 0.5) + 1.0).ln();
                let long = f64::from(*length) / self.mean.max(1.0);
                score += rare * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * long));
            }
            if score > 0.0 {
                scored.push((score, place));
            }
        }
        scored.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(one.cmp(other)));
        scored.into_iter().take(most).map(|(_, place)| place).collect()
    }
}
