//! Names and source lines in a recording. Each is written once, before the first event that needs it.

use std::{collections::HashMap, sync::Arc};

use seqtrace_model::{
    event::{Event, EventKind, OpTable},
    symbol::{Callbacks, Locate, Resolve, SourceLine, Symbol},
};

use super::read::Item;

/// Names by address. An address without an entry has no name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(HashMap<u64, Symbol>);

impl Names {
    /// Stores a name, or removes the entry of an address that has none any more. Returns false if nothing changed.
    pub(super) fn learn(&mut self, symbol: &Symbol) -> bool {
        if symbol.name.is_none() && symbol.module.is_none() {
            return self.0.remove(&symbol.address).is_some();
        }
        if self.0.get(&symbol.address) == Some(symbol) {
            return false;
        }
        self.0.insert(symbol.address, symbol.clone());
        true
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, address: u64) -> Option<Symbol> {
        self.0.get(&address).cloned()
    }
}

/// Names of functions and tables, and lines of functions, that a recording contains up to the current row.
#[derive(Clone, Debug, Default)]
pub struct KnownNames {
    pub(super) functions: Names,
    pub(super) tables: Names,
    /// Lines of functions by their addresses and names: a module may be unloaded, and another one use its addresses.
    sources: HashMap<(u64, Arc<str>), SourceLine>,
}

impl KnownNames {
    /// Takes the next item of a recording. Returns its event with names, or `None` if the item is no event.
    pub fn event(&mut self, item: Item) -> Option<Event> {
        self.learn(&item);
        let Item::Event { mut event, .. } = item else { return None };
        self.name(&mut event);
        Some(event)
    }

    /// Stores the name or the line in an item, if the item is one.
    pub(super) fn learn(&mut self, item: &Item) {
        match item {
            Item::Function(symbol) => self.functions.learn(symbol),
            Item::Table(symbol) => self.tables.learn(symbol),
            Item::Source { address, name, source } => self.learn_source(*address, name, source),
            _ => false,
        };
    }

    /// Stores the line of a function. Returns false if nothing changed.
    pub(super) fn learn_source(&mut self, address: u64, name: &str, source: &SourceLine) -> bool {
        self.sources.insert((address, name.into()), source.clone()).as_ref() != Some(source)
    }

    /// Returns the number of names and lines.
    pub(super) fn len(&self) -> usize {
        self.functions.len() + self.tables.len() + self.sources.len()
    }

    /// Fills in the names that an event needs.
    #[inline]
    pub(super) fn name(&mut self, event: &mut Event) {
        if matches!(event.body, EventKind::Open(_) | EventKind::Blind { .. }) {
            self.name_functions(event);
        }
    }

    fn name_functions(&mut self, event: &mut Event) {
        match &mut event.body {
            EventKind::Open(open) => open.functions = open.kind.functions(self),
            EventKind::Blind { function, .. } => *function = self.function(function.address),
            _ => {}
        }
    }

    /// Returns the callbacks of a target. `op` is the address of its table if that has a name.
    pub(super) fn callbacks(&mut self, op: Option<u64>, table: OpTable) -> Callbacks {
        Callbacks {
            table: op.and_then(|op| self.table(op)),
            start: self.function(table.start),
            next: self.function(table.next),
            show: self.function(table.show),
            stop: self.function(table.stop),
        }
    }
}

impl Locate for KnownNames {
    fn line_of(&mut self, function: &Symbol) -> Option<SourceLine> {
        let name = Arc::clone(function.name.as_ref()?);
        self.sources.get(&(function.address, name)).cloned()
    }
}

impl Resolve for KnownNames {
    fn function(&mut self, address: u64) -> Symbol {
        self.functions.get(address).unwrap_or(Symbol::unnamed(address))
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        self.tables.get(address)
    }
}
