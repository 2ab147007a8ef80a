//! `seqtrace report`: summarizes a recording.

use std::process::ExitCode;

use super::{
    options, recordings,
    replay::{self, View},
};
use crate::{
    cli,
    exit::Exit,
    pipeline::Until,
    render::{Clock, clock::TimeZone, report},
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Report) -> anyhow::Result<ExitCode> {
    let writer = recordings::writer(&args.recording, args.output.as_deref())?;
    let view = View {
        select: &args.select,
        until: Until::default(),
        only_findings: false,
        min_duration: None,
        max_memory: args.reading.max_memory,
    };
    replay::play(&args.recording, &view, writer, |writer, wall_at_boot| {
        Ok(Box::new(report::Report::new(report::Options {
            clock: Clock { wall_at_boot, zone: TimeZone::UTC },
            color: options::color_data(args.color, writer),
            ascii: args.ascii,
            ledger: args.ledger,
            top: usize::try_from(args.top).ok().filter(|top| *top > 0),
        })))
    })?;
    Ok(Exit::Done.into())
}
