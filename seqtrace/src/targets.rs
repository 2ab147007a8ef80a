//! Locates the targets of the command line on this machine.
//!
//! [`crate::filter`] decides which sessions a target matches. A session has the real path of its file, so this module
//! resolves links and mounts. For a recording of another machine they are unknown, and names are compared byte by byte.

mod expand;
mod inspect;
mod links;
mod machine;
mod problem;
mod validate;

use std::{collections::BTreeSet, ffi::OsString, os::unix::ffi::OsStrExt, path::PathBuf};

use self::machine::{Machine, path_buf};
pub(crate) use self::{inspect::inspect, problem::Problem, validate::validate};
use crate::{
    cli,
    exit::{Exit, UserError, shown},
    filter::{
        Filter, Rule, Target,
        glob::{self, Glob, GlobError},
        target::{TargetError, absolute, clean},
    },
    probe::opens::Opens,
};

/// Maximum number of files to which a glob expands.
const MAX_MATCHES: usize = 4096;

/// A target of the command line and its files on this machine.
#[derive(Debug)]
pub(crate) struct LocatedTarget {
    /// The target as the user named it, with an absolute path.
    pub(crate) named: Target,
    /// Targets that match the sessions of its files, by real path.
    pub(crate) real: Vec<Target>,
    /// Existing files that a path or a glob names, without duplicates.
    pub(crate) files: Vec<NamedFile>,
    /// The reason why a path or a glob names no file; `None` if it names one.
    pub(crate) problem: Option<Problem>,
}

/// A file of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedFile {
    /// Absolute path as the user named it, or as a glob matches it.
    pub(crate) path: Vec<u8>,
    /// Path that the file's sessions have, without links.
    pub(crate) real: Vec<u8>,
}

impl NamedFile {
    /// Returns the real path.
    pub(crate) fn real_path(&self) -> PathBuf {
        path_buf(&self.real)
    }

