//! The targets of the command line against the machine: do they exist, and what are they?
//!
//! What a target means for a session is [`crate::filter`]'s; this is the edge. Sessions are known by
//! the real path of their file, so links and further mounts are resolved here; in a recording of
//! another machine nothing is left to resolve them, and names are compared as text.

mod check;
mod expand;
mod links;
mod look;
mod machine;
mod problem;

use std::{collections::BTreeSet, ffi::OsString, os::unix::ffi::OsStrExt, path::PathBuf};

use self::machine::{Machine, path_buf};
pub(crate) use self::{check::check, look::look_at, problem::Problem};
use crate::{
    cli,
    exit::Refusal,
    filter::{
        self, Filter, Rule, Selection, Target,
        glob::{self, Glob, GlobError},
        target::{absolute, clean},
    },
    probe::{loader::Allow, opens::Opens},
};

/// Most files of a glob that are looked at.
const LOOK_AT_MOST: usize = 4096;

/// A word of the command line, and what it means on this machine.
#[derive(Debug)]
pub(crate) struct Word {
    /// The target as it was named, but for an absolute path.
    pub(crate) named: Target,
    /// Targets that match the sessions of its files.
    pub(crate) real: Vec<Target>,
    /// Existing files that a path or a glob names, each once.
    pub(crate) files: Vec<Named>,
    /// Why a path or a glob names no file.
    pub(crate) problem: Option<Problem>,
}

/// A file of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Absolute path as it was named, or as a glob matches it.
    pub(crate) path: Vec<u8>,
    /// Path that its sessions have, without links.
    pub(crate) real: Vec<u8>,
}

impl Named {
    /// The real path, to be opened.
    pub(crate) fn real_path(&self) -> PathBuf {
        path_buf(&self.real)
    }

    /// Where the name leads, if it is not the real path.
    pub(crate) fn leads_to(&self) -> Option<String> {
        let real = crate::escape::text(&self.real, false);
        (self.path != self.real).then(|| format!("leads to {real}"))
    }
}

/// Reads the words of the command line as text. Relative paths are the current folder's.
///
/// # Errors
/// A word that is no target.
pub(crate) fn parse(words: &[OsString]) -> Result<Vec<Target>, Refusal> {
    let here = here();
    words.iter().map(|word| parse_one(word, &here)).collect()
}

