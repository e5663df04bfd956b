//! What gives back what a grant gave that does not hold any more.

use fact_types::{Capability, Grant, Lapse, Origin, Terms};
use jiff::Timestamp;

use crate::explain::quoted;
use crate::reason::{Named, lapse_words};

/// Who calls, for whom a grant is to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) tool: Option<&'a fact_types::ToolName>,
    pub(crate) principal: &'a fact_types::Principal,
    pub(crate) now: Timestamp,
}

/// A grant that is over, in one sentence: which, since when, and what renews it. None for one that still holds for some call.
pub fn over(grant: &Grant, now: Timestamp) -> Option<String> {
    let lapse = grant.lapsed(now)?;
    let renewed = renewal(grant, &lapse);
    Some(format!(
        "{}: {}; {renewed}",
        Named::of(grant),
        lapse_words(&lapse)
    ))
}

/// How to renew a grant whose time or calls are over, on the terms that it had.
fn renewal(grant: &Grant, lapse: &Lapse) -> String {
    if let Origin::Policy { rule } = &grant.origin {
        let term = match lapse {
            Lapse::Expired(_) => "later `until`",
            _ => "larger `calls`",
        };
        return format!("a {term} in rule `{rule}` of {} renews it", grant.granted_by);
    }
    let command = |verb: &str, terms: &str| {
        let (plugin, capability) = (&grant.plugin, quoted(&grant.capability.to_string()));
        format!("`fact plugin {verb} {plugin} {capability}{terms}`")
    };
    let terms = &grant.terms;
    match lapse {
        Lapse::Expired(_) => {
            let again = command("grant", &flags(terms, Some("TIME")));
            format!("{again}, with a new end for TIME, renews it")
        }
        // The same again counts on; what was taken back and is given anew counts from the start.
        _ => {
            let whose = Terms {
                calls: None,
                until: None,
                ..terms.clone()
            };
            let back = command("revoke", &flags(&whose, None));
            let until = terms.until.map(|until| until.to_string());
            let again = command("grant", &flags(terms, until.as_deref()));
            format!("{back} and then {again} renews it")
        }
    }
}

/// The sentence that says what would let a plugin do what a grant of it covers, where one of the grant's terms is not met.
pub(crate) fn instead(grant: &Grant, lapse: &Lapse, wanted: &Capability, caller: Caller<'_>) -> String {
    if matches!(lapse, Lapse::Expired(_) | Lapse::UsedUp(_)) {
        return renewal(grant, lapse);
    }
    // It is for other calls: what is missing is one beside it, as narrow as it is.
    let old = &grant.terms;
    let ended = old.until.is_some_and(|until| caller.now >= until);
    let terms = Terms {
        tool: old.tool.as_ref().and(caller.tool).cloned(),
        principal: old.principal.as_ref().map(|_| caller.principal.clone()),
        calls: old.calls,
        until: old.until,
    };
    let until = match ended {
        true => Some("TIME".to_owned()),
        false => old.until.map(|until| until.to_string()),
    };
    let flags = flags(&terms, until.as_deref());
    let capability = quoted(&wanted.to_string());
    let filled = if ended { ", with a new end for TIME," } else { "" };
    format!(
        "`fact plugin grant {} {capability}{flags}`{filled} would allow it",
        grant.plugin
    )
}

/// Terms as the command line takes them.
fn flags(terms: &Terms, until: Option<&str>) -> String {
    let tool = terms.tool.as_ref().map(|tool| format!(" --tool {tool}"));
    let principal = terms.principal.as_ref().map(|who| format!(" --principal {who}"));
    let calls = terms.calls.map(|calls| format!(" --calls {calls}"));
    let until = until.map(|until| format!(" --until {until}"));
    [tool, principal, calls, until].into_iter().flatten().collect()
}
