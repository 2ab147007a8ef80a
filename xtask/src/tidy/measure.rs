//! Types of the results of checks: violations, and the values that are compared with budgets.

use std::collections::BTreeMap;

use serde::Deserialize;
use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// A kind of check. Its name is a table under `[budget]` in xtask/tidy.toml; its message describes the fault.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Deserialize,
    EnumMessage,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub(super) enum Check {
    #[strum(message = "forbidden word")]
    Words,
    #[strum(message = "doc comment opens with a fragment")]
    Openers,
    #[strum(message = "doc comment too short to help")]
    Stubs,
    #[strum(message = "long file")]
    Files,
    #[strum(message = "not in ARCHITECTURE.md's map")]
    Map,
    #[strum(message = "forbidden dependency between modules")]
    Arrows,
    #[strum(message = "long Markdown line")]
    Width,
    #[strum(message = "long Markdown table row or code line")]
    WideBlocks,
    #[strum(message = "dead link")]
    Links,
}

impl Check {
    /// Returns the unit of the check's budget, to be appended to a number.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Openers => " %",
            Self::Files => " lines",
            _ => "",
        }
    }
}

/// A line that a check reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// Path relative to the top of the checkout.
    pub(super) file: String,
    /// Line number in the file, 1-based.
    pub(super) line: usize,
    pub(super) text: String,
}

/// A value that is compared with a budget.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) check: Check,
    /// Name of the area, file, function or arrow that has its own budget.
    pub(super) key: String,
    /// Value in the check's unit: a count, a percentage or lines.
    pub(super) value: usize,
    pub(super) violations: Vec<Violation>,
}

/// Counts violations and returns a measure for each key. `violations` are key, file, 1-based line and text.
pub(super) fn count<'a>(
    check: Check,
    violations: impl IntoIterator<Item = (String, &'a str, usize, String)>,
) -> Vec<Measure> {
    let mut by_key: BTreeMap<String, Vec<Violation>> = BTreeMap::new();
    for (key, file, line, text) in violations {
        let violation = Violation { file: file.to_owned(), line, text };
        by_key.entry(key).or_default().push(violation);
    }
    by_key
        .into_iter()
        .map(|(key, violations)| Measure { check, key, value: violations.len(), violations })
        .collect()
}
