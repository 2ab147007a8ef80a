//! Finds the indirect calls of a function, and the callbacks that they call.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Layout, Reg, Site, SiteError,
    cfg::{Graph, Step, location, part},
    code::{Callee, Register},
    dataflow::{Interpreter, run_block, solve_fixpoint},
    values::{Expression, Names, State, Value},
};
use crate::event::Role;

const UNKNOWN_TARGET: &str = "an indirect call with an unknown target";

/// The conclusion of the data-flow analysis about the target of an indirect call.
enum CallTarget {
    /// A callback with this role, through the `m->op` of this `m`.
    Callback(Value, Role),
    /// A function that is proven not to come from a table of callbacks.
    Elsewhere,
    /// Neither is proven, for this reason.
    Unknown(&'static str),
}

fn call_target(names: &Names, layout: &Layout, target: Value) -> CallTarget {
    // After kCFI's checks the call targets an address a few bytes off the pointer's value.
    let (target, _) = names.split(target, 0);
    let (table, displacement) = match (target, names.get(target)) {
        (Value::Static(_) | Value::Fixed(_), _) => return CallTarget::Elsewhere,
        (_, Some(Expression::Load(table, displacement))) => (table, displacement),
        _ => return CallTarget::Unknown(UNKNOWN_TARGET),
    };
    match (table, names.get(table)) {
        (Value::Static(_), _) => CallTarget::Elsewhere,
        (_, Some(Expression::Load(m, op))) if op == layout.op => layout
            .role(displacement)
            .map_or(CallTarget::Unknown("a call through m->op of none of the callbacks"), |role| {
                CallTarget::Callback(m, role)
            }),
        (_, Some(Expression::Load(..))) => CallTarget::Elsewhere,
        _ => CallTarget::Unknown("an indirect call through an unknown table"),
    }
}

/// Returns the states before each instruction that follows an indirect call, and at each indirect call: its target is
/// in a register then.
fn states_around_calls(
    graph: &Graph<'_>,
    interpreter: &mut Interpreter,
) -> Option<BTreeMap<u64, State>> {
    let blocks = solve_fixpoint(graph, interpreter)?;
    let mut states = blocks.clone();
    for (address, mut state) in blocks {
        let mut after_call = None;
        run_block(graph, interpreter, address, &mut state, |interpreter, node, state| {
            let address = node.code.address;
            let indirect = matches!(
                node.step,
                Step::Call(Callee::Register(_)) | Step::TailCall(Callee::Register(_))
            );
            if indirect || after_call == Some(address) {
                let mut state = state.clone();
                if indirect {
                    interpreter.apply_effects(node, &mut state);
                }
                states.insert(address, state);
            }
            after_call = indirect.then(|| node.code.next());
        });
    }
    Some(states)
}

/// Finds all calls of callbacks in a function, or returns an error.
pub(super) fn find(graph: &Graph<'_>, layout: &Layout) -> Result<Vec<Site>, SiteError> {
    let mut interpreter = Interpreter::new(graph.machine);
    let refuse = |address, what: &str| {
        let (location, what) = (location(graph.parts, address), what.to_owned());
        Err(SiteError::NotUnderstood { location, what })
    };
    let Some(before) = states_around_calls(graph, &mut interpreter) else {
        return refuse(graph.entry, "its data flow has no fixpoint");
    };
    let convention = graph.machine.convention();
    let mut sites = Vec::new();
    let mut the_m = None;
    for (&address, node) in &graph.nodes {
        let (callee, returns) = match node.step {
            Step::Call(callee) => (callee, true),
            Step::TailCall(callee) => (callee, false),
            Step::Local => continue,
        };
        let Some(state) = before.get(&address) else { continue };
        let Callee::Register(target) = callee else { continue };
        let target = state.registers[target];
        let (m, role) = match call_target(&interpreter.names, layout, target) {
            CallTarget::Callback(m, role) => (m, role),
            CallTarget::Elsewhere => continue,
            CallTarget::Unknown(why) => return refuse(address, why),
        };
        if !returns {
            return refuse(address, "a callback that does not return to the core");
        }
        if state.registers[convention.first_argument] != m {
            return refuse(address, "a callback whose first argument is not known to be m");
        }
        if the_m.is_some_and(|known| known != m) {
            return refuse(address, "callbacks of two different seq_files");
        }
        the_m = Some(m);
        let return_address = node.code.next();
        let Some(after) = before.get(&return_address) else {
            return refuse(address, "no instruction follows the call of a callback");
        };
        // Other paths may lead to the return address: their states are merged into the state after the call.
        let holds = |&&r: &&Register| after.registers[r] == m && state.registers[r] == m;
        let Some(&number) = convention.preserved.iter().find(holds) else {
            return refuse(address, "no register holds m across the call");
        };
        let shared = graph.targets.contains(&return_address);
        if shared && role != Role::Stop {
            let what = "the instruction after a callback is also reached by a jump";
            return refuse(return_address, what);
        }
        let Some(part) = part(graph.parts, address) else { continue };
        sites.push(Site {
            function: Arc::clone(&part.name),
            function_address: part.address,
            offset_of_call: address - part.address,
            offset_after_call: return_address - part.address,
            role,
            m: Reg { machine: graph.machine, number },
            shared,
        });
    }
    Ok(sites)
}
