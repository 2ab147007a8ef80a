//! The decoder beside a disassembler, yaxpeax-arm, on a pattern of words: all values of the upper 11 bits, which hold
//! nearly all of the opcode, each with many values of the others; and for exceptions, system instructions and branches
//! to registers all values of the upper 22 bits.

use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{
    InstDecoder, Instruction,
    Opcode::{self, *},
    Operand::{self, *},
    SIMDSizeCode, ShiftStyle, SizeCode,
};

use crate::kernel::sites::code::{Callee, Code, Effect, Flow};

/// Words for each value of the upper 11 bits.
const SAMPLES: u32 = 300;
const ADDRESS: u64 = 0xffff_8000_8030_0000;

/// Returns the words of the pattern. Half of them are made of registers that differ in their purposes.
fn words() -> impl Iterator<Item = u32> {
    const REGISTERS: [u32; 8] = [0, 1, 2, 7, 19, 29, 30, 31];
    let mut state = 0x2545_f491_u32;
    let samples = (0..2048 * SAMPLES).map(move |number| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let named = [0, 5, 10, 16].into_iter().enumerate();
        let fields = named.fold(state >> 3 & 0x8000, |word, (nth, low)| {
            word | REGISTERS[(state >> (3 * nth + 17) & 7) as usize] << low
        });
        let low = if number % 2 == 0 { fields } else { state >> 11 };
        ((number / SAMPLES) << 21) | low
    });
    let low = [0x01f, 0x3ff, 0x3c0, 0x121, 0x0bf, 0x045];
    let systems =
        (0xd4_u32 << 14..0xd8 << 14).flat_map(move |high| low.map(|low| high << 10 | low));
    samples.chain(systems)
}

/// Returns the flow that the disassembler shows.
fn flow(instruction: &Instruction) -> Flow {
    let target = instruction.operands.iter().find_map(|operand| match operand {
        PCOffset(distance) => Some(ADDRESS.wrapping_add_signed(*distance)),
        _ => None,
    });
    let register = match instruction.operands[0] {
        Register(_, number) => usize::from(number),
        _ => 31,
    };
    match (instruction.opcode, target, instruction.operands[0]) {
        (B, Some(target), _) => Flow::Jump(target),
        (BL, Some(target), _) => Flow::Call(Callee::Direct(target)),
        (Bcc(_) | BCcc(_) | CBZ | CBNZ | TBZ | TBNZ, Some(target), _) => Flow::Branch(target),
        (BLR, ..) if register != 31 => Flow::Call(Callee::Register(register)),
        (BR, ..) if register != 31 => Flow::IndirectJump(register),
        (RET, ..) if register == 30 => Flow::Return,
        (RETAA | RETAB, ..) => Flow::Return,
        (BRK, _, Immediate(4 | 6 | 7 | 0x400) | Imm16(4 | 6 | 7 | 0x400)) => Flow::Breakpoint,
        (BRK, ..) => Flow::Trap,
        (
            BLR | BR | RET | BRAA | BRAAZ | BRAB | BRABZ | BLRAA | BLRAAZ | BLRAB | BLRABZ | ERET
            | ERETAA | ERETAB | DRPS | SVC | HVC | SMC | HLT | DCPS1 | DCPS2 | DCPS3 | RETAASPPC
            | RETABSPPC | RETAASPPCR | RETABSPPCR,
            ..,
        ) => Flow::Odd,
        _ => Flow::Next,
    }
}

fn is_store(opcode: Opcode) -> bool {
    matches!(
        opcode,
        STLR | STLLR
            | STLRB
            | STLLRB
            | STLRH
            | STLLRH
            | STP
            | STNP
            | STR
            | STRB
            | STRH
            | STRW
            | STTR
            | STTRB
            | STTRH
            | STUR
            | STURB
            | STURH
            | STLUR
            | STLURB
            | STLURH
            | ST1
            | ST2
            | ST3
            | ST4
            | STG
            | STZG
            | ST2G
            | STZ2G
            | STGM
            | STZGM
    )
}