    /// Describes the real path, unless the file was named by it, and appends a remark.
    pub(crate) fn note(&self, remark: Option<String>) -> Option<String> {
        let real = crate::escape::text(&self.real, false);
        let leads_to = (self.path != self.real).then(|| format!("leads to {real}"));
        let notes: Vec<String> = leads_to.into_iter().chain(remark).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// Parses the targets of the command line without looking for files. Relative paths start in the
/// current folder. A word that is no valid pattern, such as `/proc/a[`, is a path.
///
/// # Errors
/// A word is not a valid target.
pub(crate) fn parse(words: &[OsString]) -> Result<Vec<Target>, UserError> {
    let here = here();
    let parse = |word: &OsString| match Target::parse(word.as_bytes(), &here) {
        Err(TargetError::Glob(_)) if !is_prefixed(word) => {
            Ok(Target::Path(clean(&absolute(word.as_bytes(), &here))))
        }
        _ => parse_one(word, &here),
    };
    words.iter().map(parse).collect()
}

/// Returns true if a word names neither a path nor a glob.
fn is_prefixed(word: &OsString) -> bool {
    word.as_bytes().starts_with(b"module:") || word.as_bytes().starts_with(b"fn:")
}

fn here() -> Vec<u8> {
    machine::bytes(&std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")))
}

fn parse_one(word: &OsString, here: &[u8]) -> Result<Target, UserError> {
    Target::parse(word.as_bytes(), here).map_err(|error| {
        Exit::Usage.error(
            format!("target `{}`: {error}", shown(word)),
            "a target is a path, a glob in quotes, module:NAME or fn:SYMBOL; in the name of a file, \\[ stands for [",
        )
    })
}

/// Parses the targets of the command line and finds their files. A word that looks like a pattern is a
/// path if a file of that name exists.
///
/// # Errors
/// A word is not a valid target.
pub(crate) fn locate(words: &[OsString]) -> Result<Vec<LocatedTarget>, UserError> {
    let (here, machine) = (here(), Machine::default());
    words.iter().map(|word| locate_one(word, &here, &machine)).collect()
}

fn locate_one(word: &OsString, here: &[u8], machine: &Machine) -> Result<LocatedTarget, UserError> {
    let bytes = word.as_bytes();
    let path = absolute(bytes, here);
    if !bytes.is_empty() && !is_prefixed(word) && std::fs::symlink_metadata(path_buf(&path)).is_ok()
    {
        return Ok(LocatedTarget::of_path(&path, machine));
    }
    Ok(match parse_one(word, here)? {
        Target::Path(_) => LocatedTarget::of_path(&path, machine),
        Target::Glob(glob) => match glob.split() {
            Some((path, rest)) if rest.is_empty() => LocatedTarget::of_path(&path, machine),
            _ => LocatedTarget::of_glob(glob, machine),
        },
        other @ (Target::Module(_) | Target::Function(_)) => LocatedTarget {
            real: vec![other.clone()],
            named: other,
            files: Vec::new(),
            problem: None,
        },
    })
}

impl LocatedTarget {
    /// Locates an absolute path. If it contains `..`, which the kernel resolves after links, the target is named by the
    /// real path.
    fn of_path(path: &[u8], machine: &Machine) -> Self {
        let upwards = path.split(|byte| *byte == b'/').any(|name| name == b"..");
        let (real, problem) = match machine.real(path) {
            Ok(real) => (real, Problem::of(path)),
            Err(problem) => (clean(path), Some(problem)),
        };
        let named = if upwards { real.clone() } else { clean(path) };
        let file = NamedFile { path: named.clone(), real: real.clone() };
        Self {
            named: Target::Path(named),
            real: vec![Target::Path(real)],
            files: if problem.is_none() { vec![file] } else { Vec::new() },
            problem,
        }
    }

    /// Locates the files of an absolute pattern. A file that the pattern matches through a link becomes a
    /// target of its own: the pattern does not match its real path.
    fn of_glob(named: Glob, machine: &Machine) -> Self {
        let (glob, files, problem) = match real_glob(&named, machine) {
            Ok(glob) => (glob, matching(&named, machine), None),
            Err(problem) => (named.clone(), Vec::new(), Some(problem)),
        };
        if files.len() >= MAX_MATCHES {
            eprintln!("warning: {named} matches too many files: only {MAX_MATCHES} are used");
        }
        let problem = problem.or_else(|| files.is_empty().then_some(Problem::NoMatch));
        let through_links = files.iter().filter(|file| !glob.matches(&file.real));
        let paths: Vec<Target> =
            through_links.map(|file| Target::Path(file.real.clone())).collect();
        let real = [vec![Target::Glob(glob)], paths].concat();
        Self { named: Target::Glob(named), real, files, problem }
    }
}

/// Returns the targets that match the sessions of all these files.
pub(crate) fn session_targets(located: &[LocatedTarget]) -> Vec<Target> {
    located.iter().flat_map(|target| target.real.iter().cloned()).collect()
}

/// Replaces the literal folder of a pattern with its real path.
fn real_glob(glob: &Glob, machine: &Machine) -> Result<Glob, Problem> {
    let Some((folder, rest)) = glob.split() else { return Ok(glob.clone()) };
    let folder = machine.real_folder(&folder)?;
    let folder = folder.strip_suffix(b"/").unwrap_or(&folder);
    let text = [&glob::quote(folder), b"/".as_slice(), &rest].concat();
    Ok(Glob::path(text).unwrap_or_else(|_| glob.clone()))
}

/// Returns the existing files that a pattern matches, without duplicates. A file with links is named by its real path
/// if the pattern matches that, too. Magic links are skipped: they are open files of processes.
fn matching(glob: &Glob, machine: &Machine) -> Vec<NamedFile> {
    let found = expand::expand(glob.text(), MAX_MATCHES).into_iter();
    deduplicate(
        found.filter_map(|path| Some(NamedFile { real: machine.matched(&path)?, path })).collect(),
    )
}

/// Removes all but one name of each file and preserves the order. If the real path is among the names, it remains,
/// otherwise the first name.
pub(crate) fn deduplicate(files: Vec<NamedFile>) -> Vec<NamedFile> {
    let plain: BTreeSet<Vec<u8>> =
        files.iter().filter(|file| file.path == file.real).map(|file| file.real.clone()).collect();
    let mut seen = BTreeSet::new();
    files
        .into_iter()
        .filter(|file| {
            (file.path == file.real || !plain.contains(&file.real))
                && seen.insert(file.real.clone())
        })
        .collect()
}

/// Parses the filter options.
///
/// # Errors
/// A pattern is malformed, or can match no path.
pub(crate) fn filter(select: &cli::Select) -> Result<Filter, UserError> {
    type Make = fn(Vec<u8>) -> Result<Glob, GlobError>;
    let globs = |option: &str, make: Make, words: &[String]| {
        let glob = |word: &String| {
            make(word.clone().into_bytes()).map_err(|error| {
                let what = format!("--{option}: {error}");
                Exit::Usage.error(what, "quote globs: --path '/proc/net/*'")
            })
        };
        words.iter().map(glob).collect::<Result<Vec<_>, _>>()
    };
    let rule = |option: &str, make: Make, only: &[String], not: &[String]| {
        Ok::<_, UserError>(Rule {
            only: globs(option, make, only)?,
            not: globs(&format!("not-{option}"), make, not)?,
        })
    };
    for word in select.path.iter().chain(&select.not_path) {
        refuse_relative(word)?;
    }
    let ids = |only: &[u32], not: &[u32]| Rule { only: only.to_vec(), not: not.to_vec() };
    Ok(Filter {
        pid: ids(&select.pid, &select.not_pid),
        tid: ids(&select.tid, &select.not_tid),
        uid: ids(&select.uid, &select.not_uid),
        comm: rule("comm", Glob::comm, &select.comm, &select.not_comm)?,
        path: rule("path", Glob::path, &select.path, &select.not_path)?,
        module: rule("module", Glob::module, &select.module, &select.not_module)?,
    })
}

/// Refuses a pattern of several components that does not begin like a path, because it cannot match any path.
fn refuse_relative(pattern: &str) -> Result<(), UserError> {
    let beginnings = ['/', '*', '?', '[', '{', '\\', '…'];
    if !pattern.contains('/') || pattern.starts_with(beginnings) || pattern.starts_with("anon_") {
        return Ok(());
    }
    let pattern = shown(pattern);
    Err(Exit::Usage.error(
        format!("--path {pattern}: no path begins like this"),
        format!("begin with the root, '/proc/{pattern}', or leave it open: '**/{pattern}'"),
    ))
}

/// Parses the filter options for sessions of this machine: a pattern with a link in it also matches the
/// real path.
///
/// # Errors
/// A pattern is malformed, or can match no path.
pub(crate) fn filter_here(select: &cli::Select) -> Result<Filter, UserError> {
    let mut filter = filter(select)?;
    let machine = Machine::default();
    for globs in [&mut filter.path.only, &mut filter.path.not] {
        let real: Vec<Glob> = globs.iter().flat_map(|glob| real_globs(glob, &machine)).collect();
        globs.extend(real);
    }
    Ok(filter)
}

/// Returns patterns for the real paths of the files that a pattern matches, unless the pattern matches these paths
/// itself.
fn real_globs(glob: &Glob, machine: &Machine) -> Vec<Glob> {
    let Some((path, rest)) = glob.split() else { return Vec::new() };
    let literal = |path: &[u8]| Glob::path(glob::quote(path)).ok();
    if rest.is_empty() {
        let real = machine.real(&path).ok().filter(|real| *real != path);
        return real.and_then(|real| literal(&real)).into_iter().collect();
    }
    let real = real_glob(glob, machine).ok().filter(|real| real != glob);
    // `**` follows no links, and expanding it would read all folders below.
    let walk = !rest.windows(2).any(|two| two == b"**");
    let files = if walk { matching(glob, machine) } else { Vec::new() };
    let is_matched =
        |path: &[u8]| glob.matches(path) || real.as_ref().is_some_and(|real| real.matches(path));
    let links = files.iter().filter(|file| !is_matched(&file.real));
    let links: Vec<Glob> = links.filter_map(|file| literal(&file.real)).collect();
    real.into_iter().chain(links).collect()
}

/// Returns true for a target that may match plain procfs files that appear later. A path is examined
/// when it is located, and a function is a callback of seq files only.
pub(crate) fn may_become_plain(target: &Target) -> bool {
    matches!(target, Target::Glob(_) | Target::Module(_))
}

/// Returns the kinds of files that the targets may name, as far as their open functions differ.
pub(crate) fn opens(targets: &[Target]) -> Vec<Opens> {
    let mut kinds = Vec::new();
    for target in targets {
        let Target::Path(path) = target else { return Opens::ALL.to_vec() };
        match Opens::of(&path_buf(path)) {
            Ok(Some(kind)) if !kinds.contains(&kind) => kinds.push(kind),
            Ok(_) => {}
            Err(_) => return Opens::ALL.to_vec(),
        }
    }
    if targets.is_empty() { Opens::ALL.to_vec() } else { kinds }
}

/// Returns true if the targets may match files that appear later.
pub(crate) fn are_open_ended(targets: &[Target]) -> bool {
    targets.is_empty() || !targets.iter().all(|target| matches!(target, Target::Path(_)))
}

#[cfg(test)]
mod tests;
