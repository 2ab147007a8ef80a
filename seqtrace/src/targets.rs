//! The targets of the command line against the machine: do they exist, and what are they?
//!
//! What a target means for a session is [`crate::filter`]'s; this is the edge.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use crate::{
    cli,
    event::{FileKind, Open},
    exit::Refusal,
    filter::{
        self, Filter, Rule, Selection, Target,
        glob::{Glob, GlobError},
    },
    kernel::kallsyms::Kallsyms,
    probe::{loader::Allow, opens::Opens, trace::Trace},
    render::{TargetInfo, escape},
};

/// Most files of a glob that are looked at before the trace begins.
const LOOK_AT_MOST: usize = 4096;

/// Reads the words of the command line. Relative paths are the current folder's. Links outside of
/// /proc are followed, since sessions are known by their file's own place; inside of it they lead each
/// task elsewhere (`/proc/self`, `/proc/net`), and [`Target`] knows them.
///
/// # Errors
/// A word that is no target.
pub fn parse(words: &[OsString]) -> Result<Vec<Target>, Refusal> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    words
        .iter()
        .map(|word| {
            let parsed = Target::parse(word.as_bytes(), here.as_os_str().as_bytes());
            parsed.map(follow_links).map_err(|error| {
                Refusal::usage(
                    format!("target `{}`: {error}", word.display()),
                    "a target is a path, a glob in quotes, module:NAME or fn:SYMBOL",
                )
            })
        })
        .collect()
}

/// Where debugfs shows tracefs once more, and where it is at home.
const TRACEFS: (&[u8], &[u8]) = (b"/sys/kernel/debug/tracing/", b"/sys/kernel/tracing/");

fn follow_links(target: Target) -> Target {
    match target {
        Target::Path(path) if path.starts_with(TRACEFS.0) => {
            Target::Path([TRACEFS.1, &path[TRACEFS.0.len()..]].concat())
        }
        Target::Glob(glob) if glob.text().starts_with(TRACEFS.0) => {
            let home = [TRACEFS.1, &glob.text()[TRACEFS.0.len()..]].concat();
            Glob::path(home).map_or(Target::Glob(glob), Target::Glob)
        }
        Target::Path(path) if !path.starts_with(b"/proc/") => {
            match std::fs::canonicalize(path_buf(&path)) {
                Ok(real) => Target::Path(real.into_os_string().into_vec()),
                Err(_) => Target::Path(path),
            }
        }
        target => target,
    }
}

/// Reads the filter options.
///
/// # Errors
/// A pattern that makes no sense.
pub fn filter(select: &cli::Select) -> Result<Filter, Refusal> {
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
    Ok(Filter {
        pid: Rule { only: pid.clone(), not: not_pid.clone() },
        tid: Rule { only: tid.clone(), not: not_tid.clone() },
        uid: Rule { only: uid.clone(), not: not_uid.clone() },
        comm: rule("comm", Glob::comm, comm, not_comm)?,
        path: rule("path", Glob::path, path, not_path)?,
        module: rule("module", Glob::module, module, not_module)?,
    })
}

/// Refuses what cannot be a target on this machine as it is now.
///
/// # Errors
/// A path that does not exist or is a folder, a glob that matches nothing, a symbol that the kernel
/// does not have.
pub fn check(targets: &[Target], symbols: &Kallsyms) -> Result<(), Refusal> {
    for target in targets {
        match target {
            Target::Path(path) => check_path(&path_buf(path))?,
            Target::Glob(glob) => {
                if expand(glob.text()).is_empty() {
                    return Err(Refusal::target(
                        format!("no file matches {target}"),
                        "is the module loaded? module:NAME may be loaded later",
                    ));
                }
            }
            Target::Function(name) => {
                let name = String::from_utf8_lossy(name);
                if symbols.variants(&name).is_empty() && symbols.by_name(&name).next().is_none() {
                    return Err(Refusal::target(
                        format!(
                            "the kernel has no function {}",
                            escape::text(name.as_bytes(), false)
                        ),
                        "look for it with: grep NAME /proc/kallsyms",
                    ));
                }
            }
            Target::Module(_) => {}
        }
    }
    Ok(())
}

