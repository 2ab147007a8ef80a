//! Types of the results of checks: violations, and the values that are compared with budgets.

use std::collections::BTreeMap;

/// A kind of check. Its name is a table under `[budget]` in xtask/tidy.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Words,
    Openers,
    Stubs,
    Functions,
    Files,
    Map,
    Arrows,
    Width,
    WideBlocks,
    Links,
}

impl Check {
    pub(super) const ALL: [Self; 10] = [
        Self::Words,
        Self::Openers,
        Self::Stubs,
        Self::Functions,
        Self::Files,
        Self::Map,
        Self::Arrows,
        Self::Width,
        Self::WideBlocks,
        Self::Links,
    ];

    /// Returns the name of the check's budget table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Openers => "openers",
            Self::Stubs => "stubs",
            Self::Functions => "functions",
            Self::Files => "files",
            Self::Map => "map",
            Self::Arrows => "arrows",
            Self::Width => "width",
            Self::WideBlocks => "wide-blocks",
            Self::Links => "links",
        }
    }

    /// Returns the description of the fault that the check reports, for messages.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Words => "forbidden word",
            Self::Openers => "doc comment opens with a fragment",
            Self::Stubs => "doc comment too short to help",
            Self::Functions => "long function",
            Self::Files => "long file",
            Self::Map => "not in ARCHITECTURE.md's map",
            Self::Arrows => "forbidden dependency between modules",
            Self::Width => "long Markdown line",
            Self::WideBlocks => "long Markdown table row or code line",
            Self::Links => "dead link",
        }
    }

    /// Returns the unit of the check's budget, to be appended to a number.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Openers => " %",
            Self::Functions | Self::Files => " lines",
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

/// Counts violations and returns a measure for each key.
pub(super) fn count(
    check: Check,
    violations: impl IntoIterator<Item = (String, Violation)>,
) -> Vec<Measure> {
    let mut by_key: BTreeMap<String, Vec<Violation>> = BTreeMap::new();
    for (key, violation) in violations {
        by_key.entry(key).or_default().push(violation);
    }
    by_key
        .into_iter()
        .map(|(key, violations)| Measure { check, key, value: violations.len(), violations })
        .collect()
}
