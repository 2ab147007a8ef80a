//! Loads the programs and attaches the probes of a trace, in the order in which every session is seen from its beginning.

use std::sync::Arc;

use super::{
    backend::{Backend, ChosenBackend},
    error::ProbeError,
    functions::{Frames, SESSION_PROBES},
    loader::Probes,
    names::KernelNames,
    opens::Opens,
    settings::Settings,
    source::Source,
};
use crate::{
    faults::Faults,
    filter::Prefilter,
    kernel::{kallsyms::Kallsyms, preflight::Preflight},
};

/// The programs and probes that a trace needs.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) symbols: Arc<Kallsyms>,
    /// Kinds of files whose failed opens are traced.
    pub(crate) opens: Vec<Opens>,
    /// True if plain procfs files are traced from the beginning.
    pub(crate) procfs: bool,
    /// Addresses of the functions whose record of ftrace is stale.
    pub(crate) stale: Vec<u64>,
}

/// A trace with the probes that follow sessions attached, but not yet the probes that begin sessions.
pub(crate) struct Attached {
    probes: Probes,
    names: KernelNames,
    /// True if the programs emit their own diagnostics.
    log: bool,
    pub(crate) backend: ChosenBackend,
}

impl Setup {
    /// Prepares a trace of the opens that `accepted` accepts, without previews and without failed opens.
    pub(crate) fn new(facts: &Preflight, accepted: Prefilter, ring_bytes: u32) -> Self {
        let settings = Settings {
            kernel: facts.kernel.clone(),
            preview: 0,
            ring_bytes,
            filter: accepted.into(),
            log: false,
            faults: Faults::default(),
        };
        let (symbols, stale) = (Arc::clone(&facts.symbols), facts.stale.clone());
        Self { settings, symbols, opens: Vec::new(), procfs: false, stale }
    }

    /// Loads the programs and attaches the probes that follow sessions. If the kernel refuses a probe of `core`, uses
    /// `callbacks`, unless the user requests `core`.
    ///
    /// # Errors
    /// The kernel refuses the programs or a required probe.
    pub(crate) fn attach(
        self,
        chosen: ChosenBackend,
        requested: Backend,
    ) -> Result<Attached, ProbeError> {
        let Self { settings, symbols, opens, procfs, stale } = self;
        let mut probes = Probes::load(&settings)?;
        probes.attach_all(SESSION_PROBES)?;
        probes.repair(&stale)?;
        // These are optional, because each function adds to the time of detaching.
        opens.iter().try_for_each(|kind| probes.attach_all(kind.probes()))?;
        if procfs {
            probes.attach_procfs()?;
        }
        let backend = chosen.attach(&mut probes, requested)?;
        Ok(Attached { probes, names: KernelNames::new(symbols), log: settings.log, backend })
    }
}

impl Attached {
    /// Returns the kind of the probes on functions.
    pub(crate) fn frames(&self) -> Frames {
        self.probes.frames
    }

    /// Attaches the probes that begin sessions: events arrive from here on.
    ///
    /// # Errors
    /// The kernel refuses a required probe.
    pub(crate) fn begin(self) -> Result<Source, ProbeError> {
        let Self { probes, names, log, backend } = self;
        Source::begin(probes, &backend, names, log)
    }
}
