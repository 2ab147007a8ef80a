//! Collects the findings of a session: each rule is reported once, later violations are counted.

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
    /// Findings that [`Self::take`] has not returned yet.
    new_findings: Vec<Finding>,
    /// Number of the read that the current update belongs to; `None` outside of reads.
    pub(super) read: Option<u32>,
}

#[derive(Debug)]
struct RuleTally {
    rule: &'static Rule,
    severity: Severity,
    times: u64,
    /// Last finding of the rule, without the doubt at the end of its message; `None` if the rule cannot be a root
    /// cause.
    root_cause: Option<Finding>,
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
    /// Creates a builder of a finding with this message.
    pub(super) fn new(message: String) -> Self {
        Self { role: None, message, doubt: String::new(), evidence: Vec::new(), cause: None }
    }

    /// Sets the callback that is probably faulty.
    pub(super) fn blame(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// Appends a doubt to the message: a reason why the file may be correct. It is dropped when a consequence raises
    /// the severity.
    pub(super) fn unless(mut self, doubt: &str) -> Self {
        doubt.clone_into(&mut self.doubt);
        self
    }

    /// Adds a fact to the evidence.
    pub(super) fn with(mut self, label: &'static str, value: Value) -> Self {
        self.evidence.push(Evidence { label, value });
        self
    }

    /// Sets the rule whose violation explains the finding.
    pub(super) fn because(mut self, cause: Option<Id>) -> Self {
        self.cause = cause;
        self
    }
}

impl FindingCollector {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, tally: Vec::new(), new_findings: Vec::new(), read: None }
    }

    /// Reports a broken rule. The finding is built only if it is the first one of its rule in this session, or more
    /// severe than the earlier ones.
    pub(super) fn report(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        build: impl FnOnce() -> FindingBuilder,
    ) {
        self.report_many(rule, severity, 1, build);
    }

    /// Reports `times` violations of a rule; the finding describes the first one. 0: the violation was counted earlier
    /// and has turned out to be more severe.
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
            self.tally.push(RuleTally { rule, severity, times, root_cause: None });
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
            entry.root_cause = Some(finding.clone());
        }
        finding.message.push_str(&doubt);
        self.new_findings.push(finding);
    }

    /// Raises a finding, and those that explain it, to the severity of a consequence: a cause is at least as severe as
    /// its consequences.
    fn worsen(&mut self, id: Id, severity: Severity) {
        let Some(entry) = self.tally.iter_mut().find(|entry| entry.rule.id == id) else { return };
        let Some(root_cause) =
            entry.root_cause.as_mut().filter(|root_cause| root_cause.severity < severity)
        else {
            return;
        };
        (entry.severity, root_cause.severity, root_cause.times) = (severity, severity, entry.times);
        let finding = Finding { read: self.read, ..root_cause.clone() };
        if let Some(cause) = &finding.cause {
            self.worsen(cause.id, severity);
        }
        self.new_findings.push(finding);
    }

    /// Returns the rule of the session's first root cause that is a warning or an error.
    pub(super) fn root_cause(&self) -> Option<Id> {
        let root_causes = self.tally.iter().filter_map(|entry| entry.root_cause.as_ref());
        let mut firm = root_causes.filter(|root_cause| {
            root_cause.severity > Severity::Info && root_cause.cause.is_none()
        });
        firm.next().map(|root_cause| root_cause.id)
    }

    /// Returns true if there is a warning or an error of a rule.
    pub(super) fn is_firm(&self, id: Id) -> bool {
        self.tally.iter().any(|entry| entry.rule.id == id && entry.severity > Severity::Info)
    }

    /// Returns the number of violations of a rule so far.
    pub(super) fn times(&self, id: Id) -> u64 {
        self.tally.iter().find(|entry| entry.rule.id == id).map_or(0, |entry| entry.times)
    }

    /// Returns true if there are findings that [`Self::take`] has not returned yet.
    pub(super) fn has_new(&self) -> bool {
        !self.new_findings.is_empty()
    }

    /// Removes and returns the new findings.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.new_findings)
    }

    /// Returns the counts of all broken rules, the most severe first.
    pub(super) fn counts(&self) -> Vec<FindingCount> {
        let mut counts = Vec::new();
        for RuleTally { rule, severity, times, root_cause: _ } in &self.tally {
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
