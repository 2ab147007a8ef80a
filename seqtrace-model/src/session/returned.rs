//! Checks of returned values: a read or lseek must return the value that the core returns from the state that it has
//! reached (the label `Done` of `seq_read_iter()`, and `seq_lseek()`, fs/seq_file.c).

use std::fmt::Display;

use crate::session::call::{CallState, InFlightCall, SEEK_CUR, SEEK_SET};
use crate::session::core_state::{CoreState, ModelMismatch, add, distance};
use crate::session::model::AmbiguousSeekEnd;

const ENOMEM: i64 = -12;
const EFAULT: i64 = -14;
const EINVAL: i64 = -22;

/// Buffered bytes that a read used and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leftovers {
    /// Number of bytes that the read got from the leftover of an earlier call or of its own traversal.
    pub(super) from_leftover: u64,
    /// Number of bytes that stay in the buffer.
    pub(super) leftover: u64,
}

impl InFlightCall {
    /// Checks the return of a read at file offset `pos` that requested `want` bytes. `ret` is the number of bytes or a
    /// negative errno.
    ///
    /// `m` is the last computed state. If `exclusive`, no other call can have changed it, and it becomes the state
    /// after the return.
    pub(super) fn read_returned(
        &self,
        m: &mut CoreState,
        exclusive: bool,
        (pos, want): (i64, u64),
        ret: i64,
    ) -> Result<Leftovers, ModelMismatch> {
        let delivered = u64::try_from(ret).unwrap_or(0);
        match self.state {
            CallState::Entered if exclusive => return without_callbacks(m, pos, want, ret),
            // The read got a part of a leftover. Other calls did not move the end of the buffer.
            CallState::Entered => {
                let leftover = distance(add(pos, delivered), m.end());
                return Ok(Leftovers { from_leftover: delivered, leftover });
            }
            CallState::TraverseAgain => {
                if exclusive {
                    m.reset();
                }
                expect(ret == ENOMEM, "start again, or -ENOMEM", ret)?;
            }
            CallState::TraverseFailed { error } => {
                expect(ret == i64::from(error), i64::from(error), ret)?;
            }
            CallState::Traversed { leftover } => {
                // After copying all of it the core would have called start.
                let fits = delivered < leftover && delivered <= want;
                expect(fits && (ret > 0 || ret == EFAULT), "a part of the leftover", ret)?;
                if exclusive {
                    m.deliver(pos, delivered);
                }
                return Ok(Leftovers { from_leftover: delivered, leftover: leftover - delivered });
            }
            CallState::ReadAgain => self.returned_empty(m, exclusive, pos, ret, ENOMEM)?,
            CallState::NoRecord { error } => {
                self.returned_empty(m, exclusive, pos, ret, i64::from(error))?;
            }
            CallState::Filled { kept, error } => {
                let leftovers = self.filled(kept, error, want, ret)?;
                if exclusive {
                    m.deliver(pos, delivered);
                }
                return Ok(leftovers);
            }
            CallState::InPass | CallState::TraverseRetry => {
                return Err(ModelMismatch::new("start or stop", format!("return of {ret}")));
            }
            CallState::AmbiguousSeekEnd(_) | CallState::Unknown => {}
        }
        Ok(Leftovers { from_leftover: self.drained, leftover: 0 })
    }

    /// Checks the return of a read after a pass that left `kept` bytes in the buffer.
    fn filled(
        &self,
        kept: u64,
        error: i32,
        want: u64,
        ret: i64,
    ) -> Result<Leftovers, ModelMismatch> {
        let most = kept.min(want.saturating_sub(self.drained));
        let copied = u64::try_from(ret).unwrap_or(0).checked_sub(self.drained);
        // "if (unlikely(!copied)) copied = m->count ? -EFAULT : err"
        let fits = if ret > 0 {
            copied.is_some_and(|copied| copied <= most)
        } else if self.drained > 0 {
            false
        } else if kept > 0 {
            ret == EFAULT
        } else {
            ret == i64::from(error)
        };
        expect(fits, format_args!("up to {} bytes", self.drained + most), ret)?;
        let leftover = kept - copied.unwrap_or(0).min(kept);
        Ok(Leftovers { from_leftover: self.drained, leftover })
    }

