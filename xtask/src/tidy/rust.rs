//! Reads a Rust source file: comments, documentation, tokens and tests, with the lexer of rustc.

use std::ops::RangeInclusive;

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

/// Attributes of clap with texts for the user.
const CLAP: [&str; 5] = ["arg", "command", "value", "group", "clap"];

/// A text and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Line number in the file, 1-based.
    pub(super) number: usize,
    pub(super) text: String,
}

/// A Rust source file.
#[derive(Debug, Default)]
pub(super) struct SourceFile {
    /// Path relative to the top of the checkout.
    pub(super) file: String,
    /// Length of the file in lines.
    pub(super) lines: usize,
    /// Lines of plain comments and doc comments, without comment marks, in order.
    pub(super) comments: Vec<Line>,
    /// Doc comments; consecutive lines are joined.
    pub(super) docs: Vec<Line>,
    /// Texts in attributes of clap, which are shown to the user.
    pub(super) help: Vec<Line>,
    /// Line numbers of test items, 1-based.
    pub(super) tests: Vec<RangeInclusive<usize>>,
    /// All tokens except comments and white space. Each character of punctuation is a token.
    pub(super) tokens: Vec<Line>,
}

impl SourceFile {
    pub(super) fn parse(file: &str, text: &str) -> Self {
        let mut source =
            Self { file: file.to_owned(), lines: text.lines().count(), ..Self::default() };
        let (mut number, mut rest) = (1, text);
        for token in tokenize(text, FrontmatterAllowed::No) {
            let (text, after) = rest.split_at(token.len as usize);
            match token.kind {
                TokenKind::Whitespace => {}
                TokenKind::LineComment { doc_style }
                | TokenKind::BlockComment { doc_style, .. } => {
                    let lines = lines(number, text);
                    if doc_style.is_some() {
                        source.docs.extend(lines.clone());
                    }
                    source.comments.extend(lines);
                }
                _ => source.tokens.push(Line { number, text: text.to_owned() }),
            }
            number += text.matches('\n').count();
            rest = after;
        }
        source.docs = docs(&source.docs);
        source.find_attributes();
        source
    }

    /// Returns true if the 1-based line is part of a test item.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// Finds test items, and the texts of clap's attributes outside of them.
    fn find_attributes(&mut self) {
        let mut rest = self.tokens.as_slice();
        while let [first, after @ ..] = rest {
            rest = after;
            let group = after.get(..group_length(after)).unwrap_or_default();
            let ("#", [_, name, arguments @ .., _]) = (first.text.as_str(), group) else {
                continue;
            };
            if CLAP.contains(&name.text.as_str()) {
                let literals = arguments.iter().filter(|token| token.text.starts_with('"'));
                let unquoted = |text: &str| text.trim_matches('"').replace("\\n", "\n");
                self.help
                    .extend(literals.map(|token| Line { text: unquoted(&token.text), ..*token }));
            } else if is_test(name, arguments) {
                let (item, after) =
                    after.split_at(group.len() + item_length(&after[group.len()..]));
                self.tests.push(first.number..=item.last().unwrap_or(first).number);
                rest = after;
            }
        }
    }
}

/// Returns true for `#[test]`, and for `#[cfg]` with a condition that is true in tests only.
fn is_test(name: &Line, arguments: &[Line]) -> bool {
    let has = |wanted: &str| arguments.iter().any(|token| token.text == wanted);
    match name.text.as_str() {
        "test" => arguments.is_empty(),
        "cfg" => has("test") && !has("not") && !has("any"),
        _ => false,
    }
}

/// Returns the number of tokens in the group in brackets at the beginning of `tokens`; 1: no bracket.
pub(super) fn group_length(tokens: &[Line]) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// Returns the number of tokens in the item, statement or field at the beginning of `tokens`.
fn item_length(tokens: &[Line]) -> usize {
    let mut length = 0;
    while let Some(token) = tokens.get(length) {
        length += group_length(tokens.get(length..).unwrap_or_default());
        if matches!(token.text.as_str(), "{" | ";" | "," | "}") {
            break;
        }
    }
    length
}

/// Splits a comment into lines and removes the comment marks.
fn lines(number: usize, comment: &str) -> Vec<Line> {
    let comment = comment.strip_suffix("*/").unwrap_or(comment);
    let line = |(n, text): (usize, &str)| {
        let text = text.trim_start().trim_start_matches(['/', '*', '!']);
        Line { number: number + n, text: text.trim().to_owned() }
    };
    comment.lines().enumerate().map(line).collect()
}

/// Joins consecutive lines of documentation into one text each.
fn docs(lines: &[Line]) -> Vec<Line> {
    let join = |lines: &[Line]| {
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        Line { number: lines[0].number, text: texts.join("\n") }
    };
    lines.chunk_by(|line, next| next.number == line.number + 1).map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<(usize, &str)> {
        lines.iter().map(|line| (line.number, line.text.as_str())).collect()
    }

    #[test]
    fn comments_are_found_and_strings_are_not() {
        let source = SourceFile::parse(
            "x.rs",
            "//! A head.\n//! It goes on.\n\n// ä plain\nfn f() { /* in\n side /* nested */ it */\n    \
             let s = \"// none\"; // behind\n}\n/// Doc.\nstruct S;\nm! { // in a macro\n}\n// end",
        );
        assert_eq!(
            texts(&source.comments),
            [
                (1, "A head."),
                (2, "It goes on."),
                (4, "ä plain"),
                (5, "in"),
                (6, "side /* nested */ it"),
                (7, "behind"),
                (9, "Doc."),
                (11, "in a macro"),
                (13, "end"),
            ]
        );
        assert_eq!(texts(&source.docs), [(1, "A head.\nIt goes on."), (9, "Doc.")]);
        assert_eq!(source.lines, 13);
    }

    #[test]
    fn documentation_of_fields_is_not_joined() {
        let text =
            "struct S {\n    /// One.\n    a: u8,\n    /// Two\n    /// lines.\n    b: u8,\n}\n";
        let source = SourceFile::parse("x.rs", text);
        assert_eq!(texts(&source.docs), [(2, "One."), (4, "Two\nlines.")]);
    }

    fn parse(text: &str) -> SourceFile {
        SourceFile::parse("x.rs", text)
    }

    #[test]
    fn test_items_are_found() {
        let source = parse(
            "/// Doc.\n#[inline]\npub fn f(\n    x: u8,\n) {\n    let _ = x;\n}\n\
             impl S {\n    fn g(&self) { fn h() {} }\n}\n\
             trait T {\n    fn i(&self);\n    fn j(&self) {}\n}\n\
             #[cfg(test)]\nmod tests {\n    fn k() {}\n}\n#[test]\nfn l() {}\n#[cfg(not(test))]\nfn m() {}\n",
        );
        assert_eq!(source.tests, [15..=18, 19..=20]);
        assert!(source.is_test(17) && !source.is_test(22));
    }

    #[test]
    fn help_is_found_in_attributes_of_clap() {
        let source = parse(
            "#[derive(Args)]\n#[command(after_help = \"One\\nTwo\")]\nstruct S {\n    \
             #[arg(long, help = \"Three\")]\n    #[serde(rename = \"no\")]\n    x: u8,\n}\n",
        );
        let found: Vec<_> =
            source.help.iter().map(|line| (line.number, line.text.as_str())).collect();
        assert_eq!(found, [(2, "One\nTwo"), (4, "Three")]);
    }
}
