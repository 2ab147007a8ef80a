//! Choosing how callbacks are seen.

use std::fmt::Write;

use seqtrace_common::config::Offsets;

use crate::{
    cli::Backend,
    event::Role,
    exit::UserError,
    faults::Faults,
    kernel::{kallsyms::Kallsyms, sites, text::Kcore},
    probe::{
        error::ProbeError,
        loader::{CoreProbe, Probes},
    },
};

/// How callbacks are seen in this trace.
#[derive(Clone, Debug)]
pub enum Plan {
    /// At these places in the core.
    Core(Vec<CoreProbe>),
    /// At the functions themselves. Why not at the core, unless it was asked for.
    Callbacks(Option<String>),
}

impl Plan {
    /// What the command line asks for, as far as this kernel's text allows.
    ///
    /// # Errors
    /// `core` was asked for by name and cannot be had.
    pub fn choose(
        wish: Backend,
        symbols: &Kallsyms,
        offsets: &Offsets,
        faults: Faults,
    ) -> Result<Self, UserError> {
        if wish == Backend::Callbacks {
            return Ok(Self::Callbacks(None));
        }
        let found = Kcore::open().map_err(sites::SiteError::from).and_then(|kcore| {
            let read =
                |at, len| if faults.no_core { Ok(vec![0; len]) } else { kcore.read(at, len) };
            sites::core_sites(symbols, offsets, &read)
        });
        match (found, wish) {
            (Ok(sites), _) => Ok(Self::Core(probes(&sites))),
            (Err(error), Backend::Core) => Err(UserError::environment(
                format!("backend core is not possible here: {error}"),
                "use --backend auto: it falls back to probes on the callbacks",
            )),
            (Err(error), _) => Ok(Self::Callbacks(Some(error.to_string()))),
        }
    }

    /// Attaches it. If it is `core` and the kernel refuses one of the sites, the other backend is taken,
    /// unless `core` was asked for by name.
    ///
    /// # Errors
    /// `core` was asked for and the kernel refuses.
    pub fn attach(self, probes: &mut Probes, wish: Backend) -> Result<Self, ProbeError> {
        let Self::Core(sites) = &self else { return Ok(self) };
        match probes.core(sites) {
            Ok(()) => Ok(self),
            Err(error) if wish == Backend::Auto => Ok(Self::Callbacks(Some(error.to_string()))),
            Err(error) => Err(error),
        }
    }

    /// The backend's name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Core(_) => "core",
            Self::Callbacks(_) => "callbacks",
        }
    }
}

impl Plan {
    /// Why it is not the first choice.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Core(_) => None,
            Self::Callbacks(reason) => reason.as_deref(),
        }
    }

    /// What would be attached, for `--dry-run`.
    pub fn describe(&self) -> String {
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

/// A probe behind each call, and one on each call of start, which alone needs the time of its entry:
/// what comes before it (a lock, a copy to user space) is not its own.
fn probes(sites: &[sites::Site]) -> Vec<CoreProbe> {
    let calls = sites.iter().filter(|site| site.role == Role::Start).map(|site| CoreProbe {
        program: "core_start_call".to_owned(),
        address: site.call_address(),
    });
    let returns = sites.iter().map(|site| CoreProbe {
        program: format!("core_{}_{}", site.role.name(), site.m.name()),
        address: site.return_address(),
    });
    // Returns first: a pass whose begin is seen is seen to its end.
    returns.chain(calls).collect()
}
