//! Analyses the data flow: the origin of the value of each register, on every path through a function.
//!
//! The analysis does not compute values; it names the origin of each value ([`Value`]). Registers with the same origin
//! hold the same value. `mov 0x60(%rbx),%rax` makes rax "the memory 0x60 bytes behind rbx's value": `m->op` and its
//! members have the same name at each load. If paths meet with different values, or an instruction is not understood,
//! the value gets a new name that equals no other name.
//!
//! The analysis makes two assumptions beyond that. `iocb->ki_filp`, `file->private_data`, `m->op` and
//! the table stay the same throughout a call (the core itself relies on it), so a load has the same
//! name before and after other calls. Compilers change a stack slot whose address is not taken only
//! through rsp or rbp.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{
    Instruction, InstructionInfoFactory, InstructionInfoOptions, Mnemonic, OpAccess, OpKind,
    Register,
};

use super::{
    cfg::{Graph, Node, Step, number},
    values::{Names, RBP, RSP, State, Value},
};

/// Bound on the rounds of the fixpoint iteration, per instruction: far more than real functions need. Code can be
/// constructed for which the iteration never ends.
const ROUNDS_PER_NODE: usize = 64;

/// Executes instructions on symbolic states.
pub(super) struct Interpreter {
    pub(super) names: Names,
    info: InstructionInfoFactory,
}

impl Interpreter {
    pub(super) fn new() -> Self {
        Self { names: Names::default(), info: InstructionInfoFactory::new() }
    }

    /// Returns the address of a memory operand as value + displacement; `None` if it has an index or a
    /// segment.
    fn address(state: &State, instruction: &Instruction) -> Option<(Value, i64)> {
        let simple = instruction.memory_index() == Register::None
            && !matches!(instruction.memory_segment(), Register::FS | Register::GS)
            && instruction.memory_base().is_gpr64();
        let base = simple.then(|| number(instruction.memory_base()))??;
        Some((state.registers[base], instruction.memory_displacement64().cast_signed()))
    }

    /// Returns the value of an eight-byte memory operand; `None` for other operands.
    pub(super) fn loaded(&mut self, state: &State, instruction: &Instruction) -> Option<Value> {
        let plain = !matches!(instruction.memory_segment(), Register::FS | Register::GS);
        if instruction.is_ip_rel_memory_operand() && plain {
            return Some(Value::Static(instruction.ip_rel_memory_address()));
        }
        match Self::address(state, instruction)? {
            (Value::Stack(at), displacement) => state.slot(at.wrapping_add(displacement)),
            (base, displacement) => Some(self.names.load(base, displacement)),
        }
    }

    /// Applies an instruction to a state.
    fn execute(&mut self, node: &Node, state: &mut State) {
        let instruction = &node.instruction;
        if let Step::Call(_) = node.step {
            state.call(instruction.ip());
        } else if self.move_values(instruction, state).is_none() {
            self.clobber(instruction, state);
        }
    }

    /// Applies an instruction that moves values. Returns `None` for all other instructions.
    fn move_values(&mut self, instruction: &Instruction, state: &mut State) -> Option<()> {
        let wide = |operand| {
            let register: Register = instruction.op_register(operand);
            let is = instruction.op_kind(operand) == OpKind::Register && register.is_gpr64();
            is.then(|| number(register))?
        };
        match instruction.mnemonic() {
            Mnemonic::Mov => match (wide(0), wide(1)) {
                (Some(to), Some(from)) => state.set(to, state.registers[from]),
                (Some(to), None) if instruction.op1_kind() == OpKind::Memory => {
                    let value = self.loaded(state, instruction)?;
                    state.set(to, value);
                }
                (None, Some(from)) if instruction.op0_kind() == OpKind::Memory => {
                    match Self::address(state, instruction) {
                        Some((Value::Stack(at), displacement)) => {
                            state.store(at.wrapping_add(displacement), state.registers[from]);
                        }
                        _ => state.escape(state.registers[from]),
                    }
                }
                _ => return None,
            },
            Mnemonic::Lea => {
                let to = wide(0)?;
                let (base, displacement) = Self::address(state, instruction)?;
                let value = self.names.add(base, displacement);
                state.set(to, value);
            }
            Mnemonic::Add | Mnemonic::Sub => {
                let to = wide(0)?;
                let number = instruction.try_immediate(1).ok()?.cast_signed();
                let add = instruction.mnemonic() == Mnemonic::Add;
                let number = if add { number } else { number.wrapping_neg() };
                let value = self.names.add(state.registers[to], number);
                state.set(to, value);
            }
            Mnemonic::Push => {
                let from = wide(0)?;
                let Value::Stack(top) = state.registers[RSP] else { return None };
                state.store(top.wrapping_sub(8), state.registers[from]);
                state.registers[RSP] = Value::Stack(top.wrapping_sub(8));
            }
            Mnemonic::Pop => {
                let to = wide(0)?;
                let Value::Stack(top) = state.registers[RSP] else { return None };
                let value = state.slot(top);
                state.registers[RSP] = Value::Stack(top.wrapping_add(8));
                state.set(to, value.unwrap_or(Value::Opaque(instruction.ip(), to)));
            }
            Mnemonic::Leave => {
                let Value::Stack(frame) = state.registers[RBP] else { return None };
                let value = state.slot(frame);
                state.registers[RSP] = Value::Stack(frame.wrapping_add(8));
                state.registers[RBP] = value.unwrap_or(Value::Opaque(instruction.ip(), RBP));
            }
            _ => return None,
        }
        Some(())
    }

