//! Small listings written for the purpose, in the forms that compilers and the kernel's own patching make of the core's
//! calls, and the forms that must be refused.

mod arm64;
mod x86_64;

use super::*;

const BASE: u64 = 0xffff_ffff_8120_0000;
const COLD: u64 = 0xffff_ffff_8110_0000;
/// `__x86_indirect_thunk_rax` in the tests; the others follow by number, 32 bytes each.
const THUNKS: u64 = 0xffff_ffff_8200_0000;
const FUNCTION: u64 = 0xffff_ffff_8230_0000;
/// No symbol is there.
const NOWHERE: u64 = 0xffff_ffff_c000_0123;

/// Offsets for the tests. They are those of no real kernel.
const OP: i32 = 0x60;
const LAYOUT: Layout = Layout { op: 0x60, start: 0, stop: 8, next: 0x10, show: 0x18 };
const START: i32 = 0;
const STOP: i32 = 8;
const NEXT: i32 = 0x10;
const SHOW: i32 = 0x18;

fn outside(address: u64) -> Outside {
    match address {
        FUNCTION => Outside::Function,
        THUNKS..0xffff_ffff_8200_0200 if address.is_multiple_of(32) => {
            Outside::Thunk(usize::try_from((address - THUNKS) / 32).unwrap())
        }
        _ => Outside::Unknown,
    }
}

/// Returns the sites that were found, each as `role register`.
fn texts(analysis: &Analysis) -> Vec<String> {
    let text = |site: &Site| {
        let shared = if site.shared { " shared" } else { "" };
        format!("{} {}{shared}", site.role.name(), site.m.name())
    };
    analysis.sites.iter().map(text).collect()
}
