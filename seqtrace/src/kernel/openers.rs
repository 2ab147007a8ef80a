//! Finds functions that open a seq file without a call of seq_open(), because the compiler has inlined it (gcc 16 into
//! single_open() and __seq_open_private(), in Debian's 7.2). Probes on the return of seq_open() miss these opens: the
//! functions need probes of their own.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};

use super::{
    kallsyms::Kallsyms,
    machine::Machine,
    text::{self, TextError},
};

/// Functions that may have seq_open() inlined; callees precede their callers.
const WRAPPERS: [&str; 4] =
    ["single_open", "single_open_size", "__seq_open_private", "seq_open_private"];
/// Size of the padding before a function of x86-64 (`__pfx_seq_open`), in bytes. With call depth tracking, calls target
/// the padding.
const PADDING: u64 = 16;

/// Returns the wrappers that call neither seq_open() nor another wrapper. `read` reads the live code at an address. A
/// wrapper whose code cannot be read is treated as one that calls seq_open().
pub(crate) fn inlined(
    machine: Machine,
    symbols: &Kallsyms,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Vec<&'static str> {
    let Some(seq_open) = symbols.kernel_address("seq_open") else { return Vec::new() };
    let mut openers = vec![seq_open];
    let mut found = Vec::new();
    for name in WRAPPERS {
        let Some(address) = symbols.kernel_address(name) else { continue };
        let text = text::of_function(symbols, address, read);
        if text.is_ok_and(|text| !calls_any(machine, &text, address, &openers)) {
            found.push(name);
        }
        openers.push(address);
    }
    found
}

/// Returns true if a call or jump in `text`, the code at `address`, targets one of these functions.
pub(crate) fn calls_any(machine: Machine, text: &[u8], address: u64, functions: &[u64]) -> bool {
    match machine {
        Machine::X86_64 => {
            let begins = |target: u64, function: u64| {
                target.wrapping_add(PADDING) >= function && target <= function
            };
            x86_64_targets(text, address)
                .any(|target| functions.iter().any(|function| begins(target, *function)))
        }
        Machine::Arm64 => arm64_targets(text, address).any(|target| functions.contains(&target)),
    }
}

/// Returns the targets of the direct calls and jumps.
fn x86_64_targets(text: &[u8], address: u64) -> impl Iterator<Item = u64> {
    let target = |instruction: Instruction| {
        let branches = matches!(
            instruction.flow_control(),
            FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
        );
        branches.then(|| instruction.near_branch_target())
    };
    Decoder::with_ip(64, text, address, DecoderOptions::NONE).into_iter().filter_map(target)
}

/// Returns the targets of the direct calls and jumps: of each word that is `b`, `bl`, `b.cond`, `cbz` or `cbnz`.
fn arm64_targets(text: &[u8], address: u64) -> impl Iterator<Item = u64> {
    let words =
        text.chunks_exact(4).filter_map(|bytes| Some(u32::from_le_bytes(*bytes.first_chunk()?)));
    (0_u64..).zip(words).filter_map(move |(number, word)| {
        let (shift, bits) = match word >> 24 {
            // b and bl have a distance of 26 bits, the others one of 19 at bit 5.
            0x14..=0x17 | 0x94..=0x97 => (0, 26),
            0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => (5, 19),
            _ => return None,
        };
        // The distance is signed and counts instructions.
        let left = 32 - bits;
        let distance = (word >> shift << left).cast_signed() >> left;
        Some(address.wrapping_add(4 * number).wrapping_add_signed(4 * i64::from(distance)))
    })
}

#[cfg(test)]
mod tests {
    use iced_x86::code_asm::CodeAssembler;

    use super::*;

    const SEQ_OPEN: u64 = 0xffff_ffff_8100_1000;

    /// Analyses a kernel whose wrappers lie 0x100 bytes apart and each call the address given.
    fn found(calls: [u64; 4]) -> Vec<&'static str> {
        let mut lines = vec![format!("{SEQ_OPEN:x} T seq_open\n")];
        let mut memory = Vec::new();
        for (number, (name, call)) in (1_u64..).zip(WRAPPERS.into_iter().zip(calls)) {
            let address = SEQ_OPEN + 0x100 * number;
            lines.push(format!("{address:x} T {name}\n"));
            let mut assembler = CodeAssembler::new(64).unwrap();
            assembler.push(iced_x86::code_asm::rbx).unwrap();
            assembler.call(call).unwrap();
            assembler.ret().unwrap();
            memory.push((address, assembler.assemble(address).unwrap()));
        }
        let symbols = Kallsyms::parse(lines.concat().as_bytes()).unwrap();
        inlined(Machine::X86_64, &symbols, &|address, len| {
            let part = memory.iter().find(|(at, _)| *at == address);
            part.map(|(_, text)| text.clone()).ok_or(TextError::NotMapped { address, len })
        })
    }

    #[test]
    fn a_wrapper_without_a_call_has_it_inlined() {
        let other = SEQ_OPEN + 0x10_0000;
        let single = SEQ_OPEN + 0x100;
        let raw = SEQ_OPEN + 0x300;
        assert_eq!(found([SEQ_OPEN, single, SEQ_OPEN, raw]), [""; 0]);
        assert_eq!(found([other, single, SEQ_OPEN - PADDING, raw]), ["single_open"]);
        assert_eq!(
            found([other, other, other, raw]),
            ["single_open", "single_open_size", "__seq_open_private"]
        );
    }

    #[test]
    fn branches_of_arm64_have_targets() {
        let targets = |words: &[u32]| -> Vec<u64> {
            let text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            arm64_targets(&text, 0x1000).collect()
        };
        // bl +0x10; b -8; b.ne +0x20; cbz x0, -4; cbnz w1, +8; ret; nop; blr x8
        let words = [
            0x9400_0004,
            0x17ff_fffe,
            0x5400_0101,
            0xb4ff_ffe0,
            0x3500_0041,
            0xd65f_03c0,
            0xd503_201f,
            0xd63f_0100,
        ];
        assert_eq!(targets(&words), [0x1010, 0xffc, 0x1028, 0x1008, 0x1018]);
        let text: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert!(calls_any(Machine::Arm64, &text, 0x1000, &[0x5000, 0x1010]));
        assert!(!calls_any(Machine::Arm64, &text, 0x1000, &[0x1014]));
    }
}
