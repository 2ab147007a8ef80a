//! Reads the kernel's code without the breakpoints and jumps of kprobes, so that the core sites are found although
//! another tracer has probes there.
//!
//! On x86-64 a kprobe overwrites the first byte of an instruction with a breakpoint, an optimised one five bytes with a
//! jump. The kernel keeps the original bytes in `kprobe.opcode` and `optimized_kprobe.optinsn.copied_insn`, and decodes
//! code with them itself (recover_probed_instruction(), arch/x86/kernel/kprobes/core.c). On arm64 a kprobe overwrites an
//! instruction with `brk #4` and is never optimised (arch/arm64/kernel/probes/kprobes.c). The kprobes are in `kprobe_table`, 64
//! lists by address (kernel/kprobes.c). All of it is read through /proc/kcore, without a lock: if two readings differ,
//! the code is returned as it is, and the analysis of the core sites refuses it.

use std::{thread, time::Duration};

use super::{
    btf::Btf,
    kallsyms::Kallsyms,
    machine::Machine,
    text::{Kcore, TextError},
};

/// Number of lists in `kprobe_table`: `KPROBE_TABLE_SIZE` (kernel/kprobes.c).
const BUCKETS: usize = 64;
/// Bound on the number of kprobes, for lists that change while they are read.
const MAX_PROBES: usize = 1 << 16;
/// Size of a kprobe's jump without its first byte (`DISP32_SIZE`, arch/x86/include/asm/text-patching.h).
const JUMP_TAIL: usize = 4;
const BREAKPOINT: u8 = 0xcc;
/// `brk #4` (`BRK64_OPCODE_KPROBES`, arch/arm64/include/asm/debug-monitors.h), in the order of memory.
const ARM64_BREAKPOINT: [u8; 4] = 0xd420_0080_u32.to_le_bytes();
const JUMP: u8 = 0xe9;
/// Bit of `kprobe.flags`, set while the kprobe is a jump: `KPROBE_FLAG_OPTIMIZED` (include/linux/kprobes.h).
const OPTIMIZED: u32 = 4;
/// Number of attempts to get two equal readings, and the pause between them.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Offsets of the fields of `struct kprobe` and `struct optimized_kprobe`, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KprobeOffsets {
    pub(super) hlist: u32,
    pub(super) addr: u32,
    pub(super) opcode: u32,
    pub(super) flags: u32,
    /// `optinsn.copied_insn`; `None`: the kernel does not optimise kprobes.
    pub(super) copied: Option<u32>,
}

/// A kprobe, and the code that it has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kprobe {
    address: u64,
    /// The first bytes of the instruction; only one of them is used on x86-64.
    opcode: [u8; 4],
    /// The bytes behind the first, if the kprobe is a jump now.
    tail: Option<[u8; JUMP_TAIL]>,
}

/// Reads the original code of the running kernel.
#[derive(Debug)]
pub(crate) struct OriginalCode<'a> {
    kcore: &'a Kcore,
    /// Address of `kprobe_table`, and the offsets of the fields; `None`: kprobes are not found, and the code is read as
    /// it is.
    table: Option<(u64, KprobeOffsets)>,
    /// Architecture of the kernel; `None`: the code is read as it is.
    machine: Option<Machine>,
}

impl<'a> OriginalCode<'a> {
    pub(crate) fn new(kcore: &'a Kcore, symbols: &Kallsyms, btf: &Btf) -> Self {
        let table = symbols.kernel_address("kprobe_table").zip(btf.kprobes().ok());
        Self { kcore, table, machine: Machine::running() }
    }

    /// Reads `len` bytes of code at `address`, or fewer if the segment there ends before.
    ///
    /// # Errors
    /// [`TextError::NotMapped`] if no segment covers the address, [`TextError::Read`].
    pub(crate) fn read(&self, address: u64, len: usize) -> Result<Vec<u8>, TextError> {
        let mut code = self.kcore.read(address, len)?;
        let read = |at, len| self.kcore.read(at, len);
        let (Some((table, offsets)), Some(machine)) = (self.table, self.machine) else {
            return Ok(code);
        };
        for _ in 0..ATTEMPTS {
            let before = probes(table, offsets, &read);
            let again = self.kcore.read(address, len)?;
            // The kernel rewrites code in several steps, some of which have no valid instruction.
            if again == code && before.is_some() && before == probes(table, offsets, &read) {
                for probe in before.unwrap_or_default() {
                    restore(machine, &mut code, address, probe);
                }
                return Ok(code);
            }
            code = again;
            thread::sleep(PAUSE);
        }
        Ok(code)
    }
}

/// Restores the bytes that a kprobe has replaced in `code`, the code at `address`.
fn restore(machine: Machine, code: &mut [u8], address: u64, probe: Kprobe) {
    let at = probe.address.checked_sub(address).and_then(|at| usize::try_from(at).ok());
    let Some(rest) = at.and_then(|at| code.get_mut(at..)) else { return };
    let [opcode, ..] = probe.opcode;
    match (machine, rest, probe.tail) {
        (Machine::Arm64, rest, _) => {
            if let Some(instruction) =
                rest.first_chunk_mut().filter(|instruction| **instruction == ARM64_BREAKPOINT)
            {
                *instruction = probe.opcode;
            }
        }
        (Machine::X86_64, [first, ..], None) if *first == BREAKPOINT => *first = opcode,
        (Machine::X86_64, [first, tail @ ..], Some(original)) if *first == JUMP => {
            let Some(tail) = tail.first_chunk_mut() else { return };
            (*first, *tail) = (opcode, original);
        }
        _ => {}
    }
}