fn is_exclusive_store(opcode: Opcode) -> bool {
    matches!(opcode, STXP | STLXP | STXR | STLXR | STXRB | STLXRB | STXRH | STLXRH)
}

fn is_compare_and_swap(opcode: Opcode) -> bool {
    matches!(opcode, CAS(_) | CASB(_) | CASH(_) | CASP(_))
}

fn is_atomic(opcode: Opcode) -> bool {
    matches!(
        opcode,
        SWP(_)
            | SWPB(_)
            | SWPH(_)
            | LDADD(_)
            | LDADDB(_)
            | LDADDH(_)
            | LDCLR(_)
            | LDCLRB(_)
            | LDCLRH(_)
            | LDEOR(_)
            | LDEORB(_)
            | LDEORH(_)
            | LDSET(_)
            | LDSETB(_)
            | LDSETH(_)
            | LDSMAX(_)
            | LDSMAXB(_)
            | LDSMAXH(_)
            | LDSMIN(_)
            | LDSMINB(_)
            | LDSMINH(_)
            | LDUMAX(_)
            | LDUMAXB(_)
            | LDUMAXH(_)
            | LDUMIN(_)
            | LDUMINB(_)
            | LDUMINH(_)
    )
}

/// Returns the numbers of the general registers that the instruction writes; 31 is the stack pointer.
fn written(instruction: &Instruction) -> Vec<usize> {
    let Instruction { opcode, operands } = instruction;
    let results: &[Operand] = match opcode {
        LDP | LDNP | LDPSW | LDXP | LDAXP => &operands[..2],
        opcode if is_atomic(*opcode) => &operands[1..2],
        CCMP | CCMN | CBZ | CBNZ | TBZ | TBNZ | BR | BLR | BRAA | BRAAZ | BRAB | BRABZ | BLRAA
        | BLRAAZ | BLRAB | BLRABZ | RET | PRFM | PRFUM | MSR | SYS(_) | HINT | RMIF | SETF8
        | SETF16 => &[],
        opcode if is_store(*opcode) => &[],
        _ => &operands[..1],
    };
    let mut registers: Vec<u16> = Vec::new();
    for result in results {
        match result {
            Register(_, number) if *number != 31 => registers.push(*number),
            RegisterOrSP(_, number) => registers.push(*number),
            RegisterPair(_, number) => registers.extend([*number, *number + 1]),
            _ => {}
        }
    }
    registers.extend(operands.iter().filter_map(|operand| match operand {
        RegPreIndex(base, _, true) | RegPostIndex(base, _) | RegPostIndexReg(base, _) => Some(base),
        _ => None,
    }));
    match opcode {
        PACIA1716 | PACIB1716 | AUTIA1716 | AUTIB1716 | PACIA171615 | PACIB171615 | AUTIA171615
        | AUTIB171615 => registers.push(17),
        PACIASP | PACIBSP | PACIAZ | PACIBZ | AUTIASP | AUTIBSP | AUTIAZ | AUTIBZ | XPACLRI
        | PACIASPPC | PACIBSPPC | PACNBIASPPC | PACNBIBSPPC | AUTIASPPC | AUTIBSPPC
        | AUTIASPPCR | AUTIBSPPCR => registers.push(30),
        _ => {}
    }
    registers.into_iter().map(usize::from).collect()
}

fn changes(effect: &Effect, register: usize) -> bool {
    match *effect {
        Effect::Copy { to, .. }
        | Effect::Add { to, .. }
        | Effect::Load { to, .. }
        | Effect::LoadStatic { to, .. }
        | Effect::Address { to, .. }
        | Effect::Forget(to) => to == register,
        Effect::ForgetAll => true,
        Effect::Store { .. }
        | Effect::Escape(_)
        | Effect::Overwrite { .. }
        | Effect::Scatter(_) => false,
    }
}

