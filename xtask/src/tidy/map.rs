//! Checks that the map in ARCHITECTURE.md names every source file.

use std::ops::RangeInclusive;

use fast_glob::glob_match;

use super::measure::{Check, Measure, count};
use super::tree::FileTree;

/// Document with the map. The map is the first code block after its heading.
pub(super) const DOCUMENT: &str = "ARCHITECTURE.md";
const HEADING: &str = "## The map";

/// Extensions of source files.
const EXTENSIONS: [&str; 5] = ["rs", "sh", "c", "h", "py"];

/// Finds source files that the map does not name. Files for which `is_test` returns true may be missing.
pub(super) fn missing(tree: &FileTree, map: &str, is_test: impl Fn(&str) -> bool) -> Vec<Measure> {
    let map = Map::parse(map);
    let lacking = EXTENSIONS
        .iter()
        .flat_map(|extension| tree.with_extension(extension))
        .filter(|file| !is_test(file) && !map.has(file));
    let text = "add a line to the map";
    count(Check::Map, lacking.map(|file| (file.to_owned(), file, 1, text.to_owned())))
}

/// The files and folders that the map names.
#[derive(Debug, Default)]
struct Map {
    globs: Vec<String>,
    /// Ranges of paths in one folder.
    ranges: Vec<RangeInclusive<String>>,
}

/// A line of the map that names files.
struct MapEntry<'a> {
    indent: usize,
    /// Paths relative to the top of the checkout.
    paths: Vec<String>,
    /// Name of the last file of the range that the last of `paths` begins; `None`: no range.
    end: Option<&'a str>,
}

impl Map {
    /// Parses the map in the document.
    fn parse(document: &str) -> Self {
        let block = document.split_once(HEADING).and_then(|(_, rest)| rest.split_once("```"));
        let block = block.and_then(|(_, rest)| rest.split_once("```"));
        let lines = block.map_or("", |(block, _)| block).lines().skip(1);
        let mut entries: Vec<MapEntry<'_>> = Vec::new();
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let indent = line.chars().take_while(|c| *c == ' ').count();
            // A line that is indented further continues a description.
            if entries.last().is_none_or(|last| indent <= last.indent + 2) {
                let entry = entry(&entries, indent, line.trim());
                entries.push(entry);
            }
        }
        let mut map = Self::default();
        for (i, entry) in entries.iter().enumerate() {
            let is_parent = entries.get(i + 1).is_some_and(|next| next.indent > entry.indent);
            map.add(entry, is_parent);
        }
        map
    }

    fn add(&mut self, entry: &MapEntry<'_>, is_parent: bool) {
        self.globs.extend(entry.paths.iter().map(|path| match path.strip_suffix('/') {
            None => path.clone(),
            Some(folder) if is_parent => format!("{folder}/mod.rs"),
            Some(folder) => format!("{folder}/**"),
        }));
        if let (Some(first), Some(end)) = (entry.paths.last(), entry.end) {
            let folder = first.rsplit_once('/').map_or("", |(folder, _)| folder);
            self.ranges.push(first.clone()..=format!("{folder}/{end}"));
        }
    }

    fn has(&self, file: &str) -> bool {
        let depth = |path: &str| path.matches('/').count();
        let in_range = |range: &RangeInclusive<String>| {
            range.contains(&file.to_owned()) && depth(file) == depth(range.start())
        };
        self.globs.iter().any(|glob| glob_match(glob, file)) || self.ranges.iter().any(in_range)
    }
}

/// Parses `src/a.rs, b.rs  description`. A name without a folder is in the folder of the first name.
fn entry<'a>(before: &[MapEntry<'_>], indent: usize, line: &'a str) -> MapEntry<'a> {
    let parent = before.iter().rev().find(|entry| entry.indent < indent);
    let base = parent.and_then(|entry| entry.paths.iter().find(|path| path.ends_with('/')));
    let base = base.map_or("", String::as_str);
    let mut words = line.split_whitespace().peekable();
    let mut paths: Vec<String> = Vec::new();
    for word in words.by_ref() {
        let name = word.trim_end_matches(',');
        let is_bare = !name.trim_end_matches('/').contains('/');
        let folder = paths.first().filter(|_| is_bare).map_or(base, |first| {
            first.trim_end_matches('/').rfind('/').map_or("", |at| &first[..=at])
        });
        let path = format!("{folder}{name}");
        paths.push(path);
        if name == word {
            break;
        }
    }
    let end = words.next_if(|word| *word == "…").and_then(|_| words.next());
    MapEntry { indent, paths, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# A\n\n## The map\n\n```\n\
        common/                  what crosses\n\
        seqtrace/                the program\n\
        \x20 build.rs                 builds\n\
        \x20 src/cli.rs, exit.rs the command line\n\
        \x20 src/filter.rs, filter/   filters\n\
        \x20 src/rules/               the rules:\n\
        \x20                          more.rs is not named here\n\
        \x20   judge.rs, case.rs        who judges\n\
        \x20   ledger/                  the ledger\n\
        \x20   a/x.rs, b/y.rs           two folders\n\
        \x20   sq101.rs … sq901.rs      a rule a file\n\
        xtask/                   tasks\n\
        \x20 e2e/*.sh, e2e/run        scripts\n\
        .ci/run                  all\n\
        ```\n\nsrc/else.rs\n";

    #[test]
    fn files_folders_lists_and_ranges_are_understood() {
        let map = Map::parse(DOCUMENT);
        let has = [
            "common/src/lib.rs",
            "seqtrace/build.rs",
            "seqtrace/src/cli.rs",
            "seqtrace/src/exit.rs",
            "seqtrace/src/filter.rs",
            "seqtrace/src/filter/a.rs",
            "seqtrace/src/rules/mod.rs",
            "seqtrace/src/rules/judge.rs",
            "seqtrace/src/rules/case.rs",
            "seqtrace/src/rules/ledger/mod.rs",
            "seqtrace/src/rules/a/x.rs",
            "seqtrace/src/rules/b/y.rs",
            "seqtrace/src/rules/sq101.rs",
            "seqtrace/src/rules/sq501.rs",
            "xtask/e2e/story.sh",
            ".ci/run",
        ];
        for file in has {
            assert!(map.has(file), "{file}");
        }
        let lacks = [
            "seqtrace/src/else.rs",
            "seqtrace/src/rules/more.rs",
            "seqtrace/src/rules/sq999.rs",
            "seqtrace/src/rules/sq2/x.rs",
            "xtask/src/main.rs",
            "xtask/e2e/a/b.sh",
        ];
        for file in lacks {
            assert!(!map.has(file), "{file}");
        }
    }

    #[test]
    fn source_files_are_reported_and_tests_are_not() {
        let files = ["seqtrace/new.rs", "seqtrace/t.rs", "seqtrace/data.json", "common/x.rs"];
        let tree = FileTree { files: files.map(str::to_owned).into() };
        let found = missing(&tree, DOCUMENT, |file| file.ends_with("t.rs"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "seqtrace/new.rs");
    }
}
