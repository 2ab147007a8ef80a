//! Names in a recording. Each is written once, before the first event that needs it.

use std::collections::HashMap;

use seqtrace_model::{
    event::{Event, EventKind, OpTable},
    symbol::{Callbacks, Resolve, Symbol},
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

/// Names of functions and tables that a recording contains up to the current row.
#[derive(Clone, Debug, Default)]
pub struct KnownNames {
    pub(super) functions: Names,
    pub(super) tables: Names,
}

impl KnownNames {
    /// Takes the next item of a recording. Returns its event with names, or `None` if the item is no event.
    pub fn event(&mut self, item: Item) -> Option<Event> {
        self.learn(&item);
        let Item::Event { mut event, .. } = item else { return None };
        self.name(&mut event);
        Some(event)
    }

    /// Stores the name in an item, if the item is a name.
    pub(super) fn learn(&mut self, item: &Item) {
        match item {
            Item::Function(symbol) => self.functions.learn(symbol),
            Item::Table(symbol) => self.tables.learn(symbol),
            _ => false,
        };
    }

    /// Returns the number of names.
    pub(super) fn len(&self) -> usize {
        self.functions.len() + self.tables.len()
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

impl Resolve for KnownNames {
    fn function(&mut self, address: u64) -> Symbol {
        self.functions.get(address).unwrap_or(Symbol::unnamed(address))
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        self.tables.get(address)
    }
}
