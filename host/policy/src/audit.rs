//! Goes through what plugins have: what nobody uses, what is wider than it need be, and what is dangerous together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fact_types::capability::{Risk, SecretUse};
use fact_types::{Capability, Grant, Lapse, Origin, PluginName, ToolId};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::Policy;
use crate::explain::quoted;
use crate::gap::gaps;

/// One plugin with what it has and what it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// Its name.
    pub name: PluginName,
    /// Its tools, by full name: whoever may call them reaches what they reach.
    pub tools: Vec<ToolId>,
    /// Its grants, given ones and those of the policy.
    pub grants: Vec<AuditedGrant>,
    /// The capabilities that its manifest asks for, as it writes them.
    pub asks: Vec<String>,
}

/// A grant, and when a call last made use of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditedGrant {
    /// The grant.
    pub grant: Grant,
    /// When it was last used; none: never, as far as is known.
    pub last_used: Option<Timestamp>,
}

/// By what the audit measures.
#[derive(Debug, Clone)]
pub struct AuditOptions<'a> {
    /// This moment.
    pub now: Timestamp,
    /// A grant that was not used for so many days is unused.
    pub unused_days: u32,
    /// The user's home folder: a grant of it, or of what holds it, is broad.
    pub home: Option<PathBuf>,
    /// The policy in force, for what its rules select by.
    pub policy: &'a Policy,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth cleaning up.
    Low,
    /// Worth narrowing.
    Medium,
    /// Worth a decision now.
    High,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It can read what is not for everyone, and send it to hosts that nobody named.
    Leak,
    /// It writes a bucket that other plugins read, and so can tell them what it knows.
    Channel,
    /// It stands for everything of its kind, or close to.
    Broad,
    /// It is of high risk.
    Risky,
    /// No call used it for long, or ever.
    Unused,
    /// The plugin never asked for it.
    NotAsked,
    /// A rule gives it to plugins that are not known by their bytes.
    Unpinned,
    /// Its time is over, or its calls are.
    Lapsed,
    /// The plugin asks for it and has nothing like it.
    NotGranted,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The plugin.
    pub plugin: PluginName,
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// The grant's number or rule, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The capability, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<Capability>,
    /// What was found, as a sentence.
    pub message: String,
    /// What to do about it, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Goes through what plugins have. What matters most comes first; then by plugin.
///
/// `plugins` are all plugins, since what one can't do by itself it may do by another's tools.
pub fn audit(plugins: &[Audited], options: &AuditOptions<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for plugin in plugins {
        for own in &plugin.grants {
            one_grant(plugin, own, options, &mut found);
        }
        not_granted(plugin, &mut found);
    }
    leaks(plugins, options, &mut found);
    channels(plugins, options, &mut found);
    found.sort_by(|a, b| (b.severity, &a.plugin, a.kind).cmp(&(a.severity, &b.plugin, b.kind)));
    found
}