    /// Replaces the values of all registers and stack slots that an instruction writes with unknown values.
    fn clobber(&mut self, instruction: &Instruction, state: &mut State) {
        let writes = |access| {
            matches!(
                access,
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            )
        };
        let info = self.info.info_options(instruction, InstructionInfoOptions::NONE);
        for memory in info.used_memory().iter().filter(|memory| writes(memory.access())) {
            let base = number(memory.base()).map(|base| state.registers[base]);
            if let (Some(Value::Stack(at)), Register::None) = (base, memory.index()) {
                let at = at.wrapping_add(memory.displacement().cast_signed());
                state.overwrite(at, memory.memory_size().size().max(1));
            } else if matches!(base, Some(Value::Stack(_))) {
                state.slots.clear();
            }
        }
        for register in info.used_registers().iter().filter(|used| writes(used.access())) {
            if let Some(register) = number(register.register()) {
                state.registers[register] = Value::Opaque(instruction.ip(), register);
            }
        }
    }
}

/// Returns true for the first instruction of a basic block: the entry, an instruction at which paths
/// meet, or one that follows a branch.
fn starts_block(graph: &Graph<'_>, address: u64, node: &Node) -> bool {
    let follows = |from| graph.nodes.get(&from).is_some_and(|from| from.successors.len() == 1);
    address == graph.entry || !matches!(node.predecessors[..], [from] if follows(from))
}

/// Executes a basic block. Passes the state before each instruction to `visit`, and returns the address
/// of the last instruction.
pub(super) fn run_block(
    graph: &Graph<'_>,
    interpreter: &mut Interpreter,
    begin: u64,
    state: &mut State,
    mut visit: impl FnMut(u64, &Node, &State),
) -> u64 {
    let mut address = begin;
    while let Some(node) = graph.nodes.get(&address) {
        visit(address, node, state);
        interpreter.execute(node, state);
        match node.successors[..] {
            [next]
                if graph.nodes.get(&next).is_some_and(|node| !starts_block(graph, next, node)) =>
            {
                address = next;
            }
            _ => break,
        }
    }
    address
}

/// Returns the state before each basic block, by address, after iterating until no state changes.
/// `None` if that takes too many rounds.
pub(super) fn solve_fixpoint(
    graph: &Graph<'_>,
    interpreter: &mut Interpreter,
) -> Option<BTreeMap<u64, State>> {
    let mut before: BTreeMap<u64, State> = BTreeMap::new();
    let mut after: BTreeMap<u64, State> = BTreeMap::new();
    let mut pending = BTreeSet::from([graph.entry]);
    let mut rounds = graph.nodes.len() * ROUNDS_PER_NODE;
    while let Some(address) = pending.pop_first() {
        rounds = rounds.checked_sub(1)?;
        let Some(node) = graph.nodes.get(&address) else { continue };
        let entry = (address == graph.entry).then(State::entry);
        let mut known = node.predecessors.iter().filter_map(|from| after.get(from));
        let Some(mut state) = entry.or_else(|| known.next().cloned()) else { continue };
        known.for_each(|other| state.merge(other, address));
        if before.get(&address) == Some(&state) {
            continue;
        }
        before.insert(address, state.clone());
        let last = run_block(graph, interpreter, address, &mut state, |_, _, _| ());
        if after.get(&last) != Some(&state) {
            after.insert(last, state);
            pending.extend(graph.nodes.get(&last).iter().flat_map(|node| &node.successors));
        }
    }
    Some(before)
}
