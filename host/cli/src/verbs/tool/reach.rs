//! What a tool may read and change by its plugin's grants, and what that means for keeping its answers.

use fact_core::Plugin;
use fact_types::{Capability, Grant, Lapse, Principal, ToolSpec};
use jiff::Timestamp;
use serde::Serialize;

/// What a tool may reach.
#[derive(Debug, Serialize)]
pub(super) struct Reach {
    /// What it may read, in words.
    reads: Vec<String>,
    /// What it may change, in words.
    writes: Vec<String>,
    /// It may reach nothing at all: its answers follow from its arguments.
    pure: bool,
}

impl Reach {
    /// By the grants that hold for calls of this tool now.
    pub(super) fn of(plugin: &Plugin, spec: &ToolSpec) -> Self {
        let now = Timestamp::now();
        let held = |grant: &&Grant| {
            // Whoever calls: what holds for one caller only is still something that the tool may do.
            let principal = grant.terms.principal.clone().unwrap_or_else(Principal::local);
            matches!(
                grant.holds(&spec.name, &principal, now),
                Ok(()) | Err(Lapse::OtherPrincipal(_))
            )
        };
        let held: Vec<&Capability> = plugin
            .grants
            .iter()
            .filter(held)
            .map(|grant| &grant.capability)
            .collect();
        let told = |test: fn(&Capability) -> bool| -> Vec<String> {
            held.iter()
                .filter(|capability| test(capability))
                .map(|capability| capability.in_words())
                .collect()
        };
        Reach {
            reads: told(reads),
            writes: match spec.annotations.read_only {
                // The host stops it before it changes anything.
                true => Vec::new(),
                false => told(writes),
            },
            pure: held.is_empty(),
        }
    }

    pub(super) fn in_words(&self, spec: &ToolSpec) -> String {
        let list = |title: &str, all: &[String], none: &str| {
            let mut text = format!("\n{title}\n");
            if all.is_empty() {
                text.push_str(&format!("  {none}\n"));
            }
            for one in all {
                text.push_str(&format!("  {}\n", crate::screen::clean(one)));
            }
            text
        };
        let mut text = list("May read", &self.reads, "nothing");
        let nothing = match spec.annotations.read_only {
            true => "nothing: it says that it only reads, and is stopped before it does anything else",
            false => "nothing",
        };
        text.push_str(&list("May change", &self.writes, nothing));
        text.push_str("\nIts answers\n");
        text.push_str(match (self.pure, self.writes.is_empty()) {
            (true, _) => "  are pure: they follow from its arguments alone, and never expire\n",
            (false, true) => "  are kept for as long as what each was read from is unchanged\n",
            (false, false) => {
                "  are kept for as long as what each was read from is unchanged; those of calls that change something never\n"
            }
        });
        let claim = spec.cache.unwrap_or_default();
        if let Some(ttl) = claim.ttl {
            text.push_str(&format!(
                "  may be used for {ttl} where nothing can prove them, such as when they were read from a clock\n"
            ));
        }
        if let Some(ttl) = claim.negative_ttl {
            text.push_str(&format!(
                "  that are failures which it reports itself may be used for {ttl}\n"
            ));
        }
        text
    }
}

fn reads(capability: &Capability) -> bool {
    match capability {
        Capability::Sql(grant) => grant.rights.read,
        Capability::Kv(grant) => grant.read,
        // In a folder that can only be written, names, sizes and times are still seen.
        _ => true,
    }
}

fn writes(capability: &Capability) -> bool {
    match capability {
        Capability::Sql(grant) => grant.rights.write,
        Capability::Kv(grant) => grant.write,
        Capability::Fs(grant) => grant.rights.write,
        Capability::Http(grant) => ["POST", "PUT", "PATCH", "DELETE"]
            .iter()
            .any(|method| grant.methods.allow(method)),
        Capability::Net(_) | Capability::Tool(_) => true,
        Capability::Secret(_)
        | Capability::Env(_)
        | Capability::Model(_)
        | Capability::ClockWall
        | Capability::ClockMonotonic
        | Capability::RandomSecure
        | Capability::HostRegistry
        | Capability::HostMetrics => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_and_what_changes() {
        for (text, read, write) in [
            ("sql:read:finance", true, false),
            ("sql:write:finance", false, true),
            ("fs:read:/srv", true, false),
            ("fs:write:/srv", true, true),
            ("kv:read:b", true, false),
            ("kv:write:b", false, true),
            ("http:GET:https://a.b/*", true, false),
            ("http:GET,POST:https://a.b/*", true, true),
            ("net:tcp:a.b:1", true, true),
            ("tool:call:util_*", true, true),
            ("clock:wall", true, false),
        ] {
            let capability: Capability = text.parse().unwrap();
            assert_eq!((reads(&capability), writes(&capability)), (read, write), "{text}");
        }
    }
}
