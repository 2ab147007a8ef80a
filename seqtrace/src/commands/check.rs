//! `seqtrace check`: reads files in every way that matters and judges them.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;

use super::{look, recordings, replay};
use crate::{
    check::{
        examine::{Examiner, Limits},
        left_alone,
        process::Process,
        recorded::Gatherer,
        report::{Format, Look, Sums, Writer as Report},
        seen::Collector,
        verdict::Verdict,
    },
    cli,
    event::{FileKind, Open},
    exit::{Exit, Refusal},
    faults::Faults,
    filter::{Filter, Selection, Target},
    kernel::preflight::Preflight,
    output::Writer,
    pipeline::{Pipeline, Until},
    probe::{
        backend::Plan,
        live::Live,
        loader::{Allow, Probes, Settings},
        trace::Trace,
    },
    recording::{Ending, Noting},
    render::Output,
    session::Tracker,
    signals::Signals,
    targets,
};

/// The bytes of a record that the rules may compare.
const PREVIEW: u32 = 256;
/// Most files that are looked at to find those of a module.
const WALK_MOST: usize = 16_384;

/// A file to check.
struct Candidate {
    path: PathBuf,
    /// It was named, and not found by a glob.
    named: bool,
}

/// Runs the subcommand.
pub(super) fn run(args: &cli::Check) -> anyhow::Result<ExitCode> {
    let wanted = targets::parse(&args.targets)?;
    if let Some(recording) = &args.from {
        let writer = recordings::writer(recording, args.file.as_deref())?;
        return judge(recording, wanted, args, writer);
    }
    let mut writer = Writer::open(args.file.as_deref())?;
    let facts = Preflight::gather()?;
    targets::check(&wanted, &facts.symbols)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let seen = Collector::default();
        let readers = [Process::start(0)?, Process::start(1)?];
        let trace = trace(args, &wanted, &facts, &seen, &readers)?;
        let limits = Limits {
            bytes: args.max_bytes,
            time: args.time_limit,
            step: args.read_limit,
            force: args.force,
        };
        let mut examiner = Examiner::new(trace, seen, readers, limits)?;
        let files = files(&wanted, &mut examiner.trace)?;
        let mut report = Report::new(look(args, &writer, files.len() == 1));
        let mut named = 0;
        let interrupted = tokio::select! {
            biased;
            () = signals.any() => true,
            done = examine(&mut examiner, &files, args, &mut report, &mut writer) => {
                named = done?;
                false
            }
        };
        let mut output = Output::default();
        report.end(&mut output.data);
        writer.write(&mut output)?;
        Box::pin(examiner.end()).await.finish(&mut writer)?;
        Ok(exit(report.sums(), named, interrupted).into())
    })
}

/// Checks the files. How many that were named were not judged.
async fn examine(
    examiner: &mut Examiner,
    files: &[Candidate],
    args: &cli::Check,
    report: &mut Report,
    writer: &mut Writer,
) -> anyhow::Result<u64> {
    let mut refused = 0;
    let mut output = Output::default();
    report.begin(u64::try_from(files.len()).unwrap_or(u64::MAX), &mut output.data);
    for Candidate { path, named } in files {
        let result = examiner.file(path).await?;
        let passed_by = matches!(result.verdict, Verdict::Refused(_)) && !named;
        refused += u64::from(matches!(result.verdict, Verdict::Refused(_)) && *named);
        if passed_by && args.format == Format::Text && args.verbose == 0 {
            report.pass_by(&result);
        } else {
            report.report(&result, &mut output.data);
        }
        if !writer.write(&mut output)? {
            break;
        }
    }
    Ok(refused)
}

/// `check --from`: a recording instead of reads of our own.
fn judge(
    recording: &Path,
    targets: Vec<Target>,
    args: &cli::Check,
    mut writer: Writer,
) -> anyhow::Result<ExitCode> {
    let selection = Selection { targets, filter: Filter::default() };
    let gatherer = Gatherer::default();
    let played = replay::gather(recording, selection, gatherer.sink())?;
    let reports = gatherer.reports(&played);
    if reports.is_empty() && played.ending == Ending::Cut {
        return Err(Refusal {
            exit: Exit::Inconclusive,
            what: format!("{} is cut off before its first session", recordings::name(recording)),
            remedy: "record it again".to_owned(),
        }
        .into());
    }
    if reports.is_empty() {
        return Err(Refusal::target(
            format!("no session of these targets is in {}", recordings::name(recording)),
            "`seqtrace report FILE` tells what is",
        )
        .into());
    }
    let mut report = Report::new(look(args, &writer, reports.len() == 1));
    let mut output = Output::default();
    report.begin(u64::try_from(reports.len()).unwrap_or(u64::MAX), &mut output.data);
    for file in &reports {
        report.report(file, &mut output.data);
    }
    report.end(&mut output.data);
    writer.write(&mut output)?;
    // What was lost may have been of any file.
    let unsure = played.verdict().is_inconclusive();
    Ok(exit(report.sums(), 0, unsure).into())
}

