//! Objects of what the rules found.

use schemars::JsonSchema;
use serde::Serialize;

use super::event::{At, Who};
use super::value::{Function, Of, Range, Role, Severity, SourceLine, mirror};
use crate::json::text::{BootTime, ErrorName, Pointer, RuleName};
use crate::rules;

mirror! {
    /// A rule is broken; the line before proves it. Told once a session, and again only where it has
    /// become worse.
    struct Finding<'a>
    with {
        #[serde(flatten)]
        at: At,
        #[serde(flatten)]
        who: Who<'a>,
        /// The line at which the function of `blame` is defined. Only this key is left out if its value is not known:
        /// most kernels have no debug information.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<SourceLine<'a>>,
    }
    // `at` has them.
    without { session, read }
    of rules::Finding {
        id: RuleName,
        /// The rule's name.
        name: &'static str,
        severity: Severity,
        /// The function to look at.
        blame: Option<Blame<'a>>,
        /// What was seen, for a person.
        message: &'a str,
        /// The finding that explains this one.
        cause: Option<Cause<'a>>,
        /// How often in this session, so far.
        times: u64,
        evidence: Vec<Evidence>,
    }
}

mirror! {
    /// A function to look at.
    struct Blame<'a> without { source } of rules::Blame {
        role: Role,
        function: Function<'a>,
    }
}

mirror! {
    /// What explains a finding.
    struct Cause<'a> of rules::Cause {
        id: RuleName,
        blame: Option<Blame<'a>>,
    }
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

impl Of<&rules::Evidence> for Evidence {
    fn of(model: &rules::Evidence) -> Self {
        let rules::Evidence { label, value } = model;
        let mut object = Self { label, ..Self::default() };
        match value {
            rules::Value::Position(pos) => object.pos = Some(*pos),
            rules::Value::Pointer(ptr) => object.ptr = Some(Pointer(*ptr)),
            rules::Value::Range(bytes) => object.range = Some(Range::of(bytes)),
            rules::Value::Event { time, read } => {
                (object.time, object.read) = (Some(BootTime(*time)), *read);
            }
            rules::Value::Count(count) => object.count = Some(*count),
            rules::Value::Delta(delta) => object.delta = Some(*delta),
            rules::Value::Errno(errno) => object.errno = ErrorName::of(-i64::from(*errno)),
            rules::Value::Witnesses(agree) => object.witnesses = Some(Vec::of(agree)),
        }
        object
    }
}

mirror! {
    /// How often a rule was broken.
    struct FindingCount of rules::FindingCount {
        id: RuleName,
        name: &'static str,
        /// The worst of them.
        severity: Severity,
        /// In how many sessions.
        sessions: u64,
        /// How often in all.
        times: u64,
    }
}
