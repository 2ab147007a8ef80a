//! Decodes code of arm64 (A64), as far as the analysis of the core sites needs it.
//!
//! Instructions that move values are decoded precisely. For other common instructions the decoder knows the registers
//! that they write. All other words, including instructions that do not exist yet, have a bound ([`unknown`]): A64 has
//! fields for general registers at bits 0, 5, 10 and 16 only, so an instruction changes no register outside of these
//! fields, and writes to memory only through those in them. The bound does not hold for instructions that name one
//! register of a pair (`casp`) or of eight (`ld64b`): after them all registers are unknown.
//!
//! The encodings are those of the Arm Architecture Reference Manual (DDI 0487), section C4.1.

mod memory;

use super::{
    code::{Callee, Code, Effect, Flow, Register},
    convention::Convention,
};

/// Size of an instruction in bytes.
pub(super) const SIZE: u64 = 4;
/// Stack pointer. Where an instruction cannot use the stack pointer, the same number is the zero register.
const SP: Register = 31;
const ZR: Register = 31;
const LR: Register = 30;
/// Registers that some instructions change without a field for them: pointer authentication (`paciasp`, `pacia1716`)
/// and `chkfeat`.
const IMPLIED: [Register; 3] = [16, 17, LR];
const NOP: u32 = 0xd503_201f;

/// Immediates of `brk` that are set at run time: kprobes use 4, 6 and 7, kgdb 0x400
/// (arch/arm64/include/asm/brk-imm.h).
const BREAKPOINTS: [u32; 4] = [4, 6, 7, 0x400];

/// Convention of the AAPCS64. x18 is the platform register: the kernel's shadow call stack changes it. x29 is the frame
/// pointer.
pub(super) const CONVENTION: Convention = Convention {
    names: &[
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
        "x27", "x28", "x29", "x30", "sp",
    ],
    stack_pointer: SP,
    frame_pointer: 29,
    first_argument: 0,
    preserved: &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
    clobbered: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, LR],
};

/// Returns the bits `high` to `low` of a word.
fn bits(word: u32, high: u32, low: u32) -> u32 {
    word >> low & (u32::MAX >> (31 - (high - low)))
}

fn bit(word: u32, number: u32) -> bool {
    word >> number & 1 != 0
}

/// Returns the register that the field at bit `low` names.
fn register(word: u32, low: u32) -> Register {
    (word >> low & 31) as Register
}

/// Returns the bits `high` to `low` of a word as a signed number.
fn signed(word: u32, high: u32, low: u32) -> i64 {
    i64::from((word << (31 - high)).cast_signed() >> (31 - high + low))
}

pub(super) fn decode(text: &[u8], address: u64) -> Option<Code> {
    let word = u32::from_le_bytes(*text.first_chunk()?);
    let (flow, effects) = match bits(word, 28, 25) {
        // Unallocated. The lowest 65,536 words are guaranteed to stay undefined (`udf`).
        0b0000 if !bit(word, 31) => return None,
        0b0001 | 0b0011 => return None,
        0b1000 | 0b1001 => (Flow::Next, immediate(word, address)),
        0b1010 | 0b1011 => branch(word, address),
        0b0101 | 0b1101 => (Flow::Next, arithmetic(word)),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => (Flow::Next, memory::effects(word, address)),
        // Vectors and matrices.
        _ => (Flow::Next, unknown(word)),
    };
    Some(Code { address, size: SIZE, flow, effects })
}

/// Returns an upper bound of the effects of any instruction: it may change each register that its fields name, store
/// the register's value, and write to memory through it.
fn unknown(word: u32) -> Vec<Effect> {
    let named = [0, 5, 10, 16].map(|low| register(word, low));
    // The stack pointer is never stored.
    let escape = named.into_iter().filter(|&register| register != SP).map(Effect::Escape);
    let scatter = named.into_iter().map(Effect::Scatter);
    let forget = named.into_iter().chain(IMPLIED).map(Effect::Forget);
    escape.chain(scatter).chain(forget).collect()
}

/// Returns the effect of a write of an unknown value to a register that is not the stack pointer.
fn forget(register: Register) -> Vec<Effect> {
    if register == ZR { Vec::new() } else { vec![Effect::Forget(register)] }
}

