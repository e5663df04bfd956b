//! Questions that go on from the one before: "and for Q4?", "what about profit?".

use crate::Templates;
use crate::fit::{Asked, Earlier, Fit};
use crate::resolution::{Filled, Resolution};
use crate::resolve::{filled, missing, rank};
use crate::template::Template;
use serde_json::Value;

/// The question before and its template.
pub(crate) struct Before<'t> {
    template: &'t Template,
    /// Values by the place of their parameter, as far as they are still ones that it takes.
    values: Vec<(usize, Value)>,
}

impl<'t> Before<'t> {
    /// None when its template is there no more.
    pub(crate) fn of(templates: &'t Templates, filled: &Filled) -> Option<Self> {
        let template = templates
            .all
            .iter()
            .find(|template| template.name == filled.template)?;
        let mut values = Vec::new();
        for slot in &filled.slots {
            let at = template
                .parameters
                .iter()
                .position(|parameter| parameter.name == slot.name);
            if let Some((at, parameter)) = at.and_then(|at| Some((at, template.parameters.get(at)?)))
                && parameter.kind.accepts(&slot.value)
            {
                values.push((at, slot.value.clone()));
            }
        }
        Some(Before { template, values })
    }

    pub(crate) fn earlier(&self) -> Earlier<'_> {
        let slots = self.values.iter().filter_map(|(at, value)| {
            let parameter = self.template.parameters.get(*at)?;
            Some((parameter.name.as_str(), &*parameter.kind, value))
        });
        Earlier {
            slots: slots.collect(),
        }
    }

    /// Whether a template takes over from the one before.
    fn is_kin(&self, template: &Template) -> bool {
        template.name == self.template.name
            || (template.family.is_some() && template.family == self.template.family)
    }

    /// Whether a word was said before, or may have been: it need not be said again.
    fn has_word(&self, word: &String) -> bool {
        self.template
            .phrasings
            .iter()
            .any(|phrasing| phrasing.words.contains(word))
    }
}

/// What a question is as one that goes on; none when it is not.
pub(crate) fn decide(templates: &Templates, asked: &Asked<'_>, before: &Before<'_>) -> Option<Resolution> {
    let earlier = asked.earlier?;
    let mut near: Vec<(usize, bool, Fit<'_>)> = Vec::new();
    let mut fits = templates.fits(asked);
    fits.retain(|fit| before.is_kin(fit.template));
    let stranger = || {
        let own: Vec<Fit<'_>> = templates
            .fits(asked)
            .into_iter()
            .filter(|fit| fit.template.name == before.template.name)
            .collect();
        templates.stranger_after(asked, &own).map(Resolution::Missing)
    };
    for mut fit in fits {
        let same = fit.template.name == before.template.name;
        // The same question once more, with nothing new in it, is not what is asked.
        let nothing_new = fit.explained == 0 || (same && fit.given() == 0);
        if nothing_new || !fit.unexplained.is_empty() {
            continue;
        }
        fit.missing_words.retain(|word| !before.has_word(word));
        fit.missing.retain(|at| {
            let parameter = fit.template.parameters.get(*at);
            parameter.is_none_or(|parameter| earlier.value(&parameter.name, &parameter.kind).is_none())
        });
        if !fit.is_whole() {
            continue;
        }
        // What the question before said and this one would forget.
        let kept = |(name, kind, _): &&(&str, &crate::template::Kind, &Value)| {
            fit.template
                .parameters
                .iter()
                .any(|parameter| parameter.name == *name && *parameter.kind == **kind)
        };
        let dropped = earlier.slots.len() - earlier.slots.iter().filter(kept).count();
        near.push((dropped, !same, fit));
    }
    near.sort_by_key(|(dropped, other, fit)| (rank(fit).0, fit.slips.len(), *dropped, *other));
    let Some((_, _, best)) = near.first() else {
        return stranger();
    };
    if best.is_sound() {
        return Some(Resolution::Filled(filled(best, Some(earlier))));
    }
    Some(Resolution::Missing(missing(asked, best)))
}
