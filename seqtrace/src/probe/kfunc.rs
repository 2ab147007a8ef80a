//! Links calls of the kernel function `bpf_rdonly_cast()` into the programs, which aya does not support.

use seqtrace_common::config::CAST;

use crate::kernel::btf::Btf;

/// Type ids, in the kernel's BTF, of `bpf_rdonly_cast()` (kernel/bpf/helpers.c, since 6.2) and of the type to which the
/// programs cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KfuncPatch {
    function: u32,
    /// Type id of `struct seq_file`.
    pub(super) seq_file: u32,
}

impl KfuncPatch {
    /// Looks up the type ids. Returns `None` if the kernel has no such function.
    pub(super) fn find(btf: &Btf) -> Option<Self> {
        Some(Self {
            function: btf.function("bpf_rdonly_cast")?,
            seq_file: btf.structure("seq_file")?,
        })
    }
}

/// Encodes an instruction with destination r0 (`struct bpf_insn`, include/uapi/linux/bpf.h).
const fn instruction(opcode: u8, source: u8, immediate: u32) -> u64 {
    let [a, b, c, d] = immediate.to_le_bytes();
    u64::from_le_bytes([opcode, source << 4, 0, 0, a, b, c, d])
}

/// Opcode of a call: `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_KFUNC_CALL`: the immediate is the type id of a kernel function.
const KFUNC: u8 = 2;
/// The instruction `r0 = 0`.
const RETURN_ZERO: u64 = instruction(0xb7, 0, 0);

/// Returns the object file, in words of native byte order, with the calls of the helper [`CAST`] replaced by calls of
/// the kernel's function. If `kfunc` is `None`, an instruction that is never reached replaces them: the programs test
/// `Config::seq_file_type` first.
pub(super) fn patch(object: &[u8], kfunc: Option<KfuncPatch>) -> Vec<u64> {
    let call = instruction(CALL, 0, CAST.cast_unsigned());
    let replacement = kfunc.map_or(RETURN_ZERO, |kfunc| instruction(CALL, KFUNC, kfunc.function));
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
    fn calls_are_patched_and_nothing_else() {
        let call = instruction(CALL, 0, CAST.cast_unsigned());
        assert_eq!(call.to_le_bytes(), [0x85, 0, 0, 0, 0xca, 0x97, 0x5e, 0x7e]);
        let other = instruction(CALL, 0, 113);
        let mut object: Vec<u8> = [other, call, call].map(u64::to_le_bytes).concat();
        object.extend([1, 2, 3]);
        let kfunc = KfuncPatch { function: 0x1234, seq_file: 7 };
        let patched_call = u64::from_le_bytes([0x85, 0x20, 0, 0, 0x34, 0x12, 0, 0]);
        assert_eq!(patch(&object, Some(kfunc)), [other, patched_call, patched_call, 0x03_02_01]);
        assert_eq!(patch(&object, None), [other, RETURN_ZERO, RETURN_ZERO, 0x03_02_01]);
    }

    #[test]
    fn the_programs_have_such_calls() {
        let before = patch(super::super::loader::OBJECT, None);
        let call = instruction(CALL, 0, CAST.cast_unsigned());
        let kfunc = KfuncPatch { function: 1, seq_file: 1 };
        let after = patch(super::super::loader::OBJECT, Some(kfunc));
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(changed >= 4, "{changed}");
        assert!(!after.contains(&call));
    }
}
