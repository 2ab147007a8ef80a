//! `seqtrace check`: reads files in every way that matters and judges them.

mod files;

#[cfg(feature = "html")]
use std::{cell::RefCell, rc::Rc};
use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::ExitCode,
};

use anyhow::Context;

use self::files::Candidate;
use super::{options, recordings, replay};
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
    exit::{Exit, UserError, shown},
    faults::Faults,
    filter::{Filter, Prefilter, Selection, Target},
    kernel::preflight::Preflight,
    output::{Destinations, Writer, progress::Progress},
    pipeline::{Pipeline, Until},
    probe::{backend::ChosenBackend, setup::Setup},
    recording::Ending,
    render::Output,
    run::Trace,
    signals::Signals,
    targets,
};

/// Number of bytes of each record that the rules can compare.
const PREVIEW: u32 = 256;
/// Runs the subcommand.
pub(super) fn run(args: &cli::Check) -> anyhow::Result<ExitCode> {
    let words = words(args)?;
    #[cfg(feature = "html")]
    recordings::differ_page(
        args.html.as_deref(),
        args.from.as_deref(),
        args.output_file.as_deref(),
    )?;
    if let Some(recording) = &args.from {
        let wanted = targets::parse(words)?;
        let writer = recordings::writer(recording, args.output_file.as_deref())?;
        return judge(recording, wanted, args, writer);
    }
    let writer = Writer::open(args.output_file.as_deref())?;
    let facts = super::preflight(&args.types, Faults::default())?;
    let wanted = targets::locate(words)?;
    files::refuse(&wanted)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::listen()?;
        let mut to = Destinations::start(writer, None).context("cannot start a thread")?;
        let readers = [Process::start(0)?, Process::start(1)?];
        #[cfg_attr(not(feature = "html"), expect(unused_mut, reason = "the page needs it"))]
        let mut trace = trace(args, &wanted, &facts, &readers)?;
        #[cfg(feature = "html")]
        let material = args.html.is_some().then(|| {
            let material = Rc::new(RefCell::new(seqtrace_html::material(super::page::MEMORY)));
            trace.sink.also = Some(Box::new(Rc::clone(&material)));
            material
        });
        let limits = Limits {
            bytes: args.max_bytes,
            time: args.time_limit,
            step: args.read_limit,
            force: args.force,
        };
        let mut checker = FileChecker::new(trace, readers, limits)?;
        let files = files::candidates(wanted, &mut checker.trace.source)?;
        let mut report = ReportWriter::new(options(args, &to.writer, files.len() == 1));
        let (mut named, mut output) = (0, Output::default());
        report.begin(u64::try_from(files.len()).unwrap_or(u64::MAX), &mut output.data);
        to.writer.write(&mut output)?;
        // On the same terminal, the reports themselves show the progress.
        let shown = files.len() > 1 && (args.quiet || !to.writer.is_terminal());
        let progress = if shown { Progress::of_files(files.len()) } else { Progress::none() };
        let interrupted = tokio::select! {
            biased;
            () = signals.any() => true,
            done = examine(&mut checker, &files, args, &mut report, &mut to, &progress) => {
                named = done?;
                false
            }
        };
        drop(progress);
        if interrupted {
            let left = files.get(report.done()..).unwrap_or_default();
            let paths = left.iter().map(|file| file.path.as_os_str().as_bytes());
            report.report_interrupted(paths, &mut output.data);
        }
        report.end(&mut output.data);
        to.writer.write(&mut output)?;
        let finished = Box::pin(checker.end()).await.finish(|_| Ok(true))?;
        #[cfg(feature = "html")]
        if let (Some(path), Some(material)) = (&args.html, material) {
            let cut = interrupted.then_some("The check was interrupted.");
            super::page::write(path, &title(args), &material.borrow(), &report.files, cut)?;
        }
        to.finish(&|| signals.report_blocked())?;
        signals.end_at_next_if(finished.source.probes() > 0);
        drop(finished);
        Ok(exit(report.sums, named, report.unlisted.skipped, interrupted).into())
    })
}

/// Returns the targets, which may stand behind `--`.
///
/// # Errors
/// Words on both sides of `--` are targets and a command.
fn words(args: &cli::Check) -> Result<&[OsString], UserError> {
    match (args.targets.as_slice(), args.behind_dashes.as_slice()) {
        (targets, []) | ([], targets) => Ok(targets),
        (_, [command, ..]) => Err(Exit::Usage.error(
            format!("check runs no command such as {}: it reads the files itself", shown(command)),
            "to trace what a command reads: seqtrace attach TARGET -- CMD",
        )),
    }
}

/// Checks the files. Returns the number of named files that were not judged.
async fn examine(
    checker: &mut FileChecker,
    files: &[Candidate],
    args: &cli::Check,
    report: &mut ReportWriter,
    to: &mut Destinations,
    progress: &Progress,
) -> anyhow::Result<u64> {
    let mut refused = 0;
    let mut output = Output::default();
    // A single file is always listed.
    let skips = args.format == Format::Text && args.verbose == 0 && files.len() > 1;
    for candidate in files {
        progress.begin(shown(candidate.path.as_os_str()).to_string());
        let (result, other_kind) = judge_one(checker, candidate).await?;
        progress.advance();
        let is_refused = matches!(result.verdict, Verdict::Refused(_));
        refused += u64::from(is_refused && candidate.named);
        if is_refused && !candidate.named && skips {
            report.count_skipped();
        } else if other_kind {
            report.report_non_seq(result, &mut output.data);
        } else {
            report.report(&result, &mut output.data);
        }
        let open = if to.writer.is_terminal() && !output.data.is_empty() {
            // The bar is on the same terminal: it comes back when everything is written.
            progress.suspend(|| {
                let open = to.writer.write(&mut output)?;
                to.finish(&|| ()).map(|()| open)
            })?
        } else {
            to.writer.write(&mut output)?
        };
        if !open {
            break;
        }
        to.space().await;
    }
    Ok(refused)
}

