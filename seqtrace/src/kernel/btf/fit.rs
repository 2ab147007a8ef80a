//! Compares field offsets from a file with the kernel's code: those of another kernel would make every line wrong.
//!
//! seq_read_iter() (fs/seq_file.c) reads the fields that matter most. Their offsets are the displacements of its loads
//! and stores.

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, Register};
use seqtrace_common::config::Offsets;

use crate::kernel::machine::Machine;

/// Returns the first field that seq_read_iter() must access and whose offset is not among these displacements, with its
/// offset. `seq_file.op` is not examined: the analysis of the core sites proves it.
pub(in crate::kernel) fn unseen(
    offsets: &Offsets,
    displacements: &BTreeSet<u32>,
) -> Option<(&'static str, u32)> {
    let fields = [
        ("seq_file.size", offsets.seq_file_size),
        ("seq_file.from", offsets.seq_file_from),
        ("seq_file.count", offsets.seq_file_count),
        ("seq_file.index", offsets.seq_file_index),
        ("seq_file.read_pos", offsets.seq_file_read_pos),
        ("file.private_data", offsets.file_private_data),
        ("kiocb.ki_pos", offsets.kiocb_ki_pos),
    ];
    fields.into_iter().find(|(_, offset)| !displacements.contains(offset))
}

/// Returns the displacements of the loads and stores in `code`, except those relative to the stack pointer.
pub(in crate::kernel) fn displacements(machine: Machine, code: &[u8]) -> BTreeSet<u32> {
    match machine {
        Machine::X86_64 => of_x86_64(code),
        Machine::Arm64 => of_arm64(code),
    }
}

fn of_x86_64(code: &[u8]) -> BTreeSet<u32> {
    let accesses = Decoder::new(64, code, DecoderOptions::NONE).into_iter().filter(|code| {
        !matches!(code.memory_base(), Register::None | Register::RSP | Register::RIP)
    });
    accesses.filter_map(|code| u32::try_from(code.memory_displacement64()).ok()).collect()
}

/// Decodes loads and stores of one or two registers of 64 bits with an immediate offset: compilers emit no other form for
/// the fields in question.
fn of_arm64(code: &[u8]) -> BTreeSet<u32> {
    const STACK_POINTER: u32 = 31;
    let words = code.chunks_exact(4).filter_map(|word| word.first_chunk().copied());
    let mut found = BTreeSet::new();
    for word in words.map(u32::from_le_bytes) {
        if word >> 5 & 31 == STACK_POINTER {
            continue;
        }
        match word & 0xffc0_0000 {
            // STR and LDR (immediate, unsigned offset).
            0xf900_0000 | 0xf940_0000 => drop(found.insert((word >> 10 & 0xfff) * 8)),
            // STP and LDP (signed offset), whose offset is not negative.
            0xa900_0000 | 0xa940_0000 if word >> 21 & 1 == 0 => {
                let first = (word >> 15 & 0x3f) * 8;
                found.extend([first, first + 8]);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use iced_x86::code_asm::{CodeAssembler, qword_ptr, rax, rbp, rbx, rcx, rsp};

    use super::*;

    #[test]
    fn x86_64() {
        let mut code = CodeAssembler::new(64).unwrap();
        code.mov(rax, qword_ptr(rbx + 0x18)).unwrap();
        code.add(qword_ptr(rbp + 0x28), 1).unwrap();
        code.mov(rcx, qword_ptr(rsp + 0x40)).unwrap();
        code.cmp(qword_ptr(rax), 0).unwrap();
        code.mov(rcx, qword_ptr(rbx - 8)).unwrap();
        let code = code.assemble(0).unwrap();
        assert_eq!(displacements(Machine::X86_64, &code), [0, 0x18, 0x28].into());
    }

    #[test]
    fn arm64() {
        let words: [u32; 6] = [
            0xf940_2e62, // ldr x2, [x19, #88]
            0xf900_0e60, // str x0, [x19, #24]
            0xa942_8261, // ldp x1, x0, [x19, #40]
            0xf940_0fe0, // ldr x0, [sp, #24]
            0xa97f_8261, // ldp x1, x0, [x19, #-8]
            0xd63f_0040, // blr x2
        ];
        let code = words.map(u32::to_le_bytes).concat();
        assert_eq!(displacements(Machine::Arm64, &code), [24, 40, 48, 88].into());
    }
}
