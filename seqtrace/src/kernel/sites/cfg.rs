//! Builds the control flow graph of a function: its reachable instructions and the edges between them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Outside, Part, SiteError,
    code::{Callee, Code, Flow},
};
use crate::kernel::machine::Machine;

/// The effect of an instruction on the control flow of the function.
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
    pub(super) code: Code,
    pub(super) step: Step,
    pub(super) successors: Vec<u64>,
    pub(super) predecessors: Vec<u64>,
}

/// The control flow graph of a function.
pub(super) struct Graph<'a> {
    pub(super) machine: Machine,
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

/// Builds the graph by following every branch from the function's entry.
pub(super) fn build<'a>(
    machine: Machine,
    parts: &'a [Part],
    outside: &dyn Fn(u64) -> Outside,
) -> Result<Graph<'a>, SiteError> {
    let Some(first) = parts.first() else {
        return Err(SiteError::NotUnderstood {
            location: "?".into(),
            what: "there is no text".into(),
        });
    };
    let ftrace_site = machine.ftrace_site(&first.text, first.address);
    let builder = Builder { machine, parts, outside, ftrace_site };
    let mut nodes: BTreeMap<u64, Node> = BTreeMap::new();
    let mut targets = BTreeSet::new();
    let mut pending = vec![first.address];
    while let Some(address) = pending.pop() {
        if nodes.contains_key(&address) {
            continue;
        }
        let node = builder.node(address)?;
        let next = node.code.next();
        // The next instruction may be the branch target, too: `jcc +0`.
        let branches = node.code.branch_target() == Some(next);
        targets.extend(node.successors.iter().filter(|&&to| to != next || branches));
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
        end = node.code.next();
    }
    for (from, to) in edges {
        if let Some(node) = nodes.get_mut(&to) {
            node.predecessors.push(from);
        }
    }
    builder.scan_unreachable(&nodes, &mut targets)?;
    Ok(Graph { machine, parts, entry: first.address, nodes, targets })
}

struct Builder<'a> {
    machine: Machine,
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
        let refuse = |what: &str| Err(self.not_understood(address, what));
        let Some(code) = self.machine.decode(text.unwrap_or_default(), address) else {
            return refuse("no instruction, or the function runs off its end");
        };
        let next = code.next();
        let (step, successors) = match code.flow {
            Flow::Next => (Step::Local, vec![next]),
            // A WARN() continues after its trap. A BUG() does not, and no instructions follow it.
            Flow::Trap => (Step::Local, self.unless_padding(next)),
            Flow::Return => (Step::Local, vec![]),
            Flow::Branch(target) if self.inside(target) => (Step::Local, vec![next, target]),
            Flow::Jump(target) if self.inside(target) => (Step::Local, vec![target]),
            Flow::Branch(target) => match (self.outside)(target) {
                Outside::Function => (Step::Local, vec![next]),
                Outside::Thunk(_) => return refuse("a conditional jump to a thunk"),
                Outside::Unknown => return Err(self.detour(address, target)),
            },
            Flow::Jump(target) => match (self.outside)(target) {
                Outside::Function => (Step::TailCall(Callee::Direct(target)), vec![]),
                Outside::Thunk(register) => (Step::TailCall(Callee::Register(register)), vec![]),
                Outside::Unknown => return Err(self.detour(address, target)),
            },
            Flow::IndirectJump(register) => (Step::TailCall(Callee::Register(register)), vec![]),
            Flow::Call(callee @ Callee::Register(_)) => (Step::Call(callee), vec![next]),
            Flow::Call(Callee::Direct(target)) => {
                let callee = self.call(address, target)?;
                let successors = match callee {
                    // The last call may target a function that does not return, like __stack_chk_fail().
                    Callee::Direct(_) => self.unless_padding(next),
                    Callee::Register(_) => vec![next],
                };
                (Step::Call(callee), successors)
            }
            Flow::Breakpoint => return Err(self.patched(address, "a breakpoint")),
            Flow::Odd => return refuse("an instruction that no compiler emits here"),
        };
        Ok(Node { code, step, successors, predecessors: Vec::new() })
    }

    /// Returns the address of the next instruction as the successor; no successor if it is padding.
    fn unless_padding(&self, next: u64) -> Vec<u64> {
        let rest = part(self.parts, next).and_then(|part| rest(part, next));
        if rest.is_none_or(|rest| self.machine.is_padding(rest, next)) {
            vec![]
        } else {
            vec![next]
        }
    }

    fn detour(&self, address: u64, target: u64) -> SiteError {
        self.patched(address, format!("a jump to {target:#x}, which is no function"))
    }

    fn call(&self, address: u64, target: u64) -> Result<Callee, SiteError> {
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
                    address = node.code.next();
                    continue;
                }
                let end = nodes.range(address..).next().map_or(u64::MAX, |(&next, _)| next);
                let gap = usize::try_from(end - address).unwrap_or(usize::MAX);
                let text = &text[..gap.min(text.len())];
                let Some(code) = self.machine.decode(text, address) else {
                    address += self.machine.alignment();
                    continue;
                };
                let (indirect, target) = match code.flow {
                    Flow::Call(Callee::Register(_)) => (true, None),
                    Flow::Call(Callee::Direct(target)) => (self.is_thunk(target), None),
                    Flow::Jump(target) => (self.is_thunk(target), Some(target)),
                    Flow::Branch(target) => (false, Some(target)),
                    _ => (false, None),
                };
                if indirect {
                    let what = "an indirect call that nothing leads to";
                    return Err(self.not_understood(address, what));
                }
                targets.extend(target);
                address = code.next();
            }
        }
        Ok(())
    }
}
