//! Resolver of names for tests.

use std::sync::Arc;

use crate::event::Task;
use crate::session::Resolve;
use crate::session::update::Symbol;

/// Address whose function is called `single_start`.
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

    fn path(&mut self, names: &[Vec<u8>], _dev: u32, _magic: u32, _opener: &Task) -> Vec<u8> {
        let mut path = b"/proc".to_vec();
        for name in names {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        path
    }
}
