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
    render::{Clock, clock::TimeZone, report, summary},
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Report) -> anyhow::Result<ExitCode> {
    let writer = recordings::writer(&args.recording, args.output.as_deref())?.with_width(None);
    let view = View {
        select: &args.select,
        until: Until::default(),
        only_findings: false,
        min_duration: None,
        max_memory: args.reading.max_memory,
        shows_progress: true,
    };
    replay::play(&args.recording, &view, writer, |writer, wall_at_boot| {
        let (color, ascii) = (options::color_data(args.color, writer), args.ascii);
        let top = usize::try_from(args.top).ok().filter(|top| *top > 0);
        if args.summary {
            let width = writer.width();
            let options = summary::Options { color, ascii, width, top, ..Default::default() };
            return Ok(Box::new(summary::Totals::new(options)));
        }
        Ok(Box::new(report::Report::new(report::Options {
            clock: Clock { wall_at_boot, zone: TimeZone::UTC },
            color,
            ascii,
            ledger: args.ledger,
            top,
        })))
    })?;
    Ok(Exit::Done.into())
}