/// Checks a file. Returns its report, and true if the file is not a seq file.
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
    let mut result = checker.check_file(path, real).await?;
    let lines = &mut checker.trace.lines;
    // Those that the trace has not located are findings of the check itself.
    result.found.iter_mut().for_each(|found| found.finding.locate(lines));
    result.notes.extend_from_slice(notes);
    result.notes.extend(lines.take_notes());
    let other_kind =
        matches!(&result.verdict, Verdict::Refused(why) if why == verdict::NOT_A_SEQ_FILE);
    Ok((result, other_kind))
}

/// Runs `check --from`: judges a recording instead of reading files.
fn judge(
    recording: &Path,
    targets: Vec<Target>,
    args: &cli::Check,
    mut writer: Writer,
) -> anyhow::Result<ExitCode> {
    let selection = Selection { targets, filter: Filter::default() };
    #[cfg(feature = "html")]
    let also = args.html.is_some().then(|| seqtrace_html::material(super::page::MEMORY));
    #[cfg(not(feature = "html"))]
    let also = None::<ReportCollector>;
    let mut gatherer = (ReportCollector::default(), also);
    let played = replay::gather(recording, selection, args.reading.max_memory, &mut gatherer)?;
    let reports = gatherer.0.reports(&played);
    if reports.is_empty() && played.ending == Ending::Cut {
        let what = format!("{} is cut off before its first session", recordings::name(recording));
        return Err(Exit::Inconclusive.error(what, "record the trace again").into());
    }
    if reports.is_empty() {
        let what = format!("no session of these targets is in {}", recordings::name(recording));
        let hint = "`seqtrace report FILE` lists the files of a recording";
        return Err(Exit::Target.error(what, hint).into());
    }
    let mut report = ReportWriter::new(options(args, &writer, reports.len() == 1));
    let mut output = Output::default();
    report.begin(u64::try_from(reports.len()).unwrap_or(u64::MAX), &mut output.data);
    for file in &reports {
        report.report(file, &mut output.data);
        writer.write(&mut output)?;
    }
    report.end(&mut output.data);
    writer.write(&mut output)?;
    #[cfg(feature = "html")]
    if let (Some(path), Some(material)) = (&args.html, &gatherer.1) {
        let cut = (played.ending == Ending::Cut).then_some("The recording is cut off.");
        super::page::write(path, &title(args), material, &report.files, cut)?;
    }
    // Lost events may belong to any file.
    let unsure = played.verdict().is_inconclusive();
    Ok(exit(report.sums, 0, 0, unsure).into())
}

/// Returns the heading of the page.
#[cfg(feature = "html")]
fn title(args: &cli::Check) -> String {
    let words = args.targets.iter().chain(&args.behind_dashes).map(|word| shown(word).to_string());
    let from = args.from.iter().map(|file| format!("--from {}", shown(file)));
    ["seqtrace check".to_owned()].into_iter().chain(from).chain(words).collect::<Vec<_>>().join(" ")
}

fn options(args: &cli::Check, writer: &Writer, single: bool) -> Options {
    Options {
        format: args.format,
        color: options::color_data(args.color, writer),
        ascii: args.ascii,
        verbose: args.verbose > 0,
        quiet: args.quiet,
        single,
    }
}

/// Begins a trace that covers the readers only.
fn trace(
    args: &cli::Check,
    wanted: &[targets::LocatedTarget],
    facts: &Preflight,
    readers: &[Process; 2],
) -> anyhow::Result<Trace<Collector>> {
    let chosen = ChosenBackend::choose(args.backend, facts).map_err(UserError::from)?;
    let pids = Some(readers.iter().filter_map(Process::id).collect());
    let accepted = Prefilter { pids, ..Prefilter::default() };
    let mut setup = Setup::new(facts, accepted, args.ring_size);
    setup.settings.preview = PREVIEW;
    setup.settings.log = args.verbose >= 2;
    setup.opens = targets::opens(&targets::session_targets(wanted));
    let attached = setup.attach(chosen, args.backend).map_err(UserError::from)?;
    if args.verbose > 0 && io::stderr().is_terminal() {
        eprintln!("backend {}", attached.backend.name());
    }
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    pipeline.set_fixed(facts.fixed.clone());
    let source = attached.begin().map_err(UserError::from)?;
    let lines = super::source_lines(&args.debug_dir, facts);
    Ok(Trace::new(source, pipeline, None, lines, Collector::default()))
}

/// Chooses the exit status. Findings take precedence, then inconclusive files, then named files that were not read. If
/// no file was judged, the status is that of a missing target.
fn exit(sums: Sums, named: u64, skipped: u64, unsure: bool) -> Exit {
    if sums.findings > 0 {
        Exit::Findings
    } else if sums.inconclusive > 0 || unsure {
        Exit::Inconclusive
    } else if named > 0 || (sums.refused + skipped > 0 && sums.clean == 0) {
        Exit::Target
    } else {
        Exit::Done
    }
}

/// Runs `seqtrace read-for-check`, the process that reads files for a check.
pub(super) fn read() -> anyhow::Result<ExitCode> {
    crate::check::reader::serve().context("cannot read on behalf of seqtrace check")?;
    Ok(Exit::Done.into())
}
