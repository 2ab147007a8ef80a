//! `seqtrace list`: lists seq files and their callbacks.
//!
//! The kind of a file is known only when it is opened. Each file is opened for reading, without blocking,
//! and no byte is read. Files for which even opening has an effect are excluded by name.

mod tables;

use std::{ffi::OsString, fmt::Write as _, process::ExitCode};

use serde::Serialize;

use crate::{
    check::{denylist, report::json::Source},
    cli, escape,
    event::Functions,
    exit::{Exit, UserError},
    faults::Faults,
    filter::{Prefilter, Target},
    kernel::preflight::Preflight,
    output::Writer,
    probe::{
        backend::{Backend, ChosenBackend},
        error::ProbeError,
        setup::Setup,
        source::Source as Opens,
    },
    render::{Name, Output, SourceText},
    symbol::{Callbacks, Locate as _, SourceLine, Symbol},
    targets::{self, LocatedTarget, NamedFile, Problem},
};

/// A line of the list.
#[derive(Serialize)]
struct Entry<'a> {
    path: String,
    /// `seq`, `plain`, `other` or `unknown`.
    kind: &'static str,
    /// The names of start, next, show and stop.
    callbacks: Option<[String; 4]>,
    module: Option<String>,
    traceable: bool,
    /// The reason why the file is not traceable, or a remark; `None` if there is neither.
    note: Option<String>,
    /// The line at which `show` is defined; left out if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
}

