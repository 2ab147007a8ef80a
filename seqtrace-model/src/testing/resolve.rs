//! Resolver of names for tests.

use std::sync::Arc;

use crate::event::{FileKind, Key, Open, Task};
use crate::symbol::{Resolve, Symbol};

/// Address of a function that is called `single_start`.
pub const SINGLE_START: u64 = 0xffff_ffff_8100_0100;

/// Resolver that names every function after its address.
#[derive(Debug, Default)]
pub struct Names;

impl Resolve for Names {
    fn function(&mut self, address: u64) -> Symbol {
        let name = if address == SINGLE_START {
            Arc::from("single_start")
        } else {
            Arc::from(format!("fn_{address:x}"))
        };
        Symbol { name: Some(name), ..Symbol::unnamed(address) }
    }

    fn table(&mut self, _address: u64) -> Option<Symbol> {
        None
    }
}

/// Returns the open of a file below /proc, with names for its functions.
pub fn open(key: Key, task: Task, kind: FileKind, components: &[&[u8]]) -> Open {
    let mut open = Open {
        task,
        components: components.iter().map(|name| name.to_vec()).collect(),
        functions: kind.functions(&mut Names),
        ..Open::new(key, kind)
    };
    open.path = [b"/proc".as_slice(), &open.joined()].concat();
    open
}
