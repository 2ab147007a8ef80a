//! A rule as `seqtrace explain` prints it. The trigger is in the file of the rule.

use std::str::FromStr;

use crate::event::Role;
use crate::finding::{Finding, Id, Severity};
use crate::session::update::SessionId;

impl Id {
    /// Returns the [`Rule::culprit`] of the rule with this id; `None` if it has none.
    pub(super) fn culprit(self) -> Option<Role> {
        super::find(self)?.culprit
    }
}

/// Error: a word is not the id of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a rule, like SQ201")]
pub struct NoId;

impl FromStr for Id {
    type Err = NoId;

    /// Parses `SQ201`, `sq201` or `201`.
    fn from_str(text: &str) -> Result<Self, NoId> {
        let digits = match text.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("SQ") => text.get(2..).unwrap_or(""),
            _ => text,
        };
        let plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { digits.parse().ok() } else { None };
        number.map(Self).filter(|id| super::find(*id).is_some()).ok_or(NoId)
    }
}

/// A rule and its explanation.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Id of the rule; ids are never reused.
    pub id: Id,
    /// Name in a few words, e.g. `double emit`.
    pub name: &'static str,
    /// Lowest severity of its findings.
    pub least: Severity,
    /// Highest severity of its findings.
    pub most: Severity,
    /// The callback whose change repairs the file, if a violation of this rule can explain other findings; else `None`.
    pub culprit: Option<Role>,
    /// Fault of a file that breaks the rule.
    pub what: &'static str,
    /// Consequence for a reader.
    pub why: &'static str,
    /// Contract of the kernel, and the file that documents it.
    pub contract: &'static str,
    /// Advice for the repair of the file.
    pub fix: &'static str,
    /// The repair as a few lines of C; may be empty.
    pub code: &'static str,
    /// Commits and files in which the fault occurred.
    pub seen: &'static [&'static str],
}

impl Finding {
    /// Creates a finding with one violation, without callback, evidence and cause.
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
