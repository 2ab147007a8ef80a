//! Check of commit subjects: `area: imperative verb and object`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::config::Commits;
use crate::sh;

/// The subjects that were looked at, and a line for each that is wrong.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) checked: usize,
    pub(super) lines: Vec<String>,
}

/// Checks the commits since HEAD and `rev` parted, without merges.
pub(super) fn check(rules: &Commits, root: &Path, rev: &str) -> Result<Subjects> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        sh::output(git.current_dir(root).args(arguments))
    };
    let base = git(&["merge-base", "--end-of-options", rev, "HEAD"])?;
    let range = format!("{}..HEAD", base.trim());
    let log = git(&["log", "--no-merges", "--reverse", "--format=%h %s", &range])?;
    let mut subjects = Subjects { checked: 0, lines: Vec::new() };
    for (commit, subject) in log.lines().filter_map(|line| line.split_once(' ')) {
        subjects.checked += 1;
        let wrong = wrong(rules, subject);
        subjects.lines.extend(wrong.map(|wrong| format!("{commit}: {wrong}: {subject}")));
    }
    Ok(subjects)
}

/// Returns what is wrong with a subject.
fn wrong(rules: &Commits, subject: &str) -> Option<String> {
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
    is_wrong.then(|| format!("`{word}` is no imperative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_judged() {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let rules = Commits {
            subject_columns: 40,
            areas: list(&["probe", "session"]),
            not_imperative: list(&["what", "each", "adds"]),
        };
        let wrong = |subject| wrong(&rules, subject).unwrap_or_default();
        assert_eq!(wrong("probe: name the poll intervals"), "");
        assert_eq!(wrong("probe, session: cut a field"), "");
        assert_eq!(wrong("probe: each patience is named"), "`each` is no imperative");
        assert_eq!(wrong("probe: adds a field"), "`adds` is no imperative");
        assert_eq!(wrong("probe: Add a field"), "does not begin with a verb in lower case");
        assert_eq!(wrong("probe: add a field."), "ends in a full stop");
        assert_eq!(wrong("rules: add a field"), "unknown area `rules`");
        assert_eq!(wrong("wip"), "not `area: text`");
        assert_eq!(wrong(&format!("probe: add {}", "x".repeat(40))), "51 characters, limit 40");
    }
}
