//! Names and paths on the running kernel: what the session model asks for while it follows events.

use std::sync::Arc;

use crate::{
    event::Task,
    kernel::{
        kallsyms::Kallsyms,
        mounts::{File, Mounts},
        symbols,
    },
    session::{Resolve, update::Symbol},
};

/// Symbols from /proc/kallsyms, paths from the mounts. Both are read again when something is met that
/// is newer than they are: a module that was loaded, a filesystem that was mounted.
#[derive(Debug)]
pub struct Live {
    symbols: Arc<Kallsyms>,
    mounts: Mounts,
    /// Addresses that a fresh read did not know either.
    unknown: std::collections::HashSet<u64>,
    unknown_devices: std::collections::HashSet<u32>,
}

impl Live {
    /// From what was read at the start.
    pub fn new(symbols: Arc<Kallsyms>) -> Self {
        Self {
            symbols,
            mounts: Mounts::of_this_process().unwrap_or_default(),
            unknown: std::collections::HashSet::new(),
            unknown_devices: std::collections::HashSet::new(),
        }
    }

    /// Looks an address up; if it is unknown, reads the table again, once for each such address.
    fn symbol(&mut self, address: u64) -> Symbol {
        let symbol = self.symbols.function(address);
        if symbol.name.is_some() || address == 0 || !self.unknown.insert(address) {
            return symbol;
        }
        if let Ok(fresh) = symbols::of_running_kernel() {
            self.symbols = Arc::new(fresh.symbols.merge(&self.symbols));
        }
        self.symbols.function(address)
    }
}

impl Resolve for Live {
    fn function(&mut self, address: u64) -> Symbol {
        self.symbol(address)
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        // The table of a single_open file lies on the heap: no symbol, and no reason to look again.
        let symbol = self.symbols.function(address);
        symbol.name.is_some().then_some(symbol)
    }

    fn path(&mut self, names: &[Vec<u8>], dev: u32, magic: u32, opener: &Task) -> Vec<u8> {
        if !self.mounts.knows(dev)
            && self.unknown_devices.insert(dev)
            && let Ok(fresh) = Mounts::of_this_process()
        {
            self.mounts = fresh;
        }
        self.mounts.path(&File { dev, magic, names, cut: false, pid: opener.pid })
    }
}