/// Returns all kprobes; `None` if the lists cannot be followed, because they change or are not understood.
fn probes(
    table: u64,
    offsets: KprobeOffsets,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Option<Vec<Kprobe>> {
    let heads = read(table, BUCKETS * size_of::<u64>()).ok()?;
    let mut found = Vec::new();
    for head in heads.chunks_exact(size_of::<u64>()) {
        let mut node = word(head, 0)?;
        while node != 0 {
            let kprobe = node.checked_sub(u64::from(offsets.hlist))?;
            found.push(probe_at(kprobe, offsets, read)?);
            if found.len() > MAX_PROBES {
                return None;
            }
            // `hlist_node.next` is its first field.
            node = word(&read(node, size_of::<u64>()).ok()?, 0)?;
        }
    }
    Some(found)
}

/// Reads a `struct kprobe`.
fn probe_at(
    kprobe: u64,
    offsets: KprobeOffsets,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Option<Kprobe> {
    let field = |offset: u32, len| {
        let bytes = read(kprobe.checked_add(u64::from(offset))?, len).ok()?;
        (bytes.len() == len).then_some(bytes)
    };
    let flags = field(offsets.flags, size_of::<u32>())?;
    let optimized = u32::from_ne_bytes(flags.try_into().ok()?) & OPTIMIZED != 0;
    let tail = match offsets.copied.filter(|_| optimized) {
        Some(copied) => Some(*field(copied, JUMP_TAIL)?.first_chunk()?),
        None => None,
    };
    Some(Kprobe {
        address: word(&field(offsets.addr, size_of::<u64>())?, 0)?,
        // On x86-64 the opcode has one byte; three bytes of padding follow.
        opcode: *field(offsets.opcode, 4)?.first_chunk()?,
        tail,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFSETS: KprobeOffsets =
        KprobeOffsets { hlist: 0, addr: 16, opcode: 24, flags: 28, copied: Some(32) };
    const TABLE: u64 = 0x1000;

    /// Memory with `kprobe_table` at [`TABLE`] and these kprobes in its last list.
    fn memory(kprobes: &[(u64, u8, u32, [u8; JUMP_TAIL])]) -> Vec<u8> {
        const SIZE: u64 = 40;
        let first = TABLE + 512;
        let node =
            |index: usize| if index < kprobes.len() { first + index as u64 * SIZE } else { 0 };
        let mut bytes = vec![0; 512];
        bytes[504..].copy_from_slice(&node(0).to_ne_bytes());
        for (index, (address, opcode, flags, tail)) in kprobes.iter().enumerate() {
            bytes.extend(node(index + 1).to_ne_bytes());
            bytes.extend([0; 8]);
            bytes.extend(address.to_ne_bytes());
            bytes.extend([*opcode, 0, 0, 0]);
            bytes.extend(flags.to_ne_bytes());
            bytes.extend(tail);
            bytes.extend([0; 4]);
        }
        bytes
    }

    fn found(memory: &[u8]) -> Option<Vec<Kprobe>> {
        probes(TABLE, OFFSETS, &|address, len| {
            let at = address.checked_sub(TABLE).and_then(|at| usize::try_from(at).ok());
            let bytes = at.and_then(|at| memory.get(at..at + len));
            bytes.map(<[u8]>::to_vec).ok_or(TextError::NotMapped { address, len })
        })
    }

    #[test]
    fn replaced_bytes_are_restored() {
        let memory = memory(&[(0x10, 0x48, OPTIMIZED, [1, 2, 3, 4]), (0x16, 0x90, 0, [9; 4])]);
        let probes = found(&memory).unwrap();
        let mut code = [JUMP, 0xaa, 0xaa, 0xaa, 0xaa, 0x55, BREAKPOINT, 0xc3];
        for probe in &probes {
            restore(Machine::X86_64, &mut code, 0x10, *probe);
        }
        assert_eq!(code, [0x48, 1, 2, 3, 4, 0x55, 0x90, 0xc3]);
        // A kprobe that is not armed, and one outside of the code.
        let mut code = [0x90, 0x90];
        for probe in &probes {
            restore(Machine::X86_64, &mut code, 0x16, *probe);
            restore(Machine::X86_64, &mut code, 0x40, *probe);
        }
        assert_eq!(code, [0x90, 0x90]);
        // A jump that is cut off.
        let mut code = [JUMP, 0xaa];
        restore(Machine::X86_64, &mut code, 0x10, probes[0]);
        assert_eq!(code, [JUMP, 0xaa]);
    }

    #[test]
    fn a_replaced_instruction_of_arm64_is_restored() {
        let probe = Kprobe { address: 0x14, opcode: [0xf3, 0x53, 0xbe, 0xa9], tail: None };
        let mut code = [ARM64_BREAKPOINT, ARM64_BREAKPOINT, [0x1f, 0x20, 0x03, 0xd5]].concat();
        restore(Machine::Arm64, &mut code, 0x10, probe);
        assert_eq!(code[..4], ARM64_BREAKPOINT, "a breakpoint of the kernel's own");
        assert_eq!(code[4..8], probe.opcode);
        restore(Machine::Arm64, &mut code, 0xc, probe);
        restore(Machine::Arm64, &mut code[..6], 0x10, probe);
        assert_eq!(code[8..], [0x1f, 0x20, 0x03, 0xd5]);
    }

    #[test]
    fn lists_that_leave_the_memory_are_refused() {
        let mut memory = memory(&[(0x10, 0x48, 0, [0; 4])]);
        assert_eq!(found(&memory).unwrap().len(), 1);
        memory[504..512].copy_from_slice(&8_u64.to_ne_bytes());
        assert_eq!(found(&memory), None);
        // A list that is a circle.
        let first = TABLE + 512;
        memory[504..512].copy_from_slice(&first.to_ne_bytes());
        memory[512..520].copy_from_slice(&first.to_ne_bytes());
        assert_eq!(found(&memory), None);
    }
}
