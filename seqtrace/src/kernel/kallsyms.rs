//! Reads the kernel's symbols from /proc/kallsyms and looks them up.
//!
//! A kernel has some 200,000 symbols, which are read before the first probe is attached. To be fast, the table has no
//! string for each symbol, but sorted rows of 16 bytes, one blob of names and, from the first lookup by name on, sorted
//! hashes. Writing the file costs the kernel far more than parsing it costs here.
//!
//! The kernel drops a module's symbols when the module is unloaded, and a session of its files may still have to be
//! rendered: `Kallsyms::merge` preserves the names of unloaded modules.

mod fixed;
mod parse;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, OnceLock},
};

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

/// A symbol as the table stores it.
#[derive(Clone, Copy, Debug)]
struct Row {
    address: u64,
    /// Offset of the name in [`Kallsyms::names`].
    name: u32,
    owner: ModuleId,
    kind: u8,
}

/// A module with symbols.
#[derive(Clone, Debug)]
struct Module {
    /// Empty: the kernel itself.
    name: Arc<str>,
    /// Start address of its code; `None`: unknown.
    base: Option<u64>,
    /// Size of its code and data in bytes; 0: unknown.
    size: u64,
}

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
    /// All symbols, sorted by address.
    rows: Vec<Row>,
    /// All names, with a newline before and after each, so that a search finds whole names.
    names: Vec<u8>,
    /// The first stands for the kernel.
    modules: Vec<Module>,
    /// For each row, sorted: the [`hash`] of its name and, in the lower half, its index.
    hashes: OnceLock<Vec<u64>>,
}

