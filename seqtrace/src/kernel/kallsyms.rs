//! Reads the kernel's symbols from /proc/kallsyms and looks them up.
//!
//! A kernel has some 200,000 symbols, which are read before the first probe is attached. To be fast, the table has no
//! string for each symbol, but sorted addresses, one blob of names and, from the first lookup by name on, an index of
//! hashes. Writing the file costs the kernel far more than parsing it costs here.
//!
//! The kernel drops a module's symbols when the module is unloaded, and a session of its files may still have to be
//! rendered: `Kallsyms::merge` preserves the names of unloaded modules.

mod index;
mod parse;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, OnceLock},
};

use self::index::NameIndex;
use crate::session::update::Symbol;

const PATH: &str = "/proc/kallsyms";

/// Reasons for which the symbols are not available.
#[derive(Debug, thiserror::Error)]
pub enum KallsymsError {
    /// The file cannot be read: the kernel was built without `CONFIG_KALLSYMS`, or /proc is not mounted.
    #[error("cannot read {PATH}: {0}")]
    Read(std::io::Error),
    /// All addresses are zero: kernel.kptr_restrict hides them from this process.
    #[error(
        "{PATH} shows no addresses to this process: run as root with CAP_SYSLOG, \
         or set kernel.kptr_restrict to 0"
    )]
    Hidden,
    /// The file has no symbol.
    #[error("{PATH} is empty or not understood")]
    Empty,
}

/// Index of a module in [`Kallsyms::modules`]; 0: the kernel itself.
type ModuleId = u16;

/// A symbol of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) address: u64,
    pub(crate) name: &'a str,
    /// Name of the module that defines it; `None`: the kernel itself.
    pub(crate) module: Option<&'a str>,
    /// Letter of the symbol's type, as nm(1) prints it: `t` and `T` are code.
    pub(crate) kind: u8,
}

/// A symbol at or before an address, and the offset of the address from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SymbolLocation<'a> {
    /// The nearest symbol at or before the address, chosen by [`Kallsyms::best`] if there are several at the same
    /// address.
    pub(crate) symbol: Entry<'a>,
    /// Distance from the symbol to the address, in bytes.
    pub(crate) offset: u64,
}

/// A snapshot of the kernel's symbols.
#[derive(Debug, Default)]
pub struct Kallsyms {
    /// Addresses of the symbols, sorted. The vectors `starts` to `owners` have one element for each address, in the
    /// same order.
    addresses: Vec<u64>,
    /// Offset of each name in `names`.
    starts: Vec<u32>,
    lengths: Vec<u16>,
    kinds: Vec<u8>,
    owners: Vec<ModuleId>,
    /// All names, with a newline before and after each, so that a search finds whole names.
    names: Vec<u8>,
    /// Names of the modules; the first stands for the kernel and is empty.
    modules: Vec<Arc<str>>,
    /// Start address of each module's code; `None`: unknown.
    bases: Vec<Option<u64>>,
    index: OnceLock<NameIndex>,
}

