//! A session, with its rows in groups.

use std::ops::Range;
use std::sync::Arc;

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
    /// The rows in groups, in order: each row is in one.
    pub items: Vec<Item>,
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
    /// Number of rows.
    pub rows: u32,
    /// Kind of the item.
    pub kind: ItemKind,
    /// Highest severity of the findings in it; `None`: there are none.
    pub worst: Option<Severity>,
}

/// Kind of an [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A read. Calls of other threads that overlap it begin items of their own.
    Read {
        /// True if it has returned, or another call has begun.
        done: bool,
    },
    /// An lseek.
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
            items: Vec::new(),
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
        self.group(row, update);
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

    /// Adds the row of an update to the item in progress, or begins one.
    fn group(&mut self, row: u32, update: &Update) {
        let begun = match update.what {
            UpdateKind::ReadBegin { .. } => Some(ItemKind::Read { done: false }),
            UpdateKind::LseekBegin { .. } => Some(ItemKind::Lseek { done: false }),
            UpdateKind::Close { .. } => Some(ItemKind::Single),
            _ => None,
        };
        let last = self.items.last_mut();
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
            self.items.push(Item { first: row, rows: 1, kind, worst: None });
        }
        let Some(item) = self.items.last_mut() else { return };
        match &update.what {
            UpdateKind::Finding(finding) => item.worst = item.worst.max(Some(finding.severity)),
            UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. } => item.end(),
            _ => {}
        }
    }
}

/// Returns true if the update is about the one before it, and thus belongs to the same item.
fn is_about_last(update: &Update) -> bool {
    matches!(update.what, UpdateKind::Finding(_) | UpdateKind::Preview { .. })
}
