//! A read or an lseek in flight: what it wanted, how far it is, and whether what it returned is
//! what the core returns from there (the label `Done` of `seq_read_iter()`, and `seq_lseek()`,
//! fs/seq_file.c).

use std::sync::Arc;

use crate::event::{SeqState, Task};
use crate::session::model::{Landing, State, Surprise, add, deliver, distance};
use crate::session::update::{Partial, Totals};

const ENOMEM: i64 = -12;
const EFAULT: i64 = -14;
const EINVAL: i64 = -22;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `seq_read_iter()`: the read's number, file offset and bytes wanted.
    Read { id: u32, pos: i64, want: u64 },
    /// `seq_lseek()`.
    Lseek { offset: i64, whence: u32 },
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No callback was called yet.
    Entered,
    /// Inside a pass.
    InPass,
    /// The buffer is too small for a record of the traversal.
    TraverseAgain,
    /// A callback of the traversal said -EAGAIN, so it begins again.
    TraverseRetry,
    /// The traversal is where it should be; so many bytes of its last record are left over.
    Landed { leftover: u64 },
    /// A relative lseek is somewhere.
    LandedNear(Landing),
    /// The traversal failed.
    TraverseFailed { error: i32 },
    /// The buffer is too small for the first record.
    ReadAgain,
    /// No record: the end (0) or an error.
    Dry { error: i32 },
    /// So many bytes were in the buffer to be copied out.
    Filled { kept: u64, error: i32 },
    /// Not followed.
    Lost,
}

/// A read or an lseek in flight.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) kind: Kind,
    pub(super) tid: u32,
    pub(super) task: Option<Arc<Task>>,
    pub(super) entered: u64,
    /// `m` on entry; in motion if `overlapped`.
    pub(super) entry: SeqState,
    pub(super) stage: Stage,
    /// Bytes of earlier leftovers that were copied out before the first record was looked for.
    pub(super) drained: u64,
    pub(super) restarts: u32,
    /// start or next returned NULL in the main part of the read.
    pub(super) end_seen: bool,
    pub(super) totals: Totals,
    pub(super) partial: Option<Partial>,
    /// Another one of the same session was in flight at the same time.
    pub(super) overlapped: bool,
    /// Events were lost since it entered: it may have returned.
    pub(super) doubtful: bool,
}

/// What follows from a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Bytes taken from what was left over on entry, or by the traversal.
    pub(super) from_leftover: u64,
    /// Bytes that stay in the buffer.
    pub(super) leftover: u64,
}

impl Op {
    pub(super) fn new(kind: Kind, tid: u32, task: Option<Arc<Task>>, time: u64) -> Self {
        Self {
            kind,
            tid,
            task,
            entered: time,
            entry: SeqState::default(),
            stage: Stage::Entered,
            drained: 0,
            restarts: 0,
            end_seen: false,
            totals: Totals::default(),
            partial: None,
            overlapped: false,
            doubtful: false,
        }
    }

    /// The read's number.
    pub(super) fn read_id(&self) -> Option<u32> {
        match self.kind {
            Kind::Read { id, .. } => Some(id),
            Kind::Lseek { .. } => None,
        }
    }

    /// A read at `pos` returned `ret`. `m` is what the core had at its last sight, and becomes what
    /// it has now; `sure` says that nobody else can have changed it.
    pub(super) fn read_returned(
        &self,
        m: &mut State,
        sure: bool,
        pos: i64,
        want: u64,
        ret: i64,
    ) -> Result<Settled, Surprise> {
        let delivered = u64::try_from(ret).unwrap_or(0);
        match self.stage {
            Stage::Entered if sure => return Self::without_callbacks(m, pos, want, ret),
            // A part of a leftover, whatever else went on: the buffer's end stays where it is.
            Stage::Entered => {
                let leftover = distance(add(pos, delivered), m.end());
                return Ok(Settled { from_leftover: delivered, leftover });
            }
            Stage::TraverseAgain => {
                if sure {
                    m.reset();
                }
                expect(ret == ENOMEM, "start again, or -ENOMEM", ret)?;
            }
            Stage::TraverseFailed { error } => {
                expect(ret == i64::from(error), i64::from(error), ret)?;
            }
            Stage::Landed { leftover } => {
                // Were it all copied, start would have been called.
                let fits = delivered < leftover && delivered <= want;
                expect(fits && (ret > 0 || ret == EFAULT), "a part of the leftover", ret)?;
                if sure {
                    deliver(m, pos, delivered);
                }
                return Ok(Settled { from_leftover: delivered, leftover: leftover - delivered });
            }
            Stage::ReadAgain => self.ended(m, sure, pos, ret, ENOMEM)?,
            Stage::Dry { error } => self.ended(m, sure, pos, ret, i64::from(error))?,
            Stage::Filled { kept, error } => {
                let room = want.saturating_sub(self.drained);
                let copied = delivered.checked_sub(self.drained);
                let fits = copied.is_some_and(|copied| copied <= kept.min(room));
                // "if (unlikely(!copied)) copied = m->count ? -EFAULT : err"
                let fits = if ret > 0 {
                    fits
                } else if self.drained > 0 {
                    false
                } else if kept > 0 {
                    ret == EFAULT
                } else {
                    ret == i64::from(error)
                };
                expect(fits, format_args!("up to {} bytes", self.drained + kept.min(room)), ret)?;
                if sure {
                    deliver(m, pos, delivered);
                }
                let leftover = kept - copied.unwrap_or(0).min(kept);
                return Ok(Settled { from_leftover: self.drained, leftover });
            }
            Stage::InPass | Stage::TraverseRetry => {
                return Err(Surprise::new("start or stop", format!("return of {ret}")));
            }
            Stage::LandedNear(_) | Stage::Lost => {}
        }
        Ok(Settled { from_leftover: self.drained, leftover: 0 })
    }