    /// Checks the return of a read that ended with an empty buffer. The read must return the number of bytes that it
    /// got earlier, or `error` if it got none.
    fn returned_empty(
        &self,
        m: &mut CoreState,
        exclusive: bool,
        pos: i64,
        ret: i64,
        error: i64,
    ) -> Result<(), ModelMismatch> {
        let value =
            if self.drained > 0 { i64::try_from(self.drained).unwrap_or(i64::MAX) } else { error };
        expect(ret == value, value, ret)?;
        if exclusive {
            m.count = 0;
            m.read_pos = add(pos, self.drained);
        }
        Ok(())
    }

    /// Checks the return of an lseek. `ret` is the new file offset or a negative errno. Returns the number of bytes
    /// that stay in the buffer.
    ///
    /// `m` and `exclusive` are those of [`InFlightCall::read_returned`].
    pub(super) fn lseek_returned(
        &self,
        m: &mut CoreState,
        exclusive: bool,
        (offset, whence): (i64, u32),
        ret: i64,
    ) -> Result<u64, ModelMismatch> {
        let relative = whence == SEEK_CUR;
        if ret >= 0 && whence == SEEK_SET {
            expect(ret == offset, offset, ret)?;
        }
        match self.state {
            CallState::Entered if ret < 0 => {
                let refused = ret == EINVAL && (relative || whence > SEEK_CUR || offset < 0);
                let no_memory = ret == ENOMEM;
                let fits = refused || no_memory || !exclusive;
                expect(fits, "start", format_args!("return of {ret}"))?;
                if no_memory {
                    m.reset();
                }
            }
            CallState::Entered if exclusive && ret != m.read_pos => {
                expect(ret == 0 && whence <= SEEK_CUR, "start", format_args!("return of {ret}"))?;
                m.reset();
            }
            CallState::Entered | CallState::Unknown => {}
            CallState::TraverseAgain => {
                if exclusive {
                    m.reset();
                }
                expect(ret == ENOMEM, "start again, or -ENOMEM", ret)?;
            }
            CallState::TraverseFailed { error } => {
                expect(ret == i64::from(error), i64::from(error), ret)?;
            }
            CallState::Traversed { leftover } => {
                expect(ret >= 0, offset, ret)?;
                return Ok(leftover);
            }
            CallState::AmbiguousSeekEnd(AmbiguousSeekEnd { start, end, last, .. }) => {
                if ret < 0 {
                    expect(last, "the new offset", ret)?;
                    m.reset();
                } else {
                    let possible = ret > start && (last || ret <= end);
                    expect(possible, format_args!("more than {start}, up to {end}"), ret)?;
                    m.read_pos = ret;
                    return Ok(m.count);
                }
            }
            CallState::InPass
            | CallState::TraverseRetry
            | CallState::ReadAgain
            | CallState::NoRecord { .. }
            | CallState::Filled { .. } => {
                return Err(ModelMismatch::new("start or stop", format!("return of {ret}")));
            }
        }
        Ok(m.count)
    }
}

/// Checks the return of a read that called no callback while no other call was in flight.
fn without_callbacks(
    m: &mut CoreState,
    pos: i64,
    want: u64,
    ret: i64,
) -> Result<Leftovers, ModelMismatch> {
    if want == 0 {
        expect(ret == 0, 0, ret)?;
        return Ok(Leftovers { from_leftover: 0, leftover: m.count });
    }
    // Without memory for a buffer the core returns before it calls start. There may be no buffer although m->size is
    // set: the core sets it before it allocates the larger one.
    let no_memory = ret == ENOMEM;
    if pos == 0 || pos != m.read_pos {
        expect(no_memory, "start", format_args!("return of {ret}"))?;
        if pos == 0 {
            m.rewind();
            m.read_pos = 0;
        } else {
            m.reset();
        }
        return Ok(Leftovers { from_leftover: 0, leftover: 0 });
    }
    if m.count == 0 {
        expect(no_memory, "start", format_args!("return of {ret}"))?;
        return Ok(Leftovers { from_leftover: 0, leftover: 0 });
    }
    let delivered = u64::try_from(ret).unwrap_or(0);
    let partly = ret > 0 && delivered < m.count && delivered <= want;
    expect(
        partly || ret == EFAULT,
        "a part of the leftover, or start",
        format_args!("return of {ret}"),
    )?;
    m.deliver(pos, delivered);
    Ok(Leftovers { from_leftover: delivered, leftover: m.count })
}

fn expect(
    holds: bool,
    expected: impl Display,
    observed: impl Display,
) -> Result<(), ModelMismatch> {
    if holds {
        return Ok(());
    }
    Err(ModelMismatch::new(expected.to_string(), observed.to_string()))
}