/// Returns true if the code may write to memory through this register.
fn writes_through(code: &Code, register: usize) -> bool {
    code.effects.iter().any(|effect| match *effect {
        Effect::Store { base, .. } | Effect::Overwrite { base, .. } | Effect::Scatter(base) => {
            base == register
        }
        Effect::ForgetAll => true,
        _ => false,
    })
}

/// A load or store that the decoder understands: true for loads; register, if it has eight bytes; base, displacement
/// from the base's value before the instruction; size.
type Move = (bool, Option<usize>, usize, i64, usize);

/// Returns the moves of the decoder.
fn moves(code: &Code, instruction: &Instruction) -> Vec<Move> {
    let (mut moves, mut shift) = (Vec::new(), 0);
    for effect in &code.effects {
        match *effect {
            Effect::Load { to, base, displacement } => {
                moves.push((true, Some(to), base, shift + displacement, 8));
            }
            Effect::Store { base, displacement, from } => {
                moves.push((false, Some(from), base, shift + displacement, 8));
            }
            Effect::Overwrite { base, displacement, size } => {
                moves.push((false, None, base, shift + displacement, size));
            }
            Effect::Add { to, from, number } if memory(instruction).is_some() => {
                assert_eq!(to, from);
                shift += number;
            }
            _ => {}
        }
    }
    moves.sort_unstable();
    moves
}

/// Returns the base, the displacement and the change of the base by a memory operand.
fn memory(instruction: &Instruction) -> Option<(usize, i64, i64)> {
    instruction.operands.iter().find_map(|operand| match *operand {
        RegPreIndex(base, number, true) => Some((base.into(), number.into(), number.into())),
        RegPreIndex(base, number, false) => Some((base.into(), number.into(), 0)),
        RegPostIndex(base, number) => Some((base.into(), 0, number.into())),
        _ => None,
    })
}

/// Returns the size of an operand's memory in bytes; `None` if it is no register.
fn size(opcode: Opcode, operand: Operand) -> Option<usize> {
    Some(match (opcode, operand) {
        (STRB | STURB | STTRB | STLRB | STLLRB | STLURB, Register(..))
        | (_, SIMDRegister(SIMDSizeCode::B, _)) => 1,
        (STRH | STURH | STTRH | STLRH | STLLRH | STLURH, Register(..))
        | (_, SIMDRegister(SIMDSizeCode::H, _)) => 2,
        (_, Register(SizeCode::W, _) | SIMDRegister(SIMDSizeCode::S, _)) => 4,
        (_, Register(SizeCode::X, _) | SIMDRegister(SIMDSizeCode::D, _)) => 8,
        (_, SIMDRegister(SIMDSizeCode::Q, _)) => 16,
        _ => return None,
    })
}

/// Returns the moves that the disassembler shows: all stores, and the loads of eight bytes.
fn shown_moves(instruction: &Instruction) -> Vec<Move> {
    let Instruction { opcode, operands } = *instruction;
    let loads = match opcode {
        LDR | LDUR | LDP | LDNP | LDAR | LDLAR | LDAPUR => true,
        STR | STRB | STRH | STUR | STURB | STURH | STTR | STTRB | STTRH | STP | STNP | STLR
        | STLRB | STLRH | STLLR | STLLRB | STLLRH | STLUR | STLURB | STLURH => false,
        _ => return Vec::new(),
    };
    let Some((base, displacement, _)) = memory(instruction) else { return Vec::new() };
    let registers = operands.into_iter().zip(0_i64..).filter_map(|(operand, nth)| {
        let size = size(opcode, operand)?;
        // The memory of an unprivileged store is that of user space: no slot has the register's value.
        let is_plain = !matches!(opcode, STTR);
        let register = match operand {
            Register(SizeCode::X, number) if number != 31 && size == 8 && is_plain => {
                Some(usize::from(number))
            }
            _ => None,
        };
        let displacement = displacement + i64::try_from(size).ok()? * nth;
        (register.is_some() || !loads).then_some((loads, register, base, displacement, size))
    });
    let mut moves: Vec<Move> = registers.collect();
    moves.sort_unstable();
    moves
}

