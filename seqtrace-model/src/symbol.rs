//! Functions by name, and the trait that looks names up.

use std::sync::Arc;

use crate::event::Role;

/// A function or table of the kernel, with its name if it has a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Symbol {
    /// Kernel address; 0 for a NULL member of a table.
    pub address: u64,
    /// Name of the symbol; `None` if there is none. Renderers then print the address.
    pub name: Option<Arc<str>>,
    /// Module that contains the function or table; `None` for the kernel image or if unknown.
    pub module: Option<Arc<str>>,
    /// Offset in bytes from the start of the module's code, as `addr2line -j .text` expects it; `None` for the kernel
    /// image or if unknown.
    pub offset: Option<u64>,
}

impl Symbol {
    /// Creates a symbol without a name.
    pub const fn unnamed(address: u64) -> Self {
        Self { address, name: None, module: None, offset: None }
    }
}

/// A line of source at which a function is defined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceLine {
    /// Path of the file: relative to the current directory if it lies below that, else to the folder in which the kernel
    /// or the module was built, else absolute. Not escaped for a terminal.
    pub file: Arc<str>,
    /// Number of the line, from 1.
    pub line: u32,
}

/// Source of lines for functions, e.g. the debug files of the running kernel.
pub trait Locate {
    /// Returns the line at which a function is defined; `None` if it is unknown.
    fn line_of(&mut self, function: &Symbol) -> Option<SourceLine>;
}

/// The four callbacks of a seq file, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callbacks {
    /// The `struct seq_operations` itself; `None` if it has no symbol, e.g. because single_open() has allocated it on
    /// the heap.
    pub table: Option<Symbol>,
    /// Function that positions the iterator (`op->start`).
    pub start: Symbol,
    /// Function that moves to the next record (`op->next`).
    pub next: Symbol,
    /// Function that renders a record (`op->show`).
    pub show: Symbol,
    /// Function that ends a pass (`op->stop`).
    pub stop: Symbol,
}

impl Callbacks {
    /// Returns the function of one callback.
    pub const fn of(&self, role: Role) -> &Symbol {
        match role {
            Role::Start => &self.start,
            Role::Next => &self.next,
            Role::Show => &self.show,
            Role::Stop => &self.stop,
        }
    }
}

/// Source of names for addresses, e.g. the running kernel.
pub trait Resolve {
    /// Returns the function at an address, without a name if there is none.
    fn function(&mut self, address: u64) -> Symbol;

    /// Returns the `struct seq_operations` at an address; `None` if it has no name.
    fn table(&mut self, address: u64) -> Option<Symbol>;
}

/// A [`Resolve`] that finds no names.
#[derive(Clone, Copy, Debug)]
pub struct Unnamed;

impl Resolve for Unnamed {
    fn function(&mut self, address: u64) -> Symbol {
        Symbol::unnamed(address)
    }

    fn table(&mut self, _address: u64) -> Option<Symbol> {
        None
    }
}
