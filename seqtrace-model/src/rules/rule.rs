//! What a rule is: its name and its explanation. What triggers it is in its own file.

use std::str::FromStr;

use crate::event::Role;
use crate::finding::{Id, Severity};

impl Id {
    /// Returns the [`Rule::culprit`] of the rule with this id.
    pub(super) fn culprit(self) -> Option<Role> {
        super::find(self)?.culprit
    }
}

/// Not the id of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a rule, like SQ201")]
pub struct NoId;

impl FromStr for Id {
    type Err = NoId;

    /// `SQ201`, `sq201` or `201`.
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

/// A rule as `seqtrace explain` shows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: Id,
    /// A few words: `double emit`.
    pub name: &'static str,
    /// The least that a finding of it means.
    pub least: Severity,
    /// The most that a finding of it means.
    pub most: Severity,
    /// The callback whose change repairs the file, if a breach of this rule explains other findings; else `None`.
    pub culprit: Option<Role>,
    /// What was seen.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What the kernel expects, and where that is written.
    pub contract: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// The fix as code, where a few lines say it; else empty.
    pub code: &'static str,
    /// Where it happened: commits and files of the kernel or of others.
    pub seen: &'static [&'static str],
}
