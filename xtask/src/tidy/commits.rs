//! Checks commit subjects: `area: imperative verb and object`.

use anyhow::Result;

use super::config::CommitRules;
use crate::git;

/// Result of a check of subjects.
#[derive(Debug)]
pub(super) struct Subjects {
    /// Number of subjects that were checked.
    pub(super) checked: usize,
    /// Messages for the user, one for each wrong subject.
    pub(super) lines: Vec<String>,
}

/// Checks the commits on HEAD that `rev` does not have, without merges.
pub(super) fn check(rules: &CommitRules, rev: &str) -> Result<Subjects> {
    let base = git::run(&["merge-base", "--end-of-options", rev, "HEAD"])?;
    let range = format!("{}..HEAD", base.trim());
    let log = git::run(&["log", "--no-merges", "--reverse", "--format=%h %s", &range])?;
    let mut subjects = Subjects { checked: 0, lines: Vec::new() };
    for (commit, subject) in log.lines().filter_map(|line| line.split_once(' ')) {
        subjects.checked += 1;
        let fault = fault(rules, subject);
        subjects.lines.extend(fault.map(|fault| format!("{commit}: {fault}: {subject}")));
    }
    Ok(subjects)
}

/// Returns the fault of a subject; `None` if there is none.
fn fault(rules: &CommitRules, subject: &str) -> Option<String> {
    let length = subject.chars().count();
    if length > rules.subject_columns {
        return Some(format!("{length} characters, limit {}", rules.subject_columns));
    }
    let Some((areas, text)) = subject.split_once(": ") else {
        return Some("not `area: text`".to_owned());
    };
    let is_unknown = |area: &&str| !rules.areas.iter().any(|known| known == area);
    if let Some(area) = areas.split(", ").find(is_unknown) {
        return Some(format!("unknown area `{area}`"));
    }
    if text.ends_with('.') {
        return Some("ends in a full stop".to_owned());
    }
    let word = text.split(|c: char| c.is_whitespace() || c == ',').next().unwrap_or_default();
    if !word.starts_with(char::is_lowercase) {
        return Some("does not begin with a verb in lower case".to_owned());
    }
    let is_wrong = rules.not_imperative.iter().any(|wrong| wrong == word);
    is_wrong.then(|| format!("`{word}` is not an imperative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_subjects_are_found() {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let rules = CommitRules {
            subject_columns: 40,
            areas: list(&["probe", "session"]),
            not_imperative: list(&["what", "each", "adds"]),
        };
        let fault = |subject| fault(&rules, subject).unwrap_or_default();
        assert_eq!(fault("probe: name the poll intervals"), "");
        assert_eq!(fault("probe, session: cut a field"), "");
        assert_eq!(fault("probe: each patience is named"), "`each` is not an imperative");
        assert_eq!(fault("probe: adds a field"), "`adds` is not an imperative");
        assert_eq!(fault("probe: Add a field"), "does not begin with a verb in lower case");
        assert_eq!(fault("probe: add a field."), "ends in a full stop");
        assert_eq!(fault("rules: add a field"), "unknown area `rules`");
        assert_eq!(fault("wip"), "not `area: text`");
        assert_eq!(fault(&format!("probe: add {}", "x".repeat(40))), "51 characters, limit 40");
    }
}
