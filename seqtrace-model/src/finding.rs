//! What the rules say: findings, with their evidence.

use std::fmt;

use crate::event::{Ptr, Role};
use crate::rules::Rule;
use crate::session::update::{Callbacks, Range, SessionId, Symbol};

/// `SQ102`. Ids are stable: they are never given to another rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u16);

impl Id {
    /// True for SQ9xx: not a broken rule, but a reason why nothing can be said.
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

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; a correct file can do this.
    Info,
    /// Something is wrong; the file or what it shows.
    Warning,
    /// The file breaks the contract.
    Error,
}

impl Severity {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A broken rule, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub id: Id,
    /// Its name: `double emit`.
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// In which session.
    pub session: SessionId,
    /// In which read, if it was in one.
    pub read: Option<u32>,
    /// The function to look at.
    pub blame: Option<Blame>,
    /// One line in a developer's words, to stand behind the name. Only text of our own: safe to
    /// print.
    pub message: String,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// The finding of this session that explains this one.
    pub cause: Option<Cause>,
    /// How often it was seen in this session so far. It is told when it is seen first, and again
    /// only where it has become worse.
    pub times: u64,
}

impl Finding {
    /// Returns a finding that has been seen once, without callback, evidence and cause.
    pub fn new(rule: &Rule, severity: Severity, session: SessionId, message: String) -> Self {
        Self {
            id: rule.id,
            name: rule.name,
            severity,
            session,
            read: None,
            blame: None,
            message,
            evidence: Vec::new(),
            cause: None,
            times: 1,
        }
    }
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
    /// Which callback it is.
    pub role: Role,
    /// Its name, and where in its module.
    pub function: Symbol,
}

/// What explains a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The rule that is broken, too.
    pub id: Id,
    /// By which function.
    pub blame: Option<Blame>,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is: `handed out`, `first`, `again`.
    pub label: &'static str,
    /// The value.
    pub value: Value,
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A position, `m->index`.
    Position(i64),
    /// A pointer that start or next returned.
    Pointer(Ptr),
    /// File offsets.
    Range(Range),
    /// When it happened, ns since boot, and in which read.
    Event {
        /// CLOCK_MONOTONIC
        time: u64,
        /// The read's number.
        read: Option<u32>,
    },
    /// A number of something.
    Count(u64),
    /// A signed distance, in records.
    Delta(i64),
    /// A positive errno.
    Errno(u32),
    /// What agrees that two renderings are of one record.
    Witnesses(Vec<Witness>),
}

/// What tells that two renderings are of one record. Each can be wrong alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The same position.
    Position,
    /// The same pointer, in an iterator whose pointers mean something.
    Pointer,
    /// The same text, as far as it was kept.
    Bytes,
    /// The same number of bytes.
    Length,
}

impl Witness {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Pointer => "pointer",
            Self::Bytes => "bytes",
            Self::Length => "length",
        }
    }
}

/// How often a rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingCount {
    /// Which rule.
    pub id: Id,
    /// Its name.
    pub name: &'static str,
    /// The worst of them.
    pub severity: Severity,
    /// In how many sessions.
    pub sessions: u64,
    /// How often in all.
    pub times: u64,
}

/// Adds counts to counts; the worst first, then by id.
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
