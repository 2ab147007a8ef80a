//! Text of `seqtrace explain`.

use std::fmt::Write;

use crate::finding::Severity;
use crate::rules::rule::Rule;

/// Maximum width of a line, columns.
const WIDTH: usize = 88;

/// Returns the explanation of a rule.
pub fn explain(rule: &Rule) -> String {
    let Rule { id, name, least, most, culprit: _, what, why, contract, fix, code, seen } = rule;
    let mut text = format!("{id}  {name}  ({})\n", severities(*least, *most));
    for (title, body) in
        [("", *what), ("Why it matters", *why), ("The contract", *contract), ("The fix", *fix)]
    {
        section(&mut text, title, body);
    }
    if !code.is_empty() {
        text.push('\n');
        for line in code.lines() {
            put(&mut text, &format!("    {}", line.replace('\t', "        ")));
        }
    }
    if !seen.is_empty() {
        put(&mut text, "\nSeen in");
        for example in *seen {
            wrap(&mut text, example, "  - ", "    ");
        }
    }
    text
}

/// Returns the list of all rules, one a line.
pub fn list() -> String {
    let mut text = String::new();
    for rule in super::all() {
        let Rule { id, name, least, most, .. } = rule;
        put(&mut text, &format!("{id}  {name:<32}{}", severities(*least, *most)));
    }
    text
}

fn severities(least: Severity, most: Severity) -> String {
    if least == most {
        most.name().to_owned()
    } else {
        format!("{} to {}", least.name(), most.name())
    }
}

fn section(text: &mut String, title: &str, body: &str) {
    text.push('\n');
    if !title.is_empty() {
        put(text, title);
    }
    wrap(text, body, "  ", "  ");
}

/// Appends a paragraph, wrapped at blanks.
fn wrap(text: &mut String, body: &str, first: &str, rest: &str) {
    let mut line = first.to_owned();
    for word in body.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            put(text, &line);
            rest.clone_into(&mut line);
        }
        if line.ends_with(|c: char| c != ' ') {
            line.push(' ');
        }
        line.push_str(word);
    }
    put(text, &line);
}

fn put(text: &mut String, line: &str) {
    // Writing to a String never fails.
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_explained() {
        let mut before = None;
        for rule in super::super::all() {
            assert!(before < Some(rule.id), "{} is out of order", rule.id);
            before = Some(rule.id);
            assert_eq!(rule.id.to_string().parse(), Ok(rule.id));
            let text = explain(rule);
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            for words in [rule.what, rule.why, rule.contract, rule.fix] {
                assert!(
                    words.trim_end_matches(')').ends_with('.') && !words.contains("  "),
                    "{words}"
                );
            }
            assert!(rule.least <= rule.most);
            assert!(list().contains(rule.name));
        }
        assert_eq!("SQ999".parse::<crate::rules::Id>(), Err(crate::rules::NoId));
        assert_eq!("sq201".parse(), Ok(crate::rules::Id(201)));
    }
}
