//! `seqtrace doctor`: checks whether this machine can trace.

use std::process::ExitCode;

use crate::{
    exit::UserError,
    faults::Faults,
    filter::Prefilter,
    kernel::{doctor, facts::Trial, preflight::Preflight, switches},
    output::Writer,
    privileges,
    probe::{
        backend::{Backend, ChosenBackend},
        functions::Frames,
        setup::Setup,
    },
};

/// Size of the ring of the trial, in bytes.
const RING_BYTES: u32 = 1 << 20;

/// Runs the subcommand.
pub(super) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let report = doctor::examine(attach_and_fire());
    let text = if json { report.json()? + "\n" } else { report.text() };
    Writer::print(text.into_bytes())?;
    Ok(ExitCode::from(report.exit_status()))
}

/// Attaches the probes of a trace, fires them and detaches them.
fn attach_and_fire() -> Trial {
    if !privileges::may_trace() {
        return Trial::NotTried("no permission to attach");
    }
    if let Some(off) = switches::switched_off() {
        return Trial::NotTried(off.effect);
    }
    match trial() {
        Ok((probes, frames)) => Trial::Fired { probes, frames: frames.name() },
        Err(error) => Trial::Failed(error.what),
    }
}

/// Returns the number of probes that were attached, and the kind of those on functions. They have fired.
fn trial() -> Result<(u32, Frames), UserError> {
    let facts = Preflight::gather()?;
    let chosen = ChosenBackend::choose(Backend::Auto, &facts, Faults::default())?;
    // The heartbeat passes all filters: no other process is traced.
    let pids = Some(vec![std::process::id()]);
    let setup = Setup::new(&facts, Prefilter { pids, ..Prefilter::default() }, RING_BYTES);
    let attached = setup.attach(chosen, Backend::Auto)?;
    let frames = attached.frames();
    let mut source = attached.begin()?;
    let result = (source.probes(), frames);
    source.detach();
    Ok(result)
}