fn here() -> Vec<u8> {
    machine::bytes(&std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")))
}

fn parse_one(word: &OsString, here: &[u8]) -> Result<Target, Refusal> {
    Target::parse(word.as_bytes(), here).map_err(|error| {
        Refusal::usage(
            format!("target `{}`: {error}", word.display()),
            "a target is a path, a glob in quotes, module:NAME or fn:SYMBOL",
        )
    })
}

/// Reads the words of the command line and finds their files. A file whose name looks like a pattern
/// is meant by its name if it exists.
///
/// # Errors
/// A word that is no target.
pub(crate) fn locate(words: &[OsString]) -> Result<Vec<Word>, Refusal> {
    let (here, machine) = (here(), Machine::default());
    words.iter().map(|word| locate_one(word, &here, &machine)).collect()
}

fn locate_one(word: &OsString, here: &[u8], machine: &Machine) -> Result<Word, Refusal> {
    let bytes = word.as_bytes();
    let path = absolute(bytes, here);
    let is_prefixed = bytes.starts_with(b"module:") || bytes.starts_with(b"fn:");
    if !bytes.is_empty() && !is_prefixed && std::fs::symlink_metadata(path_buf(&path)).is_ok() {
        return Ok(Word::of_path(&path, machine));
    }
    Ok(match parse_one(word, here)? {
        Target::Path(_) => Word::of_path(&path, machine),
        Target::Glob(glob) => match glob.split() {
            Some((path, rest)) if rest.is_empty() => Word::of_path(&path, machine),
            _ => Word::of_glob(glob, machine),
        },
        other @ (Target::Module(_) | Target::Function(_)) => {
            Word { real: vec![other.clone()], named: other, files: Vec::new(), problem: None }
        }
    })
}

impl Word {
    /// Of an absolute path. `..` behind a link leads where the kernel goes: then the real path is the
    /// name.
    fn of_path(path: &[u8], machine: &Machine) -> Self {
        let upwards = path.split(|byte| *byte == b'/').any(|name| name == b"..");
        let (real, problem) = match machine.real(path) {
            Ok(real) => (real, Problem::of(path)),
            Err(problem) => (clean(path), Some(problem)),
        };
        let named = if upwards { real.clone() } else { clean(path) };
        let file = Named { path: named.clone(), real: real.clone() };
        Self {
            named: Target::Path(named),
            real: vec![Target::Path(real)],
            files: if problem.is_none() { vec![file] } else { Vec::new() },
            problem,
        }
    }

    /// Of an absolute pattern. What it matches through a link it would not match by the real path: such
    /// files are targets of their own.
    fn of_glob(named: Glob, machine: &Machine) -> Self {
        let (glob, files, problem) = match real_glob(&named, machine) {
            Ok(glob) => (glob, matching(&named, machine), None),
            Err(problem) => (named.clone(), Vec::new(), Some(problem)),
        };
        if files.len() >= LOOK_AT_MOST {
            eprintln!(
                "warning: only {LOOK_AT_MOST} of the files that {named} matches are looked at"
            );
        }
        let problem = problem.or_else(|| files.is_empty().then_some(Problem::NoMatch));
        let through_links = files.iter().filter(|file| !glob.matches(&file.real));
        let paths: Vec<Target> =
            through_links.map(|file| Target::Path(file.real.clone())).collect();
        let real = [vec![Target::Glob(glob)], paths].concat();
        Self { named: Target::Glob(named), real, files, problem }
    }
}

/// All targets that match the sessions of these words.
pub(crate) fn wanted(words: &[Word]) -> Vec<Target> {
    words.iter().flat_map(|word| word.real.iter().cloned()).collect()
}

/// The pattern with the real path of its literal folder.
fn real_glob(glob: &Glob, machine: &Machine) -> Result<Glob, Problem> {
    let Some((folder, rest)) = glob.split() else { return Ok(glob.clone()) };
    let folder = machine.real_folder(&folder)?;
    let folder = folder.strip_suffix(b"/").unwrap_or(&folder);
    let text = [&glob::quote(folder), b"/".as_slice(), &rest].concat();
    Ok(Glob::path(text).unwrap_or_else(|_| glob.clone()))
}

/// The existing files that a pattern matches, each once; a file that has links is named by its real
/// path if that matches, too. Magic links are passed over: they are open files of processes.
fn matching(glob: &Glob, machine: &Machine) -> Vec<Named> {
    let found = expand::expand(glob.text(), LOOK_AT_MOST).into_iter();
    once(found.filter_map(|path| Some(Named { real: machine.matched(&path)?, path })).collect())
}

/// Each file once, by its real path if it is named by that, too; otherwise the order stays.
pub(crate) fn once(files: Vec<Named>) -> Vec<Named> {
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

/// Reads the filter options.
///
/// # Errors
/// A pattern that makes no sense.
pub(crate) fn filter(select: &cli::Select) -> Result<Filter, Refusal> {
    type Make = fn(Vec<u8>) -> Result<Glob, GlobError>;
    let globs = |option: &str, make: Make, words: &[String]| {
        let glob = |word: &String| {
            make(word.clone().into_bytes()).map_err(|error| {
                Refusal::usage(format!("--{option}: {error}"), "quote globs: --path '/proc/net/*'")
            })
        };
        words.iter().map(glob).collect::<Result<Vec<_>, _>>()
    };
    let rule = |option: &str, make: Make, only: &[String], not: &[String]| {
        Ok::<_, Refusal>(Rule {
            only: globs(option, make, only)?,
            not: globs(&format!("not-{option}"), make, not)?,
        })
    };
    let cli::Select {
        pid,
        not_pid,
        tid,
        not_tid,
        comm,
        not_comm,
        uid,
        not_uid,
        path,
        not_path,
        module,
        not_module,
    } = select;
    for word in path.iter().chain(not_path) {
        refuse_relative(word)?;
    }
    Ok(Filter {
        pid: Rule { only: pid.clone(), not: not_pid.clone() },
        tid: Rule { only: tid.clone(), not: not_tid.clone() },
        uid: Rule { only: uid.clone(), not: not_uid.clone() },
        comm: rule("comm", Glob::comm, comm, not_comm)?,
        path: rule("path", Glob::path, path, not_path)?,
        module: rule("module", Glob::module, module, not_module)?,
    })
}

/// A pattern of several components that does not begin where paths begin matches none.
fn refuse_relative(pattern: &str) -> Result<(), Refusal> {
    let beginnings = ['/', '*', '?', '[', '{', '\\', '…'];
    if !pattern.contains('/') || pattern.starts_with(beginnings) || pattern.starts_with("anon_") {
        return Ok(());
    }
    Err(Refusal::usage(
        format!("--path {pattern}: no path begins like this"),
        format!("begin with the root, '/proc/{pattern}', or leave it open: '**/{pattern}'"),
    ))
}

/// Reads the filter options for sessions of this machine: a path that leads through a link means the
/// real one, too.
///
/// # Errors
/// A pattern that makes no sense.
pub(crate) fn filter_here(select: &cli::Select) -> Result<Filter, Refusal> {
    let mut filter = filter(select)?;
    let machine = Machine::default();
    for globs in [&mut filter.path.only, &mut filter.path.not] {
        let real: Vec<Glob> = globs.iter().flat_map(|glob| real_globs(glob, &machine)).collect();
        globs.extend(real);
    }
    Ok(filter)
}

/// Patterns of the real paths of what a pattern matches, as far as they are others.
fn real_globs(glob: &Glob, machine: &Machine) -> Vec<Glob> {
    let Some((path, rest)) = glob.split() else { return Vec::new() };
    let literal = |path: &[u8]| Glob::path(glob::quote(path)).ok();
    if rest.is_empty() {
        let real = machine.real(&path).ok().filter(|real| *real != path);
        return real.and_then(|real| literal(&real)).into_iter().collect();
    }
    let real = real_glob(glob, machine).ok().filter(|real| real != glob);
    // Everything below a folder would have to be looked at, and `**` follows no links.
    let walk = !rest.windows(2).any(|two| two == b"**");
    let files = if walk { matching(glob, machine) } else { Vec::new() };
    let is_matched =
        |path: &[u8]| glob.matches(path) || real.as_ref().is_some_and(|real| real.matches(path));
    let links = files.iter().filter(|file| !is_matched(&file.real));
    let links: Vec<Glob> = links.filter_map(|file| literal(&file.real)).collect();
    real.into_iter().chain(links).collect()
}

/// True for a target that may be a plain procfs file some day: of a path it is known, and of a
/// callback it is certain that it is not.
pub(crate) fn may_become_plain(target: &Target) -> bool {
    matches!(target, Target::Glob(_) | Target::Module(_))
}

/// Returns the kinds of files that the targets may be, as far as their open functions differ.
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

/// False if all that is wanted are files that are known by now.
pub(crate) fn are_open_ended(targets: &[Target]) -> bool {
    targets.is_empty() || !targets.iter().all(|target| matches!(target, Target::Path(_)))
}

/// What the programs may drop by themselves.
pub(crate) fn allow(selection: &Selection) -> Allow {
    let filter::Prefilter { names, pids, tids, uids, comms } =
        filter::kernel_prefilter(&selection.targets, &selection.filter);
    Allow {
        pids: set(pids),
        tids: set(tids),
        uids: set(uids),
        comms: set(comms),
        names: set(names),
    }
}

fn set<T: Ord>(values: Option<Vec<T>>) -> BTreeSet<T> {
    values.unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests;
