//! `seqtrace replay`: what `attach` showed, from a recording.

use std::{path::Path, process::ExitCode};

use super::{look, recordings};
use crate::{
    cli,
    exit::Exit,
    filter::Selection,
    output::Writer,
    pipeline::{Pipeline, Until},
    recording::{self, Ending, ReadError, Recorded},
    render::Sink,
    session::Tracker,
    targets,
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Replay) -> anyhow::Result<ExitCode> {
    let writer = Writer::open(args.output.file.as_deref())?;
    let until = Until { sessions: args.counts.max_sessions, events: args.counts.max_events };
    play(&args.recording, &args.select, until, writer, |writer, wall_at_boot| {
        Ok(look::sink(&args.output, writer, wall_at_boot)?)
    })
}

/// Plays a recording into the sink that is made for it.
pub(super) fn play(
    file: &Path,
    select: &cli::Select,
    until: Until,
    mut writer: Writer,
    sink: impl FnOnce(&Writer, i64) -> anyhow::Result<Box<dyn Sink>>,
) -> anyhow::Result<ExitCode> {
    let selection = Selection { targets: Vec::new(), filter: targets::filter(select)? };
    let mut reader = recordings::open(file)?;
    let sink = sink(&writer, reader.head().wall_at_boot)?;
    let tracker = Tracker::new(Recorded::default());
    let mut pipeline = Pipeline::new(tracker, selection, until, sink);
    let played = recording::play(&mut reader, &mut pipeline, |pipeline| {
        writer.write(&mut pipeline.output).map_err(PlayError::Output)
    });
    match played {
        Ok(Ending::Whole) => {}
        Ok(Ending::Cut) => {
            eprintln!("seqtrace: {} is cut off: shown as far as it goes", recordings::name(file));
        }
        Err(PlayError::Recording(error)) => return Err(recordings::unreadable(file, &error).into()),
        Err(PlayError::Output(error)) => {
            return Err(anyhow::Error::from(error).context("cannot write the output"));
        }
    }
    Ok(Exit::Done.into())
}

/// What can go wrong.
enum PlayError {
    Recording(ReadError),
    Output(std::io::Error),
}

impl From<ReadError> for PlayError {
    fn from(error: ReadError) -> Self {
        Self::Recording(error)
    }
}