impl Kallsyms {
    /// Returns the number of symbols.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Returns true if there are no symbols.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    fn bytes(&self, i: usize) -> &[u8] {
        let Ok(start) = usize::try_from(self.starts[i]) else { return &[] };
        self.names.get(start..start + usize::from(self.lengths[i])).unwrap_or(&[])
    }

    /// Returns a symbol's name; `?` if it is not UTF-8. The kernel's names are ASCII.
    fn name(&self, i: usize) -> &str {
        std::str::from_utf8(self.bytes(i)).unwrap_or("?")
    }

    fn entry(&self, i: usize) -> Entry<'_> {
        let owner = usize::from(self.owners[i]);
        Entry {
            address: self.addresses[i],
            name: self.name(i),
            module: (owner != 0).then(|| &*self.modules[owner]),
            kind: self.kinds[i],
        }
    }

    /// Returns the range of symbols at exactly this address, in the order of the file.
    fn at(&self, address: u64) -> Range<usize> {
        let begin = self.addresses.partition_point(|&a| a < address);
        let count = self.addresses[begin..].iter().take_while(|&&a| a == address).count();
        begin..begin + count
    }

    /// Returns the symbols at exactly this address. Thunks and entry points often have several.
    pub(crate) fn at_address(&self, address: u64) -> impl Iterator<Item = Entry<'_>> {
        self.at(address).map(|i| self.entry(i))
    }

    /// Returns the index of the symbol in a range that developers usually mean: prefers code to data and labels, and
    /// other names to the aliases `__pfx_`, `__pi_` and `__SCT__`.
    fn best(&self, range: Range<usize>) -> Option<usize> {
        range.min_by_key(|&i| {
            let name = self.name(i);
            let alias = ["__pfx_", "__pi_", "__cfi_", "__SCT__", "__se_", "__do_sys_", ".L"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            (alias, !is_code(self.kinds[i]))
        })
    }

    /// Returns the nearest symbol at or before `address`, and the offset from it. If several symbols are at that
    /// address, [`best`](Self::best) chooses one. `None` if there is no such symbol, or if the symbol's address is 0.
    pub(crate) fn lookup(&self, address: u64) -> Option<SymbolLocation<'_>> {
        let next = self.addresses.partition_point(|&a| a <= address);
        let last = *self.addresses.get(next.checked_sub(1)?)?;
        if last == 0 {
            return None;
        }
        let symbol = self.entry(self.best(self.at(last))?);
        Some(SymbolLocation { symbol, offset: address - last })
    }

    /// Returns the function (or object) that begins at an address, for a pointer in a table of operations. Its name is
    /// `None` if there is no symbol at that address. The preamble of a function, `endbr64`, follows the symbol, so
    /// pointers need no adjustment.
    pub(crate) fn function(&self, address: u64) -> Symbol {
        let found = (address != 0).then(|| self.best(self.at(address))).flatten();
        let entry = found.map(|i| self.entry(i));
        let owner = found.map_or(0, |i| usize::from(self.owners[i]));
        Symbol {
            address,
            name: entry.map(|entry| Arc::from(entry.name)),
            module: (owner != 0).then(|| Arc::clone(&self.modules[owner])),
            offset: self
                .bases
                .get(owner)
                .filter(|_| entry.is_some_and(|entry| is_code(entry.kind)))
                .and_then(|base| address.checked_sub((*base)?)),
        }
    }

    /// Returns all symbols of a name, sorted by address. Names are not unique in a kernel.
    pub(crate) fn by_name<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Entry<'a>> + 'a {
        let index = self.index.get_or_init(|| NameIndex::new(self));
        index
            .candidates(name)
            .iter()
            .filter_map(|&i| usize::try_from(i).ok())
            .filter(move |&i| self.bytes(i) == name.as_bytes())
            .map(|i| self.entry(i))
    }

    /// Returns the address of a symbol of the kernel itself (not of a module), if the name is unique there.
    pub fn kernel_address(&self, name: &str) -> Option<u64> {
        let mut found = self.by_name(name).filter(|entry| entry.module.is_none());
        let first = found.next()?.address;
        found.all(|entry| entry.address == first).then_some(first)
    }

    /// Returns the code symbols of the kernel itself that a compiler may have generated for a function `name`: the name
    /// itself and the name with suffixes (`traverse.part.0.constprop.0`, `traverse.llvm.42`), sorted by address.
    pub(crate) fn variants(&self, name: &str) -> Vec<Entry<'_>> {
        let line = format!("\n{name}");
        let starts: Vec<u32> = memchr::memmem::find_iter(&self.names, &line)
            .filter(|at| matches!(self.names.get(at + line.len()), Some(b'.' | b'\n')))
            .filter_map(|at| u32::try_from(at + 1).ok())
            .collect();
        if starts.is_empty() {
            return Vec::new();
        }
        (0..self.len())
            .filter(|&i| starts.contains(&self.starts[i]))
            .map(|i| self.entry(i))
            .filter(|entry| entry.module.is_none() && is_code(entry.kind))
            .collect()
    }

    /// Returns the distance from an address to the next symbol, in bytes: an upper bound of a function's size, because
    /// the table has no sizes. `None` if no symbol follows.
    pub(crate) fn size_at(&self, address: u64) -> Option<u64> {
        let next = self.addresses.partition_point(|&a| a <= address);
        self.addresses.get(next).map(|next| next - address)
    }

    /// Returns the names of the modules that have symbols.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().skip(1).map(|name| &**name)
    }

    /// Adds the symbols of modules that are in an older snapshot and are unloaded now. Leaves out a module if a symbol
    /// of this snapshot lies in the module's address range.
    #[must_use]
    pub(crate) fn merge(mut self, older: &Self) -> Self {
        let gone: Vec<&Arc<str>> =
            older.modules.iter().skip(1).filter(|&name| !self.modules.contains(name)).collect();
        if gone.is_empty() {
            return self;
        }
        let mut spans: HashMap<ModuleId, Range<u64>> = HashMap::new();
        for i in 0..older.len() {
            let owner = older.owners[i];
            if gone.contains(&&older.modules[usize::from(owner)]) {
                let address = older.addresses[i];
                let span = spans.entry(owner).or_insert(address..address + 1);
                span.end = address + 1;
            }
        }
        spans.retain(|_, span| {
            let next = self.addresses.partition_point(|&a| a < span.start);
            self.addresses.get(next).is_none_or(|&a| a >= span.end)
        });
        for i in 0..older.len() {
            if !spans.contains_key(&older.owners[i]) {
                continue;
            }
            let old = older.entry(i);
            let owner = self.module_id(old.module.unwrap_or_default().as_bytes());
            self.bases.resize(self.modules.len(), None);
            self.bases[usize::from(owner)] =
                older.bases.get(usize::from(older.owners[i])).copied().flatten();
            self.push(old.address, old.kind, older.bytes(i), owner);
        }
        self.index = OnceLock::new();
        self.sort();
        self
    }
}

/// Returns true for functions: `t`, `T`, and the weak `w`, `W`.
fn is_code(kind: u8) -> bool {
    matches!(kind, b't' | b'T' | b'w' | b'W')
}

/// Lines of a kallsyms, made up for tests and as a seed of fuzzing.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) const SAMPLE: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T startup_64
ffffffff81234540 t __pfx_s_next
ffffffff81234550 t s_next
ffffffff81234600 t s_next
ffffffff81234700 t traverse.part.0.constprop.0
ffffffff81234800 T traverse
ffffffff81234900 t traverse_tree
ffffffff82000000 d foo_ops
ffffffffc0200000 t eof_next\t[seqbugs]
ffffffffc0200040 t eof_show\t[seqbugs]
ffffffffc0201000 d eof_ops\t[seqbugs]
ffffffffc0100000 t other\t[other]
ffffffffc0300000 t bpf_prog_6deef7357e7b4530\t[bpf]
not a line
ffffffff8
";

#[cfg(test)]
mod tests;
