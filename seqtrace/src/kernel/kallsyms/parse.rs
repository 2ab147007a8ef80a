//! Reads /proc/kallsyms and /proc/modules.

use std::{fs::File, io::Read as _, sync::Arc};

use super::{Kallsyms, KallsymsError, ModuleId, PATH};

/// File that lists the modules with the addresses of their code.
const MODULES: &str = "/proc/modules";

impl Kallsyms {
    /// Reads the running kernel's symbols.
    ///
    /// # Errors
    /// See [`KallsymsError`].
    pub fn of_running_kernel() -> Result<Self, KallsymsError> {
        // The file's size is reported as 0: without a capacity the buffer would grow a dozen times.
        let mut text = Vec::with_capacity(12 << 20);
        File::open(PATH)
            .and_then(|mut file| file.read_to_end(&mut text))
            .map_err(KallsymsError::Read)?;
        let mut table = Self::parse(&text)?;
        // A kernel without support for modules has no such file. Without the file, offsets into modules are unknown.
        table.learn_bases(&std::fs::read_to_string(MODULES).unwrap_or_default());
        Ok(table)
    }

    /// Records the start addresses of the modules' code from the content of /proc/modules: lines of `name size
    /// references users state address` (kernel/module/procfs.c).
    pub(crate) fn learn_bases(&mut self, text: &str) {
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

    /// Parses lines of `address type name [module]` and skips all other lines.
    ///
    /// # Errors
    /// [`KallsymsError::Hidden`] if all addresses are zero, [`KallsymsError::Empty`] if no line was
    /// understood.
    pub fn parse(text: &[u8]) -> Result<Self, KallsymsError> {
        let mut table = Self { modules: vec![Arc::from("")], ..Self::default() };
        // A line has about 45 bytes, and the name is half of it.
        table.reserve(text.len() / 40, text.len() / 2);
        table.names.push(b'\n');
        let mut owner = 0;
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len())) {
            let line = &text[begin..end];
            begin = end + 1;
            let Some((address, kind, rest)) = head(line) else { continue };
            let (name, module) = tail(rest);
            // The symbols of a module are consecutive.
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

    /// Appends a symbol, unless its name has 64 KiB or all names together have 4 GiB.
    pub(super) fn push(&mut self, address: u64, kind: u8, name: &[u8], owner: ModuleId) {
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

    pub(super) fn module_id(&mut self, module: &[u8]) -> ModuleId {
        let known = self.modules.iter().position(|known| known.as_bytes() == module);
        let at = known.unwrap_or_else(|| {
            self.modules.push(Arc::from(String::from_utf8_lossy(module).as_ref()));
            self.modules.len() - 1
        });
        ModuleId::try_from(at).unwrap_or(0)
    }

    /// Sorts the symbols by address. Symbols at the same address remain in the order of the file.
    pub(super) fn sort(&mut self) {
        if self.addresses.is_sorted() {
            return;
        }
        // The file has a sorted run for the kernel and one for each module: a stable sort merges such runs.
        let mut order: Vec<(u64, u32)> = self.addresses.iter().copied().zip(0..).collect();
        order.sort_by_key(|&(address, _)| address);
        let by = |i: u32| usize::try_from(i).unwrap_or(usize::MAX);
        self.addresses = order.iter().map(|&(address, _)| address).collect();
        self.starts = order.iter().map(|&(_, i)| self.starts[by(i)]).collect();
        self.lengths = order.iter().map(|&(_, i)| self.lengths[by(i)]).collect();
        self.kinds = order.iter().map(|&(_, i)| self.kinds[by(i)]).collect();
        self.owners = order.iter().map(|&(_, i)| self.owners[by(i)]).collect();
    }
}

/// Values of hexadecimal digits by ASCII code; 16: not a digit.
const HEX: [u8; 256] = {
    let mut table = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Splits a line into address, kind and the rest; `None` if it is malformed.
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

/// Splits `name\t[module]`. Most lines have no module.
fn tail(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    rest.strip_suffix(b"]")
        .and_then(|inner| {
            let at = memchr::memrchr(b'[', inner)?;
            Some((inner[..at].trim_ascii_end(), Some(&inner[at + 1..])))
        })
        .unwrap_or((rest, None))
}
