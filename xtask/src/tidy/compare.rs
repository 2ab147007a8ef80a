//! Compares measures with budgets.

use std::collections::{BTreeMap, BTreeSet};

use strum::{EnumMessage as _, VariantArray as _};

use super::added::AddedLines;
use super::config::{self, Budgets};
use super::measure::{Check, Measure, Violation};

/// Result of all checks.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Number of values that were compared with a budget.
    pub(super) checks: usize,
    /// Number of values that exceed their budgets.
    pub(super) over: usize,
    /// Number of budgets that are larger than the value.
    pub(super) under: usize,
    /// Messages for the user, one for each violation.
    pub(super) lines: Vec<String>,
}

/// Compares measures with budgets. For a value over its budget, lists the violations in added lines, or all violations
/// if none is in an added line.
pub(super) fn compare(measures: &[Measure], budgets: &Budgets, added: &AddedLines) -> Comparison {
    let mut report = Comparison::default();
    let mut kinds: BTreeSet<Check> = Check::VARIANTS.iter().copied().collect();
    let by_key: BTreeMap<_, _> =
        measures.iter().map(|measure| ((measure.check, measure.key.clone()), measure)).collect();
    let keys: BTreeSet<_> = by_key.keys().chain(budgets.keys()).collect();
    for key in keys {
        report.checks += 1;
        kinds.remove(&key.0);
        let budget = budgets.get(key).copied().unwrap_or_default();
        let measure = by_key.get(key);
        let value = measure.map_or(0, |measure| measure.value);
        if let Some(measure) = measure.filter(|measure| measure.value > budget) {
            report.over += 1;
            report.lines.extend(over(measure, budget, added));
        } else if value < budget {
            report.under += 1;
            report.lines.push(under(key.0, &key.1, value));
        }
    }
    // A check without violations and budgets has passed.
    report.checks += kinds.len();
    report
}

/// Returns the budgets that `--write` writes: the lower of budget and current value; if `accept` is true, the current
/// values.
pub(super) fn lowered(measures: &[Measure], budgets: &Budgets, accept: bool) -> Budgets {
    let mut new = Budgets::new();
    for Measure { check, key, value, .. } in measures {
        let key = (*check, key.clone());
        let budget = budgets.get(&key).copied().unwrap_or_default();
        new.insert(key, if accept { *value } else { budget.min(*value) });
    }
    new
}

fn over(measure: &Measure, budget: usize, added: &AddedLines) -> Vec<String> {
    let Measure { check, key, value, violations } = measure;
    let new: Vec<&Violation> =
        violations.iter().filter(|violation| added.has(&violation.file, violation.line)).collect();
    let listed = if new.is_empty() { violations.iter().collect() } else { new };
    let (unit, label) = (check.unit(), check.get_message().unwrap_or_default());
    let detail = match check {
        Check::Map | Check::Links => String::new(),
        Check::Files if budget == 0 => String::new(),
        Check::Files => format!(" (budget {budget})"),
        _ => format!(" ({key} has {value}{unit}, budget {budget}{unit})"),
    };
    let line = |violation: &Violation| {
        let Violation { file, line, text } = violation;
        format!("{file}:{line}: {label}{detail}: {text}")
    };
    listed.into_iter().map(line).collect()
}

fn under(check: Check, key: &str, value: usize) -> String {
    let (file, name, unit) = (config::FILE, check.into_str(), check.unit());
    let change = match (check, value) {
        (_, 0) => "remove".to_owned(),
        _ => format!("lower to {value}{unit}"),
    };
    format!("{file}:1: budget of {name} too large: {change}: \"{key}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(check: Check, key: &str, value: usize, lines: &[usize]) -> Measure {
        let violation =
            |&line| Violation { file: "a.rs".to_owned(), line, text: format!("text {line}") };
        let violations = lines.iter().map(violation).collect();
        Measure { check, key: key.to_owned(), value, violations }
    }

    fn budgets(entries: &[(Check, &str, usize)]) -> Budgets {
        entries.iter().map(|(check, key, value)| ((*check, (*key).to_owned()), *value)).collect()
    }

    #[test]
    fn more_fails_and_fewer_need_a_lower_budget() {
        let measures = [
            measure(Check::Words, "a", 2, &[3, 4]),
            measure(Check::Words, "b", 1, &[5]),
            measure(Check::Files, "a.rs", 490, &[6]),
            measure(Check::Openers, "a", 7, &[8]),
        ];
        let budgets = budgets(&[
            (Check::Words, "a", 1),
            (Check::Words, "b", 1),
            (Check::Words, "c", 4),
            (Check::Files, "a.rs", 491),
        ]);
        let report = compare(&measures, &budgets, &AddedLines::default());
        assert_eq!(
            report.lines,
            [
                "a.rs:3: forbidden word (a has 2, budget 1): text 3",
                "a.rs:4: forbidden word (a has 2, budget 1): text 4",
                "xtask/tidy.toml:1: budget of words too large: remove: \"c\"",
                "a.rs:8: doc comment opens with a fragment (a has 7 %, budget 0 %): text 8",
                "xtask/tidy.toml:1: budget of files too large: lower to 490 lines: \"a.rs\"",
            ]
        );
        // Five keys, and six kinds without any.
        assert_eq!((report.checks, report.over, report.under), (11, 2, 2));
    }

    #[test]
    fn violations_in_added_lines_are_listed() {
        let added = AddedLines::parse("+++ b/a.rs\n@@ -1 +4,2 @@\n");
        let report = compare(&[measure(Check::Words, "a", 2, &[3, 4])], &Budgets::new(), &added);
        assert_eq!(report.lines, ["a.rs:4: forbidden word (a has 2, budget 0): text 4"]);
    }

    #[test]
    fn budgets_only_fall() {
        let measures = [measure(Check::Words, "a", 2, &[]), measure(Check::Words, "b", 3, &[])];
        let old = budgets(&[(Check::Words, "a", 5), (Check::Words, "b", 1), (Check::Map, "x", 1)]);
        let expected = |a, b| budgets(&[(Check::Words, "a", a), (Check::Words, "b", b)]);
        assert_eq!(lowered(&measures, &old, false), expected(2, 1));
        assert_eq!(lowered(&measures, &old, true), expected(2, 3));
    }
}
