//! Finds the files that the targets of a check name.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use crate::{
    check::denylist,
    event::{Functions, Open},
    exit::{Exit, UserError},
    filter::{Target, glob::Glob},
    probe::source::Source,
    targets::{LocatedTarget, NamedFile},
};

/// Maximum number of files that are opened to find those of a module.
const MAX_FILES: usize = 16_384;

/// A file to check, or a target that names no file.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Path as the user named it.
    pub(super) path: PathBuf,
    /// Path that its sessions have.
    pub(super) real: PathBuf,
    /// True if the file was named, false if a glob found it.
    pub(super) named: bool,
    /// Notes on the names of the file, for the report.
    pub(super) notes: Vec<String>,
    /// The reason why the file is not read, and true if it is certainly not a seq file. `None` if the file is read.
    pub(super) problem: Option<(String, bool)>,
}

/// Refuses targets that `check` does not support, and a single target that names no file.
///
/// # Errors
/// A target is `fn:SYMBOL`, or the only target names no file.
pub(super) fn refuse(wanted: &[LocatedTarget]) -> Result<(), UserError> {
    for word in wanted {
        match (&word.named, &word.problem) {
            (Target::Function(_), _) => {
                return Err(Exit::Usage.error(
                    format!("check takes files, not {}", word.named),
                    "name a path, a glob or module:NAME; `seqtrace list` shows the callbacks of files",
                ));
            }
            (named, Some(problem)) if wanted.len() == 1 => return Err(problem.user_error(named)),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the files that the targets name, without duplicates.
///
/// # Errors
/// The only target is a module without files.
pub(super) fn candidates(
    wanted: Vec<LocatedTarget>,
    source: &mut Source,
) -> Result<Vec<Candidate>, UserError> {
    let mut found = Found::default();
    let single = wanted.len() == 1;
    for word in wanted {
        let named = !matches!(word.named, Target::Glob(_));
        if let Some(problem) = &word.problem {
            found.refused(&word.named, problem.reason(), problem.is_other_kind());
        } else if let Target::Module(module) = &word.named {
            let files = of_module(module, source);
            if files.is_empty() {
                let none =
                    format!("no seq file in /proc or debugfs has its callbacks in {}", word.named);
                if single {
                    let hint =
                        "is the module loaded, and does it create a file? name the file itself";
                    return Err(Exit::Target.error(none, hint));
                }
                found.refused(&word.named, none, false);
            }
            found.extend(files, named);
        } else {
            found.extend(word.files, named);
        }
    }
    if found.candidates.is_empty() {
        return Err(Exit::Usage.error("no target", "name a file: seqtrace check /proc/foo"));
    }
    Ok(found.candidates)
}

#[derive(Default)]
struct Found {
    candidates: Vec<Candidate>,
    /// Index in `candidates` by real path.
    index: HashMap<Vec<u8>, usize>,
}

impl Found {
    fn refused(&mut self, target: &Target, why: String, other_kind: bool) {
        let path = match target {
            Target::Path(path) => path_buf(path.clone()),
            other => PathBuf::from(other.to_string()),
        };
        let problem = Some((why, other_kind));
        let real = path.clone();
        self.candidates.push(Candidate { path, real, named: true, notes: Vec::new(), problem });
    }

    fn extend(&mut self, files: Vec<NamedFile>, named: bool) {
        for file in files {
            self.add(file, named);
        }
    }

    /// Adds a file, or a further name of a known file. The real path is preferred as the file's name.
    fn add(&mut self, file: NamedFile, named: bool) {
        let note = file.note(None);
        let NamedFile { path, real } = file;
        let index = self.index.get(&real).copied();
        let Some(earlier) = index.and_then(|index| self.candidates.get_mut(index)) else {
            self.index.insert(real.clone(), self.candidates.len());
            let (path, real) = (path_buf(path), path_buf(real));
            let notes = note.into_iter().collect();
            self.candidates.push(Candidate { path, real, named, notes, problem: None });
            return;
        };
        earlier.named |= named;
        if note.is_none() && earlier.path != earlier.real {
            earlier.path.clone_from(&earlier.real);
            earlier.notes.clear();
        }
    }
}

/// Finds the files that have their callbacks in a module.
fn of_module(module: &Glob, source: &mut Source) -> Vec<NamedFile> {
    let is_meant = |name: &str| module.matches(name.as_bytes());
    walk(Path::new("/proc"))
        .chain(walk(Path::new("/sys/kernel/debug")))
        .filter(|path| is_of(path, &is_meant, source))
        .map(|path| {
            let path = path.into_os_string().into_vec();
            NamedFile { real: path.clone(), path }
        })
        .collect()
}

/// Returns true if a file's callbacks are in a module for which `module` returns true.
fn is_of(path: &Path, module: &dyn Fn(&str) -> bool, source: &mut Source) -> bool {
    if denylist::reason(path).is_some() {
        return false;
    }
    let Ok(Some(Open { functions: Functions::Callbacks(callbacks), .. })) =
        source.inspect_file(path)
    else {
        return false;
    };
    callbacks.show.module.as_deref().is_some_and(module)
}

/// Returns the sorted files below a folder, without those of processes and of sysctl, which modules do
/// not create.
fn walk(root: &Path) -> impl Iterator<Item = PathBuf> {
    let is_skipped = |folder: &Path, name: &OsStr| {
        let name = name.as_bytes();
        folder == root
            && (name.iter().all(u8::is_ascii_digit)
                || [&b"self"[..], b"thread-self", b"sys", b"tracing"].contains(&name))
    };
    let mut folders = vec![root.to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_skipped(&folder, &entry.file_name()) => {
                    folders.push(entry.path());
                }
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    if files.len() > MAX_FILES {
        let all = files.len();
        eprintln!("seqtrace: only {MAX_FILES} of the {all} files in {} are opened", root.display());
        files.truncate(MAX_FILES);
    }
    files.into_iter()
}

fn path_buf(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, real: &str) -> NamedFile {
        NamedFile { path: path.into(), real: real.into() }
    }

    #[test]
    fn a_file_of_several_names_is_checked_once() {
        let mut found = Found::default();
        found.add(file("/proc/a/link", "/proc/a/alone"), false);
        found.add(file("/proc/b", "/proc/b"), false);
        found.add(file("/proc/a/alone", "/proc/a/alone"), true);
        found.add(file("/proc/alias/alone", "/proc/a/alone"), false);
        found.add(file("/proc/b", "/proc/b"), false);
        let names: Vec<_> = found
            .candidates
            .iter()
            .map(|one| (one.path.to_str().unwrap(), one.named, one.notes.len()))
            .collect();
        assert_eq!(names, [("/proc/a/alone", true, 0), ("/proc/b", false, 0)]);
    }

    #[test]
    fn a_link_keeps_its_name_and_notes_the_real_path() {
        let mut found = Found::default();
        found.add(file("/proc/a/link", "/proc/a/alone"), true);
        let [one] = found.candidates.as_slice() else { panic!("not one") };
        assert_eq!(one.path, Path::new("/proc/a/link"));
        assert_eq!(one.real, Path::new("/proc/a/alone"));
        assert_eq!(one.notes, ["leads to /proc/a/alone"]);
    }
}
