//! A function of the kernel that programs call, linked by hand: aya does not.

use seqtrace_common::config::CAST;

use crate::kernel::btf::Btf;

/// `bpf_rdonly_cast()` (kernel/bpf/helpers.c, since 6.2), and what programs have it cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cast {
    /// The function's number in the kernel's BTF.
    function: u32,
    /// The number of `struct seq_file`.
    pub(super) seq_file: u32,
}

impl Cast {
    /// `None` if the kernel has no such function.
    pub(super) fn of(btf: &Btf) -> Option<Self> {
        Some(Self {
            function: btf.function("bpf_rdonly_cast")?,
            seq_file: btf.structure("seq_file")?,
        })
    }
}

/// An instruction (`struct bpf_insn`, include/uapi/linux/bpf.h): opcode, registers, offset, immediate.
const fn instruction(opcode: u8, source: u8, immediate: u32) -> u64 {
    let [a, b, c, d] = immediate.to_le_bytes();
    u64::from_le_bytes([opcode, source << 4, 0, 0, a, b, c, d])
}

/// `BPF_JMP | BPF_CALL`
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_KFUNC_CALL`: what is called is a function of the kernel, by its number in BTF.
const KERNEL_FUNCTION: u8 = 2;
/// `r0 = 0`
const NOTHING: u64 = instruction(0xb7, 0, 0);

/// The object file with the calls of [`CAST`] made calls of the kernel's function; without one, they do nothing:
/// then no program gets there.
pub(super) fn linked(object: &[u8], cast: Option<Cast>) -> Vec<u64> {
    let call = instruction(CALL, 0, CAST.cast_unsigned());
    let replacement =
        cast.map_or(NOTHING, |cast| instruction(CALL, KERNEL_FUNCTION, cast.function));
    let words = object.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        let word = u64::from_le_bytes(word);
        u64::from_le_bytes((if word == call { replacement } else { word }).to_ne_bytes())
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_linked_and_nothing_else() {
        let call = instruction(CALL, 0, CAST.cast_unsigned());
        assert_eq!(call.to_le_bytes(), [0x85, 0, 0, 0, 0xca, 0x97, 0x5e, 0x7e]);
        let other = instruction(CALL, 0, 113);
        let mut object: Vec<u8> = [other, call, call].map(u64::to_le_bytes).concat();
        object.extend([1, 2, 3]);
        let cast = Cast { function: 0x1234, seq_file: 7 };
        let linked_call = u64::from_le_bytes([0x85, 0x20, 0, 0, 0x34, 0x12, 0, 0]);
        assert_eq!(linked(&object, Some(cast)), [other, linked_call, linked_call, 0x03_02_01]);
        assert_eq!(linked(&object, None), [other, NOTHING, NOTHING, 0x03_02_01]);
    }

    #[test]
    fn the_programs_have_such_calls() {
        let before = linked(super::super::loader::OBJECT, None);
        let call = instruction(CALL, 0, CAST.cast_unsigned());
        let cast = Cast { function: 1, seq_file: 1 };
        let after = linked(super::super::loader::OBJECT, Some(cast));
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(changed >= 4, "{changed}");
        assert!(!after.contains(&call));
    }
}
