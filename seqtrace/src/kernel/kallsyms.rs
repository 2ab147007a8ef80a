//! The kernel's symbols, from /proc/kallsyms.
//!
//! There are some 200,000 of them, and they are read before the first probe is attached: so no
//! string a symbol, but sorted addresses, one blob of names and, once a name is asked for, an index
//! of hashes. Writing the file costs the kernel far more than reading it costs here.
//!
//! A module's symbols are forgotten by the kernel when it is unloaded, and a session of its files may
//! still have to be printed: [`Kallsyms::merge`] keeps the names of what was there before.

use std::{
    collections::HashMap,
    io::Read,
    ops::Range,
    path::Path,
    sync::{Arc, OnceLock},
};

use crate::session::update::Symbol;

/// Where the kernel prints them.
pub const PATH: &str = "/proc/kallsyms";
/// Where modules lie.
const MODULES: &str = "/proc/modules";

/// Why there are no symbols.
#[derive(Debug, thiserror::Error)]
pub enum KallsymsError {
    /// The file cannot be read (kernel without `CONFIG_KALLSYMS`, or no /proc).
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// All addresses read as zero: kernel.kptr_restrict hides them from this process.
    #[error(
        "{PATH} shows no addresses to this process: run as root with CAP_SYSLOG, \
         or set kernel.kptr_restrict to 0"
    )]
    Hidden,
    /// The file has no symbol at all.
    #[error("{PATH} is empty or not understood")]
    Empty,
}

/// Number of a module in [`Kallsyms::modules`]; 0 is the kernel itself.
type ModuleId = u16;

/// A symbol as it stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its address.
    pub address: u64,
    /// Its name.
    pub name: &'a str,
    /// The module it belongs to; `None` for the kernel itself.
    pub module: Option<&'a str>,
    /// nm's letter: `t` and `T` are code.
    pub kind: u8,
}

/// An address, in words of symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The last symbol at or before the address.
    pub symbol: Entry<'a>,
    /// Bytes behind the symbol.
    pub offset: u64,
}

/// A snapshot of the kernel's symbols.
#[derive(Debug, Default)]
pub struct Kallsyms {
    /// Sorted. All other vectors are parallel.
    addresses: Vec<u64>,
    /// Where each name begins in `names`.
    starts: Vec<u32>,
    lengths: Vec<u16>,
    kinds: Vec<u8>,
    owners: Vec<ModuleId>,
    /// All names, a newline before and behind each, so that one can be searched for.
    names: Vec<u8>,
    /// Names of the modules; the first, the kernel's own, is empty.
    modules: Vec<Arc<str>>,
    /// Where the code of each module begins, as far as known.
    bases: Vec<Option<u64>>,
    index: OnceLock<NameIndex>,
}

impl Kallsyms {
    /// Reads the running kernel's.
    ///
    /// # Errors
    /// See [`KallsymsError`].
    pub fn of_running_kernel() -> Result<Self, KallsymsError> {
        let mut table = Self::read(Path::new(PATH))?;
        // Without modules there is no such file, and without addresses no offsets.
        table.learn_bases(&std::fs::read_to_string(MODULES).unwrap_or_default());
        Ok(table)
    }

