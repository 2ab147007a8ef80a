//! Gathers the facts about the running kernel that loading and attaching need.

use std::{
    path::Path,
    sync::Arc,
    thread::{self, ScopedJoinHandle},
};

use seqtrace_common::config::{Callers, Offsets, Text, Wrappers};
use seqtrace_model::fixed::FixedRanges;

use super::{
    btf::{Btf, BtfError},
    ftrace,
    kallsyms::{Kallsyms, KallsymsError},
    kprobes::OriginalCode,
    machine::Machine,
    openers, release,
    sites::{self, Site},
    symbols,
    text::{Kcore, LoadReader, Memory, TextError},
    types::Types,
};
use crate::faults::Faults;

/// Errors of [`Preflight::gather`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum PreflightError {
    #[error(transparent)]
    Btf(BtfError),
    #[error(transparent)]
    Symbols(KallsymsError),
    #[error("this kernel has no kprobes (CONFIG_KPROBES)")]
    NoKprobes,
}

/// The facts about this kernel that the programs need.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The kernel's own BTF, by which trampolines are attached and kernel functions are called; `None` if it has none.
    pub(crate) btf: Option<Arc<Btf>>,
    pub(crate) offsets: Offsets,
    /// Addresses of the show functions of kernfs and its users, which run between the core and a file's own show
    /// function.
    pub(crate) wrappers: Wrappers,
    /// Address ranges of functions that the programs recognise on the stack.
    pub(crate) callers: Callers,
    /// Functions in which the compiler has inlined seq_open(): sessions begin when they return, too.
    pub(crate) openers: Vec<&'static str>,
}

/// Sources of the facts that the caller provides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// File with this kernel's BTF; `None`: the kernel's own is used.
    pub(crate) btf: Option<&'a Path>,
    /// Loads the program that reads memory if /proc/kcore cannot be read.
    pub(crate) load_reader: LoadReader,
    pub(crate) faults: Faults,
}

impl Sources<'_> {
    /// Returns sources that neither load a program nor inject a fault.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            btf: None,
            load_reader: || Err("no program is loaded".into()),
            faults: Faults::default(),
        }
    }

    /// Opens the kernel's memory. Also returns true if opening /proc/kcore was not permitted.
    pub(super) fn memory(&self) -> (Result<Memory, TextError>, bool) {
        let kcore = if self.faults.no_kcore { Err(TextError::Missing) } else { Kcore::open() };
        let refused = matches!(kcore, Err(TextError::NotPermitted));
        (Memory::open(kcore, self.load_reader), refused)
    }

    /// Finds the core sites, and compares the types with the code.
    ///
    /// # Errors
    /// The types are of another kernel.
    pub(super) fn core_sites(
        &self,
        memory: &Result<Memory, TextError>,
        symbols: &Kallsyms,
        types: &Types,
    ) -> Result<CoreSites, BtfError> {
        let no_core = self.faults.no_core;
        let find = |read: ReadCode<'_>| {
            let sites = sites::core_sites(symbols, &types.offsets, read);
            let sites = sites.map_err(|error| error.to_string());
            let unproven = types.compare(symbols, &sites, read)?;
            Ok(CoreSites { sites, unproven })
        };
        match memory {
            Ok(memory) => {
                let code = OriginalCode::new(memory, symbols, types.richest());
                find(&|at, len| if no_core { Ok(vec![0; len]) } else { code.read(at, len) })
            }
            Err(why) => {
                let sites = Err(why.to_string());
                let unproven = types.compare(symbols, &sites, &|address, len| {
                    Err(TextError::NotMapped { address, len })
                })?;
                Ok(CoreSites { sites, unproven })
            }
        }
    }
}

/// Reads the kernel's code at an address.
type ReadCode<'a> = &'a dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>;

/// The core sites, as far as they are found.
pub(super) struct CoreSites {
    /// The sites, or the reason why there are none.
    pub(super) sites: Result<Vec<Site>, String>,
    /// The reason why the types could not be compared with the code; `None` if they fit, or are the kernel's own.
    pub(super) unproven: Option<String>,
}

