//! Analyses the data flow: the origin of the value of each register, on every path through a function.
//!
//! The analysis does not compute values; it names the origin of each value ([`Value`]). Registers with the same origin
//! hold the same value. `mov 0x60(%rbx),%rax` makes rax "the memory 0x60 bytes behind rbx's value": `m->op` and its
//! members have the same name at each load. If paths meet with different values, or an instruction is not understood,
//! the value gets a new name that equals no other name. Instructions have a form that is common to all machines
//! ([`super::code`]).
//!
//! The analysis makes two assumptions beyond that. `iocb->ki_filp`, `file->private_data`, `m->op` and
//! the table stay the same throughout a call (the core itself relies on it), so a load has the same
//! name before and after other calls. Compilers change a stack slot whose address is not taken only
//! through the stack pointer or the frame pointer.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cfg::{Graph, Node, Step},
    code::{Effect, Register},
    values::{Names, State, Value},
};
use crate::kernel::machine::Machine;

/// Bound on the rounds of the fixpoint iteration, per instruction: far more than real functions need. Code can be
/// constructed for which the iteration never ends.
const ROUNDS_PER_NODE: usize = 64;

/// The target of a memory access, by the value of its base register.
enum Memory {
    /// The stack: the distance in bytes from the stack pointer on entry.
    Stack(i64),
    /// The stack, at an unknown distance.
    UnknownStack,
    /// Memory at this value.
    Other(Value),
}

/// Executes instructions on symbolic states.
pub(super) struct Interpreter {
    pub(super) names: Names,
    machine: Machine,
}

impl Interpreter {
    pub(super) fn new(machine: Machine) -> Self {
        Self { names: Names::default(), machine }
    }

    fn memory(&self, state: &State, base: Register) -> Memory {
        match state.registers[base] {
            Value::Stack(at) => Memory::Stack(at),
            _ if base == self.machine.convention().stack_pointer => Memory::UnknownStack,
            value => Memory::Other(value),
        }
    }

    /// Applies an instruction to a state. The effects of a callee follow those of the call.
    fn execute(&mut self, node: &Node, state: &mut State) {
        self.apply_effects(node, state);
        if let Step::Call(_) = node.step {
            state.call(node.code.address);
        }
    }

    /// Applies the effects of an instruction to a state; for a call, those before the callee runs.
    pub(super) fn apply_effects(&mut self, node: &Node, state: &mut State) {
        for effect in &node.code.effects {
            self.apply(*effect, node.code.address, state);
        }
    }

    /// Applies an effect of the instruction at `at`.
    fn apply(&mut self, effect: Effect, at: u64, state: &mut State) {
        match effect {
            Effect::Copy { to, from } => state.set(to, state.registers[from]),
            Effect::Add { to, from, number } => {
                let value = self.names.add(state.registers[from], number);
                state.set(to, value);
            }
            Effect::Load { to, base, displacement } => {
                let value = match self.memory(state, base) {
                    Memory::Stack(at) => state.slot(at.wrapping_add(displacement)),
                    Memory::UnknownStack => None,
                    Memory::Other(value) => Some(self.names.load(value, displacement)),
                };
                state.set(to, value.unwrap_or(Value::Opaque(at, to)));
            }
            Effect::LoadStatic { to, address } => state.set(to, Value::Static(address)),
            Effect::Address { to, address } => state.set(to, Value::Fixed(address)),
            Effect::Store { base, displacement, from } => {
                let value = state.registers[from];
                match self.memory(state, base) {
                    Memory::Stack(at) => state.store(at.wrapping_add(displacement), value),
                    Memory::UnknownStack => {
                        state.escape(value);
                        state.slots.clear();
                    }
                    Memory::Other(_) => state.escape(value),
                }
            }
            Effect::Escape(from) => state.escape(state.registers[from]),
            Effect::Overwrite { base, displacement, size } => match self.memory(state, base) {
                Memory::Stack(at) => state.overwrite(at.wrapping_add(displacement), size),
                Memory::UnknownStack => state.slots.clear(),
                Memory::Other(_) => {}
            },
            Effect::Scatter(base) => match self.memory(state, base) {
                Memory::Stack(_) | Memory::UnknownStack => state.slots.clear(),
                Memory::Other(_) => {}
            },
            Effect::Forget(register) => state.registers[register] = Value::Opaque(at, register),
            Effect::ForgetAll => {
                state.registers = std::array::from_fn(|register| Value::Opaque(at, register));
                state.slots.clear();
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

/// Executes a basic block. Passes the state before each instruction to `visit`, and returns the address of the last
/// instruction.
pub(super) fn run_block(
    graph: &Graph<'_>,
    interpreter: &mut Interpreter,
    begin: u64,
    state: &mut State,
    mut visit: impl FnMut(&mut Interpreter, &Node, &State),
) -> u64 {
    let mut address = begin;
    while let Some(node) = graph.nodes.get(&address) {
        visit(interpreter, node, state);
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
        let entry = (address == graph.entry).then(|| State::entry(graph.machine));
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
