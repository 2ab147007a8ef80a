//! Builds the control flow graph of a function: its reachable instructions and the edges between them.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::{Outside, Part, SiteError};

/// The target of a call, or of a jump that leaves the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// The function at this address.
    Direct(u64),
    /// The address in this register, directly or through a thunk.
    Register(usize),
    /// The address that is stored in the instruction's memory operand.
    Memory,
}

/// The effect of an instruction on the control flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Continues, branches within the function, or returns.
    Local,
    /// Calls a function and continues.
    Call(Callee),
    /// Jumps out of the function.
    TailCall(Callee),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) instruction: Instruction,
    pub(super) step: Step,
    pub(super) successors: Vec<u64>,
    pub(super) predecessors: Vec<u64>,
}

/// The control flow graph of a function.
pub(super) struct Graph<'a> {
    pub(super) parts: &'a [Part],
    pub(super) entry: u64,
    /// The reachable instructions by address.
    pub(super) nodes: BTreeMap<u64, Node>,
    /// Targets of all branches, including branches in code that is unreachable now (static keys).
    pub(super) targets: BTreeSet<u64>,
}

impl Graph<'_> {
    /// Returns the addresses of the functions that are called directly.
    pub(super) fn direct_calls(&self) -> Vec<u64> {
        let called = self.nodes.values().filter_map(|node| match node.step {
            Step::Call(Callee::Direct(to)) | Step::TailCall(Callee::Direct(to)) => Some(to),
            _ => None,
        });
        called.collect()
    }
}

/// Returns the part that contains an address; `None` if there is none.
pub(super) fn part(parts: &[Part], address: u64) -> Option<&Part> {
    parts.iter().find(|part| rest(part, address).is_some())
}

/// Returns the bytes of a part from an address on; `None` if the address is outside of the part.
fn rest(part: &Part, address: u64) -> Option<&[u8]> {
    let offset = usize::try_from(address.checked_sub(part.address)?).ok()?;
    part.text.get(offset..).filter(|rest| !rest.is_empty())
}

/// Formats an address for a message: `symbol+0x12`.
pub(super) fn location(parts: &[Part], address: u64) -> String {
    part(parts, address).map_or_else(
        || format!("{address:#x}"),
        |part| format!("{}+{:#x}", part.name, address - part.address),
    )
}

fn decode(text: &[u8], address: u64) -> Instruction {
    Decoder::with_ip(64, text, address, DecoderOptions::NONE).decode()
}

/// Returns the register of an indirect jump if the code at an address is only that jump, a thunk; otherwise `None`.
pub(super) fn jump_register(text: &[u8], address: u64) -> Option<usize> {
    let decoder = Decoder::with_ip(64, text, address, DecoderOptions::NONE);
    let jump = decoder.into_iter().find(|instruction| {
        !matches!(instruction.mnemonic(), Mnemonic::Endbr64 | Mnemonic::Nop | Mnemonic::Lfence)
    })?;
    let indirect = jump.flow_control() == FlowControl::IndirectBranch;
    (indirect && jump.op0_kind() == OpKind::Register).then(|| number(jump.op0_register()))?
}

/// Returns the number of the general purpose register that contains `register`; `None` for other registers.
pub(super) fn number(register: Register) -> Option<usize> {
    register.is_gpr().then(|| register.full_register().number())
}

/// Returns true if the bytes up to the end of a part are padding between functions.
fn is_padding(text: &[u8], address: u64) -> bool {
    Decoder::with_ip(64, text, address, DecoderOptions::NONE)
        .into_iter()
        .all(|filler| matches!(filler.mnemonic(), Mnemonic::Int3 | Mnemonic::Nop))
}

