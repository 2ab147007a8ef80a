//! Reads a Rust source file: comments, documentation, tokens, functions and tests.
//!
//! proc-macro2 is the lexer. It drops plain comments, but only white space and plain comments lie between its tokens, so
//! this module searches the gaps for them. syn finds functions, tests and attributes. Functions inside macro invocations
//! are not found.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr as _;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::items;

/// A text and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Line number in the file, 1-based.
    pub(super) number: usize,
    pub(super) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Line number of `fn`, 1-based.
    pub(super) line: usize,
    /// Number of lines from `fn` to the closing brace.
    pub(super) lines: usize,
}

/// Token with the details that [`super::arrows`] uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// Punctuation, or a delimiter.
    Mark(char),
    Literal,
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
    /// Functions outside of tests.
    pub(super) functions: Vec<Function>,
    /// Line numbers of test items, 1-based.
    pub(super) tests: Vec<RangeInclusive<usize>>,
    /// Names of test modules in files of their own: `#[cfg(test)] mod name;`.
    pub(super) test_modules: Vec<String>,
    /// All tokens except comments, with 1-based line numbers.
    pub(super) tokens: Vec<(usize, Token)>,
}

impl SourceFile {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self> {
        let stream = TokenStream::from_str(text)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("cannot read {file} as Rust"))?;
        let mut lexer =
            Lexer { text, index: LineIndex::new(text), end: 0, source: Self::default() };
        lexer.stream(stream.clone());
        lexer.gap(text.len());
        let Lexer { index, mut source, .. } = lexer;
        file.clone_into(&mut source.file);
        source.lines = text.lines().count();
        source.docs = docs(&source.docs);
        items::find(stream, &index, &mut source).with_context(|| format!("cannot parse {file}"))?;
        // Frees the memory of this file's spans, which are no longer used.
        proc_macro2::extra::invalidate_current_thread_spans();
        Ok(source)
    }

    /// Returns true if the 1-based line is part of a test item.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }
}

/// Maps byte offsets to line numbers.
pub(super) struct LineIndex {
    /// Byte offsets at which lines begin.
    starts: Vec<usize>,
}

impl LineIndex {
    pub(super) fn new(text: &str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: [0].into_iter().chain(newlines).collect() }
    }

    /// Returns the 1-based line of the byte at `offset`.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    /// Returns the 1-based lines of the first and the last byte of a span.
    pub(super) fn lines(&self, span: Span) -> RangeInclusive<usize> {
        let Range { start, end } = span.byte_range();
        self.line(start)..=self.line(end.saturating_sub(1).max(start))
    }
}

struct Lexer<'a> {
    text: &'a str,
    index: LineIndex,
    /// Byte offset of the end of the last token.
    end: usize,
    source: SourceFile,
}

impl Lexer<'_> {
    fn stream(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            let range = tree.span().byte_range();
            if let TokenTree::Punct(punct) = &tree
                && punct.as_char() == '#'
                && self.slice(&range).starts_with('/')
            {
                self.doc(&range);
                // The lexer turns a doc comment into the tokens of an attribute, all with the same span.
                while trees.next_if(|tree| tree.span().byte_range() == range).is_some() {}
                continue;
            }
            match tree {
                TokenTree::Group(group) => {
                    let marks = match group.delimiter() {
                        Delimiter::Parenthesis => Some(['(', ')']),
                        Delimiter::Brace => Some(['{', '}']),
                        Delimiter::Bracket => Some(['[', ']']),
                        Delimiter::None => None,
                    };
                    if let Some([open, _]) = marks {
                        self.token(&group.span_open().byte_range(), Token::Mark(open));
                    }
                    self.stream(group.stream());
                    if let Some([_, close]) = marks {
                        self.token(&group.span_close().byte_range(), Token::Mark(close));
                    }
                }
                TokenTree::Ident(word) => self.token(&range, Token::Word(word.to_string())),
                TokenTree::Punct(punct) => self.token(&range, Token::Mark(punct.as_char())),
                TokenTree::Literal(_) => self.token(&range, Token::Literal),
            }
        }
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn token(&mut self, range: &Range<usize>, token: Token) {
        self.gap(range.start);
        self.end = self.end.max(range.end);
        self.source.tokens.push((self.index.line(range.start), token));
    }

    fn doc(&mut self, range: &Range<usize>) {
        self.gap(range.start);
        self.end = self.end.max(range.end);
        let number = self.index.line(range.start);
        let comment = self.slice(range);
        let lines = lines(number, comment);
        self.source.docs.extend(lines.iter().cloned());
        self.source.comments.extend(lines);
    }

    /// Adds the comments between the last token and the byte offset `start`.
    fn gap(&mut self, start: usize) {
        let mut at = self.end;
        loop {
            let rest = self.text.get(at..start).unwrap_or_default();
            let blank = rest.len() - rest.trim_start().len();
            let (begin, rest) = (at + blank, rest.trim_start());
            let length = if rest.starts_with("/*") {
                block_length(rest)
            } else {
                rest.find('\n').unwrap_or(rest.len())
            };
            if length == 0 {
                break;
            }
            let number = self.index.line(begin);
            self.source.comments.extend(lines(number, rest.get(..length).unwrap_or(rest)));
            at = begin + length;
        }
    }
}

/// Returns the length in bytes of the block comment at the beginning of `text`. Block comments nest.
fn block_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
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
    let mut docs: Vec<Line> = Vec::new();
    let mut last = 0;
    for Line { number, text } in lines {
        match docs.last_mut() {
            Some(doc) if *number == last + 1 => {
                doc.text.push('\n');
                doc.text.push_str(text);
            }
            _ => docs.push(Line { number: *number, text: text.clone() }),
        }
        last = *number;
    }
    docs
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
        )
        .unwrap();
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
        let source = SourceFile::parse("x.rs", text).unwrap();
        assert_eq!(texts(&source.docs), [(2, "One."), (4, "Two\nlines.")]);
    }

    #[test]
    fn invalid_rust_is_an_error() {
        assert!(SourceFile::parse("x.rs", "fn f( {").is_err());
        assert!(SourceFile::parse("x.rs", "fn fn").is_err());
    }
}
