//! Collects the findings of a session: each rule is reported once, later breaches are counted.

use std::sync::Arc;

use crate::event::Role;
use crate::finding::{Blame, Cause, Evidence, Finding, FindingCount, Value};
use crate::finding::{Id, Severity};
use crate::rules::rule::Rule;
use crate::session::update::Session;

/// Findings of one session.
#[derive(Debug)]
pub(super) struct FindingCollector {
    session: Arc<Session>,
    /// Tally of each rule that was broken.
    tally: Vec<RuleTally>,
    /// Findings that were not taken yet.
    new_findings: Vec<Finding>,
    /// Read of the update that is being judged.
    pub(super) read: Option<u32>,
}

#[derive(Debug)]
struct RuleTally {
    rule: &'static Rule,
    severity: Severity,
    times: u64,
    /// Last finding without its reservation, if the rule explains others.
    root: Option<Finding>,
}

/// A finding that a rule is building.
pub(super) struct FindingBuilder {
    role: Option<Role>,
    message: String,
    doubt: String,
    evidence: Vec<Evidence>,
    cause: Option<Id>,
}

impl FindingBuilder {
    /// Returns a builder of a finding with this message.
    pub(super) fn new(message: String) -> Self {
        Self { role: None, message, doubt: String::new(), evidence: Vec::new(), cause: None }
    }

    /// Sets the callback to look at.
    pub(super) fn blame(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// Ends the message with a reservation, which is dropped when a consequence raises the severity.
    pub(super) fn unless(mut self, doubt: &str) -> Self {
        doubt.clone_into(&mut self.doubt);
        self
    }

    /// Adds a fact to the evidence.
    pub(super) fn with(mut self, label: &'static str, value: Value) -> Self {
        self.evidence.push(Evidence { label, value });
        self
    }

    /// Sets the rule that explains it.
    pub(super) fn because(mut self, cause: Option<Id>) -> Self {
        self.cause = cause;
        self
    }
}

impl FindingCollector {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, tally: Vec::new(), new_findings: Vec::new(), read: None }
    }

    /// Reports a broken rule. The finding is built only if it is the first of its rule in this
    /// session, or worse than those before.
    pub(super) fn report(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        build: impl FnOnce() -> FindingBuilder,
    ) {
        self.report_many(rule, severity, 1, build);
    }

    /// Reports a rule that was broken `times` times; the finding describes the first of them. 0: it
    /// was counted before and has turned out to be worse.
    pub(super) fn report_many(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        times: u64,
        build: impl FnOnce() -> FindingBuilder,
    ) {
        let at = self.tally.iter().position(|entry| entry.rule.id == rule.id);
        let so_far = if let Some(entry) = at.and_then(|at| self.tally.get_mut(at)) {
            entry.times += times;
            if entry.severity >= severity {
                return;
            }
            entry.severity = severity;
            entry.times
        } else {
            self.tally.push(RuleTally { rule, severity, times, root: None });
            times
        };
        let FindingBuilder { role, message, doubt, evidence, cause } = build();
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
        if rule.culprit.is_some()
            && let Some(entry) = self.tally.iter_mut().find(|entry| entry.rule.id == rule.id)
        {
            entry.root = Some(finding.clone());
        }
        finding.message.push_str(&doubt);
        self.new_findings.push(finding);
    }

    /// Raises a finding, and those that explain it, to the severity of a consequence: a cause is never milder than what
    /// it explains.
    fn worsen(&mut self, id: Id, severity: Severity) {
        let Some(entry) = self.tally.iter_mut().find(|entry| entry.rule.id == id) else { return };
        let Some(root) = entry.root.as_mut().filter(|root| root.severity < severity) else {
            return;
        };
        (entry.severity, root.severity, root.times) = (severity, severity, entry.times);
        let finding = Finding { read: self.read, ..root.clone() };
        if let Some(cause) = &finding.cause {
            self.worsen(cause.id, severity);
        }
        self.new_findings.push(finding);
    }

    /// Returns the first finding of the session that explains others, has no cause itself and is
    /// more than information.
    pub(super) fn root(&self) -> Option<Id> {
        let roots = self.tally.iter().filter_map(|entry| entry.root.as_ref());
        let mut firm = roots.filter(|root| root.severity > Severity::Info && root.cause.is_none());
        firm.next().map(|root| root.id)
    }

    /// Returns true if a rule was broken, by more than information.
    pub(super) fn is_firm(&self, id: Id) -> bool {
        self.tally.iter().any(|entry| entry.rule.id == id && entry.severity > Severity::Info)
    }

    /// Returns how often a rule was broken so far.
    pub(super) fn times(&self, id: Id) -> u64 {
        self.tally.iter().find(|entry| entry.rule.id == id).map_or(0, |entry| entry.times)
    }

    /// Returns true if there are findings that were not taken.
    pub(super) fn has_new(&self) -> bool {
        !self.new_findings.is_empty()
    }

    /// Takes the new findings.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.new_findings)
    }

    /// Returns the counts of all rules, the worst first.
    pub(super) fn counts(&self) -> Vec<FindingCount> {
        let mut counts = Vec::new();
        for RuleTally { rule, severity, times, root: _ } in &self.tally {
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