/// Builds the graph by following every branch from the function's entry.
pub(super) fn build<'a>(
    parts: &'a [Part],
    outside: &dyn Fn(u64) -> Outside,
) -> Result<Graph<'a>, SiteError> {
    let Some(first) = parts.first() else {
        return Err(SiteError::NotUnderstood {
            location: "?".into(),
            what: "there is no text".into(),
        });
    };
    let builder = Builder { parts, outside, ftrace_site: ftrace_site(first) };
    let mut nodes: BTreeMap<u64, Node> = BTreeMap::new();
    let mut targets = BTreeSet::new();
    let mut pending = vec![first.address];
    while let Some(address) = pending.pop() {
        if nodes.contains_key(&address) {
            continue;
        }
        let node = builder.node(address)?;
        let next = node.instruction.next_ip();
        targets.extend(node.successors.iter().filter(|&&to| to != next || branches(&node)));
        pending.extend(&node.successors);
        nodes.insert(address, node);
    }
    let mut end = 0;
    let edges: Vec<(u64, u64)> = nodes
        .iter()
        .flat_map(|(&from, node)| node.successors.iter().map(move |&to| (from, to)))
        .collect();
    for (&address, node) in &nodes {
        if address < end {
            return Err(builder.not_understood(address, "instructions overlap"));
        }
        end = node.instruction.next_ip();
    }
    for (from, to) in edges {
        if let Some(node) = nodes.get_mut(&to) {
            node.predecessors.push(from);
        }
    }
    builder.scan_unreachable(&nodes, &mut targets)?;
    Ok(Graph { parts, entry: first.address, nodes, targets })
}

/// Returns true if the next instruction is also the branch target: `jcc +0`.
fn branches(node: &Node) -> bool {
    let instruction = &node.instruction;
    matches!(
        instruction.flow_control(),
        FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
    ) && instruction.near_branch_target() == instruction.next_ip()
}

/// Returns the address of ftrace's call: the first instruction after endbr64 and nops.
fn ftrace_site(first: &Part) -> u64 {
    Decoder::with_ip(64, &first.text, first.address, DecoderOptions::NONE)
        .into_iter()
        .find(|instruction| !matches!(instruction.mnemonic(), Mnemonic::Endbr64 | Mnemonic::Nop))
        .map_or(first.address, |instruction| instruction.ip())
}

struct Builder<'a> {
    parts: &'a [Part],
    outside: &'a dyn Fn(u64) -> Outside,
    /// Address at which ftrace may have inserted a call.
    ftrace_site: u64,
}