    /// A read that ended with an empty buffer.
    fn ended(
        &self,
        m: &mut State,
        sure: bool,
        pos: i64,
        ret: i64,
        or: i64,
    ) -> Result<(), Surprise> {
        let value =
            if self.drained > 0 { i64::try_from(self.drained).unwrap_or(i64::MAX) } else { or };
        expect(ret == value, value, ret)?;
        if sure {
            m.count = 0;
            m.read_pos = add(pos, self.drained);
        }
        Ok(())
    }

    /// A read that called nothing.
    fn without_callbacks(
        m: &mut State,
        pos: i64,
        want: u64,
        ret: i64,
    ) -> Result<Settled, Surprise> {
        if want == 0 {
            expect(ret == 0, 0, ret)?;
            return Ok(Settled { from_leftover: 0, leftover: m.count });
        }
        // No memory for a buffer: the core gives up before start. There may be no buffer although
        // m->size is set: doubling it failed before.
        let no_memory = ret == ENOMEM;
        if pos == 0 || pos != m.read_pos {
            expect(no_memory, "start", format_args!("return of {ret}"))?;
            if pos == 0 {
                m.rewind();
                m.read_pos = 0;
            } else {
                m.reset();
            }
            return Ok(Settled { from_leftover: 0, leftover: 0 });
        }
        if m.count == 0 {
            expect(no_memory, "start", format_args!("return of {ret}"))?;
            return Ok(Settled { from_leftover: 0, leftover: 0 });
        }
        let delivered = u64::try_from(ret).unwrap_or(0);
        let partly = ret > 0 && delivered < m.count && delivered <= want;
        expect(
            partly || ret == EFAULT,
            "a part of the leftover, or start",
            format_args!("return of {ret}"),
        )?;
        deliver(m, pos, delivered);
        Ok(Settled { from_leftover: delivered, leftover: m.count })
    }

    /// An lseek returned `ret`. As [`Op::read_returned`]; the result is what is left over.
    pub(super) fn lseek_returned(
        &self,
        m: &mut State,
        sure: bool,
        (offset, whence): (i64, u32),
        ret: i64,
    ) -> Result<u64, Surprise> {
        let relative = whence == SEEK_CUR;
        if ret >= 0 && whence == SEEK_SET {
            expect(ret == offset, offset, ret)?;
        }
        match self.stage {
            Stage::Entered if ret < 0 => {
                let refused = ret == EINVAL && (relative || whence > SEEK_CUR || offset < 0);
                let no_memory = ret == ENOMEM;
                expect(refused || no_memory || !sure, "start", format_args!("return of {ret}"))?;
                if no_memory {
                    m.reset();
                }
            }
            Stage::Entered if sure && ret != m.read_pos => {
                expect(ret == 0 && whence <= SEEK_CUR, "start", format_args!("return of {ret}"))?;
                m.reset();
            }
            Stage::Entered | Stage::Lost => {}
            Stage::TraverseAgain => {
                if sure {
                    m.reset();
                }
                expect(ret == ENOMEM, "start again, or -ENOMEM", ret)?;
            }
            Stage::TraverseFailed { error } => {
                expect(ret == i64::from(error), i64::from(error), ret)?;
            }
            Stage::Landed { leftover } => {
                expect(ret >= 0, offset, ret)?;
                return Ok(leftover);
            }
            Stage::LandedNear(Landing { start, end, last, .. }) => {
                if ret < 0 {
                    expect(last, "the new offset", ret)?;
                    m.reset();
                } else {
                    let near = ret > start && (last || ret <= end);
                    expect(near, format_args!("more than {start}, up to {end}"), ret)?;
                    m.read_pos = ret;
                    return Ok(m.count);
                }
            }
            Stage::InPass
            | Stage::TraverseRetry
            | Stage::ReadAgain
            | Stage::Dry { .. }
            | Stage::Filled { .. } => {
                return Err(Surprise::new("start or stop", format!("return of {ret}")));
            }
        }
        Ok(m.count)
    }
}

/// SEEK_SET (include/uapi/linux/fs.h)
pub(super) const SEEK_SET: u32 = 0;
/// SEEK_CUR
pub(super) const SEEK_CUR: u32 = 1;

fn expect(
    holds: bool,
    expected: impl std::fmt::Display,
    observed: impl std::fmt::Display,
) -> Result<(), Surprise> {
    if holds {
        return Ok(());
    }
    Err(Surprise::new(expected.to_string(), observed.to_string()))
}