/// Checks a copy, a sum or an address against the operands that the disassembler shows.
fn check_value(effect: &Effect, instruction: &Instruction) -> bool {
    let number = |operand: Operand| match operand {
        Register(SizeCode::X, number) | RegisterOrSP(SizeCode::X, number) => {
            Some(usize::from(number))
        }
        RegShift(ShiftStyle::LSL, 0, SizeCode::X, number) => Some(usize::from(number)),
        _ => None,
    };
    let Instruction { opcode, operands } = *instruction;
    let target = match (opcode, operands[1]) {
        (ADR | ADRP | LDR, PCOffset(distance)) => Some(ADDRESS.wrapping_add_signed(distance)),
        _ => None,
    };
    match *effect {
        Effect::Copy { to, from } => {
            opcode == ORR
                && number(operands[0]) == Some(to)
                && operands[1] == Register(SizeCode::X, 31)
                && number(operands[2]) == Some(from)
        }
        Effect::Add { to, from, number: sum } if memory(instruction).is_none() => {
            let immediate = match operands[2] {
                Immediate(number) => i64::from(number),
                Imm64(number) => number.cast_signed(),
                ImmShift(number, shift) => i64::from(number) << shift,
                _ => return false,
            };
            let sign = match opcode {
                ADD | ADDS => 1,
                SUB | SUBS => -1,
                _ => return false,
            };
            number(operands[0]) == Some(to)
                && number(operands[1]) == Some(from)
                && sum == sign * immediate
        }
        Effect::Add { to, number, .. } => {
            memory(instruction).is_some_and(|(base, _, change)| (base, change) == (to, number))
        }
        Effect::Address { to, address } => {
            matches!(opcode, ADR | ADRP)
                && number(operands[0]) == Some(to)
                && target == Some(address)
        }
        Effect::LoadStatic { to, address } => {
            opcode == LDR && number(operands[0]) == Some(to) && target == Some(address)
        }
        _ => true,
    }
}

#[test]
fn the_decoder_agrees_with_a_disassembler() {
    let disassembler = InstDecoder::default();
    let mut known = 0_u32;
    for word in words() {
        let bytes = word.to_le_bytes();
        let code = crate::kernel::sites::arm64::decode(&bytes, ADDRESS);
        let Ok(instruction) = disassembler.decode(&mut U8Reader::new(&bytes)) else { continue };
        let Some(code) = code else {
            assert!(instruction.opcode == UDF, "{word:#010x} {instruction}");
            continue;
        };
        known += 1;
        let context = || format!("{word:#010x} {instruction} {instruction:?} {code:?}");
        assert_eq!(code.flow, flow(&instruction), "{}", context());
        for register in written(&instruction) {
            let changed = code.effects.iter().any(|effect| changes(effect, register));
            let calls = matches!(code.flow, Flow::Call(_) | Flow::Odd | Flow::Return);
            assert!(changed || calls, "writes {register}: {}", context());
        }
        for effect in &code.effects {
            assert!(check_value(effect, &instruction), "{effect:?}: {}", context());
        }
        let (moves, shown) = (moves(&code, &instruction), shown_moves(&instruction));
        // Exclusive stores and atomic operations have no shown moves.
        let judged = !shown.is_empty() || moves.iter().any(|(_, register, ..)| register.is_some());
        let agree = moves.is_empty() || !judged || moves == shown;
        assert!(agree, "{moves:?} {shown:?} {}", context());
        let stores = is_store(instruction.opcode)
            || is_exclusive_store(instruction.opcode)
            || is_compare_and_swap(instruction.opcode)
            || is_atomic(instruction.opcode);
        if let (true, Some((base, ..))) = (stores, memory(&instruction)) {
            assert!(writes_through(&code, base), "stores through {base}: {}", context());
        }
    }
    assert!(known > 200_000, "{known} words are instructions");
}
