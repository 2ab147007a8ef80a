//! Finds stale records of ftrace, through which trampolines are attached, in the kernel's memory.
//!
//! A record of ftrace describes the entry of one function. If a probe on the function is detached while
//! kernel.ftrace_enabled is 0, ftrace_shutdown() returns before it updates the record, which keeps the flag
//! `FTRACE_FL_REGS` (kernel/trace/ftrace.c; 6.1 and 6.12). When the switch is 1 again and the last user of ftrace detaches
//! from other functions, the same function finds the flag, warns, and disables ftrace until the next boot
//! (`ftrace_kill()`). A probe that is attached to the function and detached while the switch is 1 clears the flag.

use std::{thread, time::Duration};

use super::{
    btf::Btf,
    kallsyms::Kallsyms,
    text::{Kcore, TextError},
};

/// Bits of `dyn_ftrace.flags` (include/linux/ftrace.h).
const ENABLED: u64 = 1 << 31;
const REGS: u64 = 1 << 30;
/// Size of the field `dyn_ftrace.flags`, an unsigned long, in bytes.
const FLAGS_BYTES: usize = size_of::<u64>();
/// Bounds on the lists, in case they change while they are read.
const MAX_PAGES: usize = 1 << 16;
const MAX_RECORDS: usize = 1 << 20;
/// Time between the two readings in which a stale record must be the same: the kernel sets its flags in several steps.
const PAUSE: Duration = Duration::from_millis(20);

/// Offsets of the fields of `struct ftrace_page` and `struct dyn_ftrace`, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FtraceOffsets {
    pub(super) next: u32,
    pub(super) records: u32,
    pub(super) index: u32,
    pub(super) ip: u32,
    pub(super) flags: u32,
    /// Size of `struct dyn_arch_ftrace`, which follows the flags: 8 if it has the member `mod` (arm64 with
    /// CONFIG_ARM64_MODULE_PLTS, 5.10), otherwise 0.
    pub(super) arch_bytes: u32,
}

/// Returns the addresses of the functions whose record is stale. kernel.ftrace_enabled must be 1. If the memory cannot be
/// read, there are none.
pub(super) fn stale(kcore: &Kcore, symbols: &Kallsyms, btf: &Btf) -> Vec<u64> {
    let Some(start) = symbols.kernel_address("ftrace_pages_start") else { return Vec::new() };
    let Ok(offsets) = btf.ftrace() else { return Vec::new() };
    let find = || stale_records(start, offsets, &|at, len| kcore.read(at, len)).unwrap_or_default();
    let mut found = find();
    if !found.is_empty() {
        thread::sleep(PAUSE);
        let again = find();
        found.retain(|address| again.contains(address));
    }
    found
}

/// Returns the addresses of the stale records; `None` if the lists cannot be followed. `start`: address of the pointer to
/// the first `struct ftrace_page`.
fn stale_records(
    start: u64,
    offsets: FtraceOffsets,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Option<Vec<u64>> {
    let field = |of: u64, offset: u32| {
        word(&read(of.checked_add(u64::from(offset))?, size_of::<u64>()).ok()?, 0)
    };
    let (ip, flags) = (usize::try_from(offsets.ip).ok()?, usize::try_from(offsets.flags).ok()?);
    let arch_bytes = usize::try_from(offsets.arch_bytes).ok()?;
    let size = flags.checked_add(FLAGS_BYTES)?.checked_add(arch_bytes)?;
    let mut stale = Vec::new();
    let mut page = field(start, 0)?;
    for _ in 0..MAX_PAGES {
        if page == 0 {
            return Some(stale);
        }
        // `index` is an int: the number of records.
        let count = usize::try_from(field(page, offsets.index)? & u64::from(u32::MAX)).ok()?;
        let records = field(page, offsets.records)?;
        if count > MAX_RECORDS {
            return None;
        }
        for record in read(records, count * size).ok()?.chunks_exact(size) {
            if word(record, flags)? & (ENABLED | REGS) == REGS {
                stale.push(word(record, ip)?);
            }
        }
        page = field(page, offsets.next)?;
    }
    None
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x1000;
    const OFFSETS: FtraceOffsets =
        FtraceOffsets { next: 0, records: 8, index: 16, ip: 0, flags: 8, arch_bytes: 0 };

    /// Returns the stale records of a kernel with these words at [`START`].
    fn stale(words: &[u64]) -> Option<Vec<u64>> {
        let memory: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        stale_records(START, OFFSETS, &|address, len| {
            let at = address.checked_sub(START).and_then(|at| usize::try_from(at).ok());
            let bytes = at.and_then(|at| memory.get(at..at + len));
            bytes.map(<[u8]>::to_vec).ok_or(TextError::NotMapped { address, len })
        })
    }

    #[test]
    fn stale_records_have_a_flag_of_a_user_and_are_not_enabled() {
        let at = |word: u64| START + 8 * word;
        let order = 7 << 32;
        let mut words = [
            at(1),
            // A page with three records, and one with one.
            at(4),
            at(7),
            3 | order,
            0,
            at(13),
            1 | order,
            0x10,
            REGS,
            0x20,
            REGS | ENABLED | 1,
            0x30,
            0,
            0x40,
            REGS | 1 << 20,
        ];
        assert_eq!(stale(&words), Some(vec![0x10, 0x40]));
        assert_eq!(stale(&[0]), Some(vec![]));
        // A list that is a circle, and one that leaves the memory.
        words[4] = at(1);
        assert_eq!(stale(&words), None);
        words[4] = 8;
        assert_eq!(stale(&words), None);
    }
}
