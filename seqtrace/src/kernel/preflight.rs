//! Gathers the facts about the running kernel that loading and attaching need.

use std::{
    sync::Arc,
    thread::{self, ScopedJoinHandle},
};

use seqtrace_common::config::{Callers, Offsets, Text, Wrappers};

use super::{
    btf::{Btf, BtfError},
    ftrace,
    kallsyms::{Kallsyms, KallsymsError},
    kprobes::OriginalCode,
    openers, release,
    sites::{self, Site},
    symbols,
    text::{Kcore, LoadReader, Memory, TextError},
};
use crate::faults::Faults;

/// Errors of [`Preflight::gather`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum PreflightError {
    #[error(transparent)]
    Btf(BtfError),
    #[error(transparent)]
    Symbols(KallsymsError),
}

/// The facts about this kernel that the programs need.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub(crate) btf: Arc<Btf>,
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
pub(crate) struct Sources {
    /// Loads the program that reads memory if /proc/kcore cannot be read.
    pub(crate) load_reader: LoadReader,
    pub(crate) faults: Faults,
}

impl Sources {
    /// Returns sources that neither load a program nor inject a fault.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { load_reader: || Err("no program is loaded".into()), faults: Faults::default() }
    }

    /// Opens the kernel's memory. Also returns true if opening /proc/kcore was not permitted.
    pub(super) fn memory(&self) -> (Result<Memory, TextError>, bool) {
        let kcore = if self.faults.no_kcore { Err(TextError::Missing) } else { Kcore::open() };
        let refused = matches!(kcore, Err(TextError::NotPermitted));
        (Memory::open(kcore, self.load_reader), refused)
    }

    /// Finds the core sites. An error is the reason why there are none.
    pub(super) fn core_sites(
        &self,
        memory: &Result<Memory, TextError>,
        symbols: &Kallsyms,
        btf: &Btf,
        offsets: &Offsets,
    ) -> Result<Vec<Site>, String> {
        let memory = memory.as_ref().map_err(ToString::to_string)?;
        let code = OriginalCode::new(memory, symbols, btf);
        let no_core = self.faults.no_core;
        let read = |at, len| if no_core { Ok(vec![0; len]) } else { code.read(at, len) };
        sites::core_sites(symbols, offsets, &read).map_err(|error| error.to_string())
    }
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
}

impl Preflight {
    /// Reads BTF and symbols, in two threads: each takes a while on a slow machine.
    ///
    /// # Errors
    /// The kernel has no BTF or no symbols.
    pub(crate) fn gather(sources: &Sources) -> Result<Self, PreflightError> {
        let (types, symbols) = thread::scope(|scope| {
            let symbols = thread::Builder::new().spawn_scoped(scope, symbols::of_running_kernel);
            let types = Btf::of_running_kernel().and_then(|btf| Ok((btf.offsets()?, btf)));
            // There may be no memory for a thread.
            let symbols =
                symbols.map_or_else(|_| Ok(symbols::of_running_kernel()), ScopedJoinHandle::join);
            (types, symbols)
        });
        let (offsets, btf) = types.map_err(PreflightError::Btf)?;
        let (symbols, fallback) = match symbols {
            Ok(Ok(available)) => available,
            Ok(Err(error)) => return Err(PreflightError::Symbols(error)),
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let address = |name| symbols.kernel_address(name).unwrap_or(0);
        let wrappers = Wrappers {
            kernfs_seq_show: address("kernfs_seq_show"),
            cgroup_seqfile_show: address("cgroup_seqfile_show"),
            sysfs_kf_seq_show: address("sysfs_kf_seq_show"),
        };
        // If memory cannot be read, assume what is true of most kernels: nothing is inlined, and ftrace is sound.
        let (memory, _) = sources.memory();
        let (openers, stale) = memory
            .as_ref()
            .map(|memory| {
                let openers = openers::inlined(&symbols, &|at, len| memory.read(at, len));
                (openers, ftrace::stale(memory, &symbols, &btf))
            })
            .unwrap_or_default();
        let sites = sources.core_sites(&memory, &symbols, &btf, &offsets);
        let (btf, callers) = (Arc::new(btf), callers(&symbols));
        let kernel = Kernel { btf, offsets, wrappers, callers, openers };
        let symbols = Arc::new(symbols);
        Ok(Self { release: release(), kernel, symbols, fallback, stale, sites })
    }
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
