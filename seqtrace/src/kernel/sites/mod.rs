//! Core sites: where the kernel's own loop calls start, next, show and stop.
//!
//! The seq_file core calls the callbacks of every file through `m->op` in two functions only,
//! `seq_read_iter()` and `traverse()` (fs/seq_file.c). A kprobe on the instruction behind such a call
//! sees what the callback returned in rax and, in a register that calls preserve, `m`: so a dozen
//! probes see every callback of every seq file. Where those calls are, which callback each one makes
//! and which register holds `m` is found here, by following what the registers of the two functions
//! hold along every path of their live text.
//!
//! This is pure: text and symbols in, sites out. It would rather refuse than guess: a wrong role or a
//! wrong register would be a lie in every line of output, a refusal only means that the callbacks
//! are probed one by one instead. What makes a site:
//!
//! - the call's target is `[[m + op] + displacement]` on every path that leads to the call, and the
//!   displacement is that of a member of `struct seq_operations`;
//! - the first argument, rdi, is the same `m`, and so is a callee-saved register;
//! - nothing jumps to the instruction behind the call, so that it runs only when the callback has
//!   returned (of stop sites this is only noted: see [`Site::shared`]);
//! - every indirect call of the function is either such a site or provably goes elsewhere.

mod flow;
mod walk;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use seqtrace_common::config::Offsets;

use super::{
    kallsyms::{Entry, Kallsyms},
    text::{self, TextError},
};
use crate::event::Role;

/// A register of x86-64 that function calls preserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reg {
    /// rbx
    Rbx,
    /// rbp
    Rbp,
    /// r12
    R12,
    /// r13
    R13,
    /// r14
    R14,
    /// r15
    R15,
}

impl Reg {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rbx, Self::Rbp, Self::R12, Self::R13, Self::R14, Self::R15];

    /// The register's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rbx => "rbx",
            Self::Rbp => "rbp",
            Self::R12 => "r12",
            Self::R13 => "r13",
            Self::R14 => "r14",
            Self::R15 => "r15",
        }
    }

    /// The register's number in instructions.
    const fn number(self) -> usize {
        match self {
            Self::Rbx => 3,
            Self::Rbp => 5,
            Self::R12 => 12,
            Self::R13 => 13,
            Self::R14 => 14,
            Self::R15 => 15,
        }
    }
}

/// A call of a callback by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The symbol that it lies in: `seq_read_iter`, `traverse.part.0`, or the `.cold` part of one.
    pub function: Arc<str>,
    /// Address of that symbol.
    pub function_address: u64,
    /// Bytes from the symbol to the call. There `m` is in rdi.
    pub offset_of_call: u64,
    /// Bytes from the symbol to the instruction behind the call. There rax is what the callback
    /// returned, and `m` is in [`Site::m`].
    pub offset_after_call: u64,
    /// Which callback.
    pub role: Role,
    /// Where `m` is when the callback has returned.
    pub m: Reg,
    /// The instruction behind the call is also reached without it, by a jump; `m` is in its register
    /// on those paths too. Only stop is ever so: a hit counts if the pass has not been stopped yet.
    /// (gcc lets the overflow path of traverse(), which has called stop elsewhere, share the epilogue.)
    pub shared: bool,
}

impl Site {
    /// Address of the call.
    pub fn call_address(&self) -> u64 {
        self.function_address + self.offset_of_call
    }

    /// Address of the instruction behind the call.
    pub fn return_address(&self) -> u64 {
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

/// Why there are no core sites. Whatever it is, the callbacks can be probed instead.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Only x86-64 text is understood.
    #[error("core sites are known for x86_64 only, not for {0}")]
    Machine(&'static str),
    /// A function of the core has no symbol, or several.
    #[error("the kernel has no unique symbol {0}")]
    NoSymbol(&'static str),
    /// The text cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Somebody has changed the text at run time.
    #[error("the text of {place} is patched: another tracer or a live patch is at work ({what})")]
    Patched {
        /// symbol+offset
        place: String,
        /// What was found there.
        what: String,
    },
    /// The text is not as any known compiler makes it.
    #[error("the text of {place} is not understood: {what}")]
    NotUnderstood {
        /// symbol+offset
        place: String,
        /// What was found there.
        what: String,
    },
    /// A function calls a callback less often than the source does.
    #[error("{function} calls {role} at {found} places; at least {needed} were expected")]
    Incomplete {
        /// Which function.
        function: String,
        /// The callback.
        role: &'static str,
        /// How often.
        found: usize,
        /// How often at least.
        needed: usize,
    },
}

/// Contiguous text that belongs to a function: the function itself or what the compiler split off.
#[derive(Clone, Debug)]
pub struct Part {
    /// The symbol at its beginning.
    pub name: Arc<str>,
    /// Its address.
    pub address: u64,
    /// Its bytes, up to the next symbol.
    pub text: Vec<u8>,
}

/// What lies at an address outside of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// A retpoline or another thunk that jumps to where this register points; the register's number.
    Thunk(usize),
    /// A function of the kernel begins there.
    Function,
    /// Nothing that has a name: a trampoline or a detour.
    Unknown,
}

/// Offsets in bytes of the members that tell a core site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `seq_file.op`
    pub op: i64,
    /// `seq_operations.start`
    pub start: i64,
    /// `seq_operations.stop`
    pub stop: i64,
    /// `seq_operations.next`
    pub next: i64,
    /// `seq_operations.show`
    pub show: i64,
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

/// What was found in a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// The calls of callbacks, by address.
    pub sites: Vec<Site>,
    /// Addresses that it calls directly.
    pub calls: Vec<u64>,
}

impl Analysis {
    fn count(&self, role: Role) -> usize {
        self.sites.iter().filter(|site| site.role == role).count()
    }

