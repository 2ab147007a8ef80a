//! `seqtrace record`: records a trace in a file, to examine it later and on any machine.

use std::process::ExitCode;

use super::{
    live::{self, Outputs, Request, Traced},
    options, recordings,
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
        min_duration: None,
        preview: args.preview,
        quiet: args.quiet,
        log: args.verbose >= 2,
    };
    let options = render::Options {
        color_status: options::color_status(args.color),
        ascii: args.ascii,
        ..render::Options::default()
    };
    let renderer = Box::new(StatusOnly { status: Status::new(&options), quiet: args.quiet });
    let recording = Some(args.file.clone());
    // The command's output must not mix with a recording on standard output.
    let writer = Writer::status_only(!recordings::is_stdio(&args.file));
    let (redact, wall_at_boot) = (args.redact, clock::wall_at_boot());
    let outputs = Outputs { renderer, writer, recording, redact, wall_at_boot, screen: None };
    let Some(Traced { code, recorded }) = live::run(request, outputs)? else {
        return Ok(Exit::Done.into());
    };
    if let (Some(recorded), false) = (recorded, args.quiet) {
        eprintln!("{recorded}");
    }
    Ok(code)
}

/// Renders header, targets, readiness and summary, but no updates: those are recorded.
struct StatusOnly {
    status: Status,
    quiet: bool,
}

impl StatusOnly {
    fn render(&self, out: &mut Output, render: impl FnOnce(Status, &mut Vec<u8>)) {
        if !self.quiet {
            render(self.status, &mut out.status);
        }
    }
}

impl Renderer for StatusOnly {
    fn header(&mut self, header: &Header, out: &mut Output) {
        self.render(out, |status, out| status.header(header, out));
    }

    fn target(&mut self, target: &TargetInfo, out: &mut Output) {
        self.render(out, |status, out| status.target(target, out));
    }

    fn ready(&mut self, ready: &Ready, out: &mut Output) {
        self.render(out, |status, out| status.ready(*ready, out));
    }

    fn update(&mut self, _update: &Update, _out: &mut Output) -> Shown {
        // The update is in the recording.
        Shown::Yes
    }

    fn end(&mut self, summary: &Summary, out: &mut Output) {
        self.render(out, |status, out| status.summary(summary, out));
    }
}
