//! `seqtrace attach`: the live timeline.

use std::{
    fs::File,
    io::{self, IsTerminal},
    os::{fd::AsFd, unix::ffi::OsStrExt, unix::process::ExitStatusExt},
    process::{ExitCode, ExitStatus, Stdio},
    sync::Arc,
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{process::Child, time::Instant};

use super::invoker;
use crate::{
    cli, clock,
    exit::{Exit, Refusal},
    filter::Selection,
    kernel::preflight::Preflight,
    output::Writer,
    pipeline::{Pipeline, Until, Wanted},
    probe::{
        backend::Plan,
        live::Live,
        loader::{Probes, Settings},
        trace::Trace,
    },
    render::{self, Clock, Header, clock::TimeZone},
    rules::Verdict,
    session::Tracker,
    targets,
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Attach) -> anyhow::Result<ExitCode> {
    let selection = Selection {
        targets: targets::parse(&args.targets)?,
        filter: targets::filter(&args.select)?,
    };
    let mut writer = Writer::open(args.output.file.as_deref())?;
    let sink = render::sink(&options(&args.output, &writer))
        .map_err(|error| Refusal::usage(error.to_string(), "name some of these with --fields"))?;

    let facts = Preflight::gather()?;
    targets::check(&selection.targets, &facts.symbols)?;
    let plan = Plan::choose(args.capture.backend, &facts.symbols, &facts.offsets)?;
    if args.capture.dry_run {
        print!("{}", plan.describe());
        return Ok(Exit::Done.into());
    }

    let mut probes = Probes::load(&settings(args, &facts, &selection)).map_err(Refusal::from)?;
    probes.follow().map_err(Refusal::from)?;
    if selection.targets.iter().any(targets::may_become_plain) {
        probes.plain().map_err(Refusal::from)?;
    }
    let plan = plan.attach(&mut probes, args.capture.backend).map_err(Refusal::from)?;

    let until = until(&args.limits);
    let tracker = Tracker::new(Live::new(Arc::clone(&facts.symbols)));
    let mut pipeline = Pipeline::new(tracker, selection.clone(), until, sink);
    if args.output.only_findings {
        pipeline.only_findings();
    }
    pipeline.announce(|sink, output| sink.header(&header(args, &facts, &plan), output));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let mut trace = Trace::begin(probes, &plan, pipeline, args.output.verbose >= 2)?;
        for target in targets::look_at(&selection.targets, &mut trace)? {
            trace.pipeline.announce(|sink, output| sink.target(&target, output));
        }
        trace.announce_ready();
        trace.write(&mut writer)?;
        if let Some(path) = &args.capture.ready_file {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        }

        let mut child = spawn(args, &writer)?;
        let deadline = args.limits.duration.map(|time| Instant::now() + time);
        let status = trace.run(&mut writer, child.as_mut(), deadline).await?;
        if let (None, Some(child)) = (status, &child) {
            terminate(child);
        }
        let summary = trace.finish(&mut writer)?;
        Ok(match args.fail_on {
            Some(severity) => Exit::on(Verdict::of(&summary), severity.into()).into(),
            None => status.map_or(Exit::Done.into(), exit_code),
        })
    })
}

fn until(limits: &cli::Limits) -> Until {
    let finding = limits.until_finding.map(|rule| rule.map_or(Wanted::Any, Wanted::Rule));
    Until { sessions: limits.max_sessions, events: limits.max_events, finding }
}

fn options(args: &cli::Output, writer: &Writer) -> render::Options {
    let terminal = writer.is_terminal();
    let status_terminal = io::stderr().is_terminal();
    let color = |terminal: bool| match args.color {
        cli::Color::Always => true,
        cli::Color::Never => false,
        // https://no-color.org: set and not empty.
        cli::Color::Auto => {
            terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    render::Options {
        format: args.format,
        time: args.time,
        clock: Clock { wall_at_boot: clock::wall_at_boot(), zone: TimeZone::system() },
        color: color(terminal),
        color_status: color(status_terminal),
        ascii: args.ascii,
        preview: usize::try_from(args.preview).unwrap_or(0),
        fields: args.fields.clone(),
        width: None,
        quiet: args.quiet,
        verbose: args.verbose > 0,
    }
}

fn header(args: &cli::Attach, facts: &Preflight, plan: &Plan) -> Header {
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: facts.release.clone(),
        machine: std::env::consts::ARCH.to_owned(),
        backend: plan.name().to_owned(),
        backend_reason: plan.reason().map(str::to_owned),
        ring_bytes: u64::from(args.capture.ring_size),
        command: std::env::args_os().map(|word| word.as_bytes().to_vec()).collect(),
    }
}

fn settings(args: &cli::Attach, facts: &Preflight, selection: &Selection) -> Settings {
    Settings {
        offsets: facts.offsets,
        show_own: true,
        preview: args.output.preview,
        ring_bytes: args.capture.ring_size,
        allow: targets::allow(selection),
        log: args.output.verbose >= 2,
    }
}

/// Starts the command, if there is one. Its output must not mix with the data: unless that goes to a
/// file, the command's standard output becomes our standard error.
fn spawn(args: &cli::Attach, writer: &Writer) -> anyhow::Result<Option<Child>> {
    let Some(mut command) = invoker::command(&args.command) else { return Ok(None) };
    if !writer.is_file() {
        let stderr = io::stderr().as_fd().try_clone_to_owned().context("cannot share stderr")?;
        command.stdout(Stdio::from(stderr));
    }
    let child = tokio::process::Command::from(command).spawn();
    child.map(Some).map_err(|error| {
        let name = args.command.first().map(|name| name.display().to_string()).unwrap_or_default();
        Refusal {
            exit: Exit::NotRun(invoker::not_run(&error)),
            what: format!("cannot run {name}: {error}"),
            remedy: "check the command behind --".to_owned(),
        }
        .into()
    })
}

/// The trace ends before its command: so does the command.
fn terminate(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id {
        // It may have ended by itself meanwhile.
        let _gone = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}

/// A command's status as a shell would tell it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
