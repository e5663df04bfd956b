//! Looks whether entries are what they should be, and removes those that are not.
//!
//! - basic: each opens, lies where it belongs, and has the payload that was stored; none is from the future.
//! - standard: none whose time is over; it is noted what is old and what was never used.
//! - comprehensive: each decodes and, as the caller says, is still true; it is noted what is large.
//!
//! What is noted is no fault: a true result is as good after a year, and a short one as good as a long one. An entry of another
//! form than today's does not open, since the form is a part of its seal. Nothing here counts as traffic or as a use.

use crate::Key;
use crate::cache::{Cache, Changes, DiskProblem};
use crate::disk::Bad;
use crate::entry::{Found, Level, Payload, Record, Why, checksum};
use crate::survey::SOME;
use crate::units::Fraction;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Most findings that are told one by one; the others are counted.
const TOLD: usize = 1000;

/// From when on an entry is noted as old.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// From when on an entry that was never used is noted.
const UNUSED: Duration = Duration::from_secs(3600);

/// From when on an entry is noted as large, in bytes.
const LARGE: usize = 1 << 20;

/// How much of everything may be broken.
const BROKEN: f64 = 0.05;

/// How much of everything may be over.
const OVER: f64 = 0.20;

/// How much of everything may be over before something is wrong with what removes it.
const FAR_OVER: f64 = 0.30;

/// How much of everything should be good.
const GOOD: f64 = 0.70;

/// How closely to look. Each looks at all that those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Whether entries are what was stored.
    Basic,
    /// And whether their time is over.
    Standard,
    /// And whether they are still true.
    Comprehensive,
}

/// Whether a result is still true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It is.
    Holds,
    /// Something that it read has changed.
    Stale,
    /// It can't be told now.
    Unknown,
}

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issue {
    /// It does not open: it was changed, lies where it does not belong, or has another form.
    Broken,
    /// Its key is lost.
    UnknownKey,
    /// It is another entry than the one of its place, or its payload is not the one that was stored.
    Mismatch,
    /// Its payload is none.
    Undecodable,
    /// It says that it was stored in the future.
    Future,
    /// Its time is over.
    Expired,
    /// It is no longer true.
    Stale,
    /// It is older than a day.
    Old,
    /// It was not used in its first hour.
    Unused,
    /// It is larger than 1 MiB.
    Large,
}

/// How bad that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Not at all.
    Note,
    /// It is of no use, and should go.
    Useless,
    /// It is not what was stored.
    Critical,
}

impl Issue {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Issue::Broken | Issue::Mismatch | Issue::Undecodable => Severity::Critical,
            Issue::UnknownKey | Issue::Future | Issue::Expired | Issue::Stale => Severity::Useless,
            Issue::Old | Issue::Unused | Issue::Large => Severity::Note,
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The entry, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Its tool or question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where it is.
    pub level: Level,
    /// What.
    pub issue: Issue,
    /// How bad that is.
    pub severity: Severity,
}

/// How the cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// There is nothing in it.
    Empty,
    /// All is well.
    Healthy,
    /// Something should be looked at.
    Warning,
    /// Something must be done.
    Critical,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Validation {
    /// How closely it was looked.
    pub depth: Depth,
    /// Entries that were looked at; one on both levels counts twice.
    pub checked: u64,
    /// How the cache was.
    pub status: Status,
    /// The part that is not what was stored.
    pub broken: Option<Fraction>,
    /// The part whose time is over.
    pub expired: Option<Fraction>,
    /// The part that is of use.
    pub good: Option<Fraction>,
    /// How often each thing was found.
    pub counts: BTreeMap<Issue, u64>,
    /// What was found, the first thousand.
    pub findings: Vec<Finding>,
    /// Entries that were removed.
    pub removed: u64,
    /// What to do, a sentence each.
    pub advice: Vec<String>,
}

/// What is looked at, and what is done about it.
struct Round {
    depth: Depth,
    now: Timestamp,
    checked: u64,
    counts: BTreeMap<Issue, u64>,
    findings: Vec<Finding>,
    /// Entries that are not of use.
    bad: u64,
    removed: u64,
}

