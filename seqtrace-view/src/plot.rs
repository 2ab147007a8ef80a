//! The position plot: `m->index` over the calls of start and next.

use seqtrace_model::event::{Ptr, Role};
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::{CallbackUpdate, Update, UpdateKind};

/// Greatest number of points. Beyond it, neighbours that only advance become one.
const POINTS: usize = 4096;

/// The positions of a session. Its size is bounded, whatever the number of calls.
#[derive(Clone, Debug, Default)]
pub struct PositionPlot {
    /// The calls of start and next, in order.
    pub points: Vec<Point>,
    /// Number of these calls.
    pub calls: u64,
    /// Greatest number of calls of one point. 0: one.
    step: u32,
    /// Number of points that have no space here.
    pub left_out: u64,
}

/// A call of start or next, or several calls of next that advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Row of the first call in the session.
    pub row: u32,
    /// Number of the first call among those of start and next, from 0.
    pub call: u64,
    /// Number of calls that this point stands for.
    pub calls: u32,
    /// Position before the first call; `None`: unknown.
    pub from: Option<i64>,
    /// Position behind the last call.
    pub to: i64,
    /// Effect of the calls on the position.
    pub step: Step,
    /// Highest severity of the findings about it; `None`: there are none.
    pub severity: Option<Severity>,
}

/// Kind of a [`Point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// start was called for a position.
    Start,
    /// next moved the position forward.
    Advance,
    /// next left the position where it was.
    Stuck,
    /// next moved the position backward.
    Back,
    /// next did not return a record.
    End,
}

impl PositionPlot {
    /// Adds a row of the session. Rows are added in order.
    pub fn add(&mut self, row: u32, update: &Update) {
        match &update.what {
            UpdateKind::Callback(callback) => self.add_callback(row, callback),
            UpdateKind::Finding(finding) => {
                if let Some(last) = self.points.last_mut() {
                    last.severity = last.severity.max(Some(finding.severity));
                }
            }
            _ => {}
        }
    }

    fn add_callback(&mut self, row: u32, callback: &CallbackUpdate) {
        let ended = callback.ret_ptr.is_some_and(Ptr::is_end);
        let moved = callback.pos_in.map(|before| callback.pos_out.cmp(&before));
        let step = match (callback.role, moved) {
            (Role::Start, _) => Step::Start,
            (Role::Next, Some(std::cmp::Ordering::Less)) => Step::Back,
            (Role::Next, Some(std::cmp::Ordering::Equal)) => Step::Stuck,
            (Role::Next, _) if callback.fixed_up => Step::Stuck,
            (Role::Next, _) if ended => Step::End,
            (Role::Next, _) => Step::Advance,
            (Role::Show | Role::Stop, _) => return,
        };
        let point = Point {
            row,
            call: self.calls,
            calls: 1,
            from: callback.pos_in,
            to: callback.pos_out,
            step,
            severity: None,
        };
        self.calls += 1;
        match self.points.last().and_then(|last| last.joined(&point, self.step)) {
            Some(joined) => *self.points.last_mut().expect("it was joined") = joined,
            None => self.points.push(point),
        }
        if self.points.len() > POINTS {
            self.coarsen();
        }
    }

    /// Joins neighbours until there is space for as many points again. Only calls of next that advance are joined.
    fn coarsen(&mut self) {
        for _ in 0..31 {
            self.step = self.step.max(1).saturating_mul(2);
            let mut joined: Vec<Point> = Vec::with_capacity(self.points.len());
            for point in &self.points {
                match joined.last().and_then(|last| last.joined(point, self.step)) {
                    Some(both) => *joined.last_mut().expect("it was joined") = both,
                    None => joined.push(*point),
                }
            }
            self.points = joined;
            if self.points.len() <= POINTS / 2 {
                return;
            }
        }
        self.points.drain(..POINTS / 2);
        self.left_out += POINTS as u64 / 2;
    }
}

impl Point {
    /// Returns this point and the one behind it as one; `None` if one of them is to be seen by itself.
    fn joined(&self, next: &Self, most: u32) -> Option<Self> {
        let plain = |point: &Self| point.step == Step::Advance && point.severity.is_none();
        let calls = self.calls.checked_add(next.calls)?;
        let together = plain(self) && plain(next) && calls <= most && next.from == Some(self.to);
        together.then_some(Self { calls, to: next.to, ..*self })
    }
}

#[cfg(test)]
mod tests;
