//! Gathers the facts about the running kernel that loading and attaching need.

use std::{
    sync::Arc,
    thread::{self, ScopedJoinHandle},
};

use seqtrace_common::config::{Callers, Offsets, Text, Wrappers};
use seqtrace_model::fixed::FixedRanges;

use super::{
    btf::{Btf, BtfError},
    ftrace,
    kallsyms::{Kallsyms, KallsymsError},
    machine::Machine,
    openers, release, symbols,
    text::Kcore,
};

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
    /// Address ranges of the kernel's image and of the modules that are loaded.
    pub(crate) fixed: FixedRanges,
}

impl Preflight {
    /// Reads BTF and symbols, in two threads: each takes a while on a slow machine.
    ///
    /// # Errors
    /// The kernel has no BTF or no symbols.
    pub(crate) fn gather() -> Result<Self, PreflightError> {
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
        let machine = Machine::running();
        // If memory cannot be read, assume what is true of most kernels: nothing is inlined, and ftrace is sound.
        let (openers, stale) = Kcore::open()
            .map(|kcore| {
                let read = |at, len| kcore.read(at, len);
                let openers = machine.map(|machine| openers::inlined(machine, &symbols, &read));
                let openers = openers.unwrap_or_default();
                (openers, ftrace::stale(&kcore, &symbols, &btf))
            })
            .unwrap_or_default();
        let fixed = symbols.fixed_ranges(std::env::consts::ARCH);
        let (btf, callers) = (Arc::new(btf), callers(&symbols));
        let kernel = Kernel { btf, offsets, wrappers, callers, openers };
        Ok(Self { release: release(), kernel, symbols: Arc::new(symbols), fallback, stale, fixed })
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
