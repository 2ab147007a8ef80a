//! The rows of a session as a tree: reads, their passes, and the rows in them. Branches are open or closed.
//!
//! A line of the tree is identified by its first row. Nothing here depends on the number of rows before it, so moving
//! takes as long in a session of ten million rows as in one of ten.

use rustc_hash::FxHashSet;
use seqtrace_view::{Item, ItemKind, Pass, Session};

/// The branches of a session that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folds {
    /// True if reads are open, except those in `items`.
    items_open: bool,
    /// First rows of the items that are exceptions from `items_open`.
    items: FxHashSet<u32>,
    /// True if passes are closed, except those in `passes`.
    passes_closed: bool,
    /// First rows of the passes that are exceptions from `passes_closed`.
    passes: FxHashSet<u32>,
}

/// A branch of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Branch {
    /// A read or lseek, by its first row.
    Item(u32),
    /// A pass, by its first row.
    Pass(u32),
}

/// The tree of a session, up to the row `end`.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'a> {
    pub(crate) session: &'a Session,
    pub(crate) folds: &'a Folds,
    /// Number of the row behind the last one that is visible.
    pub(crate) end: u32,
}

impl Folds {
    /// Opens or closes all branches.
    pub(crate) fn set_all(&mut self, open: bool) {
        *self = Self { items_open: open, passes_closed: !open, ..Self::default() };
    }

    /// Opens or closes a branch.
    pub(crate) fn set(&mut self, branch: Branch, open: bool) {
        let (set, first, is_exception) = match branch {
            Branch::Item(first) => (&mut self.items, first, open != self.items_open),
            Branch::Pass(first) => (&mut self.passes, first, open == self.passes_closed),
        };
        if is_exception {
            set.insert(first);
        } else {
            set.remove(&first);
        }
    }

    pub(crate) fn is_open(&self, branch: Branch) -> bool {
        match branch {
            Branch::Item(first) => self.items_open != self.items.contains(&first),
            Branch::Pass(first) => self.passes_closed == self.passes.contains(&first),
        }
    }
}

/// Returns true if the item can be closed: a single update and the findings about it stay visible.
fn folds(item: &Item) -> bool {
    item.kind != ItemKind::Single && item.rows > 1
}

impl Tree<'_> {
    /// Returns the first row of the tree; `None` if there are no rows.
    pub(crate) fn first(&self) -> Option<u32> {
        let first = self.session.rows.first();
        (first < self.end).then_some(first)
    }

    /// Returns the last line of the tree; `None` if there are no rows.
    pub(crate) fn last(&self) -> Option<u32> {
        self.first().map(|_| self.head(self.end - 1))
    }

    /// Returns the closed item with a row, if it is in one.
    fn closed_item(&self, row: u32) -> Option<&Item> {
        let item = self.session.item_at(row)?;
        (folds(item) && !self.folds.is_open(Branch::Item(item.first))).then_some(item)
    }

    /// Returns the closed pass with a row, if it is in one.
    fn closed_pass(&self, row: u32) -> Option<&Pass> {
        let pass = self.session.pass_at(row)?;
        (pass.rows > 1 && !self.folds.is_open(Branch::Pass(pass.first))).then_some(pass)
    }

    /// Returns the rows that are closed together with a row; the row itself if it is visible.
    pub(crate) fn hidden_with(&self, row: u32) -> std::ops::Range<u32> {
        let closed = self.closed_item(row).map(Item::range);
        closed.or_else(|| self.closed_pass(row).map(Pass::range)).unwrap_or(row..row + 1)
    }

    /// Returns the line that shows a row: the row itself, or that of the closed branch around it.
    pub(crate) fn head(&self, row: u32) -> u32 {
        let row = row.min(self.end.saturating_sub(1));
        self.hidden_with(row).start.max(self.session.rows.first())
    }

    /// Returns the line below; `None` if there is none.
    pub(crate) fn below(&self, row: u32) -> Option<u32> {
        let next = self.hidden_with(row).end;
        (next < self.end).then_some(next)
    }

    /// Returns the line above; `None` if there is none.
    pub(crate) fn above(&self, row: u32) -> Option<u32> {
        let row = self.head(row);
        (row > self.session.rows.first()).then(|| self.head(row - 1))
    }

    /// Returns the branch that begins at a row; `None` if none does.
    pub(crate) fn branch(&self, row: u32) -> Option<Branch> {
        let first = self.session.rows.first();
        let begins = |begin: u32| begin.max(first) == row;
        let item = self.session.item_at(row).filter(|item| folds(item) && begins(item.first));
        let pass = self.session.pass_at(row).filter(|pass| pass.rows > 1 && begins(pass.first));
        item.map(|item| Branch::Item(item.first))
            .or_else(|| pass.map(|pass| Branch::Pass(pass.first)))
    }

    /// Returns the line of the branch around a row; `None` if it is in none.
    pub(crate) fn parent(&self, row: u32) -> Option<u32> {
        let first = self.session.rows.first();
        let pass =
            self.session.pass_at(row).map(|pass| pass.first.max(first)).filter(|pass| *pass < row);
        pass.or_else(|| {
            let item = self.session.item_at(row).filter(|item| folds(item))?;
            Some(item.first.max(first)).filter(|item| *item < row)
        })
    }

    /// Returns the number of branches around a row.
    pub(crate) fn depth(&self, row: u32) -> usize {
        let item = self.session.item_at(row).is_some_and(|item| item.first < row && folds(item));
        let pass = self.session.pass_at(row).is_some_and(|pass| pass.first < row);
        usize::from(item) + usize::from(pass)
    }
}

/// Opens the branches around a row.
pub(crate) fn reveal(folds: &mut Folds, session: &Session, row: u32) {
    if let Some(item) = session.item_at(row).filter(|item| item.first < row) {
        folds.set(Branch::Item(item.first), true);
    }
    if let Some(pass) = session.pass_at(row).filter(|pass| pass.first < row) {
        folds.set(Branch::Pass(pass.first), true);
    }
}