impl Kallsyms {
    /// Returns the number of symbols.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns true if there are no symbols.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn bytes(&self, row: &Row) -> &[u8] {
        let rest = usize::try_from(row.name).ok().and_then(|start| self.names.get(start..));
        let rest = rest.unwrap_or_default();
        &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]
    }

    /// Returns a symbol's name; `?` if it is not UTF-8. The kernel's names are ASCII.
    fn name(&self, row: &Row) -> &str {
        std::str::from_utf8(self.bytes(row)).unwrap_or("?")
    }

    fn entry(&self, row: &Row) -> Entry<'_> {
        let module = (row.owner != 0).then(|| &*self.modules[usize::from(row.owner)].name);
        Entry { address: row.address, name: self.name(row), module, kind: row.kind }
    }

    /// Returns the symbols at exactly this address, in the order of the file.
    fn at(&self, address: u64) -> &[Row] {
        let begin = self.rows.partition_point(|row| row.address < address);
        let rest = &self.rows[begin..];
        &rest[..rest.partition_point(|row| row.address == address)]
    }

    /// Returns the symbols at exactly this address. Thunks and entry points often have several.
    pub(crate) fn at_address(&self, address: u64) -> impl Iterator<Item = Entry<'_>> {
        self.at(address).iter().map(|row| self.entry(row))
    }

    /// Returns the symbol at an address that developers usually mean: prefers code to data and labels, and other names
    /// to the aliases `__pfx_`, `__pi_` and `__SCT__`.
    fn best(&self, address: u64) -> Option<&Row> {
        self.at(address).iter().min_by_key(|row| {
            let name = self.name(row);
            let alias = ["__pfx_", "__pi_", "__cfi_", "__SCT__", "__se_", "__do_sys_", ".L"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            (alias, !is_code(row.kind))
        })
    }

    /// Returns the nearest symbol at or before `address`, and the offset from it. If several symbols are at that
    /// address, [`best`](Self::best) chooses one. `None` if there is no such symbol, or if the symbol's address is 0.
    pub(crate) fn lookup(&self, address: u64) -> Option<SymbolLocation<'_>> {
        let next = self.rows.partition_point(|row| row.address <= address);
        let last = self.rows.get(next.checked_sub(1)?)?.address;
        if last == 0 {
            return None;
        }
        Some(SymbolLocation { symbol: self.entry(self.best(last)?), offset: address - last })
    }

    /// Returns the function (or object) that begins at an address, for a pointer in a table of operations. Its name is
    /// `None` if there is no symbol at that address. The preamble of a function, `endbr64`, follows the symbol, so
    /// pointers need no adjustment.
    pub(crate) fn function(&self, address: u64) -> Symbol {
        let Some(row) = self.best(address).filter(|row| row.address != 0) else {
            return Symbol::unnamed(address);
        };
        let Module { name, base, size: _ } = &self.modules[usize::from(row.owner)];
        Symbol {
            address,
            name: Some(Arc::from(self.name(row))),
            module: (row.owner != 0).then(|| Arc::clone(name)),
            offset: base.filter(|_| is_code(row.kind)).and_then(|base| address.checked_sub(base)),
        }
    }

    /// Returns true if a function begins at an address.
    pub(crate) fn is_function(&self, address: u64) -> bool {
        address != 0 && self.at(address).iter().any(|row| is_code(row.kind))
    }

    /// Returns the symbols that are no functions, sorted by address. A kernel without CONFIG_KALLSYMS_ALL shows none.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Entry<'_>> {
        let objects = self.rows.iter().filter(|row| row.address != 0 && !is_code(row.kind));
        objects.map(|row| self.entry(row))
    }

    /// Returns all symbols of a name, sorted by address. Names are not unique in a kernel.
    pub(crate) fn by_name<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Entry<'a>> + 'a {
        let hashes = self.hashes.get_or_init(|| {
            let rows = self.rows.iter().zip(0_u32..);
            let mut hashes: Vec<u64> =
                rows.map(|(row, index)| hash(self.bytes(row)) | u64::from(index)).collect();
            hashes.sort_unstable();
            hashes
        });
        let wanted = hash(name.as_bytes());
        let begin = hashes.partition_point(|hash| *hash < wanted);
        hashes[begin..]
            .iter()
            .map_while(move |hash| u32::try_from(hash ^ wanted).ok())
            .filter_map(|index| self.rows.get(usize::try_from(index).ok()?))
            .filter(move |row| self.bytes(row) == name.as_bytes())
            .map(|row| self.entry(row))
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
        self.rows
            .iter()
            .filter(|row| starts.contains(&row.name) && row.owner == 0 && is_code(row.kind))
            .map(|row| self.entry(row))
            .collect()
    }

    /// Returns the distance from an address to the next symbol, in bytes: an upper bound of a function's size, because
    /// the table has no sizes. `None` if no symbol follows.
    pub(crate) fn size_at(&self, address: u64) -> Option<u64> {
        let next = self.rows.partition_point(|row| row.address <= address);
        self.rows.get(next).map(|next| next.address - address)
    }

    /// Returns the names of the modules that have symbols.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().skip(1).map(|module| &*module.name)
    }

    /// Adds the symbols of modules that are in an older snapshot and are unloaded now. Leaves out a module if a symbol
    /// of this snapshot lies in the module's address range.
    #[must_use]
    pub(crate) fn merge(mut self, older: &Self) -> Self {
        let is_gone = |owner: ModuleId| {
            let name = &*older.modules[usize::from(owner)].name;
            owner != 0 && !self.modules().any(|known| known == name)
        };
        let gone: Vec<bool> = (0..).zip(&older.modules).map(|(owner, _)| is_gone(owner)).collect();
        let mut spans: HashMap<ModuleId, Range<u64>> = HashMap::new();
        for row in older.rows.iter().filter(|row| gone[usize::from(row.owner)]) {
            spans.entry(row.owner).or_insert(row.address..0).end = row.address + 1;
        }
        spans.retain(|_, span| {
            let next = self.rows.partition_point(|row| row.address < span.start);
            self.rows.get(next).is_none_or(|row| row.address >= span.end)
        });
        if spans.is_empty() {
            return self;
        }
        for row in older.rows.iter().filter(|row| spans.contains_key(&row.owner)) {
            let Module { name, base, size } = &older.modules[usize::from(row.owner)];
            let owner = self.module_id(name.as_bytes());
            let module = &mut self.modules[usize::from(owner)];
            (module.base, module.size) = (*base, *size);
            self.push(row.address, row.kind, older.bytes(row), owner);
        }
        self.hashes = OnceLock::new();
        self.rows.sort_by_key(|row| row.address);
        self
    }
}

/// Hashes the length of a name and its first and last eight bytes, into the upper half of a word. They distinguish most
/// names, at a fraction of the cost of hashing whole names.
fn hash(name: &[u8]) -> u64 {
    let (first, last) = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    };
    let key = first ^ last.rotate_left(23) ^ name.len() as u64;
    // 2^64 / golden ratio spreads similar keys over the high bits.
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !u64::from(u32::MAX)
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
