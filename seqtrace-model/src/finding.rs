//! Findings of the rules, with their evidence.

use std::fmt;

use crate::event::{Ptr, Role};
use crate::session::update::{Callbacks, Range, SessionId, Symbol};

/// Id of a rule: `SQ102`. Ids are stable: they are never given to another rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u16);

impl Id {
    /// Returns true for SQ9xx: not a broken rule, but a reason why something was not judged.
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
    /// Worth knowing: a correct file can do this.
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
    /// Name of the rule, as `double emit`.
    pub name: &'static str,
    /// Severity.
    pub severity: Severity,
    /// Session in which it was found.
    pub session: SessionId,
    /// Number of the read in which it was found; `None` outside of reads.
    pub read: Option<u32>,
    /// Function to look at.
    pub blame: Option<Blame>,
    /// One line that describes it, without the name of the rule. It has no text from outside: safe
    /// to print.
    pub message: String,
    /// Facts that prove it.
    pub evidence: Vec<Evidence>,
    /// Finding of the same session that explains this one; `None` for a root.
    pub cause: Option<Cause>,
    /// Number of breaches in this session so far. A rule is reported at its first breach, and again
    /// only at a higher severity.
    pub times: u64,
}

impl Blame {
    /// Returns the function that has this role among the callbacks of a file.
    pub fn new(role: Role, callbacks: &Callbacks) -> Self {
        let function = match role {
            Role::Start => &callbacks.start,
            Role::Next => &callbacks.next,
            Role::Show => &callbacks.show,
            Role::Stop => &callbacks.stop,
        };
        Self { role, function: function.clone() }
    }
}

/// A function to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Callback.
    pub role: Role,
    /// Function, with its module.
    pub function: Symbol,
}

/// Root of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Rule whose breach explains it.
    pub id: Id,
    /// Function that broke that rule.
    pub blame: Option<Blame>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Label, as `handed out`, `first`, `again`.
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
        /// Number of the read; `None` outside of reads.
        read: Option<u32>,
    },
    /// A count.
    Count(u64),
    /// A signed distance, in records.
    Delta(i64),
    /// A positive errno.
    Errno(u32),
    /// Witnesses that two renderings are of one record.
    Witnesses(Vec<Witness>),
}

/// A witness that two renderings are of one record. Each can be wrong alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The same position.
    Position,
    /// The same pointer, in a file whose pointers identify records.
    Pointer,
    /// The same text, as far as the trace has it.
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

/// Number of breaches of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingCount {
    /// Id of the rule.
    pub id: Id,
    /// Name of the rule.
    pub name: &'static str,
    /// Highest severity.
    pub severity: Severity,
    /// Number of sessions with a breach.
    pub sessions: u64,
    /// Number of breaches.
    pub times: u64,
}

/// Adds counts to sums, sorted by severity, the highest first, then by id.
pub fn add_counts(sums: &mut Vec<FindingCount>, more: &[FindingCount]) {
    for count in more {
        if let Some(sum) = sums.iter_mut().find(|sum| sum.id == count.id) {
            sum.severity = sum.severity.max(count.severity);
            sum.sessions += count.sessions;
            sum.times += count.times;
        } else {
            sums.push(*count);
        }
    }
    sums.sort_by_key(|count| (std::cmp::Reverse(count.severity), count.id));
}
