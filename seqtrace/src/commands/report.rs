//! `seqtrace report`: a recording summed up.

use std::process::ExitCode;

use super::{look, replay};
use crate::{
    cli,
    output::Writer,
    pipeline::Until,
    render::{Clock, clock::TimeZone, report},
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Report) -> anyhow::Result<ExitCode> {
    let writer = Writer::open(args.output.as_deref())?;
    replay::play(&args.recording, &args.select, Until::default(), writer, |writer, wall_at_boot| {
        Ok(Box::new(report::Report::new(report::Options {
            clock: Clock { wall_at_boot, zone: TimeZone::UTC },
            color: look::color_data(args.color, writer),
            ascii: args.ascii,
            top: usize::try_from(args.top).ok().filter(|top| *top > 0),
        })))
    })
}
