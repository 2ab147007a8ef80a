//! Decodes code of x86-64, with iced.

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory,
    InstructionInfoOptions, Mnemonic, OpAccess, OpKind, Register as Name, UsedMemory,
};

use super::{
    code::{Callee, Code, Effect, Flow, Register, SCRATCH},
    convention::Convention,
};

const RSP: Register = 4;
const RBP: Register = 5;

/// Convention of the System V ABI.
pub(super) const CONVENTION: Convention = Convention {
    names: &[
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15",
    ],
    stack_pointer: RSP,
    frame_pointer: RBP,
    first_argument: 7,
    preserved: &[3, RBP, 12, 13, 14, 15],
    clobbered: &[0, 1, 2, 6, 7, 8, 9, 10, 11],
};

fn instructions(text: &[u8], address: u64) -> Decoder<'_> {
    Decoder::with_ip(64, text, address, DecoderOptions::NONE)
}

pub(super) fn decode(text: &[u8], address: u64) -> Option<Code> {
    let instruction = instructions(text, address).decode();
    if instruction.is_invalid() {
        return None;
    }
    let size = instruction.len().try_into().ok()?;
    let (flow, effects) = match flow(&instruction) {
        flow @ (Flow::Call(Callee::Register(SCRATCH)) | Flow::IndirectJump(SCRATCH)) => {
            (flow, vec![load(SCRATCH, &instruction).unwrap_or(Effect::Forget(SCRATCH))])
        }
        // The return address is on the stack only while the callee runs.
        flow @ Flow::Call(_) => (flow, vec![]),
        flow => (flow, moves(&instruction).unwrap_or_else(|| writes(&instruction))),
    };
    Some(Code { address, size, flow, effects })
}

/// Returns the number of the general purpose register that contains `register`; `None` for other registers.
fn number(register: Name) -> Option<Register> {
    register.is_gpr().then(|| register.full_register().number())
}

fn flow(instruction: &Instruction) -> Flow {
    let target = instruction.near_branch_target();
    let register = match instruction.op0_kind() {
        OpKind::Register => number(instruction.op0_register()),
        OpKind::Memory => Some(SCRATCH),
        _ => None,
    };
    match (instruction.flow_control(), instruction.mnemonic()) {
        (FlowControl::Next, _) => Flow::Next,
        (FlowControl::Exception, _) => Flow::Trap,
        (FlowControl::Return, _) => Flow::Return,
        (FlowControl::ConditionalBranch, _) => Flow::Branch(target),
        (FlowControl::UnconditionalBranch, _) => Flow::Jump(target),
        (FlowControl::Call, Mnemonic::Call) => Flow::Call(Callee::Direct(target)),
        (FlowControl::IndirectBranch, _) => register.map_or(Flow::Odd, Flow::IndirectJump),
        (FlowControl::IndirectCall, _) => {
            register.map_or(Flow::Odd, |register| Flow::Call(Callee::Register(register)))
        }
        (FlowControl::Interrupt, Mnemonic::Int3) => Flow::Breakpoint,
        _ => Flow::Odd,
    }
}

fn is_plain(instruction: &Instruction) -> bool {
    !matches!(instruction.memory_segment(), Name::FS | Name::GS)
}

/// Returns the base and the displacement of a memory operand; `None` if it has an index, a segment, or no base.
fn address(instruction: &Instruction) -> Option<(Register, i64)> {
    let simple = instruction.memory_index() == Name::None
        && is_plain(instruction)
        && instruction.memory_base().is_gpr64();
    let base = simple.then(|| number(instruction.memory_base()))??;
    Some((base, instruction.memory_displacement64().cast_signed()))
}

/// Returns the load of an eight-byte memory operand into a register; `None` for addresses that are not understood.
fn load(to: Register, instruction: &Instruction) -> Option<Effect> {
    if instruction.is_ip_rel_memory_operand() && is_plain(instruction) {
        return Some(Effect::LoadStatic { to, address: instruction.ip_rel_memory_address() });
    }
    let (base, displacement) = address(instruction)?;
    Some(Effect::Load { to, base, displacement })
}

