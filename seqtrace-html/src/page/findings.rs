//! Findings, consequences below their causes.

use seqtrace_model::finding::{Finding, Id};
use seqtrace_model::rules;
use seqtrace_model::summary::FindingSummary;
use seqtrace_render::{Count, texts};
use seqtrace_view::{Found, Trace};

use super::{Page, printable, since};
use crate::excerpt;

/// Greatest number of findings that the page shows in full.
const GROUPS: usize = 60;

/// A finding, and those that follow from it.
pub(super) struct Group {
    pub(super) root: Entry,
    pub(super) consequences: Vec<Entry>,
}

/// A finding in words.
pub(super) struct Entry {
    pub(super) id: Id,
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) path: String,
    pub(super) message: String,
    /// The function to blame; empty: none.
    pub(super) blame: String,
    /// Number of sessions and first occurrence, in words.
    pub(super) seen: String,
    /// Number of the session with the pictures.
    pub(super) session: u32,
    pub(super) evidence: Vec<(&'static str, String)>,
    /// Sections of the rule's explanation: title and text.
    pub(super) rule: Vec<(&'static str, &'static str)>,
    pub(super) code: &'static str,
    /// Lines of the timeline around the first occurrence.
    pub(super) excerpt: String,
}

/// Returns the findings of a trace, and the number of those that have no space on the page.
pub(super) fn groups(page: &Page<'_>) -> (Vec<Group>, usize) {
    let all: Vec<_> =
        page.material.0.findings.iter().filter(|sum| counts(page, &sum.finding)).collect();
    let (shown, left_out) = all.split_at(all.len().min(GROUPS));
    let mut groups: Vec<(Id, &[u8], Group)> = Vec::new();
    for sum in shown {
        let entry = entry(&page.material.1, sum);
        let cause = sum.finding.cause.as_ref().map(|cause| cause.id);
        let root = groups.iter_mut().find(|(id, path, _)| cause == Some(*id) && *path == sum.path);
        if let Some((_, _, group)) = root {
            group.consequences.push(entry);
        } else {
            let group = Group { root: entry, consequences: Vec::new() };
            groups.push((sum.finding.id, &sum.path, group));
        }
    }
    let groups = groups.into_iter().map(|(_, _, group)| group).collect();
    (groups, left_out.len())
}

/// Returns true if the finding is one of those that `check` reports, or if the page is not about a check.
fn counts(page: &Page<'_>, finding: &Finding) -> bool {
    let mut reported = page.files.iter().flat_map(|file| &file.findings);
    page.files.is_empty()
        || reported.any(|(id, sessions)| *id == finding.id && sessions.contains(&finding.session))
}

fn entry(trace: &Trace, sum: &FindingSummary) -> Entry {
    let finding = &sum.finding;
    let found = trace.findings.iter().find(|found| is_of(found, finding));
    let at = found.map(|found| {
        let read = finding.read.map(|read| format!(", read {read}")).unwrap_or_default();
        format!(", first in session {}{read} at {}", finding.session.0, since(trace, found.time))
    });
    let begin = trace.ready.map_or(0, |ready| ready.begin);
    let evidence = finding.evidence.iter();
    let rule = rules::find(finding.id);
    let sections = rule.map(|rule| {
        [
            ("Fault", rule.what),
            ("Effect", rule.why),
            ("Contract", rule.contract),
            ("Repair", rule.fix),
        ]
    });
    Entry {
        id: finding.id,
        class: finding.severity.name(),
        name: finding.name,
        path: printable(&sum.path),
        message: printable(finding.message.as_bytes()),
        blame: finding.blame.as_ref().map(texts::blame).unwrap_or_default(),
        seen: format!("{}{}", Count(sum.sessions, "session"), at.unwrap_or_default()),
        session: finding.session.0,
        evidence: evidence.map(|fact| (fact.label, texts::value(&fact.value, begin))).collect(),
        rule: sections.into_iter().flatten().filter(|(_, text)| !text.is_empty()).collect(),
        code: rule.map_or("", |rule| rule.code),
        excerpt: found.map(|found| excerpt::around(trace, found)).unwrap_or_default(),
    }
}

fn is_of(found: &Found, finding: &Finding) -> bool {
    found.finding.session == finding.session
        && found.finding.id == finding.id
        && found.finding.blame == finding.blame
}
