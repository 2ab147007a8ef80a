//! Where rules raise what they found: each rule once a session, later ones are counted.

use std::sync::Arc;

use crate::event::Role;
use crate::finding::{Blame, Cause, Evidence, Finding, FindingCount, Value};
use crate::finding::{Id, Severity};
use crate::rules::rule::Rule;
use crate::session::update::Session;

/// Collects the findings of one session.
#[derive(Debug)]
pub(super) struct Bench {
    session: Arc<Session>,
    /// What each rule has found so far.
    tally: Vec<Told>,
    /// Raised and not yet told.
    raised: Vec<Finding>,
    /// The read of the update that is looked at.
    pub(super) read: Option<u32>,
}

#[derive(Debug)]
struct Told {
    rule: &'static Rule,
    severity: Severity,
    times: u64,
    /// The last finding of a rule that explains others, without its reservation.
    root: Option<Finding>,
}

/// A finding that a rule is writing.
pub(super) struct Draft {
    role: Option<Role>,
    message: String,
    doubt: String,
    evidence: Vec<Evidence>,
    cause: Option<Id>,
}

impl Draft {
    /// Its line.
    pub(super) fn new(message: String) -> Self {
        Self { role: None, message, doubt: String::new(), evidence: Vec::new(), cause: None }
    }

    /// The callback to look at.
    pub(super) fn blame(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// Ends the message with a reservation, which is dropped when a consequence raises the severity.
    pub(super) fn unless(mut self, doubt: &str) -> Self {
        doubt.clone_into(&mut self.doubt);
        self
    }

    /// Something that was seen.
    pub(super) fn with(mut self, label: &'static str, value: Value) -> Self {
        self.evidence.push(Evidence { label, value });
        self
    }

    /// What explains it, if something does.
    pub(super) fn because(mut self, cause: Option<Id>) -> Self {
        self.cause = cause;
        self
    }
}

impl Bench {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, tally: Vec::new(), raised: Vec::new(), read: None }
    }

    /// A rule is broken. Told in full if it is the first time in this session, or worse than before.
    pub(super) fn raise(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        draft: impl FnOnce() -> Draft,
    ) {
        self.raise_many(rule, severity, 1, draft);
    }

    /// A rule is broken, `times` times; the draft is of the first of them. 0 times: it was counted
    /// before, and has turned out to be worse.
    pub(super) fn raise_many(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        times: u64,
        draft: impl FnOnce() -> Draft,
    ) {
        let at = self.tally.iter().position(|told| told.rule.id == rule.id);
        let so_far = if let Some(told) = at.and_then(|at| self.tally.get_mut(at)) {
            told.times += times;
            if told.severity >= severity {
                return;
            }
            told.severity = severity;
            told.times
        } else {
            self.tally.push(Told { rule, severity, times, root: None });
            times
        };
        let Draft { role, message, doubt, evidence, cause } = draft();
        let cause =
            cause.filter(|id| *id != rule.id).map(|id| Cause { id, blame: self.blamed(id) });
        if let Some(cause) = &cause {
            self.worsen(cause.id, severity);
        }
        let mut finding = Finding {
            read: self.read,
            blame: role.and_then(|role| self.function(role)),
            evidence,
            cause,
            times: so_far,
            ..Finding::new(rule, severity, self.session.id, message)
        };
        if rule.id.culprit().is_some()
            && let Some(told) = self.tally.iter_mut().find(|told| told.rule.id == rule.id)
        {
            told.root = Some(finding.clone());
        }
        finding.message.push_str(&doubt);
        self.raised.push(finding);
    }

    /// Raises a finding, and what explains it, to the severity of a consequence: a cause is never milder than what
    /// it explains.
    fn worsen(&mut self, id: Id, severity: Severity) {
        let Some(told) = self.tally.iter_mut().find(|told| told.rule.id == id) else { return };
        let Some(root) = told.root.as_mut().filter(|root| root.severity < severity) else { return };
        (told.severity, root.severity, root.times) = (severity, severity, told.times);
        let finding = Finding { read: self.read, ..root.clone() };
        if let Some(cause) = &finding.cause {
            self.worsen(cause.id, severity);
        }
        self.raised.push(finding);
    }

    /// The first finding of the session that explains others and has no cause itself.
    pub(super) fn root(&self) -> Option<Id> {
        let roots = self.tally.iter().filter_map(|told| told.root.as_ref());
        let mut firm = roots.filter(|root| root.severity > Severity::Info && root.cause.is_none());
        firm.next().map(|root| root.id)
    }

    /// Returns true if a rule was broken, by more than information.
    pub(super) fn is_firm(&self, id: Id) -> bool {
        self.tally.iter().any(|told| told.rule.id == id && told.severity > Severity::Info)
    }

    /// How often a rule was broken so far.
    pub(super) fn times(&self, id: Id) -> u64 {
        self.tally.iter().find(|told| told.rule.id == id).map_or(0, |told| told.times)
    }

    /// Whether anything was raised that was not taken.
    pub(super) fn has_raised(&self) -> bool {
        !self.raised.is_empty()
    }

    /// What was raised since this was asked last.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.raised)
    }

    /// The sums, the worst first.
    pub(super) fn counts(&self) -> Vec<FindingCount> {
        let mut counts = Vec::new();
        for Told { rule, severity, times, root: _ } in &self.tally {
            let (severity, times) = (*severity, *times);
            let count = FindingCount { id: rule.id, name: rule.name, severity, sessions: 1, times };
            crate::finding::add_counts(&mut counts, &[count]);
        }
        counts
    }

    fn blamed(&self, id: Id) -> Option<Blame> {
        self.function(id.culprit()?)
    }

    fn function(&self, role: Role) -> Option<Blame> {
        Some(Blame::new(role, self.session.callbacks.as_ref()?))
    }
}
