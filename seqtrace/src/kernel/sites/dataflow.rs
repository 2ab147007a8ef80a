//! What the registers of a function hold, on every path.
//!
//! Values are not computed but named: where they came from. Two registers with the same name hold the
//! same value. `mov 0x60(%rbx),%rax` makes rax "what lies 0x60 behind rbx's value", so that `m->op`
//! has the same name wherever it is loaded, and its members too. Where paths meet with different
//! values, or an instruction is not understood, the value gets a new name that equals nothing else.
//!
//! One assumption goes beyond that: `iocb->ki_filp`, `file->private_data`, `m->op` and the table are
//! the same throughout a call (the core itself relies on it), so a load has the same name before and
//! after other calls. And one about compilers: a stack slot whose address is not taken is changed only
//! through rsp or rbp.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use iced_x86::{
    Instruction, InstructionInfoFactory, InstructionInfoOptions, Mnemonic, OpAccess, OpKind,
    Register,
};

use super::{
    Layout, Reg, Site, SiteError,
    walk::{Callee, Graph, Node, Step, number},
};
use crate::event::Role;

const RAX: usize = 0;
const RSP: usize = 4;
const RBP: usize = 5;
const RDI: usize = 7;
/// What calls do not preserve (System V ABI): rax, rcx, rdx, rsi, rdi, r8 to r11.
const CLOBBERED: [usize; 9] = [RAX, 1, 2, 6, RDI, 8, 9, 10, 11];
/// More rounds than any real function needs; a guard against text made to never settle.
const ROUNDS_PER_NODE: usize = 64;

/// The name of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Value {
    /// What the register held on entry.
    Entry(usize),
    /// The address this many bytes from where rsp pointed on entry.
    Stack(i64),
    /// What lies at a fixed address.
    Static(u64),
    /// An expression, by its number in [`Names`].
    Made(usize),
    /// Whatever the instruction at this address wrote to this register.
    Opaque(u64, usize),
    /// Whatever this register holds where paths meet at this address.
    Merged(u64, usize),
}

/// How a value was made of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Expression {
    /// The eight bytes at value + displacement.
    Load(Value, i64),
    /// Value + number.
    Add(Value, i64),
}

/// Expressions, each with one number.
#[derive(Default)]
struct Names {
    expressions: Vec<Expression>,
    numbers: HashMap<Expression, usize>,
}

impl Names {
    fn get(&self, value: Value) -> Option<Expression> {
        match value {
            Value::Made(number) => self.expressions.get(number).copied(),
            _ => None,
        }
    }

    fn make(&mut self, expression: Expression) -> Value {
        let next = self.expressions.len();
        let number = *self.numbers.entry(expression).or_insert(next);
        if number == next {
            self.expressions.push(expression);
        }
        Value::Made(number)
    }

    fn add(&mut self, value: Value, number: i64) -> Value {
        let (base, sum) = self.split(value, number);
        match base {
            Value::Stack(at) => Value::Stack(at.wrapping_add(sum)),
            _ if sum == 0 => base,
            _ => self.make(Expression::Add(base, sum)),
        }
    }

    fn load(&mut self, value: Value, displacement: i64) -> Value {
        let (base, sum) = self.split(value, displacement);
        self.make(Expression::Load(base, sum))
    }

    /// A sum's parts.
    fn split(&self, value: Value, number: i64) -> (Value, i64) {
        match self.get(value) {
            Some(Expression::Add(base, inner)) => (base, inner.wrapping_add(number)),
            _ => (value, number),
        }
    }
}

/// What is known before or after an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    registers: [Value; 16],
    /// Eight-byte stack slots, by their distance from rsp on entry; few and sorted.
    slots: Vec<(i64, Value)>,
    /// The lowest stack address that was put where a callee may find it.
    escaped: Option<i64>,
}

impl State {
    fn entry() -> Self {
        let mut registers = std::array::from_fn(Value::Entry);
        registers[RSP] = Value::Stack(0);
        Self { registers, slots: Vec::new(), escaped: None }
    }

