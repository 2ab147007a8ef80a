//! Core sites: the calls of start, next, show and stop in the kernel's own loop.
//!
//! The seq_file core calls the callbacks of every file through `m->op` in two functions only, `seq_read_iter()` and
//! `traverse()` (fs/seq_file.c). A kprobe on the instruction after such a call finds the callback's return value in the
//! register for it (rax, x0) and `m` in a register that calls preserve, so a dozen probes trace every callback of every
//! seq file. This module finds those calls, the callback that each of them calls and the register that holds `m`. It
//! follows the data flow of the two functions along every path of their live code.
//!
//! The module is pure: code and symbols in, sites out. Each machine has a decoder, which reduces instructions to their
//! effects (`code.rs`); the analysis is the same for all, and runs on any machine. It returns an error rather than
//! guess. A wrong role or register would make every line of output wrong; after an error the callbacks are probed one
//! by one instead. A call is a site if:
//!
//! - the call's target is `[[m + op] + displacement]` on every path that leads to the call, and the
//!   displacement is that of a member of `struct seq_operations`;
//! - the first argument (rdi, x0) is the same `m`, and so is a callee-saved register;
//! - nothing jumps to the instruction after the call, so that it runs only when the callback has
//!   returned (for stop sites this is only noted: see `Site::shared`);
//! - every indirect call of the function is either such a site or provably no call of a callback.

mod arm64;
mod callsites;
mod cfg;
mod code;
mod convention;
mod dataflow;
mod values;
mod x86_64;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use seqtrace_common::config::Offsets;

use self::code::Register;
use super::{
    kallsyms::{Entry, Kallsyms},
    machine::Machine,
    text::{self, TextError},
};
use crate::event::Role;

/// A register that function calls preserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reg {
    machine: Machine,
    number: Register,
}

impl Reg {
    pub(crate) fn name(self) -> &'static str {
        self.machine.convention().names.get(self.number).copied().unwrap_or("?")
    }
}

/// A call of a callback by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Symbol that contains the call: `seq_read_iter`, `traverse.part.0`, or the `.cold` part of one.
    pub(crate) function: Arc<str>,
    /// Address of that symbol.
    pub(crate) function_address: u64,
    /// Distance from the symbol to the call, in bytes. At the call `m` is the first argument.
    pub(crate) offset_of_call: u64,
    /// Distance from the symbol to the instruction after the call, in bytes. At that instruction the callback's
    /// return value is in the register for it, and `m` is in [`Site::m`].
    pub(crate) offset_after_call: u64,
    /// The callback that is called.
    pub(crate) role: Role,
    /// Register that holds `m` when the callback has returned.
    pub(crate) m: Reg,
    /// True if the instruction after the call is also reached without it, by a jump. `m` is in [`Site::m`] on those
    /// paths, too. Only stop sites may be shared: a hit is a stop() if the pass has not been stopped yet. (In gcc's
    /// traverse() the overflow path, which has called stop elsewhere, shares the epilogue.)
    pub(crate) shared: bool,
}

impl Site {
    pub(crate) fn call_address(&self) -> u64 {
        self.function_address + self.offset_of_call
    }

    /// Returns the address of the instruction after the call.
    pub(crate) fn return_address(&self) -> u64 {
        self.function_address + self.offset_after_call
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, offset_of_call, offset_after_call, role, m, shared, .. } = self;
        let (role, m, shared) = (role.name(), m.name(), if *shared { " shared" } else { "" });
        write!(f, "{function}+{offset_of_call:#x}..{offset_after_call:#x} {role} m={m}{shared}")
    }
}

