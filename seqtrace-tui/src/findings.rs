//! The findings of all listed sessions, grouped by their root cause.

use std::collections::HashMap;

use seqtrace_model::finding::{Blame, Finding, Id, Severity};
use seqtrace_model::rules;
use seqtrace_view::{Found, Trace};

use crate::app::Scroll;
use crate::list::SessionList;

/// Findings with the same root cause.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: Id,
    pub(crate) name: &'static str,
    pub(crate) blame: Option<Blame>,
    /// Highest severity of the members.
    pub(crate) worst: Severity,
    /// Indices of the findings in [`Trace::findings`].
    pub(crate) members: Vec<usize>,
    pub(crate) open: bool,
}

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A group, by its index.
    Group(usize),
    /// A finding, by its index in [`Trace::findings`].
    Finding(usize),
}

/// The groups, in the order of their first findings.
#[derive(Debug, Default)]
pub(crate) struct FindingList {
    pub(crate) groups: Vec<Group>,
    index: HashMap<(Id, Option<Blame>), usize>,
    /// Number of findings of the trace that were examined.
    seen: usize,
    pub(crate) scroll: Scroll,
}

/// Returns the root cause of a finding: another finding of its session, or itself.
fn root(finding: &Finding) -> (Id, Option<Blame>) {
    match &finding.cause {
        Some(cause) => (cause.id, cause.blame.clone()),
        None => (finding.id, finding.blame.clone()),
    }
}

impl FindingList {
    /// Examines further findings up to a time, ns since boot, as far as their sessions are known to the list.
    pub(crate) fn extend(&mut self, trace: &Trace, until: u64, list: &SessionList) {
        let shown = |found: &&Found| found.session < list.seen && found.time <= until;
        while let Some(found) = trace.findings.get(self.seen).filter(shown) {
            if list.position(found.session).is_some() {
                self.add(self.seen, &found.finding);
            }
            self.seen += 1;
        }
    }

    fn add(&mut self, index: usize, finding: &Finding) {
        let key = root(finding);
        let group = *self.index.entry(key.clone()).or_insert_with(|| {
            let (id, blame) = key;
            let name = rules::find(id).map_or("", |rule| rule.name);
            let worst = finding.severity;
            self.groups.push(Group { id, name, blame, worst, members: Vec::new(), open: true });
            self.groups.len() - 1
        });
        let group = &mut self.groups[group];
        group.worst = group.worst.max(finding.severity);
        group.members.push(index);
    }

    /// Forgets everything, because another filter applies.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the number of lines.
    pub(crate) fn lines(&self) -> usize {
        self.groups.iter().map(Group::lines).sum()
    }

    /// Returns the entry at a line.
    pub(crate) fn entry(&self, mut line: usize) -> Option<Entry> {
        for (index, group) in self.groups.iter().enumerate() {
            if line == 0 {
                return Some(Entry::Group(index));
            }
            if line < group.lines() {
                return group.members.get(line - 1).copied().map(Entry::Finding);
            }
            line -= group.lines();
        }
        None
    }

    /// Returns the line of a finding, or of its group if that is closed.
    pub(crate) fn line_of(&self, finding: usize) -> Option<usize> {
        let mut line = 0;
        for group in &self.groups {
            if let Ok(at) = group.members.binary_search(&finding) {
                return Some(if group.open { line + 1 + at } else { line });
            }
            line += group.lines();
        }
        None
    }

    /// Returns the numbers of errors and of warnings.
    pub(crate) fn counts(&self, trace: &Trace) -> (usize, usize) {
        let members = self.groups.iter().flat_map(|group| &group.members);
        members.fold((0, 0), |(errors, warnings), index| {
            match trace.findings[*index].finding.severity {
                Severity::Error => (errors + 1, warnings),
                Severity::Warning => (errors, warnings + 1),
                Severity::Info => (errors, warnings),
            }
        })
    }
}

impl Group {
    fn lines(&self) -> usize {
        if self.open { 1 + self.members.len() } else { 1 }
    }
}