/// Returns the effects of an instruction that moves values; `None` for all other instructions.
fn moves(instruction: &Instruction) -> Option<Vec<Effect>> {
    let wide = |operand| {
        let register: Name = instruction.op_register(operand);
        let is = instruction.op_kind(operand) == OpKind::Register && register.is_gpr64();
        is.then(|| number(register))?
    };
    let add = |to, from, number| Effect::Add { to, from, number };
    Some(match instruction.mnemonic() {
        Mnemonic::Mov => match (wide(0), wide(1)) {
            (Some(to), Some(from)) => vec![Effect::Copy { to, from }],
            (Some(to), None) if instruction.op1_kind() == OpKind::Memory => {
                vec![load(to, instruction)?]
            }
            (None, Some(from)) if instruction.op0_kind() == OpKind::Memory => {
                if let Some((base, displacement)) = address(instruction) {
                    vec![Effect::Store { base, displacement, from }]
                } else {
                    let base = number(instruction.memory_base());
                    let scatter = base.map(Effect::Scatter);
                    [Effect::Escape(from)].into_iter().chain(scatter).collect()
                }
            }
            _ => return None,
        },
        Mnemonic::Lea => {
            let (base, displacement) = address(instruction)?;
            vec![add(wide(0)?, base, displacement)]
        }
        Mnemonic::Add | Mnemonic::Sub => {
            let to = wide(0)?;
            let number = instruction.try_immediate(1).ok()?.cast_signed();
            let adds = instruction.mnemonic() == Mnemonic::Add;
            vec![add(to, to, if adds { number } else { number.wrapping_neg() })]
        }
        Mnemonic::Push => {
            let store = Effect::Store { base: RSP, displacement: -8, from: wide(0)? };
            vec![store, add(RSP, RSP, -8)]
        }
        Mnemonic::Pop => {
            let to = wide(0).filter(|&to| to != RSP)?;
            vec![Effect::Load { to, base: RSP, displacement: 0 }, add(RSP, RSP, 8)]
        }
        Mnemonic::Leave => vec![
            Effect::Copy { to: RSP, from: RBP },
            Effect::Load { to: RBP, base: RSP, displacement: 0 },
            add(RSP, RSP, 8),
        ],
        _ => return None,
    })
}

/// Returns unknown values for all memory and all registers that an instruction writes.
fn writes(instruction: &Instruction) -> Vec<Effect> {
    let writes = |access| {
        matches!(
            access,
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        )
    };
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info_options(instruction, InstructionInfoOptions::NONE);
    let overwrite = |memory: &UsedMemory| {
        let base = number(memory.base())?;
        // iced shows one element of a repeated string instruction.
        let repeated = instruction.is_string_instruction()
            && (instruction.has_rep_prefix() || instruction.has_repne_prefix());
        Some(if memory.index() == Name::None && !repeated {
            let (displacement, size) =
                (memory.displacement().cast_signed(), memory.memory_size().size().max(1));
            Effect::Overwrite { base, displacement, size }
        } else {
            Effect::Scatter(base)
        })
    };
    let memory = info.used_memory().iter().filter(|memory| writes(memory.access()));
    let registers = info.used_registers().iter().filter(|register| writes(register.access()));
    let forget = registers.filter_map(|register| number(register.register()).map(Effect::Forget));
    memory.filter_map(overwrite).chain(forget).collect()
}

pub(super) fn is_padding(text: &[u8], address: u64) -> bool {
    instructions(text, address)
        .into_iter()
        .all(|filler| matches!(filler.mnemonic(), Mnemonic::Int3 | Mnemonic::Nop))
}

/// Returns the address of the first instruction after endbr64 and nops.
pub(super) fn ftrace_site(text: &[u8], address: u64) -> u64 {
    instructions(text, address)
        .into_iter()
        .find(|instruction| !matches!(instruction.mnemonic(), Mnemonic::Endbr64 | Mnemonic::Nop))
        .map_or(address, |instruction| instruction.ip())
}

/// Returns the name of the register in `__x86_indirect_thunk_r11`, `__x86_indirect_call_thunk_rax`, ….
pub(super) fn thunk_register(symbol: &str) -> Option<&str> {
    let (kind, register) = symbol.strip_prefix("__x86_indirect_")?.rsplit_once('_')?;
    kind.ends_with("thunk").then_some(register)
}

/// Returns the register of an indirect jump if the code at an address is only that jump, a thunk; otherwise `None`.
/// Thunks against indirect target selection are allocated at run time and have no symbols: see its_allocate_thunk() in
/// arch/x86/kernel/alternative.c.
pub(super) fn jump_register(text: &[u8], address: u64) -> Option<Register> {
    let jump = instructions(text, address).into_iter().find(|instruction| {
        !matches!(instruction.mnemonic(), Mnemonic::Endbr64 | Mnemonic::Nop | Mnemonic::Lfence)
    })?;
    match flow(&jump) {
        Flow::IndirectJump(register) if register != SCRATCH => Some(register),
        _ => None,
    }
}