fn look(args: &cli::Check, writer: &Writer, single: bool) -> Look {
    Look {
        format: args.format,
        color: look::color_data(args.color, writer),
        ascii: args.ascii,
        verbose: args.verbose > 0,
        quiet: args.quiet,
        single,
    }
}

/// A trace of the readers, and of nobody else.
fn trace(
    args: &cli::Check,
    wanted: &[Target],
    facts: &Preflight,
    seen: &Collector,
    readers: &[Process; 2],
) -> anyhow::Result<Trace> {
    let plan =
        Plan::choose(args.backend, &facts.symbols, &facts.kernel.offsets, Faults::default())?;
    let pids = readers.iter().filter_map(Process::id).collect();
    let mut probes = Probes::load(&Settings {
        kernel: facts.kernel.clone(),
        show_own: true,
        preview: PREVIEW,
        ring_bytes: args.ring_size,
        allow: Allow { pids, ..Allow::default() },
        log: args.verbose >= 2,
        faults: Faults::default(),
    })
    .map_err(Refusal::from)?;
    probes.follow().map_err(Refusal::from)?;
    probes.failed_opens(&targets::opens(wanted)).map_err(Refusal::from)?;
    let plan = plan.attach(&mut probes, args.backend).map_err(Refusal::from)?;
    if args.verbose > 0 && io::stderr().is_terminal() {
        eprintln!("backend {}", plan.name());
    }
    let pipeline = Pipeline::new(
        Tracker::new(Noting::new(Live::new(Arc::clone(&facts.symbols)))),
        Selection::default(),
        Until::default(),
        seen.sink(),
    );
    Trace::begin(probes, &plan, pipeline, None, args.verbose >= 2)
}

/// The files that the targets name.
fn files(wanted: &[Target], trace: &mut Trace) -> anyhow::Result<Vec<Candidate>> {
    let mut files = Vec::new();
    for target in wanted {
        match target {
            Target::Path(path) => {
                let path = PathBuf::from(OsStr::from_bytes(path));
                files.push(Candidate { path, named: true });
            }
            Target::Glob(glob) => {
                let found = targets::expand(glob.text()).into_iter();
                files.extend(found.map(|path| Candidate { path, named: false }));
            }
            Target::Module(glob) => {
                let before = files.len();
                for path in walk(Path::new("/proc")).chain(walk(Path::new("/sys/kernel/debug"))) {
                    if is_of(&path, &|module| glob.matches(module.as_bytes()), trace) {
                        files.push(Candidate { path, named: true });
                    }
                }
                if files.len() == before {
                    return Err(Refusal::target(
                        format!("no seq file in /proc or debugfs has its callbacks in {target}"),
                        "is the module loaded, and does it make a file? name the file itself",
                    )
                    .into());
                }
            }
            Target::Function(_) => {
                return Err(Refusal::usage(
                    format!("{target}: check reads files"),
                    "name a file, a glob or module:NAME; `seqtrace list` tells callbacks of files",
                )
                .into());
            }
        }
    }
    files.dedup_by(|a, b| a.path == b.path);
    if files.is_empty() {
        return Err(Refusal::usage("no target", "name a file: seqtrace check /proc/foo").into());
    }
    Ok(files)
}

/// Whether a file's callbacks are in such a module.
fn is_of(path: &Path, module: &dyn Fn(&str) -> bool, trace: &mut Trace) -> bool {
    if left_alone::why(path).is_some() {
        return false;
    }
    let Ok(Some(Open { kind: kind @ FileKind::Seq { .. }, .. })) = trace.look_at(path) else {
        return false;
    };
    let callbacks = trace.pipeline.callbacks(&kind);
    callbacks.and_then(|callbacks| callbacks.show.module).is_some_and(|name| module(&name))
}

/// The files below a folder, in order, but for those of processes and of sysctl, which modules do not
/// make.
fn walk(root: &Path) -> impl Iterator<Item = PathBuf> {
    let passed_by = |folder: &Path, name: &OsStr| {
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
                Ok(kind) if kind.is_dir() && !passed_by(&folder, &entry.file_name()) => {
                    folders.push(entry.path());
                }
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    if files.len() > WALK_MOST {
        let all = files.len();
        eprintln!(
            "seqtrace: only {WALK_MOST} of the {all} files in {} are looked at",
            root.display()
        );
        files.truncate(WALK_MOST);
    }
    files.into_iter()
}

/// What was found counts most, then what could not be told, then what was not read though it was named.
fn exit(sums: Sums, named: u64, unsure: bool) -> Exit {
    if sums.findings > 0 {
        Exit::Findings
    } else if sums.inconclusive > 0 || unsure {
        Exit::Inconclusive
    } else if named > 0 || (sums.refused > 0 && sums.clean == 0) {
        Exit::Target
    } else {
        Exit::Done
    }
}

/// `seqtrace read-for-check`: the process that reads.
pub(super) fn read() -> anyhow::Result<ExitCode> {
    crate::check::reader::serve().context("cannot read on behalf of seqtrace check")?;
    Ok(Exit::Done.into())
}
