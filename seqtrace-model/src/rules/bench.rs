//! Where rules raise what they found: each rule once a session, later ones are counted.

use std::rc::Rc;

use crate::event::Role;
use crate::finding::{Blame, Cause, Evidence, Finding, FindingCount, Value};
use crate::finding::{Id, Severity};
use crate::rules::rule::Rule;
use crate::session::update::Session;

/// Collects the findings of one session.
#[derive(Debug)]
pub(super) struct Bench {
    session: Rc<Session>,
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
    /// What was told last, of a rule that explains others.
    root: Option<Finding>,
}

/// A finding that a rule is writing.
pub(super) struct Draft {
    role: Option<Role>,
    message: String,
    evidence: Vec<Evidence>,
    cause: Option<Id>,
}

impl Draft {
    /// Its line.
    pub(super) fn new(message: String) -> Self {
        Self { role: None, message, evidence: Vec::new(), cause: None }
    }

    /// The callback to look at.
    pub(super) fn blame(mut self, role: Role) -> Self {
        self.role = Some(role);
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
    pub(super) fn new(session: Rc<Session>) -> Self {
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
        let Draft { role, message, evidence, cause } = draft();
        let cause =
            cause.filter(|id| *id != rule.id).map(|id| Cause { id, blame: self.blamed(id) });
        let finding = Finding {
            id: rule.id,
            name: rule.name,
            severity,
            session: self.session.id,
            read: self.read,
            blame: role.and_then(|role| self.function(role)),
            message,
            evidence,
            cause,
            times: so_far,
        };
        if rule.culprit.is_some()
            && let Some(told) = self.tally.iter_mut().find(|told| told.rule.id == rule.id)
        {
            told.root = Some(finding.clone());
        }
        self.raised.push(finding);
    }

    /// What a finding explains turned out to be that bad, so the finding is, too.
    pub(super) fn worsen(&mut self, id: Id, severity: Severity) {
        let Some(told) = self.tally.iter_mut().find(|told| told.rule.id == id) else { return };
        let Some(root) = told.root.as_mut().filter(|root| root.severity < severity) else { return };
        (told.severity, root.severity, root.times) = (severity, severity, told.times);
        self.raised.push(Finding { read: self.read, ..root.clone() });
    }

    /// The first finding of the session that explains others and has no cause itself.
    pub(super) fn root(&self) -> Option<Id> {
        let roots = self.tally.iter().filter_map(|told| told.root.as_ref());
        let mut firm = roots.filter(|root| root.severity > Severity::Info && root.cause.is_none());
        firm.next().map(|root| root.id)
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
        let callbacks = self.session.callbacks.as_ref()?;
        let function = match role {
            Role::Start => &callbacks.start,
            Role::Next => &callbacks.next,
            Role::Show => &callbacks.show,
            Role::Stop => &callbacks.stop,
        };
        Some(Blame { role, function: function.clone() })
    }
}
