//! Reads /proc/kallsyms and /proc/modules.

use std::{fs::File, io::Read as _, sync::Arc};

use super::{Kallsyms, KallsymsError, Module, ModuleId, PATH, Row};

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

    /// Records the start addresses of the modules' code, and their sizes, from the content of /proc/modules: lines of `name size
    /// references users state address` (kernel/module/procfs.c).
    pub(crate) fn learn_bases(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(size), Some(address)) =
                (words.next(), words.next(), words.nth(3))
            else {
                continue;
            };
            let address = address.strip_prefix("0x").unwrap_or_default();
            let base = u64::from_str_radix(address, 16).ok().filter(|base| *base != 0);
            if let Some(module) = self.modules.iter_mut().find(|known| *known.name == *name) {
                module.base = base;
                module.size = size.parse().unwrap_or(0);
            }
        }
    }

    /// Parses lines of `address type name [module]` and skips all other lines.
    ///
    /// # Errors
    /// [`KallsymsError::Hidden`] if all addresses are zero, [`KallsymsError::Empty`] if no line was
    /// understood.
    pub fn parse(text: &[u8]) -> Result<Self, KallsymsError> {
        let kernel = Module { name: Arc::from(""), base: None, size: 0 };
        let mut table = Self { modules: vec![kernel], ..Self::default() };
        // A line has about 45 bytes, and the name is half of it.
        table.rows.reserve(text.len() / 40);
        table.names.reserve(text.len() / 2);
        table.names.push(b'\n');
        let mut owner = 0;
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len())) {
            let line = &text[begin..end];
            begin = end + 1;
            let Some((address, kind, rest)) = head(line) else { continue };
            let (name, module) = tail(rest);
            if is_mapping(name) {
                continue;
            }
            // The symbols of a module are consecutive.
            match module {
                None => owner = 0,
                Some(module) if table.modules[usize::from(owner)].name.as_bytes() == module => {}
                Some(module) => owner = table.module_id(module),
            }
            table.push(address, kind, name, owner);
        }
        if table.is_empty() {
            return Err(KallsymsError::Empty);
        }
        if table.rows.iter().all(|row| row.address == 0) {
            return Err(KallsymsError::Hidden);
        }
        // The file has a sorted run for the kernel and one for each module: a stable sort merges such runs. Symbols at
        // the same address remain in the order of the file.
        table.rows.sort_by_key(|row| row.address);
        Ok(table)
    }

    /// Appends a symbol, unless all names together have 4 GiB.
    pub(super) fn push(&mut self, address: u64, kind: u8, name: &[u8], owner: ModuleId) {
        let Ok(start) = u32::try_from(self.names.len()) else { return };
        self.names.extend_from_slice(name);
        self.names.push(b'\n');
        self.rows.push(Row { address, name: start, owner, kind });
    }

    pub(super) fn module_id(&mut self, module: &[u8]) -> ModuleId {
        let known = self.modules.iter().position(|known| known.name.as_bytes() == module);
        let at = known.unwrap_or_else(|| {
            let name = Arc::from(String::from_utf8_lossy(module).as_ref());
            self.modules.push(Module { name, base: None, size: 0 });
            self.modules.len() - 1
        });
        ModuleId::try_from(at).unwrap_or(0)
    }
}

/// Splits a line into address, kind and the rest; `None` if it is malformed.
fn head(line: &[u8]) -> Option<(u64, u8, &[u8])> {
    let mut address = 0_u64;
    let mut digits = 0;
    for &byte in line.iter().take(16) {
        let Some(digit) = char::from(byte).to_digit(16) else { break };
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

/// Returns true for a mapping symbol, which names no function or object: `$x` and `$d` mark where code and data begin
/// (ELF for the Arm 64-bit Architecture). /proc/kallsyms lists those of modules (6.1 and 6.12 on arm64), at the addresses
/// of functions and within functions.
fn is_mapping(name: &[u8]) -> bool {
    name.starts_with(b"$")
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