    /// Learns where the code of modules begins, from the text of /proc/modules: lines of `name size
    /// references users state address` (kernel/module/procfs.c).
    pub fn learn_bases(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(address)) = (words.next(), words.nth(4)) else { continue };
            let address = address.strip_prefix("0x").unwrap_or_default();
            let base = u64::from_str_radix(address, 16).ok().filter(|base| *base != 0);
            if let Some(owner) = self.modules.iter().position(|known| **known == *name) {
                self.bases.resize(self.modules.len(), None);
                self.bases[owner] = base;
            }
        }
    }

    /// Reads a file in the format of /proc/kallsyms.
    ///
    /// # Errors
    /// See [`KallsymsError`].
    pub fn read(path: &Path) -> Result<Self, KallsymsError> {
        // The file's size is told as 0, so a buffer would grow a dozen times.
        let mut text = Vec::with_capacity(12 << 20);
        std::fs::File::open(path)
            .and_then(|mut file| file.read_to_end(&mut text))
            .map_err(|source| KallsymsError::Read { path: path.display().to_string(), source })?;
        Self::parse(&text)
    }

    /// Parses lines of `address type name [module]`; lines that are not such are passed over.
    ///
    /// # Errors
    /// [`KallsymsError::Hidden`] if all addresses are zero, [`KallsymsError::Empty`] if no line was
    /// understood.
    pub fn parse(text: &[u8]) -> Result<Self, KallsymsError> {
        let mut table = Self { modules: vec![Arc::from("")], ..Self::default() };
        // A line is about 45 bytes, half of it name.
        table.reserve(text.len() / 40, text.len() / 2);
        table.names.push(b'\n');
        let mut owner = 0;
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len())) {
            let line = &text[begin..end];
            begin = end + 1;
            let Some((address, kind, rest)) = head(line) else { continue };
            let (name, module) = tail(rest);
            // The symbols of a module come one after the other.
            match module {
                None => owner = 0,
                Some(module) if table.modules[usize::from(owner)].as_bytes() == module => {}
                Some(module) => owner = table.module_id(module),
            }
            table.push(address, kind, name, owner);
        }
        if table.addresses.is_empty() {
            return Err(KallsymsError::Empty);
        }
        if table.addresses.iter().all(|&address| address == 0) {
            return Err(KallsymsError::Hidden);
        }
        table.sort();
        Ok(table)
    }

    fn reserve(&mut self, symbols: usize, bytes: usize) {
        self.addresses.reserve(symbols);
        self.starts.reserve(symbols);
        self.lengths.reserve(symbols);
        self.kinds.reserve(symbols);
        self.owners.reserve(symbols);
        self.names.reserve(bytes);
    }

    /// Adds a symbol at the end; not if its name is absurdly long or there are 4 GiB of names.
    fn push(&mut self, address: u64, kind: u8, name: &[u8], owner: ModuleId) {
        let (Ok(start), Ok(length)) = (u32::try_from(self.names.len()), u16::try_from(name.len()))
        else {
            return;
        };
        self.names.extend_from_slice(name);
        self.names.push(b'\n');
        self.addresses.push(address);
        self.starts.push(start);
        self.lengths.push(length);
        self.kinds.push(kind);
        self.owners.push(owner);
    }

    fn module_id(&mut self, module: &[u8]) -> ModuleId {
        let known = self.modules.iter().position(|known| known.as_bytes() == module);
        let at = known.unwrap_or_else(|| {
            self.modules.push(Arc::from(String::from_utf8_lossy(module).as_ref()));
            self.modules.len() - 1
        });
        ModuleId::try_from(at).unwrap_or(0)
    }

    /// Sorts by address; symbols of one address keep the order of the file.
    fn sort(&mut self) {
        if self.addresses.is_sorted() {
            return;
        }
        // The kernel's own come sorted, then each module's own: long runs, which a stable sort likes.
        let mut order: Vec<(u64, u32)> = self.addresses.iter().copied().zip(0..).collect();
        order.sort_by_key(|&(address, _)| address);
        let by = |i: u32| usize::try_from(i).unwrap_or(usize::MAX);
        self.addresses = order.iter().map(|&(address, _)| address).collect();
        self.starts = order.iter().map(|&(_, i)| self.starts[by(i)]).collect();
        self.lengths = order.iter().map(|&(_, i)| self.lengths[by(i)]).collect();
        self.kinds = order.iter().map(|&(_, i)| self.kinds[by(i)]).collect();
        self.owners = order.iter().map(|&(_, i)| self.owners[by(i)]).collect();
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    fn bytes(&self, i: usize) -> &[u8] {
        let Ok(start) = usize::try_from(self.starts[i]) else { return &[] };
        self.names.get(start..start + usize::from(self.lengths[i])).unwrap_or(&[])
    }

    /// A symbol's name. The kernel's are ASCII; anything else is not shown.
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

    /// Symbols at exactly this address, in the order of the file.
    fn at(&self, address: u64) -> Range<usize> {
        let begin = self.addresses.partition_point(|&a| a < address);
        let count = self.addresses[begin..].iter().take_while(|&&a| a == address).count();
        begin..begin + count
    }

    /// The symbols that begin at exactly this address: thunks and entry points often have several.
    pub fn at_address(&self, address: u64) -> impl Iterator<Item = Entry<'_>> {
        self.at(address).map(|i| self.entry(i))
    }

    /// Of several symbols of one address the one a person would call it by: code before data and
    /// labels, no `__pfx_`, `__pi_`, `__SCT__` alias.
    fn best(&self, range: Range<usize>) -> Option<usize> {
        range.min_by_key(|&i| {
            let name = self.name(i);
            let alias = ["__pfx_", "__pi_", "__cfi_", "__SCT__", "__se_", "__do_sys_", ".L"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            (alias, !is_code(self.kinds[i]))
        })
    }

    /// The symbol at or before an address. `None` before the first symbol and for 0.
    pub fn lookup(&self, address: u64) -> Option<Place<'_>> {
        let behind = self.addresses.partition_point(|&a| a <= address);
        let last = *self.addresses.get(behind.checked_sub(1)?)?;
        if last == 0 {
            return None;
        }
        let symbol = self.entry(self.best(self.at(last))?);
        Some(Place { symbol, offset: address - last })
    }

    /// The function (or the object) that begins at an address, as pointers in operation tables do.
    /// Where no symbol begins there its name is `None`. The preamble of a function, `endbr64`, comes
    /// behind the symbol, so pointers need no adjustment.
    pub fn function(&self, address: u64) -> Symbol {
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

    /// All symbols of a name, by address. Names are not unique in a kernel.
    pub fn by_name<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Entry<'a>> + 'a {
        let index = self.index.get_or_init(|| NameIndex::new(self));
        index
            .candidates(name)
            .iter()
            .filter_map(|&i| usize::try_from(i).ok())
            .filter(move |&i| self.bytes(i) == name.as_bytes())
            .map(|i| self.entry(i))
    }

    /// The address of a symbol of the kernel itself (not of a module), if the name is unique there.
    pub fn kernel_address(&self, name: &str) -> Option<u64> {
        let mut found = self.by_name(name).filter(|entry| entry.module.is_none());
        let first = found.next()?.address;
        found.all(|entry| entry.address == first).then_some(first)
    }

    /// Code symbols of the kernel itself that the compiler may have made of a function `name`: it and
    /// whatever adds suffixes to it (`traverse.part.0.constprop.0`, `traverse.llvm.42`), by address.
    pub fn variants(&self, name: &str) -> Vec<Entry<'_>> {
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

    /// The bytes from a symbol's address to the next one's: an upper bound of a function's size, since
    /// the table has no sizes. `None` if there is nothing behind it.
    pub fn size_at(&self, address: u64) -> Option<u64> {
        let behind = self.addresses.partition_point(|&a| a <= address);
        self.addresses.get(behind).map(|next| next - address)
    }

    /// The modules that have symbols.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().skip(1).map(|name| &**name)
    }

    /// For each module the range of addresses of its code symbols: from the first to behind the first
    /// byte of the last.
    pub fn module_text(&self) -> HashMap<Arc<str>, Range<u64>> {
        let mut ranges: HashMap<ModuleId, Range<u64>> = HashMap::new();
        for i in 0..self.len() {
            if self.owners[i] != 0 && is_code(self.kinds[i]) {
                let address = self.addresses[i];
                let range = ranges.entry(self.owners[i]).or_insert(address..address);
                range.end = address + 1;
            }
        }
        ranges
            .into_iter()
            .map(|(owner, range)| (Arc::clone(&self.modules[usize::from(owner)]), range))
            .collect()
    }

    /// This snapshot, and of an older one what belonged to modules that are gone, as far as nothing
    /// new lies in the range of addresses that such a module had.
    #[must_use]
    pub fn merge(mut self, older: &Self) -> Self {
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

/// `t`, `T`, and the weak `w`, `W`: functions.
fn is_code(kind: u8) -> bool {
    matches!(kind, b't' | b'T' | b'w' | b'W')
}

/// Values of hexadecimal digits; 16 for what is none.
const HEX: [u8; 256] = {
    let mut table = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Splits a line in address, kind and the rest.
fn head(line: &[u8]) -> Option<(u64, u8, &[u8])> {
    let mut address = 0_u64;
    let mut digits = 0;
    for &byte in line.iter().take(16) {
        let digit = HEX[usize::from(byte)];
        if digit == 16 {
            break;
        }
        address = address << 4 | u64::from(digit);
        digits += 1;
    }
    match line.get(digits..)? {
        [b' ', kind, b' ', rest @ ..] if digits > 0 && !rest.is_empty() => {
            Some((address, *kind, rest))
        }
        _ => None,
    }
}

/// Splits `name\t[module]`; most lines have no module.
fn tail(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    rest.strip_suffix(b"]")
        .and_then(|inner| {
            let at = memchr::memrchr(b'[', inner)?;
            Some((inner[..at].trim_ascii_end(), Some(&inner[at + 1..])))
        })
        .unwrap_or((rest, None))
}

/// Symbols by the hash of their names: those of bucket `b` are `order[begin[b]..begin[b + 1]]`.
#[derive(Debug)]
struct NameIndex {
    begin: Vec<u32>,
    order: Vec<u32>,
}

impl NameIndex {
    const BUCKETS: usize = 1 << 16;

    fn new(table: &Kallsyms) -> Self {
        let buckets: Vec<u16> = (0..table.len()).map(|i| Self::bucket(table.bytes(i))).collect();
        let mut begin = vec![0_u32; Self::BUCKETS + 1];
        for &bucket in &buckets {
            begin[usize::from(bucket) + 1] += 1;
        }
        let mut sum = 0;
        for slot in &mut begin {
            sum += *slot;
            *slot = sum;
        }
        let mut next = begin.clone();
        let mut order = vec![0_u32; table.len()];
        for (&bucket, number) in buckets.iter().zip(0..) {
            let slot = &mut next[usize::from(bucket)];
            if let Some(place) = usize::try_from(*slot).ok().and_then(|at| order.get_mut(at)) {
                *place = number;
            }
            *slot += 1;
        }
        Self { begin, order }
    }

    fn candidates(&self, name: &str) -> &[u32] {
        let bucket = usize::from(Self::bucket(name.as_bytes()));
        let at = |i: usize| usize::try_from(self.begin[i]).unwrap_or(0);
        self.order.get(at(bucket)..at(bucket + 1)).unwrap_or(&[])
    }

    /// Returns the bucket of a name, from its first and last 8 bytes and its length: most names differ there.
    fn bucket(name: &[u8]) -> u16 {
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
        };
        let key = first ^ last.rotate_left(23) ^ name.len() as u64;
        // 2^64 / golden ratio spreads similar keys over the high bits.
        let [.., low, high] = key.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
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

    fn table() -> Kallsyms {
        Kallsyms::parse(TEXT.as_bytes()).unwrap()
    }

    #[test]
    fn looks_up_by_address() {
        let table = table();
        let place = table.lookup(0xffff_ffff_8123_4610).unwrap();
        assert_eq!((place.symbol.name, place.offset, place.symbol.module), ("s_next", 0x10, None));
        let place = table.lookup(0xffff_ffff_c020_003f).unwrap();
        assert_eq!(
            (place.symbol.name, place.offset, place.symbol.module),
            ("eof_next", 0x3f, Some("seqbugs"))
        );
        assert_eq!(table.lookup(1), None);
        assert_eq!(table.lookup(0), None);
        assert_eq!(table.size_at(0xffff_ffff_8123_4700), Some(0x100));
        assert_eq!(table.size_at(u64::MAX), None);
    }

    #[test]
    fn names_functions_exactly() {
        let table = table();
        let symbol = table.function(0xffff_ffff_c020_1000);
        assert_eq!(symbol.name.as_deref(), Some("eof_ops"));
        assert_eq!(symbol.module.as_deref(), Some("seqbugs"));
        assert_eq!(table.function(0xffff_ffff_8123_4550).module, None);
        assert_eq!(table.function(0xffff_ffff_8123_4551).name, None);
        assert_eq!(table.function(0).name, None);
        assert_eq!(table.function(0xffff_ffff_8100_0000).name.as_deref(), Some("_stext"));
    }

    #[test]
    fn looks_up_by_name_all_of_them() {
        let table = table();
        let addresses: Vec<u64> = table.by_name("s_next").map(|entry| entry.address).collect();
        assert_eq!(addresses, [0xffff_ffff_8123_4550, 0xffff_ffff_8123_4600]);
        assert_eq!(table.by_name("nothing").count(), 0);
        assert_eq!(table.by_name("").count(), 0);
        assert_eq!(table.kernel_address("s_next"), None, "ambiguous");
        assert_eq!(table.kernel_address("traverse"), Some(0xffff_ffff_8123_4800));
        assert_eq!(table.kernel_address("eof_next"), None, "a module's");
        let variants: Vec<&str> =
            table.variants("traverse").iter().map(|entry| entry.name).collect();
        assert_eq!(variants, ["traverse.part.0.constprop.0", "traverse"]);
    }

    #[test]
    fn tells_the_modules_and_their_text() {
        let table = table();
        assert_eq!(table.modules().collect::<Vec<_>>(), ["seqbugs", "other", "bpf"]);
        assert_eq!(table.module_text()["seqbugs"], 0xffff_ffff_c020_0000..0xffff_ffff_c020_0041);
    }

    #[test]
    fn hidden_addresses_and_other_files_are_errors() {
        let zeros = "0000000000000000 T seq_open\n0000000000000000 t s_next\t[m]\n";
        assert!(matches!(Kallsyms::parse(zeros.as_bytes()), Err(KallsymsError::Hidden)));
        for text in ["", "\n", "hello world\n", "ffff\n", "ffff t \n", " t x\n"] {
            assert!(matches!(Kallsyms::parse(text.as_bytes()), Err(KallsymsError::Empty)));
        }
        let odd = Kallsyms::parse(b"ffff t \xff\xfe\nffff t ok").unwrap();
        assert_eq!(odd.by_name("ok").count(), 1);
    }

    #[test]
    fn merging_keeps_the_names_of_unloaded_modules() {
        let newer = "\
ffffffff81000000 T startup_64
ffffffffc0100008 t newcomer\t[newcomer]
ffffffffc00ff000 t newcomer_too\t[newcomer]
";
        let newer = Kallsyms::parse(newer.as_bytes()).unwrap();
        assert_eq!(newer.by_name("eof_next").count(), 0);
        let merged = newer.merge(&table());
        assert_eq!(
            merged.function(0xffff_ffff_c020_0040).name.as_deref(),
            Some("eof_show"),
            "gone, nothing in its place"
        );
        assert_eq!(merged.by_name("eof_next").count(), 1);
        assert_eq!(merged.function(0xffff_ffff_c010_0008).module.as_deref(), Some("newcomer"));
        assert_eq!(merged.by_name("traverse").count(), 0, "the kernel's own are not merged");
        assert!(merged.addresses.is_sorted());
    }

    #[test]
    fn this_machines_own_kernel() {
        match Kallsyms::of_running_kernel() {
            Ok(table) => {
                assert!(table.addresses.is_sorted());
                let address = table.kernel_address("seq_read_iter").unwrap();
                assert_eq!(table.function(address).name.as_deref(), Some("seq_read_iter"));
            }
            Err(KallsymsError::Empty) => panic!("not understood"),
            Err(KallsymsError::Hidden | KallsymsError::Read { .. }) => {}
        }
    }
}