impl Round {
    fn find(&mut self, record: Option<&Record>, level: Level, issue: Issue) {
        *self.counts.entry(issue).or_default() += 1;
        if self.findings.len() < TOLD {
            self.findings.push(Finding {
                key: record.map(|record| record.key),
                label: record.map(|record| record.about.label.clone()),
                level,
                issue,
                severity: issue.severity(),
            });
        }
    }

    /// What can be said of an entry by its record alone: the issues, the worst last.
    fn by_record(&self, record: &Record, uses: u64, bytes: usize) -> Vec<Issue> {
        let mut issues = Vec::new();
        let age = Duration::try_from(self.now.duration_since(record.created)).ok();
        if self.depth >= Depth::Comprehensive && bytes > LARGE {
            issues.push(Issue::Large);
        }
        if self.depth >= Depth::Standard {
            if age.is_some_and(|age| age >= UNUSED) && uses == 0 {
                issues.push(Issue::Unused);
            }
            if age.is_some_and(|age| age >= OLD) {
                issues.push(Issue::Old);
            }
            if record.expires.is_some_and(|end| self.now >= end) {
                issues.push(Issue::Expired);
            }
        }
        if age.is_none() {
            issues.push(Issue::Future);
        }
        issues
    }
}

impl<P: Payload> Cache<P> {
    /// Looks at every entry. `still_true` is asked about each only for [`Depth::Comprehensive`].
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn validate<F>(
        &self,
        depth: Depth,
        still_true: impl Fn(Key, Found<P>) -> F,
    ) -> Result<Validation, DiskProblem>
    where
        F: Future<Output = Truth>,
    {
        self.look_through(depth, false, still_true).await
    }

    /// As [`validate`](Self::validate), and removes what is not of use. What is only noted stays.
    ///
    /// # Errors
    /// When the disk can't be read or written.
    pub async fn repair<F>(
        &self,
        depth: Depth,
        still_true: impl Fn(Key, Found<P>) -> F,
    ) -> Result<Validation, DiskProblem>
    where
        F: Future<Output = Truth>,
    {
        self.look_through(depth, true, still_true).await
    }

    async fn look_through<F>(
        &self,
        depth: Depth,
        repair: bool,
        still_true: impl Fn(Key, Found<P>) -> F,
    ) -> Result<Validation, DiskProblem>
    where
        F: Future<Output = Truth>,
    {
        let mut round = Round {
            depth,
            now: self.now(),
            checked: 0,
            counts: BTreeMap::new(),
            findings: Vec::new(),
            bad: 0,
            removed: 0,
        };
        let mut asked = HashSet::new();
        let seen = self.changes.now();
        for (key, entry, uses) in self.memory.all() {
            round.checked += 1;
            let bytes = entry.payload.weight();
            let mut issues = round.by_record(&entry.record, uses.saturating_sub(1).into(), bytes);
            if entry.record.key != key || checksum(&entry.payload.encode()) != entry.record.checksum {
                issues.push(Issue::Mismatch);
            } else if depth >= Depth::Comprehensive {
                asked.insert(key);
                let found = entry
                    .record
                    .found(&entry.payload, Level::Memory, seen.so_far(&key));
                if still_true(key, found).await == Truth::Stale {
                    issues.push(Issue::Stale);
                }
            }
            if judge(&mut round, Some(&entry.record), Level::Memory, &issues) && repair {
                // What was stored meanwhile is another entry.
                let gone = self.remove_as_seen(&key, &seen, &issues);
                round.removed += u64::from(gone);
                if gone && round.removed.is_multiple_of(SOME as u64) {
                    self.flush().await?;
                }
            }
        }
        self.look_through_disk(&mut round, repair, &asked, still_true)
            .await?;
        Ok(report(round, repair))
    }

    /// Removes an entry if nothing else than this changed since `seen`.
    fn remove_as_seen(&self, key: &Key, seen: &Changes, issues: &[Issue]) -> bool {
        let gone = self.forget_seen(key, seen.so_far(key), why(issues));
        if gone {
            // This very removal counts for the others too.
            seen.count(key);
        }
        gone
    }