impl Builder<'_> {
    fn not_understood(&self, address: u64, what: impl Into<String>) -> SiteError {
        SiteError::NotUnderstood { location: location(self.parts, address), what: what.into() }
    }

    fn patched(&self, address: u64, what: impl Into<String>) -> SiteError {
        SiteError::Patched { location: location(self.parts, address), what: what.into() }
    }

    fn inside(&self, address: u64) -> bool {
        part(self.parts, address).is_some()
    }

    fn is_thunk(&self, address: u64) -> bool {
        !self.inside(address) && matches!((self.outside)(address), Outside::Thunk(_))
    }

    /// Decodes an instruction and finds its successors.
    fn node(&self, address: u64) -> Result<Node, SiteError> {
        let text = part(self.parts, address).and_then(|part| rest(part, address));
        let instruction = decode(text.unwrap_or_default(), address);
        let refuse = |what: &str| Err(self.not_understood(address, what));
        if instruction.is_invalid() {
            return refuse("no instruction, or the function runs off its end");
        }
        let (next, target) = (instruction.next_ip(), instruction.near_branch_target());
        let (step, successors) = match instruction.flow_control() {
            FlowControl::Next => (Step::Local, vec![next]),
            // A WARN() continues after its ud2. A BUG() does not, and no instructions follow it.
            FlowControl::Exception => (Step::Local, self.unless_padding(next)),
            FlowControl::Return => (Step::Local, vec![]),
            FlowControl::ConditionalBranch if self.inside(target) => {
                (Step::Local, vec![next, target])
            }
            FlowControl::UnconditionalBranch if self.inside(target) => (Step::Local, vec![target]),
            FlowControl::ConditionalBranch => match (self.outside)(target) {
                Outside::Function => (Step::Local, vec![next]),
                Outside::Thunk(_) => return refuse("a conditional jump to a thunk"),
                Outside::Unknown => return Err(self.detour(address, target)),
            },
            FlowControl::UnconditionalBranch => match (self.outside)(target) {
                Outside::Function => (Step::TailCall(Callee::Direct(target)), vec![]),
                Outside::Thunk(register) => (Step::TailCall(Callee::Register(register)), vec![]),
                Outside::Unknown => return Err(self.detour(address, target)),
            },
            FlowControl::IndirectBranch => (Step::TailCall(self.indirect(&instruction)?), vec![]),
            FlowControl::IndirectCall => (Step::Call(self.indirect(&instruction)?), vec![next]),
            FlowControl::Call if instruction.mnemonic() == Mnemonic::Call => {
                let callee = self.call(&instruction)?;
                let successors = match callee {
                    // The last call may target a function that does not return, like __stack_chk_fail().
                    Callee::Direct(_) => self.unless_padding(next),
                    _ => vec![next],
                };
                (Step::Call(callee), successors)
            }
            FlowControl::Interrupt if instruction.mnemonic() == Mnemonic::Int3 => {
                return Err(self.patched(address, "a breakpoint"));
            }
            _ => return refuse("an instruction that no compiler emits here"),
        };
        Ok(Node { instruction, step, successors, predecessors: Vec::new() })
    }

    /// Returns the address of the next instruction as the successor; no successor if it is padding.
    fn unless_padding(&self, next: u64) -> Vec<u64> {
        let rest = part(self.parts, next).and_then(|part| rest(part, next));
        if rest.is_none_or(|rest| is_padding(rest, next)) { vec![] } else { vec![next] }
    }

    fn detour(&self, address: u64, target: u64) -> SiteError {
        self.patched(address, format!("a jump to {target:#x}, which is no function"))
    }

    fn call(&self, instruction: &Instruction) -> Result<Callee, SiteError> {
        let (address, target) = (instruction.ip(), instruction.near_branch_target());
        if self.inside(target) {
            let recursion = self.parts.first().is_some_and(|first| first.address == target);
            return if recursion {
                Ok(Callee::Direct(target))
            } else {
                Err(self.not_understood(address, "a call into the middle of the function"))
            };
        }
        match (self.outside)(target) {
            Outside::Thunk(register) => Ok(Callee::Register(register)),
            Outside::Function => Ok(Callee::Direct(target)),
            // ftrace's trampoline is generated at run time and preserves every register.
            Outside::Unknown if address == self.ftrace_site => Ok(Callee::Direct(target)),
            Outside::Unknown => {
                Err(self.patched(address, format!("a call of {target:#x}, which is no function")))
            }
        }
    }

    fn indirect(&self, instruction: &Instruction) -> Result<Callee, SiteError> {
        let refuse = |what: &str| self.not_understood(instruction.ip(), what);
        match instruction.op0_kind() {
            OpKind::Register => number(instruction.op0_register())
                .map(Callee::Register)
                .ok_or_else(|| refuse("a call through a register that holds no address")),
            OpKind::Memory => Ok(Callee::Memory),
            _ => Err(refuse("a far call")),
        }
    }

    /// Scans the code that is unreachable now (a static key that is off) for indirect calls, which would
    /// be missed if the key is switched later, and adds its branch targets.
    fn scan_unreachable(
        &self,
        nodes: &BTreeMap<u64, Node>,
        targets: &mut BTreeSet<u64>,
    ) -> Result<(), SiteError> {
        for part in self.parts {
            let mut address = part.address;
            while let Some(text) = rest(part, address) {
                if let Some(node) = nodes.get(&address) {
                    address = node.instruction.next_ip();
                    continue;
                }
                let end = nodes.range(address..).next().map_or(u64::MAX, |(&next, _)| next);
                let gap = usize::try_from(end - address).unwrap_or(usize::MAX);
                let instruction = decode(&text[..gap.min(text.len())], address);
                if instruction.is_invalid() {
                    address += 1;
                    continue;
                }
                let target = instruction.near_branch_target();
                let (indirect, branch) = match instruction.flow_control() {
                    FlowControl::IndirectCall => (true, false),
                    FlowControl::Call => (self.is_thunk(target), false),
                    FlowControl::UnconditionalBranch => (self.is_thunk(target), true),
                    FlowControl::ConditionalBranch => (false, true),
                    _ => (false, false),
                };
                if indirect {
                    let what = "an indirect call that nothing leads to";
                    return Err(self.not_understood(address, what));
                }
                targets.extend(branch.then_some(target));
                address = instruction.next_ip();
            }
        }
        Ok(())
    }
}