fn check_path(path: &Path) -> Result<(), Refusal> {
    let name = path.display();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(Refusal::target(
            format!("{name} is a folder"),
            format!("name its files: '{}/*'", name.to_string().trim_end_matches('/')),
        )),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Refusal::target(
            format!("{name} does not exist"),
            "is the module loaded? module:NAME may be loaded later",
        )),
        Err(error) => Err(Refusal::target(
            format!("{name}: {error}"),
            "seqtrace must be able to see the file it is to trace",
        )),
    }
}

/// The existing files that a glob matches, in order, at most `LOOK_AT_MOST`.
pub fn expand(pattern: &[u8]) -> Vec<PathBuf> {
    let Ok(pattern) = std::str::from_utf8(pattern) else { return Vec::new() };
    let options =
        glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
    let Ok(paths) = glob::glob_with(pattern, options) else { return Vec::new() };
    paths.filter_map(Result::ok).filter(|path| path.is_file()).take(LOOK_AT_MOST).collect()
}

/// True for a target that may be a plain procfs file some day: of a path it is known, and of a
/// callback it is certain that it is not.
pub fn may_become_plain(target: &Target) -> bool {
    matches!(target, Target::Glob(_) | Target::Module(_))
}

/// Returns the kinds of files that the targets may be, as far as their open functions differ.
pub fn opens(targets: &[Target]) -> Vec<Opens> {
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
pub fn are_open_ended(targets: &[Target]) -> bool {
    targets.is_empty() || !targets.iter().all(|target| matches!(target, Target::Path(_)))
}

/// What the programs may drop by themselves.
pub fn allow(selection: &Selection) -> Allow {
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

/// Looks at the targets before the trace begins: what they are, and for the `callbacks` backend
/// attaches to their callbacks.
///
/// # Errors
/// A path that is neither a seq file nor a plain procfs file, or that is gone by now.
pub fn look_at(targets: &[Target], trace: &mut Trace) -> Result<Vec<TargetInfo>, Refusal> {
    let mut infos = Vec::new();
    for target in targets {
        match target {
            Target::Path(path) => infos.push(look_at_path(path, trace)?),
            Target::Glob(glob) if trace.by_callback() => {
                for path in expand(glob.text()) {
                    // One file of many that cannot be opened is no reason to stop.
                    let _unreadable = trace.look_at(&path);
                }
            }
            Target::Glob(_) | Target::Module(_) | Target::Function(_) => {}
        }
    }
    Ok(infos)
}

fn look_at_path(word: &[u8], trace: &mut Trace) -> Result<TargetInfo, Refusal> {
    let path = path_buf(word);
    let open = match trace.look_at(&path) {
        Ok(Some(open)) => open,
        Ok(None) if trace.watch_plain().is_ok_and(|new| new) => return look_at_path(word, trace),
        Ok(None) => {
            return Err(Refusal::target(
                format!("{} is not a seq file, nor a plain procfs file", path.display()),
                "`seqtrace list GLOB` tells which files are",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Refusal::target(
                format!("{} has vanished", path.display()),
                "was the module unloaded? module:NAME waits for it to come back",
            ));
        }
        Err(error) => {
            let note = Some(format!("not looked at: {error}"));
            return Ok(TargetInfo { word: word.to_vec(), callbacks: None, note });
        }
    };
    Ok(info(word, &open, trace))
}

fn info(word: &[u8], open: &Open, trace: &mut Trace) -> TargetInfo {
    let (callbacks, note) = match open.kind {
        FileKind::Plain { .. } => {
            (None, Some("a plain procfs file: no seq_file, no callbacks".to_owned()))
        }
        FileKind::Seq { op: 0, .. } => (None, Some("has no callbacks (m->op is NULL)".to_owned())),
        FileKind::Seq { .. } => (trace.pipeline.callbacks(&open.kind), None),
    };
    TargetInfo { word: word.to_vec(), callbacks, note }
}

fn path_buf(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}