    async fn look_through_disk<F>(
        &self,
        round: &mut Round,
        repair: bool,
        asked: &HashSet<Key>,
        still_true: impl Fn(Key, Found<P>) -> F,
    ) -> Result<(), DiskProblem>
    where
        F: Future<Output = Truth>,
    {
        let Ok(disk) = &self.disk else {
            return Ok(());
        };
        disk.flush().await?;
        let mut after = 0;
        loop {
            let seen = self.changes.now();
            let Some((last, rows)) = disk.page(after).await? else {
                return Ok(());
            };
            after = last;
            let mut remove = Vec::new();
            for (row, opened) in rows {
                round.checked += 1;
                let opened = match opened {
                    Ok(opened) => opened,
                    Err(bad) => {
                        let issue = match bad {
                            Bad::UnknownKey => Issue::UnknownKey,
                            Bad::Broken => Issue::Broken,
                            Bad::Mismatch => Issue::Mismatch,
                        };
                        judge(round, None, Level::Disk, &[issue]);
                        remove.push(row.id);
                        continue;
                    }
                };
                let record = &opened.record;
                let mut issues = round.by_record(record, row.hits.unsigned_abs(), opened.payload.len());
                if round.depth >= Depth::Comprehensive {
                    match P::decode(&opened.payload) {
                        None => issues.push(Issue::Undecodable),
                        // On both levels it is the same result: it is asked about once.
                        Some(_) if asked.contains(&record.key) => {}
                        Some(payload) => {
                            let found =
                                record.found(&Arc::new(payload), Level::Disk, seen.so_far(&record.key));
                            if still_true(record.key, found).await == Truth::Stale {
                                issues.push(Issue::Stale);
                            }
                        }
                    }
                }
                if judge(round, Some(record), Level::Disk, &issues) && repair {
                    let gone = self.remove_as_seen(&record.key, &seen, &issues);
                    round.removed += u64::from(gone);
                }
            }
            if repair && !remove.is_empty() {
                round.removed += remove.len() as u64;
                disk.remove_rows(remove).await?;
            }
            disk.flush().await?;
        }
    }
}

/// Tells what was found of an entry. Whether it is of no use.
fn judge(round: &mut Round, record: Option<&Record>, level: Level, issues: &[Issue]) -> bool {
    for issue in issues {
        round.find(record, level, *issue);
    }
    let bad = issues.iter().any(|issue| issue.severity() > Severity::Note);
    round.bad += u64::from(bad);
    bad
}

fn why(issues: &[Issue]) -> Why {
    match issues.iter().max_by_key(|issue| issue.severity()) {
        Some(Issue::Stale | Issue::Expired) => Why::Stale,
        _ => Why::Invalid,
    }
}

fn report(round: Round, repaired: bool) -> Validation {
    let count = |wanted: &[Issue]| -> u64 { wanted.iter().filter_map(|issue| round.counts.get(issue)).sum() };
    let part = |some: u64| Fraction::of(some, round.checked);
    let broken = part(count(&[Issue::Broken, Issue::Mismatch, Issue::Undecodable]));
    let expired = part(count(&[Issue::Expired]));
    let good = part(round.checked.saturating_sub(round.bad));
    let over = |part: Option<Fraction>, bound: f64| part.is_some_and(|part| part.get() > bound);
    let status = if round.checked == 0 {
        Status::Empty
    } else if over(broken, BROKEN) || over(expired, FAR_OVER) {
        Status::Critical
    } else if over(broken, 0.0) || over(expired, OVER) || !over(good, GOOD) {
        Status::Warning
    } else {
        Status::Healthy
    };
    let mut advice = Vec::new();
    if over(broken, 0.0) {
        advice.push("Entries are not what was stored: someone or something changed the file of the cache. They are never served; look after the disk and the folder's rights.".to_owned());
    }
    if count(&[Issue::UnknownKey]) > 0 {
        advice.push("The keys of some entries are lost, so they can't be opened.".to_owned());
    }
    if count(&[Issue::Future]) > 0 {
        advice.push("Some entries were stored in the future: set the clock of this machine.".to_owned());
    }
    if over(expired, OVER) {
        advice.push("The time of many entries is over: longer lifetimes, if the tools can declare them, keep results for longer.".to_owned());
    }
    if round.bad > 0 && !repaired {
        advice.push("Repair the cache to remove what is of no use.".to_owned());
    }
    Validation {
        depth: round.depth,
        checked: round.checked,
        status,
        broken,
        expired,
        good,
        counts: round.counts,
        findings: round.findings,
        removed: round.removed,
        advice,
    }
}

#[cfg(test)]
mod tests;
