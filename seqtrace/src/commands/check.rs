//! `seqtrace check`: reads files in every way that matters and judges them.

mod files;

use std::{
    io::{self, IsTerminal},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;

use self::files::Candidate;
use super::{look, recordings, replay};
use crate::{
    check::{
        file_checker::{FileChecker, Limits},
        process::Process,
        recorded::ReportCollector,
        report::{Format, Options, ReportWriter, Sums},
        seen::Collector,
        verdict::{self, Verdict},
    },
    cli,
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
/// Runs the subcommand.
pub(super) fn run(args: &cli::Check) -> anyhow::Result<ExitCode> {
    if let Some(recording) = &args.from {
        let wanted = targets::parse(&args.targets)?;
        let writer = recordings::writer(recording, args.file.as_deref())?;
        return judge(recording, wanted, args, writer);
    }
    let mut writer = Writer::open(args.file.as_deref())?;
    let facts = Preflight::gather()?;
    let wanted = targets::locate(&args.targets)?;
    files::refuse(&wanted)?;
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
        let mut checker = FileChecker::new(trace, seen, readers, limits)?;
        let files = files::candidates(wanted, &mut checker.trace)?;
        let mut report = ReportWriter::new(options(args, &writer, files.len() == 1));
        let mut named = 0;
        let interrupted = tokio::select! {
            biased;
            () = signals.any() => true,
            done = examine(&mut checker, &files, args, &mut report, &mut writer) => {
                named = done?;
                false
            }
        };
        let mut output = Output::default();
        report.end(&mut output.data);
        writer.write(&mut output)?;
        Box::pin(checker.end()).await.finish(&mut writer)?;
        Ok(exit(report.sums(), named, report.unlisted().passed_by, interrupted).into())
    })
}

/// Checks the files. How many that were named were not judged.
async fn examine(
    checker: &mut FileChecker,
    files: &[Candidate],
    args: &cli::Check,
    report: &mut ReportWriter,
    writer: &mut Writer,
) -> anyhow::Result<u64> {
    let mut refused = 0;
    let mut output = Output::default();
    report.begin(u64::try_from(files.len()).unwrap_or(u64::MAX), &mut output.data);
    // A single file is shown, whatever it is.
    let passes_by = args.format == Format::Text && args.verbose == 0 && files.len() > 1;
    for candidate in files {
        let (result, other_kind) = judge_one(checker, candidate).await?;
        let is_refused = matches!(result.verdict, Verdict::Refused(_));
        refused += u64::from(is_refused && candidate.named);
        if is_refused && !candidate.named && passes_by {
            report.pass_by();
        } else if other_kind {
            report.other(result, &mut output.data);
        } else {
            report.report(&result, &mut output.data);
        }
        if !writer.write(&mut output)? {
            break;
        }
    }
    Ok(refused)
}

/// The report on a file, and whether it is no seq file.
async fn judge_one(
    checker: &mut FileChecker,
    candidate: &Candidate,
) -> anyhow::Result<(verdict::Report, bool)> {
    let Candidate { path, real, named: _, notes, problem } = candidate;
    if let Some((why, other_kind)) = problem {
        let mut result = verdict::Report::new(path.as_os_str().as_bytes().to_vec());
        result.verdict = Verdict::Refused(why.clone());
        return Ok((result, *other_kind));
    }
    let mut result = checker.file(path, real).await?;
    result.notes.extend_from_slice(notes);
    let other_kind =
        matches!(&result.verdict, Verdict::Refused(why) if why == verdict::NOT_A_SEQ_FILE);
    Ok((result, other_kind))
}

/// `check --from`: a recording instead of reads of our own.
fn judge(
    recording: &Path,
    targets: Vec<Target>,
    args: &cli::Check,
    mut writer: Writer,
) -> anyhow::Result<ExitCode> {
    let selection = Selection { targets, filter: Filter::default() };
    let gatherer = ReportCollector::default();
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
    let mut report = ReportWriter::new(options(args, &writer, reports.len() == 1));
    let mut output = Output::default();
    report.begin(u64::try_from(reports.len()).unwrap_or(u64::MAX), &mut output.data);
    for file in &reports {
        report.report(file, &mut output.data);
    }
    report.end(&mut output.data);
    writer.write(&mut output)?;
    // What was lost may have been of any file.
    let unsure = played.verdict().is_inconclusive();
    Ok(exit(report.sums(), 0, 0, unsure).into())
}

fn options(args: &cli::Check, writer: &Writer, single: bool) -> Options {
    Options {
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
    wanted: &[targets::Word],
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
    let real: Vec<Target> = wanted.iter().flat_map(|word| word.real.clone()).collect();
    probes.failed_opens(&targets::opens(&real)).map_err(Refusal::from)?;
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

/// What was found counts most, then what could not be told, then what was not read though it was named,
/// or that nothing was read at all.
fn exit(sums: Sums, named: u64, passed_by: u64, unsure: bool) -> Exit {
    if sums.findings > 0 {
        Exit::Findings
    } else if sums.inconclusive > 0 || unsure {
        Exit::Inconclusive
    } else if named > 0 || (sums.refused + passed_by > 0 && sums.clean == 0) {
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