fn one_grant(plugin: &Audited, own: &AuditedGrant, options: &AuditOptions<'_>, found: &mut Vec<Finding>) {
    let grant = &own.grant;
    let capability = &grant.capability;
    let mut add = |severity: Severity, kind: Kind, message: String, advice: Option<String>| {
        found.push(Finding {
            plugin: plugin.name.clone(),
            severity,
            kind,
            origin: Some(grant.origin.clone()),
            capability: Some(capability.clone()),
            message,
            advice,
        });
    };
    let back = take_back(grant);
    if let Some(lapse) = lapse(grant, options.now) {
        let what = match lapse {
            Lapse::UsedUp(calls) => format!("all of its {calls} calls were made"),
            Lapse::Expired(until) => format!("it expired at {until:.0}"),
            _ => "it does not hold".to_owned(),
        };
        // It gives nothing any more, so there is nothing else to say.
        return add(
            Severity::Low,
            Kind::Lapsed,
            format!("`{capability}` gives nothing: {what}"),
            Some(back),
        );
    }
    let high = capability.risk() == Risk::High;
    if let Some(what) = broad(capability, options) {
        let severity = match capability.risk() {
            Risk::High => Severity::High,
            _ if matches!(capability, Capability::HostRegistry) => Severity::Low,
            _ => Severity::Medium,
        };
        let advice = match capability {
            Capability::HostRegistry | Capability::HostMetrics => back.clone(),
            _ => format!("grant what it needs by name; {back}"),
        };
        add(
            severity,
            Kind::Broad,
            format!("`{capability}` is broad: {what}"),
            Some(advice),
        );
    } else if high {
        let words = capability.in_words();
        add(
            Severity::High,
            Kind::Risky,
            format!("`{capability}` is a high risk: it lets it {words}"),
            Some(back.clone()),
        );
    }
    if let Some(what) = unused(own, options) {
        let severity = if high { Severity::Medium } else { Severity::Low };
        add(
            severity,
            Kind::Unused,
            format!("`{capability}` {what}"),
            Some(back.clone()),
        );
    }
    // A plugin that asks for nothing is one that can't say what it needs.
    if !plugin.asks.is_empty() && !plugin.asks.iter().any(|asked| is_asked(asked, capability)) {
        let message = format!("`{capability}` was granted and is not among what the plugin asks for");
        add(Severity::Low, Kind::NotAsked, message, Some(back));
    }
    if let Origin::Policy { rule } = &grant.origin
        && let Some(rule) = options.policy.rules().iter().find(|own| own.name == *rule)
        && rule.selector.digest.is_none()
        && capability.risk() != Risk::Low
    {
        let message = format!(
            "`{capability}` is given by rule `{}` to whatever is {}",
            rule.name, rule.selector
        );
        let advice = format!(
            "add the plugin's `digest` to the rule in {}:{}",
            rule.file, rule.line
        );
        add(Severity::Medium, Kind::Unpinned, message, Some(advice));
    }
}

/// How to take a grant back, as a sentence.
fn take_back(grant: &Grant) -> String {
    let capability = &grant.capability;
    match &grant.origin {
        Origin::Given(_) => format!(
            "`fact plugin revoke {} {}` takes it back",
            grant.plugin,
            quoted(&capability.to_string())
        ),
        Origin::Policy { rule } => format!("rule `{rule}` of {} gives it", grant.granted_by),
    }
}

/// Why a grant holds for nobody any more.
fn lapse(grant: &Grant, now: Timestamp) -> Option<Lapse> {
    match (grant.terms.until, grant.terms.calls) {
        (Some(until), _) if now >= until => Some(Lapse::Expired(until)),
        (_, Some(calls)) if grant.used >= calls => Some(Lapse::UsedUp(calls)),
        _ => None,
    }
}

fn unused(own: &AuditedGrant, options: &AuditOptions<'_>) -> Option<String> {
    let hours = i64::from(options.unused_days).checked_mul(24)?;
    let since = options.now.checked_sub(SignedDuration::from_hours(hours)).ok()?;
    match own.last_used {
        Some(last) if last < since => Some(format!("was last used at {last:.0}")),
        None if own.grant.granted_at <= since => Some(format!(
            "was never used since it was granted at {:.0}",
            own.grant.granted_at
        )),
        _ => None,
    }
}

