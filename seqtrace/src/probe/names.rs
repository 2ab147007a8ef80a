//! Looks up names and paths on the running kernel.

use std::{collections::HashSet, sync::Arc};

use seqtrace_model::{
    event::Open,
    symbol::{Resolve, Symbol},
};

use crate::kernel::{
    kallsyms::Kallsyms,
    mounts::{File, Mounts},
    symbols,
};

/// Resolves function names from /proc/kallsyms and paths from the mounts. Reads the symbols again if an address is
/// unknown, and the mounts if a device is: a module may have been loaded, or a filesystem mounted.
#[derive(Debug)]
pub(super) struct KernelNames {
    symbols: Arc<Kallsyms>,
    mounts: Mounts,
    /// Addresses that had no name even after the symbols were read again.
    unknown: HashSet<u64>,
    /// Devices that were not mounted even after the mounts were read again.
    unknown_devices: HashSet<u32>,
}

impl KernelNames {
    /// Creates the lookup with the symbols that were read before the trace, and with the current mounts.
    pub(super) fn new(symbols: Arc<Kallsyms>) -> Self {
        Self {
            symbols,
            mounts: Mounts::of_this_process().unwrap_or_default(),
            unknown: HashSet::new(),
            unknown_devices: HashSet::new(),
        }
    }

    /// Fills in the path and the function names of an open.
    pub(super) fn name(&mut self, open: &mut Open) {
        open.functions = open.kind.functions(self);
        if open.path_cut {
            return;
        }
        let Open { components, dev, magic, task, .. } = &*open;
        if !self.mounts.knows(*dev)
            && self.unknown_devices.insert(*dev)
            && let Ok(fresh) = Mounts::of_this_process()
        {
            self.mounts = fresh;
        }
        let file = File { dev: *dev, magic: *magic, names: components, cut: false, pid: task.pid };
        open.path = self.mounts.path(&file);
    }
}

impl Resolve for KernelNames {
    /// Returns the function at an address. Reads the symbols again if the address has no name, once for each such
    /// address.
    fn function(&mut self, address: u64) -> Symbol {
        let symbol = self.symbols.function(address);
        if symbol.name.is_some() || address == 0 || !self.unknown.insert(address) {
            return symbol;
        }
        if let Ok((fresh, _)) = symbols::of_running_kernel() {
            self.symbols = Arc::new(fresh.merge(&self.symbols));
        }
        self.symbols.function(address)
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        // The table of a single_open file is on the heap and has no symbol: reading again would not help.
        let symbol = self.symbols.function(address);
        symbol.name.is_some().then_some(symbol)
    }
}
