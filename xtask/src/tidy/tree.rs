//! Lists the files of the checkout and maps them to areas. Budgets of language are kept for each area.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::git;

/// Returns true for files that only tests use: their names or folders are `tests` or `testing`.
pub(super) fn is_test_file(file: &str) -> bool {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    path.split('/').any(|part| matches!(part, "tests" | "testing"))
}

/// The files that git tracks or would add.
#[derive(Debug)]
pub(super) struct FileTree {
    /// Paths relative to the top of the checkout.
    pub(super) files: BTreeSet<String>,
}

impl FileTree {
    /// Lists the files of the checkout at `root`.
    pub(super) fn list(root: &Path) -> Result<Self> {
        let listing = git::run(&["ls-files", "--cached", "--others", "--exclude-standard", "-z"])?;
        let files = listing.split_terminator('\0').filter(|file| root.join(file).is_file());
        Ok(Self { files: files.map(str::to_owned).collect() })
    }

    /// Returns the files whose names end in `.extension`.
    pub(super) fn with_extension<'a>(
        &'a self,
        extension: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let matches =
            move |file: &&str| file.rsplit_once('.').is_some_and(|(_, end)| end == extension);
        self.files.iter().map(String::as_str).filter(matches)
    }

    /// Returns true if `path` is a file or a folder with files.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.files.contains(path) || self.has_folder(path)
    }

    fn has_folder(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        let first = self.files.range(folder.clone()..).next();
        first.is_some_and(|file| file.starts_with(&folder))
    }

    /// Returns the area of a file: its top-level module in seqtrace or seqtrace-model; for other files their crate, or
    /// else their top-level folder.
    pub(super) fn area(&self, file: &str) -> String {
        for krate in ["seqtrace", "seqtrace-model"] {
            let Some(rest) = file.strip_prefix(&format!("{krate}/src/")) else { continue };
            let first = rest.split('/').next().unwrap_or(rest);
            let module = first.strip_suffix(".rs").unwrap_or(first);
            if self.has_folder(&format!("{krate}/src/{module}")) {
                return format!("{krate}/{module}");
            }
        }
        let folders = Path::new(file).ancestors().skip(1).filter_map(Path::to_str);
        let mut folders = folders.filter(|folder| !folder.is_empty());
        let crate_of = |folder: &&str| self.files.contains(&format!("{folder}/Cargo.toml"));
        let top = || file.split_once('/').map_or("top", |(folder, _)| folder);
        folders.find(crate_of).unwrap_or_else(top).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> FileTree {
        let files = [
            "README.md",
            "docs/json.md",
            "seqtrace/Cargo.toml",
            "seqtrace/src/cli.rs",
            "seqtrace/src/filter.rs",
            "seqtrace/src/filter/glob.rs",
            "seqtrace/tests/golden.rs",
            "xtask/Cargo.toml",
            "xtask/e2e-helper/Cargo.toml",
            "xtask/e2e-helper/src/main.rs",
            "xtask/src/main.rs",
        ];
        FileTree { files: files.map(str::to_owned).into() }
    }

    #[test]
    fn areas_are_modules_crates_and_folders() {
        let tree = tree();
        assert_eq!(tree.area("seqtrace/src/filter.rs"), "seqtrace/filter");
        assert_eq!(tree.area("seqtrace/src/filter/glob.rs"), "seqtrace/filter");
        assert_eq!(tree.area("seqtrace/src/cli.rs"), "seqtrace");
        assert_eq!(tree.area("seqtrace/tests/golden.rs"), "seqtrace");
        assert_eq!(tree.area("xtask/e2e-helper/src/main.rs"), "xtask/e2e-helper");
        assert_eq!(tree.area("xtask/src/main.rs"), "xtask");
        assert_eq!(tree.area("docs/json.md"), "docs");
        assert_eq!(tree.area("README.md"), "top");
    }

    #[test]
    fn folders_exist_if_they_have_files() {
        let tree = tree();
        assert!(tree.has("docs/json.md") && tree.has("docs/") && tree.has("docs") && tree.has(""));
        assert!(!tree.has("doc") && !tree.has("docs/jso"));
        assert_eq!(tree.with_extension("md").count(), 2);
    }
}