/// What is broad about a capability, as a sentence's end.
fn broad(capability: &Capability, options: &AuditOptions<'_>) -> Option<&'static str> {
    match capability {
        Capability::Http(grant) if grant.url.host.is_everything() => Some("it reaches every host"),
        Capability::Net(grant) if grant.host.is_everything() => Some("it reaches every host"),
        Capability::Sql(grant) if grant.database.is_everything() => Some("it is for every database"),
        Capability::Sql(grant) if grant.rights.write && grant.tables.is_none() => {
            Some("it changes every table of the database")
        }
        Capability::Fs(grant) => {
            let folder = grant.folder();
            let homes = ["/home", "/root", "/Users"].map(PathBuf::from);
            let holds_home = homes
                .iter()
                .chain(&options.home)
                .any(|home| home.starts_with(folder));
            let a_home = folder.parent().is_some_and(|parent| {
                homes
                    .iter()
                    .take(1)
                    .chain(homes.get(2))
                    .any(|home| home == parent)
            });
            (folder.is_absolute() && (holds_home || a_home)).then_some("it is a whole home folder or more")
        }
        Capability::Kv(grant) if grant.bucket.is_everything() => Some("it is for every bucket"),
        Capability::Env(grant) if grant.name.is_everything() => Some("it is for every variable"),
        Capability::Tool(grant) if grant.name.is_everything() => Some("it is for every tool"),
        Capability::HostRegistry => Some("it tells of every plugin, with its tools and grants"),
        Capability::HostMetrics => Some("it tells how busy the whole host is"),
        _ => None,
    }
}

/// Whether a request is for what was granted.
fn is_asked(asked: &str, granted: &Capability) -> bool {
    match (asked.parse::<Capability>(), granted) {
        // Which folder a relative one is, only the user can say.
        (Ok(Capability::Fs(asked)), Capability::Fs(granted)) if !asked.folder().is_absolute() => {
            (asked.rights.read || !granted.rights.read) && (asked.rights.write || !granted.rights.write)
        }
        (Ok(asked), granted) => asked.covers(granted),
        (Err(_), _) => false,
    }
}

fn not_granted(plugin: &Audited, found: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for asked in plugin.asks.iter().filter(|asked| seen.insert(asked.as_str())) {
        let Ok(capability) = asked.parse::<Capability>() else {
            continue;
        };
        let answered = plugin.grants.iter().any(|own| {
            let granted = &own.grant.capability;
            is_asked(asked, granted) || gaps(granted, &capability).is_some()
        });
        if !answered {
            found.push(Finding {
                plugin: plugin.name.clone(),
                severity: Severity::Info,
                kind: Kind::NotGranted,
                origin: None,
                message: format!("it asks for `{capability}` and has nothing like it"),
                advice: Some(format!(
                    "`fact plugin grant {} {}` grants it, if it is to have it",
                    plugin.name,
                    quoted(&capability.to_string())
                )),
                capability: Some(capability),
            });
        }
    }
}

/// What a capability reads that is not for everyone, as a sentence's end.
fn reads(capability: &Capability) -> Option<&'static str> {
    match capability {
        Capability::Sql(grant) if grant.rights.read => Some("read databases"),
        Capability::Fs(grant) if grant.rights.read => Some("read files"),
        Capability::Kv(grant) if grant.read => Some("read stored values"),
        Capability::Env(_) => Some("read the environment"),
        // A secret that is only put into requests never comes into the plugin's hands.
        Capability::Secret(grant) if matches!(grant.how, SecretUse::Reveal) => Some("see secrets"),
        _ => None,
    }
}

/// Whether a capability sends to hosts that nobody named one by one.
fn sends_anywhere(capability: &Capability) -> bool {
    match capability {
        Capability::Http(grant) => !grant.url.host.is_exact(),
        Capability::Net(grant) => !grant.host.is_exact(),
        _ => false,
    }
}

