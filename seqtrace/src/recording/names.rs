//! What the resolver answered: noted while recording, given again on replay.

use std::collections::HashMap;

use crate::{
    event::Task,
    session::{Resolve, update::Symbol},
};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Of [`Resolve::function`].
    Function(Symbol),
    /// Of [`Resolve::table`]; without a name if there was none.
    Table(Symbol),
    /// Of [`Resolve::path`].
    Path(Vec<u8>),
}

/// Passes questions on to another resolver and, while a recording is made, notes the answers.
#[derive(Debug)]
pub struct Noting<R> {
    inner: R,
    on: bool,
    notes: Vec<Note>,
}

impl<R> Noting<R> {
    /// Notes nothing until `begin` is called.
    pub fn new(inner: R) -> Self {
        Self { inner, on: false, notes: Vec::new() }
    }

    /// Notes answers from here on.
    pub(super) fn begin(&mut self) {
        self.on = true;
    }

    /// The notes since the last call.
    pub(super) fn notes(&mut self) -> std::vec::Drain<'_, Note> {
        self.notes.drain(..)
    }

    fn note(&mut self, note: impl FnOnce() -> Note) {
        if self.on {
            self.notes.push(note());
        }
    }
}

impl<R: Resolve> Resolve for Noting<R> {
    fn function(&mut self, address: u64) -> Symbol {
        let symbol = self.inner.function(address);
        self.note(|| Note::Function(Symbol { address, ..symbol.clone() }));
        symbol
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        let symbol = self.inner.table(address);
        self.note(|| {
            let named = symbol.clone().unwrap_or(Symbol::unnamed(address));
            Note::Table(Symbol { address, ..named })
        });
        symbol
    }

    fn path(&mut self, names: &[Vec<u8>], dev: u32, magic: u32, opener: &Task) -> Vec<u8> {
        let path = self.inner.path(names, dev, magic, opener);
        self.note(|| Note::Path(path.clone()));
        path
    }
}

/// Names by address. An address that is not there has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(HashMap<u64, Symbol>);

impl Names {
    /// Learns a name, or that there is none any more. False if that is nothing new.
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

    fn get(&self, address: u64) -> Option<Symbol> {
        self.0.get(&address).cloned()
    }
}

/// Answers as the resolver did when the recording was made.
#[derive(Debug, Default)]
pub struct Recorded {
    pub(super) functions: Names,
    pub(super) tables: Names,
    /// Of the file that is being opened.
    pub(super) path: Option<Vec<u8>>,
}

impl Resolve for Recorded {
    fn function(&mut self, address: u64) -> Symbol {
        self.functions.get(address).unwrap_or(Symbol::unnamed(address))
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        self.tables.get(address)
    }

    fn path(&mut self, names: &[Vec<u8>], _dev: u32, _magic: u32, _opener: &Task) -> Vec<u8> {
        // Each open has its path with it.
        self.path.take().unwrap_or_else(|| {
            names.iter().flat_map(|name| [b"/", name.as_slice()]).flatten().copied().collect()
        })
    }
}
