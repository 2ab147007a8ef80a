//! Reads kernel memory for user space, where /proc/kcore is missing or forbidden. The program is loaded alone and is
//! attached to nothing: user space runs it (`BPF_PROG_TEST_RUN`).

use core::ffi::c_void;

use aya_ebpf::{macros::map, maps::Array, programs::RawTracePointContext};
use seqtrace_common::config::PAGE_BYTES;

use crate::kernel;

/// One element: the page that was read last.
#[map]
static PAGE: Array<[u8; PAGE_BYTES]> = Array::with_max_entries(1, 0);

/// Reads the page at the address in the first argument to [`PAGE`]. Returns 0, or 1 if the page cannot be read. aya's
/// macro for raw tracepoints is not used: its programs always return 0.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tp")]
pub(crate) fn read_page(ctx: *mut c_void) -> u32 {
    let Some(page) = PAGE.get_ptr_mut(0) else { return 1 };
    let address = RawTracePointContext::new(ctx).arg(0);
    // SAFETY: an element of the map has PAGE_BYTES bytes.
    let read = unsafe { kernel::copy(page.cast(), PAGE_BYTES as u32, address) };
    u32::from(!read)
}