/// Decodes data processing with an immediate.
fn immediate(word: u32, address: u64) -> Vec<Effect> {
    let (to, from, wide) = (register(word, 0), register(word, 5), bit(word, 31));
    match bits(word, 25, 23) {
        // adr, adrp
        0 | 1 if to == ZR => Vec::new(),
        0 | 1 => {
            let distance = signed(word, 23, 5) << 2 | i64::from(bits(word, 30, 29));
            let address = if wide {
                (address & !0xfff).wrapping_add_signed(distance << 12)
            } else {
                address.wrapping_add_signed(distance)
            };
            vec![Effect::Address { to, address }]
        }
        // add, sub
        2 if bit(word, 29) && to == ZR => Vec::new(),
        2 if wide => {
            let number = i64::from(bits(word, 21, 10)) << if bit(word, 22) { 12 } else { 0 };
            vec![Effect::Add { to, from, number: if bit(word, 30) { -number } else { number } }]
        }
        // Narrow add and sub; addg, subg, minima; and, orr, eor: all may write to the stack pointer.
        2 | 3 => vec![Effect::Forget(to)],
        4 if bits(word, 30, 29) != 3 => vec![Effect::Forget(to)],
        4 => forget(to),
        // movz, movn, movk; bit fields; extr
        5 if bits(word, 30, 29) != 1 => forget(to),
        6 if bits(word, 30, 29) != 3 && bit(word, 22) == wide => forget(to),
        7 if bits(word, 30, 29) == 0 && !bit(word, 21) && bit(word, 22) == wide => forget(to),
        _ => unknown(word),
    }
}

/// Decodes data processing with registers.
fn arithmetic(word: u32) -> Vec<Effect> {
    let (to, from) = (register(word, 0), register(word, 16));
    // mov is an orr with the zero register.
    if word & 0xffe0_ffe0 == 0xaa00_03e0 && to != ZR && from != ZR {
        return vec![Effect::Copy { to, from }];
    }
    let (opcode, sets_flags) = (bits(word, 15, 10), bit(word, 29));
    // The shift of a 32-bit register is less than 32.
    let shift_is_valid = bit(word, 31) || !bit(word, 15);
    match (bit(word, 28), bits(word, 24, 21)) {
        // Logical operations, and add and sub, of a shifted register.
        (false, 0b0000..=0b1000 | 0b1010 | 0b1100) if shift_is_valid => forget(to),
        // add, sub of an extended register
        (false, 0b1001) if sets_flags => forget(to),
        (false, 0b1001) => vec![Effect::Forget(to)],
        // adc, sbc
        (true, 0b0000) if opcode == 0 => forget(to),
        // ccmp, ccmn
        (true, 0b0010) if sets_flags && !bit(word, 10) && !bit(word, 4) => Vec::new(),
        // csel and its like
        (true, 0b0100) if !sets_flags && !bit(word, 11) => forget(to),
        // One source: rev, clz, ….
        (true, 0b0110) if bit(word, 30) && !sets_flags && bits(word, 20, 16) == 0 => forget(to),
        // Two sources: udiv, lsl, …; irg may write to the stack pointer.
        (true, 0b0110) if !bit(word, 30) && !sets_flags && opcode != 4 => forget(to),
        // Three sources: madd, umulh, ….
        (true, 0b1000..=0b1111) if bits(word, 30, 29) == 0 => forget(to),
        _ => unknown(word),
    }
}

/// Decodes branches, exceptions and system instructions.
fn branch(word: u32, address: u64) -> (Flow, Vec<Effect>) {
    let target = |high, low| address.wrapping_add_signed(signed(word, high, low) << 2);
    let flow = match word >> 24 {
        // b, bl
        0x14..=0x17 => Flow::Jump(target(25, 0)),
        0x94..=0x97 => Flow::Call(Callee::Direct(target(25, 0))),
        // b.cond; cbz, cbnz; tbz, tbnz
        0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => Flow::Branch(target(23, 5)),
        0x36 | 0x37 | 0xb6 | 0xb7 => Flow::Branch(target(18, 5)),
        // brk
        0xd4 if word & 0xffe0_001f == 0xd420_0000 => {
            let known = BREAKPOINTS.contains(&bits(word, 20, 5));
            if known { Flow::Breakpoint } else { Flow::Trap }
        }
        0xd5 => return (Flow::Next, system(word)),
        0xd6 => match (word & 0xffff_fc1f, register(word, 5)) {
            (0xd61f_0000, to) if to != ZR => Flow::IndirectJump(to),
            (0xd63f_0000, to) if to != ZR => Flow::Call(Callee::Register(to)),
            // ret; retaa, retab
            (0xd65f_0000, LR) => Flow::Return,
            _ if matches!(word, 0xd65f_0bff | 0xd65f_0fff) => Flow::Return,
            _ => Flow::Odd,
        },
        _ => Flow::Odd,
    };
    (flow, Vec::new())
}