/// Plugins that can read what is not for everyone and send it anywhere, by themselves or by the tools that they may call.
fn leaks(plugins: &[Audited], options: &AuditOptions<'_>, found: &mut Vec<Finding>) {
    let holding: BTreeMap<&PluginName, Vec<&Capability>> = plugins
        .iter()
        .map(|plugin| {
            let grants = plugin.grants.iter().map(|own| &own.grant);
            let live = grants.filter(|grant| lapse(grant, options.now).is_none());
            (&plugin.name, live.map(|grant| &grant.capability).collect())
        })
        .collect();
    let all = |name: &PluginName| holding.get(name).into_iter().flatten().copied();
    for plugin in plugins {
        let reach = reachable(plugin, plugins, &holding);
        let first = |wanted: &dyn Fn(&Capability) -> bool| {
            reach
                .iter()
                .find_map(|name| Some((*name, all(name).find(|capability| wanted(capability))?)))
        };
        let reader = first(&|capability| reads(capability).is_some());
        let sender = first(&sends_anywhere);
        let (Some((reads_by, read)), Some((sends_by, send))) = (reader, sender) else {
            continue;
        };
        let by = |name: &PluginName| match *name == plugin.name {
            true => String::new(),
            false => format!(" by the tools of `{name}`"),
        };
        let words = reads(read).unwrap_or_default();
        found.push(Finding {
            plugin: plugin.name.clone(),
            severity: Severity::High,
            kind: Kind::Leak,
            origin: None,
            capability: None,
            message: format!(
                "it can {words}{} (`{read}`) and send what it reads to hosts that nobody named{} (`{send}`)",
                by(reads_by),
                by(sends_by)
            ),
            advice: Some(
                "name the hosts that it may reach, or let one plugin read and another send".to_owned(),
            ),
        });
    }
}

/// Grants to write a bucket that other plugins are granted to read: what one knows can reach the others by it.
fn channels(plugins: &[Audited], options: &AuditOptions<'_>, found: &mut Vec<Finding>) {
    let live = |plugin: &Audited| {
        let grants = plugin.grants.iter().map(|own| own.grant.clone());
        grants
            .filter(|grant| lapse(grant, options.now).is_none())
            .collect::<Vec<Grant>>()
    };
    let all: Vec<(&PluginName, Vec<Grant>)> = plugins
        .iter()
        .map(|plugin| (&plugin.name, live(plugin)))
        .collect();
    for (writer, grants) in &all {
        for grant in grants {
            let Capability::Kv(written) = &grant.capability else {
                continue;
            };
            let reads = |other: &Grant| match &other.capability {
                Capability::Kv(read) => {
                    read.read && (read.bucket.covers(&written.bucket) || written.bucket.covers(&read.bucket))
                }
                _ => false,
            };
            let readers: Vec<String> = all
                .iter()
                .filter(|(reader, grants)| reader != writer && grants.iter().any(reads))
                .map(|(reader, _)| format!("`{reader}`"))
                .collect();
            if !written.write || readers.is_empty() {
                continue;
            }
            let capability = &grant.capability;
            found.push(Finding {
                plugin: (*writer).clone(),
                severity: Severity::Low,
                kind: Kind::Channel,
                origin: Some(grant.origin.clone()),
                capability: Some(capability.clone()),
                message: format!(
                    "what it writes by `{capability}` can be read by {}, so what it knows can reach them",
                    list(&readers)
                ),
                advice: Some(format!(
                    "if that is not meant, give each a bucket of its own; {}",
                    take_back(grant)
                )),
            });
        }
    }
}

/// Most names that a sentence repeats.
const NAMES: usize = 5;

/// Names as a sentence has them.
fn list(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A plugin, and those whose tools it may call, by way of others too. The nearest first.
fn reachable<'a>(
    plugin: &'a Audited,
    plugins: &'a [Audited],
    holding: &BTreeMap<&PluginName, Vec<&Capability>>,
) -> Vec<&'a PluginName> {
    let mut reach = vec![&plugin.name];
    let mut next = 0;
    while let Some(name) = reach.get(next).copied() {
        next += 1;
        let calls: Vec<_> = holding
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|capability| match capability {
                Capability::Tool(grant) => Some(&grant.name),
                _ => None,
            })
            .collect();
        if calls.is_empty() {
            continue;
        }
        for other in plugins {
            let called = other
                .tools
                .iter()
                .any(|tool| calls.iter().any(|pattern| pattern.matches(&tool.to_string())));
            if called && !reach.contains(&&other.name) {
                reach.push(&other.name);
            }
        }
    }
    reach
}
