//! Expands a glob to the files that it matches now.
//!
//! [`Glob::matches`] decides for sessions. Folders are walked with the same matcher, so that a pattern
//! has one meaning.

use std::{
    fs::DirEntry,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use super::machine::path_buf;
use crate::filter::glob::{self, Glob};

/// Maximum number of patterns without braces to which one with braces expands.
const MAX_ALTERNATIVES: usize = 1024;

/// Returns the existing files whose paths match an absolute pattern, sorted, without duplicates, at most `limit`. Links
/// are followed, but not by `**`: some lead upwards.
pub(super) fn expand(pattern: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let mut walk = Walk { limit, found: Vec::new() };
    for alternative in alternatives(pattern) {
        let Some(rest) = alternative.strip_prefix(b"/") else { continue };
        let components: Vec<&[u8]> = rest.split(|byte| *byte == b'/').collect();
        walk.below(b"", &components);
    }
    let mut found = walk.found;
    found.sort();
    found.dedup();
    found.truncate(limit);
    found
}

struct Walk {
    limit: usize,
    found: Vec<Vec<u8>>,
}

impl Walk {
    /// Adds the files below a folder that match the components. An empty `folder` is the root.
    fn below(&mut self, folder: &[u8], components: &[&[u8]]) {
        if self.found.len() >= self.limit {
            return;
        }
        let Some((first, rest)) = components.split_first() else {
            if std::fs::metadata(path_buf(folder)).is_ok_and(|metadata| metadata.is_file()) {
                self.found.push(folder.to_vec());
            }
            return;
        };
        if *first == b"**" {
            self.everywhere(folder, components, rest);
        } else if let Some(name) = glob::unescaped(first) {
            self.below(&child(folder, &name), rest);
        } else if let Ok(pattern) = Glob::path(*first) {
            for entry in entries(folder) {
                if pattern.matches(entry.file_name().as_bytes()) {
                    self.below(&child(folder, entry.file_name().as_bytes()), rest);
                }
            }
        }
    }

    fn everywhere(&mut self, folder: &[u8], components: &[&[u8]], rest: &[&[u8]]) {
        if !rest.is_empty() {
            self.below(folder, rest);
        }
        for entry in entries(folder) {
            let path = child(folder, entry.file_name().as_bytes());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.below(&path, components);
            } else if rest.is_empty() {
                self.below(&path, rest);
            }
        }
    }
}

fn child(folder: &[u8], name: &[u8]) -> Vec<u8> {
    [folder, b"/", name].concat()
}

/// Returns the sorted entries of a folder; empty if `folder` is not a folder.
fn entries(folder: &[u8]) -> Vec<DirEntry> {
    let path = if folder.is_empty() { b"/" } else { folder };
    let Ok(entries) = std::fs::read_dir(path_buf(path)) else { return Vec::new() };
    let mut entries: Vec<DirEntry> = entries.flatten().collect();
    entries.sort_by_cached_key(|entry| entry.file_name().into_vec());
    entries
}

/// Expands the braces of a pattern.
fn alternatives(pattern: &[u8]) -> Vec<Vec<u8>> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_vec()];
    while let Some(pattern) = todo.pop() {
        match braces(&pattern) {
            Some(cuts) if todo.len() + done.len() < MAX_ALTERNATIVES => {
                let head = cuts.first().and_then(|start| pattern.get(..*start));
                let tail = cuts.last().and_then(|end| pattern.get(end + 1..));
                let choices = cuts.windows(2).filter_map(|cut| pattern.get(cut[0] + 1..cut[1]));
                let pattern = |choice| [head.unwrap_or_default(), choice, tail.unwrap_or_default()];
                todo.extend(choices.map(|choice| pattern(choice).concat()));
            }
            Some(_) => {}
            None => done.push(pattern),
        }
    }
    done
}

/// Returns the indices of the first opening brace, of its commas, and of the matching closing brace.
fn braces(pattern: &[u8]) -> Option<Vec<usize>> {
    let (mut cuts, mut depth) = (Vec::new(), 0_u32);
    for (index, byte) in special(pattern) {
        match (byte, depth) {
            (b'{', 0) => {
                depth = 1;
                cuts.push(index);
            }
            (b'{', _) => depth += 1,
            (b',', 1) => cuts.push(index),
            (b'}', 1) => {
                cuts.push(index);
                return Some(cuts);
            }
            (b'}', _) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Returns the bytes that are neither escaped nor in brackets, with their indices.
fn special(pattern: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut escaped, mut bracket) = (false, false);
    pattern.iter().copied().enumerate().filter(move |(_, byte)| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' => escaped = true,
            b'[' if !bracket => bracket = true,
            b']' => bracket = false,
            _ => return !bracket,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alternatives_of(pattern: &str) -> Vec<String> {
        let mut found: Vec<String> = alternatives(pattern.as_bytes())
            .into_iter()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(alternatives_of("/a/b"), ["/a/b"]);
        assert_eq!(alternatives_of("/{a,b/c}/d"), ["/a/d", "/b/c/d"]);
        assert_eq!(alternatives_of("/{a,{b,c}d}"), ["/a", "/bd", "/cd"]);
        assert_eq!(alternatives_of("/{a,b}{c,d}"), ["/ac", "/ad", "/bc", "/bd"]);
        assert_eq!(alternatives_of("/\\{a,b}"), ["/\\{a,b}"]);
        assert_eq!(alternatives_of("/[{,}]"), ["/[{,}]"]);
        assert!(alternatives_of(&"{a,b}".repeat(20)).len() <= MAX_ALTERNATIVES);
    }

    #[test]
    fn files_are_found_as_sessions_are_matched() {
        let root = std::env::temp_dir().join(format!("seqtrace-expand-{}", std::process::id()));
        let _fresh = std::fs::remove_dir_all(&root);
        for file in ["one/a", "one/b[1]", "one/deep/a", "two/a", "two/.c"] {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        std::os::unix::fs::symlink("one", root.join("alias")).unwrap();
        let base = root.to_str().unwrap();
        for (pattern, expected) in [
            ("/*/a", &["alias/a", "one/a", "two/a"][..]),
            ("/**/a", &["one/a", "one/deep/a", "two/a"]),
            ("/one/**", &["one/a", "one/b[1]", "one/deep/a"]),
            ("/{two,one/deep}/a", &["one/deep/a", "two/a"]),
            ("/{one,o*}/a", &["one/a"]),
            ("/one/b\\[1\\]", &["one/b[1]"]),
            ("/one/b[1]", &[]),
            ("/one/?[[]*", &["one/b[1]"]),
            ("/two/*", &["two/.c", "two/a"]),
            ("/one/a/*", &[]),
            ("/*", &[]),
        ] {
            let pattern = format!("{base}{pattern}");
            let found = expand(pattern.as_bytes(), 100);
            let expected: Vec<Vec<u8>> =
                expected.iter().map(|name| format!("{base}/{name}").into_bytes()).collect();
            assert_eq!(found, expected, "{pattern}");
            let glob = Glob::path(pattern.as_str()).unwrap();
            assert!(found.iter().all(|path| glob.matches(path)), "{pattern}");
        }
        assert_eq!(expand(format!("{base}/**").as_bytes(), 2).len(), 2);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
