//! Finds functions that open a seq file without a call of seq_open(), because the compiler has inlined it (gcc 16 into
//! single_open() and __seq_open_private(), in Debian's 7.2). Probes on the return of seq_open() miss these opens: the
//! functions need probes of their own.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};

use super::{
    kallsyms::Kallsyms,
    text::{self, TextError},
};

/// Functions that may have seq_open() inlined; callees precede their callers.
const WRAPPERS: [&str; 4] =
    ["single_open", "single_open_size", "__seq_open_private", "seq_open_private"];
/// Size of the padding before a function (`__pfx_seq_open`), in bytes. With call depth tracking, calls target the
/// padding.
const PADDING: u64 = 16;

/// Returns the wrappers that call neither seq_open() nor another wrapper. `read` reads the live code at an address. A
/// wrapper whose code cannot be read is treated as one that calls seq_open().
pub(crate) fn inlined(
    symbols: &Kallsyms,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Vec<&'static str> {
    let Some(seq_open) = symbols.kernel_address("seq_open") else { return Vec::new() };
    let mut openers = vec![seq_open];
    let mut found = Vec::new();
    for name in WRAPPERS {
        let Some(address) = symbols.kernel_address(name) else { continue };
        let text = text::of_function(symbols, address, read);
        if text.is_ok_and(|text| !calls_any(&text, address, &openers)) {
            found.push(name);
        }
        openers.push(address);
    }
    found
}

/// Returns true if a call or jump in `text`, the code at `address`, targets one of these functions.
pub(crate) fn calls_any(text: &[u8], address: u64, functions: &[u64]) -> bool {
    let calls = |instruction: Instruction| {
        let target = instruction.near_branch_target();
        let hit = |function: &u64| target.wrapping_add(PADDING) >= *function && target <= *function;
        let branches = matches!(
            instruction.flow_control(),
            FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
        );
        branches && functions.iter().any(hit)
    };
    Decoder::with_ip(64, text, address, DecoderOptions::NONE).into_iter().any(calls)
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
        inlined(&symbols, &|address, len| {
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
}