/// Reasons why there are no core sites. The callbacks can be probed instead.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// There is no decoder for the code of the machine.
    #[error("core sites are found on x86_64 and aarch64 only, not on {0}")]
    Machine(&'static str),
    /// A function of the core has no symbol, or several symbols.
    #[error("the kernel has no unique symbol {0}")]
    NoSymbol(&'static str),
    /// The code cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The code was changed at run time.
    #[error(
        "the text of {location} is patched: another tracer or a live patch is at work ({what})"
    )]
    Patched {
        /// Symbol and offset of the code.
        location: String,
        /// Description of the code.
        what: String,
    },
    /// The code has a form that no known compiler emits.
    #[error("the text of {location} is not understood: {what}")]
    NotUnderstood {
        /// Symbol and offset of the code.
        location: String,
        /// Description of the code.
        what: String,
    },
    /// A function calls a callback less often than the source does.
    #[error("{function} has {found} calls of {role}; at least {needed} were expected")]
    Incomplete {
        /// Name of the function.
        function: String,
        /// Name of the callback.
        role: &'static str,
        /// Number of calls that were found.
        found: usize,
        /// Smallest number of calls that the source makes.
        needed: usize,
    },
}

/// Contiguous code of a function: the function itself or a part that the compiler split off.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Symbol at its beginning.
    pub(crate) name: Arc<str>,
    pub(crate) address: u64,
    /// The bytes up to the next symbol, without data at their end.
    pub(crate) text: Vec<u8>,
}

/// The code at an address outside of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// A retpoline or another thunk that jumps to the address in a register; the register's number.
    Thunk(Register),
    /// The beginning of a kernel function.
    Function,
    /// Code without a name: a trampoline or a detour.
    Unknown,
}

/// Offsets in bytes of the members by which a core site is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// `seq_file.op`
    pub(crate) op: i64,
    /// `seq_operations.start`
    pub(crate) start: i64,
    /// `seq_operations.stop`
    pub(crate) stop: i64,
    /// `seq_operations.next`
    pub(crate) next: i64,
    /// `seq_operations.show`
    pub(crate) show: i64,
}

impl From<&Offsets> for Layout {
    fn from(offsets: &Offsets) -> Self {
        Self {
            op: offsets.seq_file_op.into(),
            start: offsets.seq_operations_start.into(),
            stop: offsets.seq_operations_stop.into(),
            next: offsets.seq_operations_next.into(),
            show: offsets.seq_operations_show.into(),
        }
    }
}

impl Layout {
    fn role(&self, displacement: i64) -> Option<Role> {
        [
            (self.start, Role::Start),
            (self.stop, Role::Stop),
            (self.next, Role::Next),
            (self.show, Role::Show),
        ]
        .into_iter()
        .find_map(|(offset, role)| (offset == displacement).then_some(role))
    }
}

/// The calls that a function makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// Calls of callbacks, sorted by address.
    pub(crate) sites: Vec<Site>,
    /// Addresses of the functions that are called directly.
    pub(crate) calls: Vec<u64>,
}

impl Analysis {
    fn count(&self, role: Role) -> usize {
        self.sites.iter().filter(|site| site.role == role).count()
    }

    /// Returns an error unless the numbers of calls of start, next, show and stop are at least `needed`.
    fn require(&self, function: &str, needed: [usize; 4]) -> Result<(), SiteError> {
        let roles = [Role::Start, Role::Next, Role::Show, Role::Stop];
        for (role, needed) in roles.into_iter().zip(needed) {
            let found = self.count(role);
            if found < needed {
                let function = function.to_owned();
                return Err(SiteError::Incomplete { function, role: role.name(), found, needed });
            }
        }
        Ok(())
    }
}

/// Finds the calls of callbacks in a function. `parts` begins with the function itself; `outside` classifies the code
/// at an address outside of all parts.
///
/// # Errors
/// [`SiteError::Patched`] or [`SiteError::NotUnderstood`] if the target of a call is not proven.
pub(crate) fn analyse(
    machine: Machine,
    parts: &[Part],
    layout: &Layout,
    outside: &dyn Fn(u64) -> Outside,
) -> Result<Analysis, SiteError> {
    let graph = cfg::build(machine, parts, outside)?;
    let sites = callsites::find(&graph, layout)?;
    Ok(Analysis { sites, calls: graph.direct_calls() })
}

