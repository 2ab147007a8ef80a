//! What has to be known of the running kernel before anything is loaded.

use std::{sync::Arc, thread};

use seqtrace_common::config::{Callers, Offsets, Text, Wrappers};

use super::{
    btf::Btf,
    kallsyms::Kallsyms,
    openers, release,
    symbols::{self, Known},
    text::Kcore,
};
use crate::{exit::Refusal, privileges};

/// What the programs have to know of this kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its types.
    pub btf: Arc<Btf>,
    /// Where its fields are.
    pub offsets: Offsets,
    /// Functions that stand between the core and a file's own show.
    pub wrappers: Wrappers,
    /// Functions that are recognised on the stack.
    pub callers: Callers,
    /// Functions into which the compiler has put seq_open(): sessions begin when they return, too.
    pub openers: Vec<&'static str>,
}

/// The facts that tracing stands on, gathered once.
#[derive(Debug)]
pub struct Preflight {
    /// `uname -r`
    pub release: String,
    /// What the programs have to know.
    pub kernel: Kernel,
    /// The kernel's symbols as they are now.
    pub symbols: Arc<Kallsyms>,
    /// What is had instead of symbols, if they are hidden.
    pub lacking: Option<&'static str>,
}

impl Preflight {
    /// Reads BTF and symbols, side by side: each takes a while on a slow machine.
    ///
    /// # Errors
    /// The user may not trace, or the kernel does not tell enough of itself.
    pub fn gather() -> Result<Self, Refusal> {
        permitted()?;
        let (types, symbols) = thread::scope(|scope| {
            let symbols = scope.spawn(symbols::of_running_kernel);
            let types = Btf::of_running_kernel().and_then(|btf| Ok((btf.offsets()?, btf)));
            (types, symbols.join())
        });
        let (offsets, btf) = types.map_err(|error| {
            Refusal::environment(
                error.to_string(),
                "seqtrace needs a kernel with CONFIG_DEBUG_INFO_BTF; `seqtrace doctor` tells more",
            )
        })?;
        let Known { symbols, lacking } = match symbols {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => {
                return Err(Refusal::environment(
                    error.to_string(),
                    "seqtrace needs a kernel with CONFIG_KALLSYMS and a /proc; `seqtrace doctor` tells more",
                ));
            }
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let address = |name| symbols.kernel_address(name).unwrap_or(0);
        let wrappers = Wrappers {
            kernfs_seq_show: address("kernfs_seq_show"),
            cgroup_seqfile_show: address("cgroup_seqfile_show"),
            sysfs_kf_seq_show: address("sysfs_kf_seq_show"),
        };
        // Without the text they are taken for what most kernels have.
        let openers = Kcore::open()
            .map(|kcore| openers::inlined(&symbols, &|at, len| kcore.read(at, len)))
            .unwrap_or_default();
        let (btf, callers) = (Arc::new(btf), callers(&symbols));
        let kernel = Kernel { btf, offsets, wrappers, callers, openers };
        Ok(Self { release: release(), kernel, symbols: Arc::new(symbols), lacking })
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

/// Whether it can be tried at all.
fn permitted() -> Result<(), Refusal> {
    if privileges::may_trace() {
        return Ok(());
    }
    Err(Refusal::environment(
        "no permission to trace the kernel",
        "run it as root: sudo seqtrace … (CAP_BPF and CAP_PERFMON are the least)",
    ))
}