/// A file, and its function show if that is known.
type Inspected = (Entry<'static>, Option<Symbol>);

/// Runs the subcommand.
pub(super) fn run(args: &cli::List) -> anyhow::Result<ExitCode> {
    if args.tables {
        return Ok(tables::run(args)?.into());
    }
    let all = [OsString::from("/proc/*")];
    let targets = if args.targets.is_empty() { &all[..] } else { &args.targets };
    let files = files(targets::locate(targets)?)?;
    let facts = super::preflight()?;
    let backend =
        ChosenBackend::choose(Backend::Auto, &facts, Faults::default()).map_err(UserError::from)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let mut source = own_opens(&facts).map_err(UserError::from)?;
    let entries: Vec<Inspected> =
        files.iter().map(|file| entry(file, &mut source, &backend)).collect();
    // At once: the debug information of the kernel takes seconds to search.
    let mut lines = super::source_lines(&args.debug_dir, &facts);
    lines.look_up(&entries.iter().filter_map(|(_, show)| show.clone()).collect::<Vec<_>>());
    for note in lines.take_notes() {
        eprintln!("note: {note}");
    }
    let (mut writer, mut output) = (Writer::open(None)?, Output::default());
    for (entry, show) in entries {
        let line_of_show = show.and_then(|show| lines.line_of(&show));
        let entry = Entry { source: line_of_show.as_ref().map(Source::from), ..entry };
        let text = if args.json {
            serde_json::to_string(&entry)?
        } else {
            line(&entry, line_of_show.as_ref())
        };
        output.data = format!("{text}\n").into_bytes();
        if !writer.write(&mut output)? {
            break;
        }
    }
    Ok(Exit::Done.into())
}

/// Returns the files that the targets name, without duplicates. Warns of each target that names no file. Several
/// folders, such as a shell expands from a glob, cause one warning.
///
/// # Errors
/// No target names a file, or a target is neither a path nor a glob.
fn files(words: Vec<LocatedTarget>) -> Result<Vec<NamedFile>, UserError> {
    let by_path = |word: &&LocatedTarget| matches!(word.named, Target::Path(_) | Target::Glob(_));
    if let Some(word) = words.iter().find(|word| !by_path(word)) {
        let what = format!("list takes paths and globs, not {}", word.named);
        let hint = "name files, as in '/proc/net/*'; `seqtrace check module:NAME` finds the files of a module";
        return Err(Exit::Usage.error(what, hint));
    }
    let nothing = words.iter().all(|word| word.files.is_empty());
    let is_folder = |word: &LocatedTarget| matches!(word.problem, Some(Problem::Folder));
    let folders = words.iter().filter(|word| is_folder(word)).count();
    for word in &words {
        match &word.problem {
            Some(problem) if nothing => return Err(problem.user_error(&word.named)),
            Some(_) if folders > 1 && is_folder(word) => {}
            Some(problem) => eprintln!("warning: {}: {}", word.named, problem.reason()),
            None => {}
        }
    }
    if folders > 1 {
        eprintln!("warning: {folders} folders are skipped");
    }
    Ok(targets::deduplicate(words.into_iter().flat_map(|word| word.files).collect()))
}

/// Starts a trace of the files that seqtrace itself opens.
fn own_opens(facts: &Preflight) -> Result<Opens, ProbeError> {
    let pids = Some(vec![std::process::id()]);
    let accepted = Prefilter { pids, ..Prefilter::default() };
    let setup = Setup { procfs: true, ..Setup::new(facts, accepted, 1 << 20) };
    // Opens need no probes at the core.
    setup.attach(ChosenBackend::Core(Vec::new()), Backend::Auto)?.begin()
}

fn entry(file: &NamedFile, source: &mut Opens, backend: &ChosenBackend) -> Inspected {
    let (mut entry, show) = entry_of(file, source, backend);
    entry.note = file.note(entry.note);
    (entry, show)
}

fn entry_of(file: &NamedFile, source: &mut Opens, backend: &ChosenBackend) -> Inspected {
    let shown = escape::text(&file.path, false).to_string();
    let path = file.real_path();
    let empty = |kind, note: String| Entry {
        path: shown.clone(),
        kind,
        callbacks: None,
        module: None,
        traceable: false,
        note: Some(note),
        source: None,
    };
    let nothing = |kind, note: String| (empty(kind, note), None);
    if let Some(why) = denylist::reason(&path) {
        return nothing("unknown", format!("not opened: {why}"));
    }
    let inspected = source.inspect_file(&path);
    source.fetch(&mut |_| {});
    let open = match inspected {
        Err(error) => return nothing("unknown", format!("cannot be opened: {error}")),
        Ok(None) => return nothing("other", "neither a seq file nor plain procfs".to_owned()),
        Ok(Some(open)) => open,
    };
    match &open.functions {
        Functions::Handlers(_) => {
            let note = "own handlers, no callbacks".to_owned();
            (Entry { traceable: true, ..empty("plain", note) }, None)
        }
        Functions::None => nothing("seq", "m->op is NULL: no callbacks".to_owned()),
        Functions::Callbacks(callbacks) => {
            // The reason why the callbacks cannot be traced.
            let note = match backend {
                ChosenBackend::Core(_) => None,
                ChosenBackend::Callbacks(_) => source.try_callbacks(&open.kind),
            };
            let Callbacks { table: _, start, next, show, stop } = callbacks;
            let name = |symbol| Name { symbol, ascii: false }.to_string();
            let module = show.module.as_deref();
            let entry = Entry {
                callbacks: Some([start, next, show, stop].map(name)),
                module: module.map(|name| escape::text(name.as_bytes(), false).to_string()),
                traceable: note.is_none(),
                note,
                ..empty("seq", String::new())
            };
            (entry, Some(show.clone()))
        }
    }
}

/// Returns the text after a function whose line is known; empty if it is not.
fn at_source(source: Option<&SourceLine>) -> String {
    source.map_or_else(String::new, |source| format!(" at {}", SourceText { source, ascii: false }))
}

fn line(entry: &Entry<'_>, show: Option<&SourceLine>) -> String {
    let Entry { path, kind, callbacks, module, traceable, note, source: _ } = entry;
    let mut line = format!("{path:<40} {kind:<8}");
    if let Some([start, next, show, stop]) = callbacks {
        let _infallible = write!(line, " {start} {next} {show} {stop}");
    }
    if let Some(module) = module {
        let _infallible = write!(line, " [{module}]");
    }
    line.push_str(&at_source(show));
    if let Some(note) = note {
        let mark = if *traceable { "" } else { "not traceable: " };
        let _infallible = write!(line, " ({mark}{note})");
    }
    line
}
