//! Sets up the probes of a trace, in the one order in which no session is seen without its beginning.

use std::sync::Arc;

use super::{
    backend::Plan,
    error::ProbeError,
    loader::{Probes, Settings},
    names::KernelNames,
    opens::Opens,
    source::Source,
};
use crate::{cli::Backend, kernel::kallsyms::Kallsyms};

/// The probes that a trace needs.
pub struct Setup {
    /// Configuration of the programs.
    pub settings: Settings,
    /// The kernel's symbols.
    pub symbols: Arc<Kallsyms>,
    /// Kinds of files whose failed opens are traced.
    pub opens: Vec<Opens>,
    /// True if plain procfs files are traced.
    pub plain: bool,
}

/// Probes that follow sessions are attached; those that begin sessions are not.
pub struct Attached {
    probes: Probes,
    names: KernelNames,
    log: bool,
    /// The backend that is used.
    pub plan: Plan,
}

impl Setup {
    /// Loads the programs and attaches the probes that follow sessions. If the kernel refuses a site of backend `core`,
    /// `callbacks` is used, unless `wish` is `core`.
    ///
    /// # Errors
    /// The kernel refuses the programs or a probe.
    pub fn attach(self, plan: Plan, wish: Backend) -> Result<Attached, ProbeError> {
        let Self { settings, symbols, opens, plain } = self;
        let mut probes = Probes::load(&settings)?;
        probes.follow()?;
        probes.failed_opens(&opens)?;
        if plain {
            probes.plain()?;
        }
        let plan = plan.attach(&mut probes, wish)?;
        Ok(Attached { probes, names: KernelNames::new(symbols), log: settings.log, plan })
    }
}

impl Attached {
    /// Attaches the probes that begin sessions: events arrive from here on.
    ///
    /// # Errors
    /// The kernel refuses a probe.
    pub fn begin(self) -> Result<Source, ProbeError> {
        let Self { probes, names, log, plan } = self;
        Source::begin(probes, &plan, names, log)
    }
}
