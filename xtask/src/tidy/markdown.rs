//! Checks Markdown documents for long lines and dead links.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::measure::{Check, Measure, count};
use super::rust::Line;
use super::tree::FileTree;

/// Facts about a Markdown document.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Path relative to the top of the checkout.
    pub(super) file: String,
    /// Pieces of text outside of code, with line numbers.
    pub(super) prose: Vec<Line>,
    /// Targets of links and images, with line numbers.
    links: Vec<Line>,
    /// Anchors of headings, which a link can name after `#`.
    anchors: BTreeSet<String>,
    /// Length of each line in characters, and true for lines of tables and code blocks.
    lines: Vec<(usize, bool)>,
}

impl Document {
    pub(super) fn parse(file: &str, text: &str) -> Self {
        let newlines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        // Returns the 1-based line of a byte offset.
        let line_at = |offset: usize| newlines.partition_point(|&at| at < offset) + 1;
        let lines = text.lines().map(|line| (line.chars().count(), false)).collect();
        let mut document = Self { file: file.to_owned(), lines, ..Self::default() };
        let mut heading: Option<String> = None;
        let mut in_code = false;
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let number = line_at(range.start);
            let last = line_at(range.end.saturating_sub(1).max(range.start));
            match event {
                Event::Start(Tag::CodeBlock(_) | Tag::Table(_)) => {
                    in_code = matches!(event, Event::Start(Tag::CodeBlock(_)));
                    document.mark_block(number, last);
                }
                Event::End(TagEnd::CodeBlock) => in_code = false,
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    document.anchor(&heading.take().unwrap_or_default());
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(Line { number, text: dest_url.into_string() });
                }
                Event::Text(ref piece) | Event::Code(ref piece) if !in_code => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(piece);
                    }
                    if matches!(event, Event::Text(_)) {
                        document.prose.push(Line { number, text: piece.to_string() });
                    }
                }
                _ => {}
            }
        }
        document
    }

    /// Marks the lines of a table or a code block; both numbers are 1-based.
    fn mark_block(&mut self, first: usize, last: usize) {
        for (_, in_block) in self.lines.get_mut(first - 1..last).unwrap_or_default() {
            *in_block = true;
        }
    }

    /// Adds the anchor of a heading by the rules of GitHub: a second heading with the same text gets `-1`.
    fn anchor(&mut self, heading: &str) {
        let slug: String = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let names = (0..).map(|n| if n == 0 { slug.clone() } else { format!("{slug}-{n}") });
        let free = names.into_iter().find(|name| !self.anchors.contains(name));
        self.anchors.extend(free);
    }
}

/// Counts the lines of each area that are longer than `limit` characters, those in tables and code blocks separately.
pub(super) fn width(limit: usize, tree: &FileTree, documents: &[Document]) -> Vec<Measure> {
    let measure = |check, blocks| {
        let mut found = Vec::new();
        for document in documents {
            for (i, (length, in_block)) in document.lines.iter().enumerate() {
                if *length > limit && *in_block == blocks {
                    let text = format!("{length} characters");
                    found.push((tree.area(&document.file), document.file.as_str(), i + 1, text));
                }
            }
        }
        count(check, found)
    };
    let mut measures = measure(Check::Width, false);
    measures.extend(measure(Check::WideBlocks, true));
    measures
}

/// Counts the links of each document to files and headings that do not exist.
pub(super) fn links(tree: &FileTree, documents: &[Document]) -> Vec<Measure> {
    let by_file: BTreeMap<&str, &Document> =
        documents.iter().map(|document| (document.file.as_str(), document)).collect();
    let dead = documents.iter().flat_map(|document| {
        let file = document.file.as_str();
        let dead = document.links.iter().filter(|link| !leads(tree, &by_file, document, link));
        dead.map(move |link| (file.to_owned(), file, link.number, link.text.clone()))
    });
    count(Check::Links, dead)
}

/// Returns true if the file and the anchor to which a link leads exist, or if the link is a URL.
fn leads(
    tree: &FileTree,
    documents: &BTreeMap<&str, &Document>,
    from: &Document,
    link: &Line,
) -> bool {
    if link.text.contains("://") || link.text.starts_with("mailto:") {
        return true;
    }
    let (path, anchor) = link.text.split_once('#').unwrap_or((&link.text, ""));
    let target = if path.is_empty() { Some(from.file.clone()) } else { resolve(&from.file, path) };
    let Some(target) = target.filter(|target| tree.has(target)) else { return false };
    let document = documents.get(target.as_str());
    anchor.is_empty() || document.is_none_or(|document| document.anchors.contains(anchor))
}

/// Resolves a relative link of `file` to a path relative to the top of the checkout; `None`: outside of the checkout.
fn resolve(file: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => file.split('/').collect(),
    };
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> FileTree {
        FileTree { files: files.iter().map(|&file| file.to_owned()).collect() }
    }

    #[test]
    fn code_is_not_prose() {
        let document = Document::parse(
            "a.md",
            "# One `two`\n\nThree `four`\nfive\n\n```\nsix\n```\n\n| a | b |\n| - | - |\n| c | `d` |\n",
        );
        let prose: Vec<_> =
            document.prose.iter().map(|line| (line.number, line.text.trim())).collect();
        assert_eq!(prose, [(1, "One"), (3, "Three"), (4, "five"), (10, "a"), (10, "b"), (12, "c")]);
    }

    #[test]
    fn lines_of_tables_and_code_are_counted_separately() {
        let text = "long line\n\n```\nlong code\n```\n\n| long head | b |\n| - | - |\n| long cell | d |\n\nlong end\n";
        let tree = tree(&["docs/a.md"]);
        let measures = width(6, &tree, &[Document::parse("docs/a.md", text)]);
        let found: Vec<_> = measures
            .iter()
            .map(|m| {
                (m.check, m.key.as_str(), m.violations.iter().map(|v| v.line).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            found,
            [(Check::Width, "docs", vec![1, 11]), (Check::WideBlocks, "docs", vec![4, 7, 8, 9]),]
        );
    }

    #[test]
    fn dead_links_are_found() {
        let text = "# A heading, `code`\n\n# Twice\n\n# Twice\n\n[a](#a-heading-code) [b](#twice-1) [c](b.md#b) \
                    [d](../src/) [e](https://example.org/x) [f][r]\n\n[x](#twice-2)\n[y](c.md)\n\
                    ![z](b.md#none)\n[w](../../out)\n\n[r]: /docs/b.md\n";
        let documents = [Document::parse("docs/a.md", text), Document::parse("docs/b.md", "# B\n")];
        let tree = tree(&["docs/a.md", "docs/b.md", "src/main.rs"]);
        let measures = links(&tree, &documents);
        let found: Vec<_> =
            measures[0].violations.iter().map(|v| (v.line, v.text.as_str())).collect();
        let dead = [(9, "#twice-2"), (10, "c.md"), (11, "b.md#none"), (12, "../../out")];
        assert_eq!(found, dead);
        assert_eq!(measures.len(), 1);
    }
}
