//! `seqtrace attach`: the live timeline.

use std::process::ExitCode;

use super::{
    live::{self, Outputs, Request},
    options,
};
use crate::{cli, clock, exit::Exit, output::Writer};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Attach) -> anyhow::Result<ExitCode> {
    let request = Request {
        tracing: &args.tracing,
        only_findings: args.output.only_findings,
        min_duration: args.output.min_duration,
        preview: args.output.preview,
        quiet: args.output.quiet,
        log: args.output.verbose >= 2,
    };
    #[cfg(feature = "tui")]
    if args.output.tui {
        return super::tui::attach(args, request);
    }
    let writer = Writer::open(args.output.file.as_deref())?.with_width(args.output.width);
    let wall_at_boot = clock::wall_at_boot();
    let renderer = if args.summary {
        // The output of a command on the same terminal would be overwritten.
        options::totals(&args.output, &writer, args.tracing.command.is_empty())
    } else {
        options::renderer(&args.output, &writer, wall_at_boot)?
    };
    let recording = args.record.clone();
    let outputs =
        Outputs { renderer, writer, recording, redact: false, wall_at_boot, screen: None };
    let traced = live::run(request, outputs)?;
    Ok(traced.map_or(Exit::Done.into(), |traced| traced.code))
}
