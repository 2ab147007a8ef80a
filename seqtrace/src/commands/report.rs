//! `seqtrace report`: summarizes a recording.

#[cfg(feature = "html")]
use std::path::Path;
use std::process::ExitCode;

#[cfg(feature = "html")]
use seqtrace_html::Material;

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
#[cfg(feature = "html")]
use crate::{filter::Selection, recording::Ending, targets};

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
    #[cfg(feature = "html")]
    if let Some(page) = &args.html {
        write_page(args, page)?;
    }
    Ok(Exit::Done.into())
}

/// Writes the page of a recording.
#[cfg(feature = "html")]
fn write_page(args: &cli::Report, page: &Path) -> anyhow::Result<()> {
    if args.recording.as_os_str() == "-" {
        let hint = "give the recording a name: seqtrace report FILE --html PAGE";
        return Err(Exit::Usage.error("standard input cannot be read twice", hint).into());
    }
    let mut material = Material::with_limit(super::page::MEMORY);
    let selection = Selection { targets: Vec::new(), filter: targets::filter(&args.select)? };
    let memory = args.reading.max_memory;
    let played = replay::gather(&args.recording, selection, memory, &mut material)?;
    let cut =
        (played.ending == Ending::Cut).then_some("The recording ends before its trace ended.");
    let title = recordings::name(&args.recording);
    super::page::write(page, &title, &material, &[], cut)
}
