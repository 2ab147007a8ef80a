//! Decides why the core calls start: for the main part of a read, or for a traversal (`seq_read_iter()`, `traverse()`,
//! fs/seq_file.c). The decision is made from state, because `traverse()` may be inlined and then has no symbol.

use crate::session::call::{CallKind, CallState, InFlightCall, SEEK_CUR, SEEK_SET};
use crate::session::core_state::{CoreState, ModelMismatch, add, distance};
use crate::session::model::{AmbiguousSeekEnd, Purpose};

/// State of the seq_file just before the core calls start.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassBegin {
    /// The thread that calls start.
    pub(super) tid: u32,
    pub(super) index: i64,
    pub(super) size: u64,
    pub(super) count: u64,
    pub(super) from: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The core calls start for this purpose, after it has copied `drained` bytes of a leftover to the reader.
    Known { purpose: Purpose, drained: u64 },
    /// Two calls overlap, and the purpose depends on their order.
    OrderAmbiguous,
    /// The state of the call that calls start is unknown.
    Unknown,
}

/// Decides the purpose of a pass, and checks that the core would call start in this state.
///
/// `m` is the last computed state. `ambiguous`: a concurrent SEEK_CUR has not reported its offset.
pub(super) fn decide(
    call: &InFlightCall,
    m: &CoreState,
    ambiguous: bool,
    seen: &PassBegin,
) -> Result<Decision, ModelMismatch> {
    let decision = purpose(call, m, ambiguous, seen)?;
    let Decision::Known { purpose, .. } = decision else { return Ok(decision) };
    let rewound =
        matches!((call.kind, call.state), (CallKind::Read { pos: 0, .. }, CallState::Entered));
    let index = match purpose {
        Purpose::Read { .. } if !rewound => m.index,
        _ => 0,
    };
    // "m->size <<= 1" (seq_read_iter(), traverse()). A first buffer may have any size.
    let again = matches!(call.state, CallState::TraverseAgain | CallState::ReadAgain);
    let fits = (seen.index, seen.count, seen.from) == (index, 0, 0);
    if fits && (!again || seen.size == m.size) {
        return Ok(decision);
    }
    Err(ModelMismatch::new(
        format!("start at position {index}, 0+0 of {} bytes used", m.size),
        format!(
            "start at position {}, {}+{} of {} bytes used",
            seen.index, seen.from, seen.count, seen.size
        ),
    ))
}

fn purpose(
    call: &InFlightCall,
    m: &CoreState,
    ambiguous: bool,
    seen: &PassBegin,
) -> Result<Decision, ModelMismatch> {
    use CallKind::{Lseek, Read};
    let traverse =
        |target| Ok(Decision::Known { purpose: Purpose::Traverse { target }, drained: 0 });
    match (call.state, call.kind) {
        (CallState::Unknown, _) => Ok(Decision::Unknown),
        (CallState::TraverseAgain | CallState::TraverseRetry, Read { pos, .. }) => {
            traverse(Some(pos))
        }
        (CallState::TraverseAgain | CallState::TraverseRetry, Lseek { offset, whence }) => {
            traverse((whence == SEEK_SET).then_some(offset))
        }
        (CallState::ReadAgain, Read { pos, want, .. }) => drain(pos, want, call.drained),
        (CallState::Traversed { leftover }, Read { pos, want, .. }) => drain(pos, want, leftover),
        (CallState::AmbiguousSeekEnd(AmbiguousSeekEnd { retry: true, .. }), _)
        | (CallState::Entered, Lseek { whence: SEEK_CUR, .. }) => traverse(None),
        (CallState::Entered, Lseek { whence: SEEK_SET, offset })
            if offset > 0 && (call.overlapped || offset != m.read_pos) =>
        {
            traverse(Some(offset))
        }
        // A read at offset 0 drops any leftover.
        (CallState::Entered, Read { pos: 0, want: want @ 1.., .. }) => drain(0, want, 0),
        (CallState::Entered, Read { pos, want: want @ 1.., .. }) => {
            match resumes(call, m, ambiguous, seen, pos) {
                Some(true) if pos > m.end() => {
                    Err(ModelMismatch::new("start at position 0", "start elsewhere"))
                }
                Some(true) => drain(pos, want, distance(pos, m.end())),
                Some(false) => traverse(Some(pos)),
                None => Ok(Decision::OrderAmbiguous),
            }
        }
        _ => Err(ModelMismatch::new("no callback", "start")),
    }
}

/// Returns true if a read continues at the core's file offset (`ki_pos == m->read_pos`), without a traversal; `None` if
/// that is unknown.
fn resumes(
    call: &InFlightCall,
    m: &CoreState,
    ambiguous: bool,
    seen: &PassBegin,
    pos: i64,
) -> Option<bool> {
    if !call.overlapped {
        return Some(pos == m.read_pos);
    }
    // Other calls may have taken a part of the leftover without a callback. Then m->read_pos is unknown, but not the
    // end of the buffer. And a traversal begins at position 0.
    if ambiguous {
        None
    } else if seen.index != 0 {
        Some(true)
    } else if m.index != 0 || pos > m.end() {
        Some(false)
    } else {
        None
    }
}

/// Decides for the main part of a read. The core copies the leftover to the reader, and calls start only if the reader
/// requested more.
fn drain(pos: i64, want: u64, leftover: u64) -> Result<Decision, ModelMismatch> {
    let Some(remaining) = want.checked_sub(leftover) else {
        return Err(ModelMismatch::new("no callback, the leftover is enough", "start"));
    };
    let purpose = Purpose::Read { base: add(pos, leftover), remaining };
    Ok(Decision::Known { purpose, drained: leftover })
}
