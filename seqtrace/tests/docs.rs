//! Statements of the documentation that can be checked against the program.

use std::{fs, path::Path};

use seqtrace::rules;

/// docs/rules.md has a row for each rule, with its name and its severities.
#[test]
fn the_table_of_rules_is_complete() -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    let page = fs::read_to_string(path)?;
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| SQ"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).take(3).collect())
        .collect();
    let expected: Vec<Vec<String>> = rules::all()
        .iter()
        .map(|rule| {
            let (least, most) = (rule.least.name(), rule.most.name());
            let severity =
                if least == most { least.to_owned() } else { format!("{least} to {most}") };
            vec![rule.id.to_string(), rule.name.to_owned(), severity]
        })
        .collect();
    assert_eq!(rows, expected);
    Ok(())
}
