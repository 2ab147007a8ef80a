//! Facts about a Rust source file: comments, documentation, functions, paths to other modules.
//!
//! proc-macro2 is the lexer. It drops plain comments, but what lies between two of its tokens is white space and plain
//! comments and nothing else, so the gaps are searched for them. syn finds functions, tests and attributes. Code inside
//! macro invocations has comments and paths for this module, but no functions.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr as _;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::items;

/// Text with the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Line number in the file, 1-based.
    pub(super) number: usize,
    pub(super) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// 1-based line of `fn`.
    pub(super) line: usize,
    /// From `fn` to the closing brace.
    pub(super) lines: usize,
}

/// A token as [`super::arrows`] needs it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// Punctuation, or a delimiter.
    Mark(char),
    Literal,
}

/// A Rust source file.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Path relative to the top of the checkout.
    pub(super) file: String,
    /// Length of the file in lines.
    pub(super) lines: usize,
    /// Lines of plain comments and of doc comments, without their marks, in order.
    pub(super) comments: Vec<Line>,
    /// Doc comments; consecutive lines are one.
    pub(super) docs: Vec<Line>,
    /// Texts of clap's attributes.
    pub(super) help: Vec<Line>,
    /// Functions outside of tests.
    pub(super) functions: Vec<Function>,
    /// Lines of items that only tests have.
    pub(super) tests: Vec<RangeInclusive<usize>>,
    /// Names of `#[cfg(test)] mod name;`.
    pub(super) test_modules: Vec<String>,
    /// All tokens but comments, with their lines.
    pub(super) tokens: Vec<(usize, Token)>,
}

impl Source {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self> {
        let stream = TokenStream::from_str(text)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("cannot read {file} as Rust"))?;
        let mut reader = Reader { text, index: Index::new(text), end: 0, source: Self::default() };
        reader.stream(stream.clone());
        reader.gap(text.len());
        let Reader { index, mut source, .. } = reader;
        file.clone_into(&mut source.file);
        source.lines = text.lines().count();
        source.docs = docs(&source.docs);
        items::find(stream, &index, &mut source).with_context(|| format!("cannot parse {file}"))?;
        // The spans of this file are not needed any more.
        proc_macro2::extra::invalidate_current_thread_spans();
        Ok(source)
    }

    /// Returns true if only tests have the line.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }
}

/// Maps offsets to lines.
pub(super) struct Index {
    /// Offsets in bytes at which lines begin.
    starts: Vec<usize>,
}

impl Index {
    pub(super) fn new(text: &str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: [0].into_iter().chain(newlines).collect() }
    }

    /// Returns the 1-based line of a byte.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    /// Returns the 1-based lines of the first and the last byte of a span.
    pub(super) fn lines(&self, span: Span) -> RangeInclusive<usize> {
        let Range { start, end } = span.byte_range();
        self.line(start)..=self.line(end.saturating_sub(1).max(start))
    }
}

struct Reader<'a> {
    text: &'a str,
    index: Index,
    /// Offset behind the last token.
    end: usize,
    source: Source,
}

impl Reader<'_> {
    fn stream(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            let range = tree.span().byte_range();
            if let TokenTree::Punct(punct) = &tree
                && punct.as_char() == '#'
                && self.slice(&range).starts_with('/')
            {
                self.doc(&range);
                // The tokens of the attribute that it stands for have the same span.
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

    /// Takes the comments between the last token and `start`.
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

/// Returns the length in bytes of the block comment at the beginning of `text`; these nest.
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

/// Splits a comment into lines without its marks.
fn lines(number: usize, comment: &str) -> Vec<Line> {
    let comment = comment.strip_suffix("*/").unwrap_or(comment);
    let line = |(n, text): (usize, &str)| {
        let text = text.trim_start().trim_start_matches(['/', '*', '!']);
        Line { number: number + n, text: text.trim().to_owned() }
    };
    comment.lines().enumerate().map(line).collect()
}

/// Joins consecutive lines of documentation.
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
    fn comments_are_found_and_strings_are_none() {
        let source = Source::parse(
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
        let source = Source::parse("x.rs", text).unwrap();
        assert_eq!(texts(&source.docs), [(2, "One."), (4, "Two\nlines.")]);
    }

    #[test]
    fn what_is_no_rust_is_an_error() {
        assert!(Source::parse("x.rs", "fn f( {").is_err());
        assert!(Source::parse("x.rs", "fn fn").is_err());
    }
}
