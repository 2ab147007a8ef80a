//! Objects of what the rules found.

use schemars::JsonSchema;
use serde::Serialize;

use super::event::{At, Who};
use super::value::{Function, Range, Role, Severity};
use crate::render::json::text::{BootTime, ErrorName, Pointer, RuleName};

/// A rule is broken; the line before proves it. Told once a session, and again only where it has
/// become worse.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Finding<'a> {
    #[serde(flatten)]
    pub(crate) at: At,
    #[serde(flatten)]
    pub(crate) who: Who<'a>,
    pub(crate) id: RuleName,
    /// The rule's name.
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    /// The function to look at.
    pub(crate) blame: Option<Blame<'a>>,
    /// What was seen, for a person.
    pub(crate) message: &'a str,
    /// The finding that explains this one.
    pub(crate) cause: Option<Cause<'a>>,
    /// How often in this session, so far.
    pub(crate) times: u64,
    pub(crate) evidence: Vec<Evidence>,
}

/// A function to look at.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Blame<'a> {
    pub(crate) role: Role,
    pub(crate) function: Function<'a>,
}

/// What explains a finding.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Cause<'a> {
    pub(crate) id: RuleName,
    pub(crate) blame: Option<Blame<'a>>,
}

/// One thing that was seen: one of the keys behind `label` is not null, or two for an event.
#[derive(Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Evidence {
    /// What it is.
    pub(crate) label: &'static str,
    /// A position, m->index.
    pub(crate) pos: Option<i64>,
    pub(crate) ptr: Option<Pointer>,
    /// File offsets.
    pub(crate) range: Option<Range>,
    /// When.
    pub(crate) time: Option<BootTime>,
    /// In which read of the session.
    pub(crate) read: Option<u32>,
    pub(crate) count: Option<u64>,
    /// A signed number.
    pub(crate) delta: Option<i64>,
    pub(crate) errno: Option<ErrorName>,
    /// What agrees: position, pointer, bytes, length.
    pub(crate) witnesses: Option<Vec<&'static str>>,
}

/// How often a rule was broken.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct FindingCount {
    pub(crate) id: RuleName,
    pub(crate) name: &'static str,
    /// The worst of them.
    pub(crate) severity: Severity,
    /// In how many sessions.
    pub(crate) sessions: u64,
    /// How often in all.
    pub(crate) times: u64,
}