/// Finds the running kernel's core sites. `read` reads the live code at an address ([`super::text::Kcore::read`]).
///
/// # Errors
/// See [`SiteError`].
pub fn core_sites(
    symbols: &Kallsyms,
    offsets: &Offsets,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Result<Vec<Site>, SiteError> {
    let machine = Machine::running().ok_or(SiteError::Machine(std::env::consts::ARCH))?;
    find(machine, symbols, offsets, read)
}

/// Finds the core sites of a kernel for any machine.
fn find(
    machine: Machine,
    symbols: &Kallsyms,
    offsets: &Offsets,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Result<Vec<Site>, SiteError> {
    let layout = Layout::from(offsets);
    let outside = |address| outside(machine, symbols, read, address);
    let analyse_symbol = |name: &str, address| -> Result<Analysis, SiteError> {
        analyse(machine, &parts(machine, symbols, name, address, read)?, &layout, &outside)
    };
    let analyse_unique = |name| {
        let address = symbols.kernel_address(name).ok_or(SiteError::NoSymbol(name))?;
        analyse_symbol(name, address)
    };

    let reader = analyse_unique("seq_read_iter")?;
    let mut sites = Vec::new();
    // Functions of other files may be called traverse, too. The right one is called by the core.
    let mut variants = symbols.variants("traverse");
    variants.retain(|entry| !entry.name.contains(".cold"));
    let mut called: Vec<Entry<'_>> = Vec::new();
    let mut add_called = |analysis: &Analysis| {
        let new = variants.iter().filter(|entry| analysis.calls.contains(&entry.address));
        for entry in new {
            if !called.iter().any(|known| known.address == entry.address) {
                called.push(*entry);
            }
        }
        called.len()
    };
    if add_called(&reader) == 0 {
        // The compiler has inlined traverse() into both of its callers.
        reader.require("seq_read_iter", [3, 3, 3, 2])?;
        let seeker = analyse_unique("seq_lseek")?;
        if add_called(&seeker) == 0 {
            seeker.require("seq_lseek", [1, 1, 1, 1])?;
        }
        sites.extend(seeker.sites);
    } else {
        reader.require("seq_read_iter", [2, 2, 2, 1])?;
        if variants.len() > 1 {
            // seq_lseek() may call a second clone, or have traverse() inlined.
            let seeker = analyse_unique("seq_lseek")?;
            add_called(&seeker);
            sites.extend(seeker.sites);
        }
    }
    sites.extend(reader.sites);
    for entry in called {
        let traverse = analyse_symbol(entry.name, entry.address)?;
        traverse.require(entry.name, [1, 1, 1, 1])?;
        sites.extend(traverse.sites);
    }
    Ok(sites)
}

/// Reads the code of a function and of its `.cold` parts.
fn parts(
    machine: Machine,
    symbols: &Kallsyms,
    name: &str,
    address: u64,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Result<Vec<Part>, SiteError> {
    let part = |name: &str, address| -> Result<Part, SiteError> {
        let mut text = text::of_function(symbols, address, read)?;
        text.truncate(text.len() - machine.data_behind(&text, address));
        Ok(Part { name: Arc::from(name), address, text })
    };
    let mut parts = vec![part(name, address)?];
    let cold = format!("{name}.cold");
    for entry in symbols.variants(&cold) {
        parts.push(part(entry.name, entry.address)?);
    }
    Ok(parts)
}

/// Classifies the code at an address by its symbols or, if there are none, by its bytes.
fn outside(
    machine: Machine,
    symbols: &Kallsyms,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
    address: u64,
) -> Outside {
    if let Some(thunk) =
        symbols.at_address(address).find_map(|entry| machine.thunk_by_name(entry.name))
    {
        return Outside::Thunk(thunk);
    }
    let Some(found) = symbols.lookup(address) else { return Outside::Unknown };
    // Code that is generated at run time has names like `kprobe_optinsn_page [__builtin__kprobes]`.
    let generated = found
        .symbol
        .module
        .is_some_and(|module| module == "bpf" || module.starts_with("__builtin__"));
    // A call with call depth tracking targets the padding before the function, `__pfx_…`.
    if !generated && (found.offset == 0 || found.symbol.name.starts_with("__pfx_")) {
        return Outside::Function;
    }
    // Some thunks have no symbols.
    read(address, 16)
        .ok()
        .and_then(|text| machine.thunk_by_code(&text, address))
        .map_or(Outside::Unknown, Outside::Thunk)
}
