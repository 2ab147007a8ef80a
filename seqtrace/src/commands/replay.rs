//! `seqtrace replay`: renders a recording as `attach` renders a live trace.

use std::{path::Path, process::ExitCode};

use super::{options, recordings};
use crate::{
    cli,
    exit::Exit,
    filter::Selection,
    output::Writer,
    pipeline::{Pipeline, Until},
    recording::{self, Ending, Played, ReadError, Recorded},
    render::Sink,
    session::Tracker,
    targets,
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Replay) -> anyhow::Result<ExitCode> {
    let writer = recordings::writer(&args.recording, args.output.file.as_deref())?;
    let view = View {
        select: &args.select,
        until: options::until(&args.counts),
        only_findings: args.output.only_findings,
    };
    let played = play(&args.recording, &view, writer, |writer, wall_at_boot| {
        Ok(options::sink(&args.output, writer, wall_at_boot)?)
    })?;
    Ok(match args.fail_on {
        Some(severity) => Exit::on(played.verdict(), severity.into()),
        None => Exit::Done,
    }
    .into())
}

/// The part of a recording that is shown.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) select: &'a cli::Select,
    pub(super) until: Until,
    pub(super) only_findings: bool,
}

/// Replays a recording into the renderer that `sink` makes.
pub(super) fn play(
    file: &Path,
    view: &View<'_>,
    mut writer: Writer,
    sink: impl FnOnce(&Writer, i64) -> anyhow::Result<Box<dyn Sink>>,
) -> anyhow::Result<Played> {
    let selection = Selection { targets: Vec::new(), filter: targets::filter(view.select)? };
    let mut reader = recordings::open(file)?;
    let sink = sink(&writer, reader.head().wall_at_boot)?;
    let tracker = Tracker::new(Recorded::default());
    let mut pipeline = Pipeline::new(tracker, selection, view.until, sink);
    if view.only_findings {
        pipeline.only_findings();
    }
    let played = recording::play(&mut reader, &mut pipeline, |pipeline| {
        writer.write(&mut pipeline.output).map_err(PlayError::Output)
    });
    report_end(file, played)
}

/// Replays a recording into a sink that collects data and renders nothing.
pub(super) fn gather(
    file: &Path,
    selection: Selection,
    sink: Box<dyn Sink>,
) -> anyhow::Result<Played> {
    let mut reader = recordings::open(file)?;
    let tracker = Tracker::new(Recorded::default());
    let mut pipeline = Pipeline::new(tracker, selection, Until::default(), sink);
    report_end(file, recording::play(&mut reader, &mut pipeline, |_| Ok(true)))
}

/// Converts errors, and reports a recording that is cut off.
fn report_end(file: &Path, played: Result<Played, PlayError>) -> anyhow::Result<Played> {
    let played = played.map_err(|error| match error {
        PlayError::Recording(error) => recordings::unreadable(file, &error).into(),
        PlayError::Output(error) => anyhow::Error::from(error).context("cannot write the output"),
    })?;
    if played.ending == Ending::Cut {
        eprintln!("seqtrace: {} is cut off: its last events are missing", recordings::name(file));
    }
    Ok(played)
}

/// Errors of a replay.
enum PlayError {
    Recording(ReadError),
    Output(std::io::Error),
}

impl From<ReadError> for PlayError {
    fn from(error: ReadError) -> Self {
        Self::Recording(error)
    }
}