    /// An error unless each callback is called at least that often: start, next, show, stop.
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

/// Finds the calls of callbacks in a function. `parts` begins with the function itself; `outside` says
/// what lies at an address that is in none of them.
///
/// # Errors
/// [`SiteError::Patched`] or [`SiteError::NotUnderstood`] wherever a call's meaning is not proven.
pub fn analyse(
    parts: &[Part],
    layout: &Layout,
    outside: &dyn Fn(u64) -> Outside,
) -> Result<Analysis, SiteError> {
    let graph = walk::walk(parts, outside)?;
    let sites = flow::sites(&graph, layout)?;
    Ok(Analysis { sites, calls: graph.direct_calls() })
}

/// The running kernel's core sites. `read` gives the live text at an address
/// ([`super::text::Kcore::read`]).
///
/// # Errors
/// See [`SiteError`].
pub fn core_sites(
    symbols: &Kallsyms,
    offsets: &Offsets,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Result<Vec<Site>, SiteError> {
    if !cfg!(target_arch = "x86_64") {
        return Err(SiteError::Machine(std::env::consts::ARCH));
    }
    let layout = Layout::from(offsets);
    let outside = |address| outside(symbols, read, address);
    let analyse_symbol = |name: &str, address| -> Result<Analysis, SiteError> {
        analyse(&parts(symbols, name, address, read)?, &layout, &outside)
    };
    let analyse_unique = |name| {
        let address = symbols.kernel_address(name).ok_or(SiteError::NoSymbol(name))?;
        analyse_symbol(name, address)
    };

    let reader = analyse_unique("seq_read_iter")?;
    let mut sites = Vec::new();
    // Another file's function may be called traverse too: only what the core calls counts.
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
        // The compiler has inlined it into both of its callers.
        reader.require("seq_read_iter", [3, 3, 3, 2])?;
        let seeker = analyse_unique("seq_lseek")?;
        if add_called(&seeker) == 0 {
            seeker.require("seq_lseek", [1, 1, 1, 1])?;
        }
        sites.extend(seeker.sites);
    } else {
        reader.require("seq_read_iter", [2, 2, 2, 1])?;
        if variants.len() > 1 {
            // A second clone may serve lseek only, or it may be inlined there.
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

/// A function's text and that of its `.cold` parts.
fn parts(
    symbols: &Kallsyms,
    name: &str,
    address: u64,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Result<Vec<Part>, SiteError> {
    let part = |name: &str, address| -> Result<Part, SiteError> {
        let text = text::of_function(symbols, address, read)?;
        Ok(Part { name: Arc::from(name), address, text })
    };
    let mut parts = vec![part(name, address)?];
    let cold = format!("{name}.cold");
    for entry in symbols.variants(&cold) {
        parts.push(part(entry.name, entry.address)?);
    }
    Ok(parts)
}

/// What lies at an address, by symbols and, where there is none, by the bytes there.
fn outside(
    symbols: &Kallsyms,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
    address: u64,
) -> Outside {
    if let Some(thunk) = symbols.at_address(address).find_map(|entry| thunk_register(entry.name)) {
        return Outside::Thunk(thunk);
    }
    let Some(place) = symbols.lookup(address) else { return Outside::Unknown };
    // Code that the kernel makes at run time has names like `kprobe_optinsn_page [__builtin__kprobes]`.
    let generated = place
        .symbol
        .module
        .is_some_and(|module| module == "bpf" || module.starts_with("__builtin__"));
    // A call that counts call depth goes to the padding before the function, `__pfx_…`.
    if !generated && (place.offset == 0 || place.symbol.name.starts_with("__pfx_")) {
        return Outside::Function;
    }
    // Thunks against indirect target selection are allocated and have no symbols: see
    // its_allocate_thunk() in arch/x86/kernel/alternative.c.
    read(address, 16)
        .ok()
        .and_then(|text| walk::jump_register(&text, address))
        .map_or(Outside::Unknown, Outside::Thunk)
}

/// The number of the register in `__x86_indirect_thunk_r11`, `__x86_indirect_call_thunk_rax`, ….
fn thunk_register(symbol: &str) -> Option<usize> {
    const NAMES: [&str; 16] = [
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15",
    ];
    let (kind, register) = symbol.strip_prefix("__x86_indirect_")?.rsplit_once('_')?;
    kind.ends_with("thunk").then(|| NAMES.iter().position(|&name| name == register))?
}
