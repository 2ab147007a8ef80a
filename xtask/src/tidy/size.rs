//! Checks the sizes of files. Clippy checks those of functions: `too-many-lines-threshold` in clippy.toml.

use std::collections::BTreeSet;

use super::config::SizeLimits;
use super::measure::{Check, Measure, Violation};
use super::rust::SourceFile;
use super::tree::is_test_file;

/// Measures the files whose length without tests exceeds the limit. `scripts` are files other than Rust and their
/// lengths in lines.
pub(super) fn files(
    limits: &SizeLimits,
    sources: &[SourceFile],
    scripts: &[(String, usize)],
) -> Vec<Measure> {
    let sources = sources.iter().filter(|source| !is_test_file(&source.file)).map(|source| {
        let in_tests: BTreeSet<usize> = source.tests.iter().cloned().flatten().collect();
        (source.file.clone(), source.lines - in_tests.len())
    });
    let long =
        sources.chain(scripts.iter().cloned()).filter(|(_, lines)| *lines > limits.file_lines);
    long.map(|(file, value)| {
        let text = format!("{value} lines");
        let violations = vec![Violation { file: file.clone(), line: 1, text }];
        Measure { check: Check::Files, key: file, value, violations }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SizeLimits = SizeLimits { file_lines: 8, markdown_columns: 0 };

    fn source(file: &str, text: &str) -> SourceFile {
        SourceFile::parse(file, text)
    }

    #[test]
    fn tests_do_not_make_a_file_long() {
        let tests =
            "#[cfg(test)]\nmod testing;\n#[cfg(test)]\nmod tests {\n    fn f() {\n\n\n\n    }\n}\n";
        let long = "//\n".repeat(9);
        let sources = [
            source("c/src/lib.rs", tests),
            source("c/src/testing.rs", &long),
            source("c/src/testing/more.rs", &long),
            source("c/src/a/tests/b.rs", &long),
            source("c/src/a.rs", &long),
        ];
        let scripts = [("run.sh".to_owned(), 9), ("short.sh".to_owned(), 8)];
        let found = files(&LIMITS, &sources, &scripts);
        let found: Vec<_> = found.iter().map(|m| (m.key.as_str(), m.value)).collect();
        assert_eq!(found, [("c/src/a.rs", 9), ("run.sh", 9)]);
    }
}
