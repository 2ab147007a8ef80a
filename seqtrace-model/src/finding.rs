//! Findings of the rules, with their evidence.

use std::fmt;

use crate::event::{Ptr, Role};
use crate::session::update::{Callbacks, Range, SessionId, Symbol};
use crate::symbol::{Locate, SourceLine};

/// Id of a rule: `SQ102`. Ids are stable: they are never reused for another rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u16);

impl Id {
    /// Returns true for SQ9xx, which are reasons why something was not checked, not broken rules.
    pub fn is_quality(self) -> bool {
        self.0 / 100 == 9
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQ{:03}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Information: a correct file can cause the finding, too.
    Info,
    /// Something is wrong, either with the file or with the way it is read.
    Warning,
    /// The file breaks the contract.
    Error,
}

impl Severity {
    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A broken rule, and its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule.
    pub id: Id,
    /// Name of the rule, e.g. `double emit`.
    pub name: &'static str,
    /// Severity.
    pub severity: Severity,
    /// Session in which the rule was broken.
    pub session: SessionId,
    /// Number of the read in which the rule was broken; `None` outside of reads.
    pub read: Option<u32>,
    /// Callback that is probably faulty; `None` if the finding points to none.
    pub blame: Option<Blame>,
    /// Description of the finding in one line, without the name of the rule. Needs no escaping, because it contains no
    /// strings from outside seqtrace.
    pub message: String,
    /// Facts that prove the finding.
    pub evidence: Vec<Evidence>,
    /// Root cause: the finding of the same session that explains this one; `None` if this finding is itself a root
    /// cause.
    pub cause: Option<Cause>,
    /// Number of violations in this session so far. A rule is reported at its first violation, and again only at a
    /// higher severity.
    pub times: u64,
}

impl Blame {
    /// Returns the function that has this role among the callbacks of a file.
    pub fn new(role: Role, callbacks: &Callbacks) -> Self {
        Self { role, function: callbacks.of(role).clone(), source: None }
    }
}

impl Finding {
    /// Fills in the source lines of the callbacks that the finding and its cause blame, if they are not known yet.
    pub fn locate(&mut self, lines: &mut dyn Locate) {
        let cause = self.cause.as_mut().and_then(|cause| cause.blame.as_mut());
        for blame in self.blame.iter_mut().chain(cause) {
            if blame.source.is_none() {
                blame.source = lines.line_of(&blame.function);
            }
        }
    }
}

/// A callback that is probably faulty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Blame {
    /// Kind of the callback.
    pub role: Role,
    /// Function that implements the callback.
    pub function: Symbol,
    /// Line at which the function is defined; `None` if it is unknown, or was not looked up yet.
    pub source: Option<SourceLine>,
}

/// Root cause of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Rule whose violation explains the finding.
    pub id: Id,
    /// Callback that broke that rule; `None` if unknown.
    pub blame: Option<Blame>,
}

/// A fact that proves a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Label, e.g. `handed out`, `first`, `again`.
    pub label: &'static str,
    /// Value.
    pub value: Value,
}

/// Value of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A position, `m->index`.
    Position(i64),
    /// A pointer that start or next returned.
    Pointer(Ptr),
    /// File offsets.
    Range(Range),
    /// An event.
    Event {
        /// Time, ns since boot (CLOCK_MONOTONIC).
        time: u64,
        /// Number of the read; `None` outside of reads or if unknown.
        read: Option<u32>,
    },
    /// A count.
    Count(u64),
    /// A signed distance, in records.
    Delta(i64),
    /// A positive errno.
    Errno(u32),
    /// Properties by which two renderings are recognised as those of one record.
    Witnesses(Vec<Witness>),
}

/// A property that two renderings of one record have in common. A single one can be equal by coincidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The same position.
    Position,
    /// The same pointer, in a file whose pointers identify records.
    Pointer,
    /// The same bytes, as far as the trace contains them.
    Bytes,
    /// The same number of bytes.
    Length,
}

impl Witness {
    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Pointer => "pointer",
            Self::Bytes => "bytes",
            Self::Length => "length",
        }
    }
}

/// Number of violations of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingCount {
    /// Id of the rule.
    pub id: Id,
    /// Name of the rule.
    pub name: &'static str,
    /// Highest severity.
    pub severity: Severity,
    /// Number of sessions with a violation.
    pub sessions: u64,
    /// Number of violations in all sessions.
    pub times: u64,
}

/// Adds counts to sums, sorted by severity, the highest first, then by id.
pub fn add_counts(sums: &mut Vec<FindingCount>, more: &[FindingCount]) {
    for count in more {
        if let Some(sum) = sums.iter_mut().find(|sum| sum.id == count.id) {
            sum.severity = sum.severity.max(count.severity);
            sum.sessions += count.sessions;
            sum.times = sum.times.saturating_add(count.times);
        } else {
            sums.push(*count);
        }
    }
    sums.sort_by_key(|count| (std::cmp::Reverse(count.severity), count.id));
}
