//! A session, with its rows in groups.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use seqtrace_model::event::Role;
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::{self, Totals, Update, UpdateKind};

use crate::rows::Rows;

/// A session of a trace.
#[derive(Debug)]
pub struct Session {
    /// Facts that do not change.
    pub facts: Arc<update::Session>,
    /// All updates of the session.
    pub rows: Rows,
    /// The rows in groups, in order: each row that is kept is in one.
    pub items: VecDeque<Item>,
    /// The passes within reads and lseeks, in order. Each is within one item.
    pub passes: VecDeque<Pass>,
    /// Sums over the reads that have returned; after the close those of the whole session.
    pub totals: Totals,
    /// Highest severity of its findings; `None`: there are none.
    pub worst: Option<Severity>,
    /// Time of the first update, ns since boot.
    pub begin: u64,
    /// Time of the close, ns since boot; `None`: the session is open.
    pub closed: Option<u64>,
    /// True if the session was not seen whole. Known at the close.
    pub partial: bool,
}

/// A read or lseek with all that happens in it, or a single update outside of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Number of the first row.
    pub first: u32,
    /// Number of rows, from the first one on.
    pub rows: u32,
    /// Kind of the item.
    pub kind: ItemKind,
    /// Highest severity of the findings in it; `None`: there are none.
    pub worst: Option<Severity>,
}

/// The rows from a start to its stop, with the findings about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Number of the row of start.
    pub first: u32,
    /// Number of rows, from the first one on.
    pub rows: u32,
    /// Highest severity of the findings in it; `None`: there are none.
    pub worst: Option<Severity>,
    /// True if stop has returned, or the item has ended.
    done: bool,
}

impl Pass {
    /// Returns the numbers of the rows.
    pub fn range(&self) -> Range<u32> {
        self.first..self.first + self.rows
    }
}

/// Kind of an [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A read. Calls of other threads that overlap it begin items of their own.
    Read {
        /// True if it has returned, or another call has begun.
        done: bool,
    },
    /// An lseek. Calls of other threads that overlap it begin items of their own.
    Lseek {
        /// True if it has returned, or another call has begun.
        done: bool,
    },
    /// An update outside of reads and lseeks.
    Single,
}

impl Item {
    /// Returns the numbers of the rows.
    pub fn range(&self) -> Range<u32> {
        self.first..self.first + self.rows
    }

    fn is_open(&self) -> bool {
        matches!(self.kind, ItemKind::Read { done: false } | ItemKind::Lseek { done: false })
    }

    fn end(&mut self) {
        match &mut self.kind {
            ItemKind::Read { done } | ItemKind::Lseek { done } => *done = true,
            ItemKind::Single => {}
        }
    }
}

impl Session {
    pub(crate) fn new(facts: Arc<update::Session>, begin: u64) -> Self {
        Self {
            rows: Rows::new(Arc::clone(&facts)),
            facts,
            items: VecDeque::new(),
            passes: VecDeque::new(),
            totals: Totals::default(),
            worst: None,
            begin,
            closed: None,
            partial: false,
        }
    }

    /// Adds an update. Returns the number of bytes that a block of rows took, if one is complete.
    pub(crate) fn push(&mut self, update: &Update) -> Option<usize> {
        let row = self.rows.end();
        let block = self.rows.push(update);
        let begun = self.group(row, update);
        self.add_to_pass(row, update, begun);
        match &update.what {
            UpdateKind::ReadEnd(end) => self.totals.add(&end.totals),
            UpdateKind::Finding(finding) => self.worst = self.worst.max(Some(finding.severity)),
            UpdateKind::Close { totals, partial, .. } => {
                (self.totals, self.partial) = (*totals, !partial.is_empty());
                self.closed = Some(update.time);
                return Some(block.unwrap_or_default() + self.rows.compress());
            }
            _ => {}
        }
        block
    }

    /// Drops the oldest block of rows. Returns its number of rows and of bytes.
    pub(crate) fn drop_block(&mut self) -> (u32, usize) {
        let dropped = self.rows.drop_block().unwrap_or_default();
        let first = self.rows.first();
        while self.items.pop_front_if(|item| item.range().end <= first).is_some() {}
        while self.passes.pop_front_if(|pass| pass.range().end <= first).is_some() {}
        dropped
    }

    /// Returns the item with a row; `None` if there is no such row.
    pub fn item_at(&self, row: u32) -> Option<&Item> {
        let behind = self.items.partition_point(|item| item.first <= row);
        self.items.get(behind.checked_sub(1)?).filter(|item| item.range().contains(&row))
    }

    /// Returns the pass with a row; `None` if the row is outside of passes.
    pub fn pass_at(&self, row: u32) -> Option<&Pass> {
        let behind = self.passes.partition_point(|pass| pass.first <= row);
        self.passes.get(behind.checked_sub(1)?).filter(|pass| pass.range().contains(&row))
    }

    /// Adds the row of an update to the pass in progress, or begins one. `begun`: true if the row begins an item.
    fn add_to_pass(&mut self, row: u32, update: &Update, begun: bool) {
        let role = match &update.what {
            UpdateKind::Callback(callback) => Some(callback.role),
            _ => None,
        };
        let in_item = !begun && self.items.back().is_some_and(Item::is_open);
        if role == Some(Role::Start) && in_item {
            self.passes.push_back(Pass { first: row, rows: 1, worst: None, done: false });
            return;
        }
        let Some(pass) = self.passes.back_mut().filter(|pass| pass.range().end == row) else {
            return;
        };
        pass.done |=
            begun || matches!(update.what, UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. });
        if begun || (pass.done && !is_about_last(update)) {
            return;
        }
        pass.rows += 1;
        pass.done |= role == Some(Role::Stop);
        if let UpdateKind::Finding(finding) = &update.what {
            pass.worst = pass.worst.max(Some(finding.severity));
        }
    }

    /// Adds the row of an update to the item in progress, or begins one. Returns true if it begins one.
    fn group(&mut self, row: u32, update: &Update) -> bool {
        let begun = match update.what {
            UpdateKind::ReadBegin { .. } => Some(ItemKind::Read { done: false }),
            UpdateKind::LseekBegin { .. } => Some(ItemKind::Lseek { done: false }),
            UpdateKind::Close { .. } => Some(ItemKind::Single),
            _ => None,
        };
        let last = self.items.back_mut();
        let joins = begun.is_none()
            && last.as_ref().is_some_and(|item| item.is_open() || is_about_last(update));
        if let Some(last) = last {
            if joins {
                last.rows += 1;
            } else {
                last.end();
            }
        }
        if !joins {
            let kind = begun.unwrap_or(ItemKind::Single);
            self.items.push_back(Item { first: row, rows: 1, kind, worst: None });
        }
        let Some(item) = self.items.back_mut() else { return !joins };
        match &update.what {
            UpdateKind::Finding(finding) => item.worst = item.worst.max(Some(finding.severity)),
            UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. } => item.end(),
            _ => {}
        }
        !joins
    }
}

/// Returns true if the update is about the one before it, and thus belongs to the same item.
fn is_about_last(update: &Update) -> bool {
    matches!(update.what, UpdateKind::Finding(_) | UpdateKind::Preview { .. })
}
