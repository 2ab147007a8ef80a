//! Looks at the targets before the trace begins: what they are.

use std::io;

use super::{Named, Word};
use crate::{
    check::denylist,
    event::{FileKind, Open},
    exit::Refusal,
    filter::{Filter, Target, glob::Glob},
    probe::trace::Trace,
    render::{TargetInfo, escape},
};

/// Most files of a glob that are opened to find out whether any of them can be traced.
const TRY_MOST: usize = 256;

/// Opens the files that were named, and with the `callbacks` backend those that globs match, whose
/// callbacks get their probes then. Warns of what matches nothing.
///
/// # Errors
/// A path that is neither a seq file nor a plain procfs file, or that is gone by now.
pub(crate) fn look_at(
    words: &[Word],
    filter: &Filter,
    trace: &mut Trace,
) -> Result<Vec<TargetInfo>, Refusal> {
    let mut infos = Vec::new();
    for word in words {
        match &word.named {
            Target::Path(_) => {
                for file in &word.files {
                    infos.push(look_at_file(file, trace)?);
                }
            }
            Target::Glob(glob) => look_at_matches(glob, &word.files, trace),
            Target::Module(_) | Target::Function(_) => {}
        }
    }
    if is_paths(words) && are_excluded(&infos, filter) {
        eprintln!("warning: --module and --not-module exclude all targets");
    }
    Ok(infos)
}

fn is_paths(words: &[Word]) -> bool {
    words.iter().all(|word| matches!(word.named, Target::Path(_)))
}

/// Whether filters by module exclude all files, which have callbacks.
fn are_excluded(infos: &[TargetInfo], filter: &Filter) -> bool {
    let excluded = |info: &TargetInfo| {
        info.callbacks.as_ref().is_some_and(|callbacks| !filter.may_accept_callbacks(callbacks))
    };
    !infos.is_empty() && infos.iter().all(excluded)
}

/// Warns if none of the files that a glob matches can be traced.
fn look_at_matches(glob: &Glob, files: &[Named], trace: &mut Trace) {
    let mut traceable = files.len() > TRY_MOST || files.is_empty();
    for file in files {
        if traceable && !trace.by_callback() {
            return;
        }
        let path = file.real_path();
        // One file of many that cannot be opened is no reason to stop, and opening it may do something.
        traceable |= match denylist::reason(&path) {
            Some(_) => true,
            None => !matches!(trace.look_at(&path), Ok(None)),
        };
    }
    if !traceable {
        eprintln!(
            "warning: none of the files that match {glob} now is a seq file or a plain procfs file"
        );
    }
}

fn look_at_file(file: &Named, trace: &mut Trace) -> Result<TargetInfo, Refusal> {
    let name = escape::text(&file.path, false);
    let open = match trace.look_at(&file.real_path()) {
        Ok(Some(open)) => open,
        Ok(None) if trace.watch_plain().is_ok_and(|new| new) => return look_at_file(file, trace),
        Ok(None) => {
            return Err(Refusal::target(
                format!("{name} is not a seq file, nor a plain procfs file"),
                "`seqtrace list GLOB` tells which files are",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Refusal::target(
                format!("{name} has vanished"),
                "was the module unloaded? module:NAME waits for it to come back",
            ));
        }
        Err(error) => {
            let note = notes([file.leads_to(), Some(format!("not looked at: {error}"))]);
            return Ok(TargetInfo { word: file.path.clone(), callbacks: None, note });
        }
    };
    Ok(info(file, &open, trace))
}

fn info(file: &Named, open: &Open, trace: &mut Trace) -> TargetInfo {
    let (callbacks, note) = match open.kind {
        FileKind::Plain { .. } => {
            (None, Some("a plain procfs file: no seq_file, no callbacks".to_owned()))
        }
        FileKind::Seq { op: 0, .. } => (None, Some("has no callbacks (m->op is NULL)".to_owned())),
        FileKind::Seq { .. } => (trace.pipeline.callbacks(&open.kind), None),
    };
    TargetInfo { word: file.path.clone(), callbacks, note: notes([file.leads_to(), note]) }
}

/// What there is of these in one text.
fn notes(notes: [Option<String>; 2]) -> Option<String> {
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}
