//! `seqtrace report`: summarizes a recording.

use std::process::ExitCode;
#[cfg(feature = "html")]
use std::{cell::RefCell, rc::Rc};

#[cfg(feature = "html")]
use seqtrace_html::material;
#[cfg(feature = "html")]
use seqtrace_model::trace::Sink;

use super::{
    options, recordings,
    replay::{self, View},
};
#[cfg(feature = "html")]
use crate::recording::Ending;
use crate::{
    cli,
    exit::Exit,
    pipeline::Until,
    render::{Clock, clock::TimeZone, report, summary},
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Report) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "html")]
    recordings::differ_page(args.html.as_deref(), Some(&args.recording), args.output.as_deref())?;
    let writer = recordings::writer(&args.recording, args.output.as_deref())?.with_width(None);
    let view = View {
        select: &args.select,
        until: Until::default(),
        only_findings: false,
        min_duration: None,
        max_memory: args.reading.max_memory,
        shows_progress: true,
    };
    #[cfg(feature = "html")]
    let material =
        args.html.is_some().then(|| Rc::new(RefCell::new(material(super::page::MEMORY))));
    #[cfg(feature = "html")]
    let also = material.clone().map(|material| Box::new(material) as Box<dyn Sink>);
    #[cfg(not(feature = "html"))]
    let also = None;
    #[cfg_attr(not(feature = "html"), expect(unused_variables, reason = "the page shows it"))]
    let played = replay::play(&args.recording, &view, writer, also, |writer, wall_at_boot| {
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
            width: writer.width(),
        })))
    })?;
    #[cfg(feature = "html")]
    if let (Some(page), Some(material)) = (&args.html, material) {
        let cut = played.ending == Ending::Cut;
        let cut = cut.then_some("The recording ends before its trace ended.");
        let title = recordings::name(&args.recording);
        super::page::write(page, &title, &material.borrow(), &[], cut)?;
    }
    Ok(Exit::Done.into())
}
