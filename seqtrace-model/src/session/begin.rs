//! Why start is called: for the main part of a read, or for a traversal (`seq_read_iter()`,
//! `traverse()`, fs/seq_file.c). The symbol does not tell: `traverse()` may be inlined.

use crate::session::model::{Landing, Purpose, State, Surprise, add, distance};
use crate::session::op::{Kind, Op, SEEK_CUR, SEEK_SET, Stage};

/// `m` when start is about to be called, and by whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    pub(super) tid: u32,
    pub(super) index: i64,
    pub(super) size: u64,
    pub(super) count: u64,
    pub(super) from: u64,
}

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// For this; so many bytes of leftovers were copied out before.
    Known { purpose: Purpose, drained: u64 },
    /// Two at once: it depends on which of them was first.
    Unclear,
    /// The read or lseek that calls it is not followed.
    Lost,
}

/// Decides, and checks that the core would call start here and like this.
///
/// `m` is the last known state. If `near`, another relative lseek has been where nobody knows.
pub(super) fn decide(op: &Op, m: &State, near: bool, seen: &Begin) -> Result<Decision, Surprise> {
    let decision = why(op, m, near, seen)?;
    let Decision::Known { purpose, .. } = decision else { return Ok(decision) };
    let rewound = matches!((op.kind, op.stage), (Kind::Read { pos: 0, .. }, Stage::Entered));
    let index = match purpose {
        Purpose::Read { .. } if !rewound => m.index,
        _ => 0,
    };
    // "m->size <<= 1"; a first buffer may have any size.
    let again = matches!(op.stage, Stage::TraverseAgain | Stage::ReadAgain);
    let fits = (seen.index, seen.count, seen.from) == (index, 0, 0);
    if fits && (!again || seen.size == m.size) {
        return Ok(decision);
    }
    Err(Surprise::new(
        format!("start at position {index}, 0+0 of {} bytes used", m.size),
        format!(
            "start at position {}, {}+{} of {} bytes used",
            seen.index, seen.from, seen.count, seen.size
        ),
    ))
}

fn why(op: &Op, m: &State, near: bool, seen: &Begin) -> Result<Decision, Surprise> {
    let traverse =
        |target| Ok(Decision::Known { purpose: Purpose::Traverse { target }, drained: 0 });
    match (op.stage, op.kind) {
        (Stage::Lost, _) => Ok(Decision::Lost),
        (Stage::TraverseAgain | Stage::TraverseRetry, Kind::Read { pos, .. }) => {
            traverse(Some(pos))
        }
        (Stage::TraverseAgain | Stage::TraverseRetry, Kind::Lseek { offset, whence }) => {
            traverse((whence == SEEK_SET).then_some(offset))
        }
        (Stage::ReadAgain, Kind::Read { pos, want, .. }) => drain(pos, want, op.drained),
        (Stage::Landed { leftover }, Kind::Read { pos, want, .. }) => drain(pos, want, leftover),
        (Stage::LandedNear(Landing { retry: true, .. }), _)
        | (Stage::Entered, Kind::Lseek { whence: SEEK_CUR, .. }) => traverse(None),
        (Stage::Entered, Kind::Lseek { whence: SEEK_SET, offset })
            if offset > 0 && (op.overlapped || offset != m.read_pos) =>
        {
            traverse(Some(offset))
        }
        // Whatever was left over is dropped.
        (Stage::Entered, Kind::Read { pos: 0, want: want @ 1.., .. }) => drain(0, want, 0),
        (Stage::Entered, Kind::Read { pos, want: want @ 1.., .. }) => {
            match resumes(op, m, near, seen, pos) {
                Some(true) if pos > m.end() => {
                    Err(Surprise::new("start at position 0", "start elsewhere"))
                }
                Some(true) => drain(pos, want, distance(pos, m.end())),
                Some(false) => traverse(Some(pos)),
                None => Ok(Decision::Unclear),
            }
        }
        _ => Err(Surprise::new("no callback", "start")),
    }
}

/// Is a read's offset the core's (`ki_pos == m->read_pos`)? `None` if that cannot be told.
fn resumes(op: &Op, m: &State, near: bool, seen: &Begin, pos: i64) -> Option<bool> {
    if !op.overlapped {
        return Some(pos == m.read_pos);
    }
    // Others may have taken a part of the leftover without a callback, or may not have: m->read_pos
    // is not known, the buffer's end is. But a traversal begins at position 0.
    if near {
        None
    } else if seen.index != 0 {
        Some(true)
    } else if m.index != 0 || pos > m.end() {
        Some(false)
    } else {
        None
    }
}

/// A leftover is copied out, and only if that was not enough start is called.
fn drain(pos: i64, want: u64, leftover: u64) -> Result<Decision, Surprise> {
    let Some(room) = want.checked_sub(leftover) else {
        return Err(Surprise::new("no callback, the leftover is enough", "start"));
    };
    let purpose = Purpose::Read { base: add(pos, leftover), room };
    Ok(Decision::Known { purpose, drained: leftover })
}
