//! `seqtrace record`: a trace into a file, to be looked at later and elsewhere.

use std::process::ExitCode;

use super::{
    live::{self, Ends, Request, Traced},
    look, recordings,
};
use crate::{
    cli, clock,
    exit::Exit,
    output::Writer,
    render::{self, Header, Output, Ready, Renderer, Shown, TargetInfo, status::Status},
    session::update::{Summary, Update},
};

/// Runs the subcommand.
pub(super) fn run(args: &cli::Record) -> anyhow::Result<ExitCode> {
    let request = Request {
        tracing: &args.tracing,
        only_findings: false,
        preview: args.preview,
        log: args.verbose >= 2,
    };
    let options = render::Options {
        color_status: look::color_status(args.color),
        ascii: args.ascii,
        ..render::Options::default()
    };
    let renderer = Box::new(StatusOnly { status: Status::new(&options), quiet: args.quiet });
    let recording = Some(args.file.clone());
    // What the command writes is not to be mixed into a recording on standard output.
    let writer = Writer::nowhere(!recordings::is_stdio(&args.file));
    let ends = Ends { renderer, writer, recording, wall_at_boot: clock::wall_at_boot() };
    let Some(Traced { code, recorder }) = live::run(request, ends)? else {
        return Ok(Exit::Done.into());
    };
    if let (Some(recorder), false) = (recorder, args.quiet) {
        let (events, bytes) = (recorder.events(), recorder.written());
        eprintln!("recorded {events} events in {bytes} bytes");
    }
    Ok(code)
}

/// Header, targets, readiness and summary; the updates are for the recording.
struct StatusOnly {
    status: Status,
    quiet: bool,
}

impl StatusOnly {
    fn say(&self, out: &mut Output, say: impl FnOnce(Status, &mut Vec<u8>)) {
        if !self.quiet {
            say(self.status, &mut out.status);
        }
    }
}

impl Renderer for StatusOnly {
    fn header(&mut self, header: &Header, out: &mut Output) {
        self.say(out, |status, out| status.header(header, out));
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        self.say(out, |status, out| status.target(target, out));
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        self.say(out, |status, out| status.ready(*ready, out));
    }

    fn update(&mut self, _update: &Update, _out: &mut Output) -> Shown {
        // In the recording.
        Shown::Yes
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        self.say(out, |status, out| status.summary(summary, out));
    }
}