/// The facts that a trace needs, gathered once.
#[derive(Debug)]
pub struct Preflight {
    /// The kernel's release, as `uname -r` prints it.
    pub(crate) release: String,
    pub(crate) kernel: Kernel,
    /// The kernel's symbols, as far as they are available.
    pub(crate) symbols: Arc<Kallsyms>,
    /// Description of the fallback if /proc/kallsyms hides addresses; `None` if addresses are visible.
    pub(crate) fallback: Option<&'static str>,
    /// Addresses of the functions whose record of ftrace is stale.
    pub(crate) stale: Vec<u64>,
    /// The core sites, or the reason why there are none.
    pub(crate) sites: Result<Vec<Site>, String>,
    /// Limits of the trace for which the BTF is the reason, a line each.
    pub(crate) limits: Vec<String>,
    /// Address ranges of the kernel's image and of the modules that are loaded.
    pub(crate) fixed: FixedRanges,
}

impl Preflight {
    /// Reads BTF and symbols, in two threads: each takes a while on a slow machine.
    ///
    /// # Errors
    /// The kernel has no BTF or no symbols.
    pub(crate) fn gather(sources: &Sources<'_>) -> Result<Self, PreflightError> {
        let (types, symbols) = thread::scope(|scope| {
            let symbols = thread::Builder::new().spawn_scoped(scope, symbols::of_running_kernel);
            let types = Types::load(sources.btf);
            // There may be no memory for a thread.
            let symbols =
                symbols.map_or_else(|_| Ok(symbols::of_running_kernel()), ScopedJoinHandle::join);
            (types, symbols)
        });
        let types = types.map_err(PreflightError::Btf)?;
        let (symbols, fallback) = match symbols {
            Ok(Ok(available)) => available,
            Ok(Err(error)) => return Err(PreflightError::Symbols(error)),
            Err(panic) => std::panic::resume_unwind(panic),
        };
        if fallback.is_none() && !has_kprobes(&symbols) {
            return Err(PreflightError::NoKprobes);
        }
        let named =
            |name| types.offsets.has_kernfs().then(|| symbols.kernel_address(name)).flatten();
        let address = |name| named(name).unwrap_or(0);
        let wrappers = Wrappers {
            kernfs_seq_show: address("kernfs_seq_show"),
            cgroup_seqfile_show: address("cgroup_seqfile_show"),
            sysfs_kf_seq_show: address("sysfs_kf_seq_show"),
        };
        let machine = Machine::running();
        // If memory cannot be read, assume what is true of most kernels: nothing is inlined, and ftrace is sound.
        let (memory, _) = sources.memory();
        let (openers, stale) = memory
            .as_ref()
            .map(|memory| {
                let read = |at, len| memory.read(at, len);
                let openers = machine.map(|machine| openers::inlined(machine, &symbols, &read));
                let openers = openers.unwrap_or_default();
                (openers, ftrace::stale(memory, &symbols, types.richest()))
            })
            .unwrap_or_default();
        let found = sources.core_sites(&memory, &symbols, &types);
        let CoreSites { sites, unproven } = found.map_err(PreflightError::Btf)?;
        let limits = types.btf.gaps().into_iter().chain(unproven).collect();
        let fixed = symbols.fixed_ranges(std::env::consts::ARCH);
        let (Types { offsets, own: btf, .. }, callers) = (types, callers(&symbols));
        let kernel = Kernel { btf, offsets, wrappers, callers, openers };
        let symbols = Arc::new(symbols);
        Ok(Self { release: release(), kernel, symbols, fallback, stale, sites, limits, fixed })
    }
}

/// Returns true if the kernel was built with `CONFIG_KPROBES`.
pub(super) fn has_kprobes(symbols: &Kallsyms) -> bool {
    symbols.kernel_address("register_kprobe").is_some()
}

fn callers(symbols: &Kallsyms) -> Callers {
    let text = |name| {
        symbols
            .kernel_address(name)
            .and_then(|begin| Some(Text { begin, len: symbols.size_at(begin)? }))
            .unwrap_or(Text::NONE)
    };
    Callers {
        seq_read_iter: text("seq_read_iter"),
        seq_read: text("seq_read"),
        single_open: text("single_open"),
        single_open_size: text("single_open_size"),
        seq_open_private_raw: text("__seq_open_private"),
        seq_open_private: text("seq_open_private"),
    }
}