fn system(word: u32) -> Vec<Effect> {
    let to = register(word, 0);
    match word {
        NOP => Vec::new(),
        // Hints, among them bti and pointer authentication.
        _ if word & 0xffff_f01f == 0xd503_201f => IMPLIED.map(Effect::Forget).to_vec(),
        // Barriers; msr of an immediate; msr of a register.
        _ if word & 0xffff_f01f == 0xd503_301f => Vec::new(),
        _ if word & 0xfff8_f01f == 0xd500_401f => Vec::new(),
        _ if word & 0xfff0_0000 == 0xd510_0000 => Vec::new(),
        // mrs, sysl
        _ if word & 0xfff0_0000 == 0xd530_0000 => forget(to),
        _ if word & 0xfff8_0000 == 0xd528_0000 => forget(to),
        // sys: `dc zva` writes a block of memory.
        _ if word & 0xfff8_0000 == 0xd508_0000 && to != ZR => vec![Effect::Scatter(to)],
        _ if word & 0xfff8_0000 == 0xd508_0000 => Vec::new(),
        _ => unknown(word),
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = u32> {
    text.chunks_exact(4).filter_map(|bytes| bytes.first_chunk().copied().map(u32::from_le_bytes))
}

/// Returns true if all of `text` is `nop`, `brk` and zeros, with at most one other word that is no branch: with kCFI
/// the type of a function precedes the function.
pub(super) fn is_padding(text: &[u8], address: u64) -> bool {
    let flow = |word: u32| decode(&word.to_le_bytes(), address).map(|code| code.flow);
    let filler = |word: u32| matches!((word, flow(word)), (NOP | 0, _) | (_, Some(Flow::Trap)));
    let mut others = words(text).filter(|&word| !filler(word));
    let is_type = |word| matches!(flow(word), None | Some(Flow::Next));
    others.next().is_none_or(is_type) && others.next().is_none()
}

/// Returns the address at which ftrace inserts a `bl`: the first instruction after `bti`, nops and `mov x9, x30`
/// (ftrace_init_nop(), arch/arm64/kernel/ftrace.c).
pub(super) fn ftrace_site(text: &[u8], address: u64) -> u64 {
    const SAVE_LR: u32 = 0xaa1e_03e9;
    let is_bti = |word: u32| word & 0xffff_ff3f == 0xd503_241f;
    let before = words(text).take_while(|&word| matches!(word, NOP | SAVE_LR) || is_bti(word));
    before.fold(address, |address, _| address.wrapping_add(SIZE))
}

/// Returns 8 if the last 8 bytes of `text` are the address of the next function's `ftrace_ops`, otherwise 0.
///
/// With CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS the address precedes each function that can be traced, and functions are
/// aligned to 8 bytes (ftrace_call_adjust(), arch/arm64/kernel/ftrace.c). The upper 12 bits of a kernel address are
/// ones, and those of no instruction are.
pub(super) fn data_behind(text: &[u8], address: u64) -> usize {
    let aligned = address.wrapping_add(text.len() as u64).is_multiple_of(8);
    let pointer = text.last_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    if aligned && pointer.is_some_and(|pointer| pointer >> 52 == 0xfff) { 8 } else { 0 }
}

/// Returns the name of the register in `__llvm_slsblr_thunk_x8` (clang) or `__call_indirect_x8` (gcc): thunks of a
/// kernel that is built with -mharden-sls=blr.
pub(super) fn thunk_register(symbol: &str) -> Option<&str> {
    symbol.strip_prefix("__llvm_slsblr_thunk_").or_else(|| symbol.strip_prefix("__call_indirect_"))
}
