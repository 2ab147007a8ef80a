//! The form in which updates are stored.

use std::collections::VecDeque;
use std::sync::Arc;

use seqtrace_model::event::{SeqState, Task, Via};
use seqtrace_model::session::update::{CallbackUpdate, ReadEnd, Session, Update, UpdateKind};
use serde::{Deserialize, Serialize};

/// An update without the facts that all updates of its session share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    /// Time since the previous row, ns.
    pub(crate) after: i64,
    cpu: u16,
    /// Index of the task in the session's list.
    task: Option<u32>,
    read: Option<u32>,
    what: What,
}

/// Kind of an update. The frequent ones are stored in the row.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum What {
    Callback(CallbackUpdate),
    Preview(Vec<u8>),
    ReadBegin {
        pos: i64,
        want: u64,
        traverse_from: Option<i64>,
        rewind: bool,
        via: Option<Via>,
        state: SeqState,
    },
    ReadEnd(Box<ReadEnd>),
    /// Number of the update among [`Rest::others`].
    Other(u32),
}

/// Parts of a session's updates that are stored once, or too rarely to be packed.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    tasks: Vec<Arc<Task>>,
    others: VecDeque<UpdateKind>,
    /// Number of updates before the first one of `others`, which were dropped.
    dropped: u32,
}

impl Rest {
    /// Packs an update that comes `after` ns after the previous one.
    pub(crate) fn pack(&mut self, update: &Update, after: i64) -> Packed {
        let task = update.task.as_ref().map(|task| self.task(task));
        let what = match &update.what {
            UpdateKind::Callback(callback) => What::Callback(*callback),
            UpdateKind::Preview { bytes } => What::Preview(bytes.clone()),
            &UpdateKind::ReadBegin { pos, want, traverse_from, rewind, via, state } => {
                What::ReadBegin { pos, want, traverse_from, rewind, via, state }
            }
            UpdateKind::ReadEnd(end) => What::ReadEnd(end.clone()),
            other => {
                self.others.push_back(other.clone());
                What::Other(self.end() - 1)
            }
        };
        Packed { after, cpu: update.cpu, task, read: update.read, what }
    }

    /// Restores an update of `session` at `time`, ns since boot.
    pub(crate) fn unpack(&self, packed: Packed, time: u64, session: &Arc<Session>) -> Update {
        let what = match packed.what {
            What::Callback(callback) => UpdateKind::Callback(callback),
            What::Preview(bytes) => UpdateKind::Preview { bytes },
            What::ReadBegin { pos, want, traverse_from, rewind, via, state } => {
                UpdateKind::ReadBegin { pos, want, traverse_from, rewind, via, state }
            }
            What::ReadEnd(end) => UpdateKind::ReadEnd(end),
            What::Other(number) => self.others[(number - self.dropped) as usize].clone(),
        };
        Update {
            time,
            cpu: packed.cpu,
            session: Some(Arc::clone(session)),
            read: packed.read,
            task: packed.task.map(|index| Arc::clone(&self.tasks[index as usize])),
            what,
        }
    }

    /// Returns the number of updates that were stored outside of rows.
    pub(crate) fn end(&self) -> u32 {
        self.dropped + index(self.others.len())
    }

    /// Drops the updates outside of rows before this number.
    pub(crate) fn drop_before(&mut self, number: u32) {
        self.others.drain(..(number - self.dropped) as usize);
        self.dropped = number;
    }

    /// Returns the index of a task, which is most often the one of the update before.
    fn task(&mut self, task: &Arc<Task>) -> u32 {
        let known = self.tasks.iter().rposition(|known| known == task);
        index(known.unwrap_or_else(|| {
            self.tasks.push(Arc::clone(task));
            self.tasks.len() - 1
        }))
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a session has less than 4 billion rows")
}
