//! Reads xtask/tidy.toml, which has limits, word lists, forbidden dependencies and budgets, and writes the budgets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use strum::VariantArray as _;
use toml_edit::{DocumentMut, InlineTable, Item, Table, de, value};

use super::measure::Check;
use crate::paths;

/// Path of the configuration, relative to the top of the checkout.
pub(super) const FILE: &str = "xtask/tidy.toml";

/// Preliminary reason that `--accept-current` writes for a new long file.
const NEW_REASON: &str = "longer than the limit; to be split";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) language: LanguageRules,
    pub(super) size: SizeLimits,
    pub(super) arrows: ArrowRules,
    pub(super) commits: CommitRules,
    #[serde(default)]
    budget: BudgetTables,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LanguageRules {
    /// Words that no text may contain, in lower case.
    pub(super) forbidden: Vec<String>,
    /// Words with which a doc comment must not open, in lower case.
    pub(super) openers: Vec<String>,
    /// Largest number of words in a doc comment that is a stub.
    pub(super) stub_words: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SizeLimits {
    pub(super) file_lines: usize,
    pub(super) markdown_columns: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrowRules {
    /// Sets of modules, by the name of the set.
    pub(super) groups: BTreeMap<String, Vec<String>>,
    /// Modules and groups that a module must not use, by module.
    pub(super) forbidden: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CommitRules {
    pub(super) subject_columns: usize,
    pub(super) areas: Vec<String>,
    /// Words that are not imperatives but could begin a subject, in lower case.
    pub(super) not_imperative: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct BudgetTables {
    /// Budgets of files that may exceed the limit.
    #[serde(default)]
    files: BTreeMap<String, FileBudget>,
    /// Other budgets by check, then by key.
    #[serde(flatten)]
    others: BTreeMap<Check, BTreeMap<String, usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBudget {
    lines: usize,
    /// Reason for the length of the file.
    reason: String,
}

/// Largest allowed values, by check and key. A missing budget is 0.
pub(super) type Budgets = BTreeMap<(Check, String), usize>;

impl Config {
    pub(super) fn read(root: &Path) -> Result<Self> {
        Self::parse(&paths::read(&root.join(FILE))?).with_context(|| format!("cannot use {FILE}"))
    }

    fn parse(text: &str) -> Result<Self> {
        let config: Self = de::from_str(text)?;
        for (file, budget) in &config.budget.files {
            let has_reason = !budget.reason.trim().is_empty();
            ensure!(
                has_reason,
                "files \"{file}\": budgets of files need a reason, others have none"
            );
        }
        Ok(config)
    }

    pub(super) fn budgets(&self) -> Budgets {
        let BudgetTables { files, others } = &self.budget;
        let files = files.iter().map(|(key, budget)| ((Check::Files, key.clone()), budget.lines));
        let others = others.iter().flat_map(|(check, entries)| {
            entries.iter().map(|(key, value)| ((*check, key.clone()), *value))
        });
        files.chain(others).collect()
    }
}

/// Replaces the budgets in the file. Preserves the reasons of long files and the rest of the file.
pub(super) fn write(root: &Path, budgets: &Budgets) -> Result<()> {
    let path = root.join(FILE);
    let text =
        replace(&paths::read(&path)?, budgets).with_context(|| format!("cannot use {FILE}"))?;
    fs::write(&path, text).with_context(|| format!("cannot write {FILE}"))
}

fn replace(text: &str, budgets: &Budgets) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let mut implicit = Table::new();
    implicit.set_implicit(true);
    let parent = document.entry("budget").or_insert(Item::Table(implicit));
    let parent = parent.as_table_mut().context("`budget` is not a table")?;
    for check in Check::VARIANTS {
        let name = check.into_str();
        let table = parent.entry(name).or_insert_with(|| Item::Table(Table::new()));
        let table = table.as_table_mut().with_context(|| format!("`{name}` is not a table"))?;
        // Preserves the comments above the table.
        let old = table.clone();
        table.clear();
        for ((_, key), lines) in budgets.iter().filter(|((of, _), n)| of == check && **n > 0) {
            let number = i64::try_from(*lines)?;
            let item = if *check == Check::Files {
                let reason = old.get(key).and_then(|old| old.get("reason")?.as_str());
                let mut entry = InlineTable::new();
                entry.insert("lines", number.into());
                entry.insert("reason", reason.unwrap_or(NEW_REASON).into());
                value(entry)
            } else {
                value(number)
            };
            table.insert(key, item);
        }
        if table.is_empty() {
            parent.remove(name);
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Head.\n[language]\nforbidden = [\"tell\"] # kept\nopeners = []\nstub-words = 3\n\
        [size]\nfile-lines = 400\nmarkdown-columns = 120\n\
        [arrows.groups]\n[arrows.forbidden]\n\
        [commits]\nsubject-columns = 72\nareas = []\nnot-imperative = []\n";

    #[test]
    fn the_file_of_this_project_is_valid() {
        let config = Config::read(&crate::paths::root()).unwrap();
        assert!(config.language.forbidden.contains(&"nobody".to_owned()));
    }

    #[test]
    fn budgets_are_replaced_and_the_rest_is_kept() {
        let old = format!(
            "{HEAD}\n# Words.\n[budget.words]\nb = 2\n\n[budget.files]\n\"a.rs\" = {{ lines = 500, reason = \"so\" }}\n\
             [budget.map]\n\"x.rs\" = 1\n"
        );
        let budgets = [
            ((Check::Words, "b"), 1),
            ((Check::Words, "a/c"), 7),
            ((Check::Files, "a.rs"), 450),
            ((Check::Files, "b.rs"), 401),
            ((Check::Map, "x.rs"), 0),
        ];
        let budgets = budgets.map(|((check, key), value)| ((check, key.to_owned()), value)).into();
        let new = replace(&old, &budgets).unwrap();
        let expected = format!(
            "{HEAD}\n# Words.\n[budget.words]\n\"a/c\" = 7\nb = 1\n\n[budget.files]\n\
             \"a.rs\" = {{ lines = 450, reason = \"so\" }}\n\
             \"b.rs\" = {{ lines = 401, reason = \"{NEW_REASON}\" }}\n"
        );
        assert_eq!(new, expected);
        let kept = Config::parse(&new).unwrap().budgets();
        assert_eq!(kept.len(), 4);
        assert_eq!(replace(&new, &kept).unwrap(), new);
    }

    #[test]
    fn a_first_budget_gets_its_table() {
        let budgets = [((Check::Stubs, "docs".to_owned()), 3)].into();
        let new = replace(HEAD, &budgets).unwrap();
        assert_eq!(Config::parse(&new).unwrap().budgets(), budgets);
        assert!(new.starts_with(HEAD) && new.ends_with("[budget.stubs]\ndocs = 3\n"), "{new}");
    }

    #[test]
    fn long_files_need_reasons() {
        let parse = |budget: &str| Config::parse(&format!("{HEAD}{budget}"));
        assert!(parse("[budget.files]\n\"a.rs\" = 500\n").is_err());
        assert!(parse("[budget.files]\n\"a.rs\" = { lines = 500, reason = \" \" }\n").is_err());
        assert!(parse("[budget.words]\na = { lines = 500, reason = \"x\" }\n").is_err());
        assert!(parse("[budget.wrods]\na = 5\n").is_err());
    }
}
