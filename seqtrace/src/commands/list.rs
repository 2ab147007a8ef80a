//! `seqtrace list`: which files are seq files, and what their callbacks are.
//!
//! A file tells what it is only when it is opened, so that is what happens, for reading, without
//! blocking and without reading a byte. Files where even that does something are left out by name.

use std::{
    fmt::Write as _,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use serde::Serialize;

use crate::{
    check::denylist,
    cli,
    event::{FileKind, Open},
    exit::{Exit, Refusal},
    faults::Faults,
    filter::{Selection, Target},
    kernel::preflight::Preflight,
    pipeline::{Pipeline, Until},
    probe::{
        backend::Plan,
        live::Live,
        loader::{Allow, Probes, Settings},
        trace::Trace,
    },
    recording::Noting,
    render::{self, Name, escape},
    session::{
        Tracker,
        update::{Callbacks, Symbol},
    },
    targets::{self, Named, Problem, Word},
};

/// A line of the list.
#[derive(Debug, Serialize)]
struct Entry {
    path: String,
    /// `seq`, `plain`, `other` or `unknown`.
    kind: &'static str,
    /// The names of start, next, show and stop.
    callbacks: Option<[String; 4]>,
    module: Option<String>,
    traceable: bool,
    /// Why not, or what is special.
    note: Option<String>,
}

/// Runs the subcommand.
pub(super) fn run(args: &cli::List) -> anyhow::Result<ExitCode> {
    let files = files(targets::locate(&args.targets)?)?;
    let facts = Preflight::gather()?;
    let plan =
        Plan::choose(cli::Backend::Auto, &facts.symbols, &facts.kernel.offsets, Faults::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let mut trace = quiet_trace(&facts)?;
    let mut stdout = io::stdout().lock();
    for file in files {
        let entry = entry(&file, &mut trace, &plan);
        let written = if args.json {
            writeln!(stdout, "{}", serde_json::to_string(&entry)?)
        } else {
            writeln!(stdout, "{}", line(&entry))
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(Exit::Done.into())
}

/// The files that the words name, each once. Warns of each word that names none; folders, of which a
/// glob that the shell expands has many, are counted.
///
/// # Errors
/// No word names a file, or one is no path.
fn files(words: Vec<Word>) -> Result<Vec<Named>, Refusal> {
    let by_path = |word: &&Word| matches!(word.named, Target::Path(_) | Target::Glob(_));
    if let Some(word) = words.iter().find(|word| !by_path(word)) {
        let remedy =
            "name paths or globs; `seqtrace check module:NAME` finds the files of a module";
        return Err(Refusal::usage(format!("{}: list opens files", word.named), remedy));
    }
    let nothing = words.iter().all(|word| word.files.is_empty());
    let is_folder = |word: &Word| matches!(word.problem, Some(Problem::Folder));
    let folders = words.iter().filter(|word| is_folder(word)).count();
    for word in &words {
        match &word.problem {
            Some(problem) if nothing => return Err(problem.refusal(&word.named)),
            Some(_) if folders > 1 && is_folder(word) => {}
            Some(problem) => eprintln!("warning: {}: {}", word.named, problem.reason()),
            None => {}
        }
    }
    if folders > 1 {
        eprintln!("warning: {folders} folders are passed over");
    }
    Ok(targets::once(words.into_iter().flat_map(|word| word.files).collect()))
}

/// A trace that sees our own opens and shows nothing.
fn quiet_trace(facts: &Preflight) -> anyhow::Result<Trace> {
    let mut probes = Probes::load(&Settings {
        kernel: facts.kernel.clone(),
        show_own: true,
        preview: 0,
        ring_bytes: 1 << 20,
        allow: Allow { pids: [std::process::id()].into(), ..Allow::default() },
        log: false,
        faults: Faults::default(),
    })?;
    probes.follow()?;
    probes.plain()?;
    let pipeline = Pipeline::new(
        Tracker::new(Noting::new(Live::new(Arc::clone(&facts.symbols)))),
        Selection::default(),
        Until::default(),
        render::sink(&render::Options::default())?,
    );
    Trace::begin(probes, &Plan::Core(Vec::new()), pipeline, None, false)
}

fn entry(file: &Named, trace: &mut Trace, plan: &Plan) -> Entry {
    let mut entry = entry_of(file, trace, plan);
    if let Some(leads_to) = file.leads_to() {
        entry.note =
            Some(entry.note.map_or(leads_to.clone(), |note| format!("{leads_to}; {note}")));
    }
    entry
}

fn entry_of(file: &Named, trace: &mut Trace, plan: &Plan) -> Entry {
    let shown = escape::text(&file.path, false).to_string();
    let path = file.real_path();
    let empty = |kind, note: String| Entry {
        path: shown.clone(),
        kind,
        callbacks: None,
        module: None,
        traceable: false,
        note: Some(note),
    };
    if let Some(why) = denylist::reason(&path) {
        return empty("unknown", format!("not opened: {why}"));
    }
    let open = match trace.look_at(&path) {
        Err(error) => return empty("unknown", format!("cannot be opened: {error}")),
        Ok(None) => return empty("other", "neither a seq file nor plain procfs".to_owned()),
        Ok(Some(open)) => open,
    };
    match open.kind {
        FileKind::Plain { .. } => {
            Entry { traceable: true, ..empty("plain", "own handlers, no callbacks".to_owned()) }
        }
        FileKind::Seq { .. } => seq_entry(&shown, &open, trace, plan),
    }
}

fn seq_entry(path: &str, open: &Open, trace: &mut Trace, plan: &Plan) -> Entry {
    let callbacks = trace.pipeline.callbacks(&open.kind);
    let module = callbacks.as_ref().and_then(|callbacks| callbacks.show.module.as_deref());
    let (traceable, note) = match plan {
        _ if callbacks.is_none() => (false, Some("m->op is NULL: no callbacks".to_owned())),
        Plan::Core(_) => (true, None),
        Plan::Callbacks(_) => match trace.try_table(&open.kind) {
            None => (true, None),
            Some(why) => (false, Some(why)),
        },
    };
    Entry {
        path: path.to_owned(),
        kind: "seq",
        module: module.map(|name| escape::text(name.as_bytes(), false).to_string()),
        callbacks: callbacks.as_ref().map(names),
        traceable,
        note,
    }
}

fn names(callbacks: &Callbacks) -> [String; 4] {
    let Callbacks { table: _, start, next, show, stop } = callbacks;
    [start, next, show, stop].map(name)
}

fn name(symbol: &Symbol) -> String {
    Name { symbol, ascii: false }.to_string()
}

fn line(entry: &Entry) -> String {
    let Entry { path, kind, callbacks, module, traceable, note } = entry;
    let mut line = format!("{path:<40} {kind:<8}");
    if let Some([start, next, show, stop]) = callbacks {
        let _infallible = write!(line, " {start} {next} {show} {stop}");
    }
    if let Some(module) = module {
        let _infallible = write!(line, " [{module}]");
    }
    if let Some(note) = note {
        let mark = if *traceable { "" } else { "not traceable: " };
        let _infallible = write!(line, " ({mark}{note})");
    }
    line
}
