//! Opens the files of the targets before the trace begins, to inspect them.

use std::io;

use super::{LocatedTarget, NamedFile};
use crate::{
    check::denylist,
    escape,
    event::{Functions, Open},
    exit::{Exit, UserError},
    filter::{Filter, Target, glob::Glob},
    probe::source::Source,
    render::TargetInfo,
};

/// Maximum number of files of a glob that are opened to find out whether any of them can be traced.
const MAX_TRIES: usize = 256;

/// Opens the files that were named and returns their descriptions. With the `callbacks` backend, opens
/// the files that globs match, too, which attaches the probes of their callbacks. Warns of globs without
/// traceable files.
///
/// # Errors
/// A path is neither a seq file nor a plain procfs file, or does not exist any more.
pub(crate) fn inspect(
    words: &[LocatedTarget],
    filter: &Filter,
    source: &mut Source,
) -> Result<Vec<TargetInfo>, UserError> {
    let mut infos = Vec::new();
    for word in words {
        match &word.named {
            Target::Path(_) => {
                for file in &word.files {
                    infos.push(inspect_file(file, source)?);
                }
            }
            Target::Glob(glob) => inspect_matches(glob, &word.files, source),
            Target::Module(_) | Target::Function(_) => {}
        }
    }
    if is_paths(words) && are_excluded(&infos, filter) {
        eprintln!("warning: --module and --not-module exclude all targets");
    }
    Ok(infos)
}

fn is_paths(words: &[LocatedTarget]) -> bool {
    words.iter().all(|word| matches!(word.named, Target::Path(_)))
}

/// Returns true if all files have callbacks, and filters by module exclude them.
fn are_excluded(infos: &[TargetInfo], filter: &Filter) -> bool {
    let excluded = |info: &TargetInfo| {
        info.callbacks.as_ref().is_some_and(|callbacks| !filter.may_accept_callbacks(callbacks))
    };
    !infos.is_empty() && infos.iter().all(excluded)
}

/// Opens the files that a glob matches, and warns if none of them can be traced.
fn inspect_matches(glob: &Glob, files: &[NamedFile], source: &mut Source) {
    let mut traceable = files.len() > MAX_TRIES || files.is_empty();
    for file in files {
        if traceable && !source.by_callback() {
            return;
        }
        let path = file.real_path();
        // Opening some files has effects. One of many files that cannot be opened is not a reason to stop.
        traceable |= match denylist::reason(&path) {
            Some(_) => true,
            None => !matches!(source.inspect_file(&path), Ok(None)),
        };
    }
    if !traceable {
        eprintln!(
            "warning: none of the files that match {glob} now is a seq file or a plain procfs file"
        );
    }
}

fn inspect_file(file: &NamedFile, source: &mut Source) -> Result<TargetInfo, UserError> {
    let name = escape::text(&file.path, false);
    let open = match source.inspect_file(&file.real_path()) {
        Ok(Some(open)) => open,
        Ok(None) if source.watch_plain().is_ok_and(|new| new) => return inspect_file(file, source),
        Ok(None) => {
            return Err(Exit::Target.error(
                format!("{name} is not a seq file, nor a plain procfs file"),
                "`seqtrace list GLOB` shows which files are",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Exit::Target.error(
                format!("{name} has vanished"),
                "was the module unloaded? module:NAME traces it when it is loaded again",
            ));
        }
        Err(error) => {
            let note = file.note(Some(format!("cannot be opened: {error}")));
            return Ok(TargetInfo { word: file.path.clone(), callbacks: None, note });
        }
    };
    Ok(info(file, &open))
}

fn info(file: &NamedFile, open: &Open) -> TargetInfo {
    let (callbacks, note) = match &open.functions {
        Functions::Handlers(_) => (None, Some("a plain procfs file: no seq_file, no callbacks")),
        Functions::None => (None, Some("has no callbacks (m->op is NULL)")),
        Functions::Callbacks(callbacks) => (Some(callbacks.clone()), None),
    };
    TargetInfo { word: file.path.clone(), callbacks, note: file.note(note.map(str::to_owned)) }
}
