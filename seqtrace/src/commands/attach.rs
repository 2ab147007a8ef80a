//! `seqtrace attach`: the live timeline.

use std::{
    fs::File,
    io::{self, IsTerminal},
    os::{fd::AsFd, unix::ffi::OsStrExt, unix::process::ExitStatusExt},
    process::{ExitCode, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::{process::Child, time::Instant};

use super::invoker;
use crate::{
    cli, clock,
    exit::{Exit, Refusal},
    filter::{Filter, Selection},
    kernel::facts::Facts,
    output::Writer,
    pipeline::{Pipeline, Until},
    probe::{backend::Plan, live::Live, loader::Probes, trace::Trace},
    render::{self, Clock, Header, Output, Ready, TimeZone},
    session::Tracker,
    targets,
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Attach) -> anyhow::Result<ExitCode> {
    let selection =
        Selection { targets: targets::parse(&args.targets)?, filter: Filter::new(&args.select)? };
    let mut writer = Writer::open(args.output.file.as_deref())?;
    let sink = render::sink(&options(&args.output, &writer))
        .map_err(|error| Refusal::usage(error.to_string(), "name some of these with --fields"))?;

    let facts = Facts::gather()?;
    targets::check(&selection.targets, &facts.symbols)?;
    let plan = Plan::choose(args.capture.backend, &facts.symbols, &facts.offsets)?;
    if args.capture.dry_run {
        print!("{}", plan.describe());
        return Ok(Exit::Done.into());
    }

    let mut probes = Probes::load(&settings(args, &facts, &selection))?;
    let begin = clock::monotonic();
    probes.follow()?;
    let plan = probes.callbacks_by(plan, args.capture.backend)?;

    let until = Until { sessions: args.limits.max_sessions, events: args.limits.max_events };
    let tracker = Tracker::new(Live::new(Arc::clone(&facts.symbols)));
    let mut pipeline = Pipeline::new(tracker, selection.clone(), until, sink);
    pipeline.announce(|sink, output| sink.header(&header(args, &facts, &plan), output));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let mut trace = Trace::begin(probes, &plan, pipeline, args.output.verbose >= 2)?;
        for target in trace.look_at(&selection.targets).await? {
            trace.pipeline.announce(|sink, output| sink.target(&target, output));
        }
        trace.announce_ready(begin);
        trace.write(&mut writer)?;
        if let Some(path) = &args.capture.ready_file {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        }

        let mut child = spawn(args, &writer)?;
        let deadline = args.limits.time.map(|time| Instant::now() + time);
        let status = trace.run(&mut writer, child.as_mut(), deadline).await?;
        trace.finish(&mut writer)?;
        Ok(status.map_or(Exit::Done.into(), exit_code))
    })
}
