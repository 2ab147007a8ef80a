//! Paths of sources as the user knows them. Modules are built from a copy of their folder, and seqtrace shows a source
//! relative to the folder in which its module was built.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

/// The folders of the modules.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    /// Folders in which modules were built, and the folders of their sources as the user named them.
    folders: Vec<(PathBuf, PathBuf)>,
    /// Folder of the sources of each module, by name.
    modules: IndexMap<String, PathBuf>,
}

impl Sources {
    /// Adds a folder `shown` whose copy `built` was built.
    pub(super) fn add_folder(&mut self, built: PathBuf, shown: PathBuf) {
        self.folders.push((built, shown));
    }

    /// Adds a module with the file `ko` in one of the folders.
    pub(super) fn add_module(&mut self, name: &str, ko: &Path) {
        let folder = ko.parent().and_then(|folder| self.shown(folder));
        self.modules.extend(folder.map(|folder| (name.to_owned(), folder)));
    }

    /// Returns the path of a source of the function `blame`, as in `eof_next [seqbugs+0x250]`.
    pub(super) fn path(&self, file: &str, blame: &str) -> String {
        let module = blame.split_once(" [").and_then(|(_, module)| module.split(['+', ']']).next());
        let folder = module.and_then(|module| self.modules.get(module));
        let path = Path::new(file);
        let shown = match folder {
            Some(folder) if path.is_relative() => Some(join(folder, path)),
            _ => self.shown(path),
        };
        shown.unwrap_or_else(|| path.to_path_buf()).display().to_string()
    }

    /// Returns the path that the user knows for a path in a folder in which modules were built; `None` for other paths.
    fn shown(&self, path: &Path) -> Option<PathBuf> {
        self.folders
            .iter()
            .find_map(|(built, shown)| Some(join(shown, path.strip_prefix(built).ok()?)))
    }
}

/// Joins paths, without `./` at the beginning.
fn join(folder: &Path, below: &Path) -> PathBuf {
    let joined: PathBuf = folder.join(below).components().collect();
    joined.strip_prefix(".").map(Path::to_path_buf).unwrap_or(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(shown: &str) -> Sources {
        let mut sources = Sources::default();
        sources.add_folder(PathBuf::from("/t/kmod/a"), PathBuf::from(shown));
        sources.add_module("one", Path::new("/t/kmod/a/one.ko"));
        sources.add_module("two", Path::new("/t/kmod/a/sub/two.ko"));
        sources
    }

    #[test]
    fn relative_paths_are_those_of_the_module() {
        let path = |shown: &str, file: &str, blame: &str| sources(shown).path(file, blame);
        assert_eq!(path("drivers/a", "one.c", "f [one+0x10]"), "drivers/a/one.c");
        assert_eq!(path("drivers/a", "x/y.c", "f [two]"), "drivers/a/sub/x/y.c");
        assert_eq!(path(".", "one.c", "f [one+0x10]"), "one.c");
        assert_eq!(path(".", "two.c", "f [two]"), "sub/two.c");
    }

    #[test]
    fn absolute_paths_lose_the_folder_of_the_build() {
        let sources = sources("drivers/a");
        assert_eq!(sources.path("/t/kmod/a/one.c", "f [one]"), "drivers/a/one.c");
        assert_eq!(sources.path("/usr/src/one.c", "f [one]"), "/usr/src/one.c");
        assert_eq!(sources.path("fs/seq_file.c", "single_start"), "fs/seq_file.c");
    }
}