    fn merge(&mut self, other: &Self, at: u64) {
        for (number, (value, other)) in self.registers.iter_mut().zip(&other.registers).enumerate()
        {
            if value != other {
                *value = Value::Merged(at, number);
            }
        }
        self.slots.retain(|&(slot, value)| other.slot(slot) == Some(value));
        self.escaped = match (self.escaped, other.escaped) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    fn escape(&mut self, value: Value) {
        if let Value::Stack(at) = value {
            self.escaped = Some(self.escaped.map_or(at, |lowest| lowest.min(at)));
        }
    }

    fn set(&mut self, register: usize, value: Value) {
        if register != RSP && register != RBP {
            self.escape(value);
        }
        self.registers[register] = value;
    }

    /// Forgets the slots that a write of `size` bytes touches.
    fn overwrite(&mut self, at: i64, size: usize) {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let touched = |slot: i64| slot < at.saturating_add(size) && at < slot.saturating_add(8);
        self.slots.retain(|&(slot, _)| !touched(slot));
    }

    fn store(&mut self, at: i64, value: Value) {
        self.escape(value);
        self.overwrite(at, 8);
        let place = self.slots.partition_point(|&(slot, _)| slot < at);
        self.slots.insert(place, (at, value));
    }

    fn slot(&self, at: i64) -> Option<Value> {
        let place = self.slots.binary_search_by_key(&at, |&(slot, _)| slot).ok()?;
        self.slots.get(place).map(|&(_, value)| value)
    }

    fn call(&mut self, at: u64) {
        for register in CLOBBERED {
            self.registers[register] = Value::Opaque(at, register);
        }
        if let Some(lowest) = self.escaped {
            self.slots.retain(|&(slot, _)| slot < lowest);
        }
    }
}

struct Machine {
    names: Names,
    info: InstructionInfoFactory,
}

impl Machine {
    /// The address of a memory operand as value + displacement, where it is that simple.
    fn address(state: &State, instruction: &Instruction) -> Option<(Value, i64)> {
        let simple = instruction.memory_index() == Register::None
            && !matches!(instruction.memory_segment(), Register::FS | Register::GS)
            && instruction.memory_base().is_gpr64();
        let base = simple.then(|| number(instruction.memory_base()))??;
        Some((state.registers[base], instruction.memory_displacement64().cast_signed()))
    }

    /// What an eight-byte memory operand holds.
    fn loaded(&mut self, state: &State, instruction: &Instruction) -> Option<Value> {
        let plain = !matches!(instruction.memory_segment(), Register::FS | Register::GS);
        if instruction.is_ip_rel_memory_operand() && plain {
            return Some(Value::Static(instruction.ip_rel_memory_address()));
        }
        match Self::address(state, instruction)? {
            (Value::Stack(at), displacement) => state.slot(at.wrapping_add(displacement)),
            (base, displacement) => Some(self.names.load(base, displacement)),
        }
    }

    /// What an instruction makes of a state.
    fn step(&mut self, node: &Node, state: &mut State) {
        let instruction = &node.instruction;
        if let Step::Call(_) = node.step {
            state.call(instruction.ip());
        } else if self.known(instruction, state).is_none() {
            self.other(instruction, state);
        }
    }

