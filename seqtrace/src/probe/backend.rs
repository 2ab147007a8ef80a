//! Chooses the backend: probes on the core's calls of the callbacks, or probes on the callbacks themselves.

use std::fmt::Write;

use clap::ValueEnum;

use super::{
    error::ProbeError,
    loader::{CoreProbe, Probes},
};
use crate::{
    event::Role,
    kernel::{preflight::Preflight, sites},
};

/// The backend that the user requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// `core` if the kernel's code is understood, otherwise `callbacks`
    #[default]
    Auto,
    /// Probe the calls in the kernel's own loop: all files at once
    Core,
    /// Probe the callback functions of each traced file separately
    Callbacks,
}

/// The backend of a trace.
#[derive(Clone, Debug)]
pub(crate) enum ChosenBackend {
    /// Probes on the core's call sites.
    Core(Vec<CoreProbe>),
    /// Probes on the callbacks. The reason why `core` is not possible; `None` if the user requested `callbacks`.
    Callbacks(Option<String>),
}

impl ChosenBackend {
    /// Chooses the backend that the user requests. For [`Backend::Auto`] the choice depends on the kernel's code.
    ///
    /// # Errors
    /// [`ProbeError::NoCoreSites`] for [`Backend::Core`].
    pub(crate) fn choose(requested: Backend, facts: &Preflight) -> Result<Self, ProbeError> {
        match (&facts.sites, requested) {
            (_, Backend::Callbacks) => Ok(Self::Callbacks(None)),
            (Ok(sites), _) => Ok(Self::Core(core_probes(sites))),
            (Err(why), Backend::Core) => Err(ProbeError::NoCoreSites(why.clone())),
            (Err(why), Backend::Auto) => Ok(Self::Callbacks(Some(why.clone()))),
        }
    }

    /// Attaches the probes of `core`. If the kernel refuses one of them, returns `callbacks`, unless the user requests
    /// `core`.
    ///
    /// # Errors
    /// The kernel refuses a probe, and the user requests `core`.
    pub(super) fn attach(
        self,
        probes: &mut Probes,
        requested: Backend,
    ) -> Result<Self, ProbeError> {
        let Self::Core(core) = &self else { return Ok(self) };
        match probes.attach_core(core) {
            Ok(()) => Ok(self),
            Err(error) if requested == Backend::Auto => {
                Ok(Self::Callbacks(Some(error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the backend's name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Core(_) => "core",
            Self::Callbacks(_) => "callbacks",
        }
    }

    /// Returns the reason why `core` is not possible, if it was not.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Core(_) => None,
            Self::Callbacks(reason) => reason.as_deref(),
        }
    }

    /// Describes the probes for `--dry-run`.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("backend {}\n", self.name());
        match self {
            Self::Core(probes) => {
                for CoreProbe { program, address } in probes {
                    let _infallible = writeln!(text, "  {address:016x} {program}");
                }
            }
            Self::Callbacks(reason) => {
                if let Some(reason) = reason {
                    let _infallible = writeln!(text, "  not core: {reason}");
                }
                text.push_str(
                    "  the callbacks of each file, when it is looked at or first opened\n",
                );
            }
        }
        text
    }
}

/// Returns a probe on the instruction after each call, and one on each call of start. Only start needs the time of its
/// entry: the code before it (a lock, a copy to user space) is not part of its duration.
fn core_probes(sites: &[sites::Site]) -> Vec<CoreProbe> {
    let calls = sites.iter().filter(|site| site.role == Role::Start).map(|site| CoreProbe {
        program: "core_start_call".to_owned(),
        address: site.call_address(),
    });
    let returns = sites.iter().map(|site| CoreProbe {
        program: format!("core_{}_{}", site.role.name(), site.m.name()),
        address: site.return_address(),
    });
    // The probes on the calls are attached last: if the beginning of a pass is traced, so is its end.
    returns.chain(calls).collect()
}