    /// The instructions that move values about. `None` for the others.
    fn known(&mut self, instruction: &Instruction, state: &mut State) -> Option<()> {
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

    /// Any other instruction: what it writes is not known.
    fn other(&mut self, instruction: &Instruction, state: &mut State) {
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

/// Where an indirect call goes.
enum Goes {
    /// To a callback of this `m`.
    Callback(Value, Role),
    /// Provably not through a table of callbacks.
    Elsewhere,
    /// Not proven; the reason.
    Unknown(&'static str),
}

fn goes(names: &Names, layout: &Layout, target: Value) -> Goes {
    // Behind kCFI's checks the call goes a few bytes before or behind the pointer's address.
    let (target, _) = names.split(target, 0);
    let (table, displacement) = match (target, names.get(target)) {
        (Value::Static(_), _) => return Goes::Elsewhere,
        (_, Some(Expression::Load(table, displacement))) => (table, displacement),
        _ => return Goes::Unknown("an indirect call of which it is not known where it goes"),
    };
    match (table, names.get(table)) {
        (Value::Static(_), _) => Goes::Elsewhere,
        (_, Some(Expression::Load(m, op))) if op == layout.op => layout
            .role(displacement)
            .map_or(Goes::Unknown("a call through m->op of none of the callbacks"), |role| {
                Goes::Callback(m, role)
            }),
        (_, Some(Expression::Load(..))) => Goes::Elsewhere,
        _ => Goes::Unknown("an indirect call through a table of which it is not known whose it is"),
    }
}

/// True where straight-line code begins: the entry, where paths meet, and behind a branch.
fn begins(graph: &Graph<'_>, address: u64, node: &Node) -> bool {
    let follows = |from| graph.nodes.get(&from).is_some_and(|from| from.successors.len() == 1);
    address == graph.entry || !matches!(node.predecessors[..], [from] if follows(from))
}

/// Runs straight-line code and shows the state before each instruction; gives its last one.
fn run(
    graph: &Graph<'_>,
    machine: &mut Machine,
    begin: u64,
    state: &mut State,
    mut see: impl FnMut(u64, &Node, &State),
) -> u64 {
    let mut address = begin;
    while let Some(node) = graph.nodes.get(&address) {
        see(address, node, state);
        machine.step(node, state);
        match node.successors[..] {
            [next] if graph.nodes.get(&next).is_some_and(|node| !begins(graph, next, node)) => {
                address = next;
            }
            _ => break,
        }
    }
    address
}

/// States where straight-line code begins, once they no longer change.
fn settle(graph: &Graph<'_>, machine: &mut Machine) -> Option<BTreeMap<u64, State>> {
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
        let last = run(graph, machine, address, &mut state, |_, _, _| ());
        if after.get(&last) != Some(&state) {
            after.insert(last, state);
            pending.extend(graph.nodes.get(&last).iter().flat_map(|node| &node.successors));
        }
    }
    Some(before)
}

/// States before the calls that are not direct, and before what follows each.
fn around_calls(graph: &Graph<'_>, machine: &mut Machine) -> Option<BTreeMap<u64, State>> {
    let begins = settle(graph, machine)?;
    let mut states = begins.clone();
    for (address, mut state) in begins {
        let mut behind = None;
        run(graph, machine, address, &mut state, |address, node, state| {
            let indirect = match node.step {
                Step::Call(callee) | Step::TailCall(callee) => !matches!(callee, Callee::Direct(_)),
                Step::Local => false,
            };
            if indirect || behind == Some(address) {
                states.insert(address, state.clone());
            }
            behind = indirect.then(|| node.instruction.next_ip());
        });
    }
    Some(states)
}

/// The calls of callbacks in a function, all of them or an error.
pub(super) fn sites(graph: &Graph<'_>, layout: &Layout) -> Result<Vec<Site>, SiteError> {
    let mut machine = Machine { names: Names::default(), info: InstructionInfoFactory::new() };
    let refuse = |address, what: &str| {
        Err(SiteError::NotUnderstood { place: graph.place(address), what: what.to_owned() })
    };
    let Some(before) = around_calls(graph, &mut machine) else {
        return refuse(graph.entry, "what its registers hold never settles");
    };
    let mut sites = Vec::new();
    let mut the_m = None;
    for (&address, node) in &graph.nodes {
        let (callee, returns) = match node.step {
            Step::Call(callee) => (callee, true),
            Step::TailCall(callee) => (callee, false),
            Step::Local => continue,
        };
        let Some(state) = before.get(&address) else { continue };
        let target = match callee {
            Callee::Direct(_) => continue,
            Callee::Register(register) => Some(state.registers[register]),
            Callee::Memory => machine.loaded(state, &node.instruction),
        };
        let Some(target) = target else {
            return refuse(address, "an indirect call of which it is not known where it goes");
        };
        let (m, role) = match goes(&machine.names, layout, target) {
            Goes::Callback(m, role) => (m, role),
            Goes::Elsewhere => continue,
            Goes::Unknown(why) => return refuse(address, why),
        };
        if !returns {
            return refuse(address, "a callback that does not return to the core");
        }
        if state.registers[RDI] != m {
            return refuse(address, "a callback whose first argument is not known to be m");
        }
        if the_m.is_some_and(|known| known != m) {
            return refuse(address, "callbacks of two different seq_files");
        }
        the_m = Some(m);
        let behind = node.instruction.next_ip();
        let Some(later) = before.get(&behind) else {
            return refuse(address, "nothing follows a callback");
        };
        // Other paths may lead there too: their state is merged into this one.
        let holds = |r: &Reg| later.registers[r.number()] == m && state.registers[r.number()] == m;
        let Some(register) = Reg::ALL.into_iter().find(holds) else {
            return refuse(address, "no register holds m across the call");
        };
        let shared = graph.targets.contains(&behind);
        if shared && role != Role::Stop {
            return refuse(behind, "what follows a callback is also reached by a jump");
        }
        let Some(part) = graph.part(address) else { continue };
        sites.push(Site {
            function: Arc::clone(&part.name),
            function_address: part.address,
            offset_of_call: address - part.address,
            offset_after_call: behind - part.address,
            role,
            m: register,
            shared,
        });
    }
    Ok(sites)
}
