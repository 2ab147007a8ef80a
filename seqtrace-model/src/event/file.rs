//! Opens, and the functions of the opened files.

use super::{Key, Role, Task};
use crate::symbol::{Callbacks, Resolve, Symbol, Unnamed};

/// A kernel function that opens or releases a file. A variant has the name of its function.
#[expect(missing_docs, reason = "a variant has the name of its kernel function")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrapper {
    SingleOpen,
    SingleOpenSize,
    SeqOpenPrivate,
    /// `__seq_open_private()`, called without its wrapper.
    SeqOpenPrivateRaw,
    /// `seq_open()`, called without a wrapper.
    SeqOpen,
    SeqRelease,
    SingleRelease,
    SeqReleasePrivate,
    /// `proc_reg_open()`, for a plain procfs file.
    ProcRegOpen,
    /// `proc_reg_release()`, for a plain procfs file.
    ProcRegRelease,
}

impl Wrapper {
    /// Returns the function's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SingleOpen => "single_open",
            Self::SingleOpenSize => "single_open_size",
            Self::SeqOpenPrivate => "seq_open_private",
            Self::SeqOpenPrivateRaw => "__seq_open_private",
            Self::SeqOpen => "seq_open",
            Self::SeqRelease => "seq_release",
            Self::SingleRelease => "single_release",
            Self::SeqReleasePrivate => "seq_release_private",
            Self::ProcRegOpen => "proc_reg_open",
            Self::ProcRegRelease => "proc_reg_release",
        }
    }
}

/// Addresses of the four callbacks in a `struct seq_operations`; 0 for a NULL member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct OpTable {
    /// Address of the start callback.
    pub start: u64,
    /// Address of the next callback.
    pub next: u64,
    /// Address of the show callback.
    pub show: u64,
    /// Address of the stop callback.
    pub stop: u64,
}

impl OpTable {
    /// Returns the address of one callback.
    pub const fn of(&self, role: Role) -> u64 {
        match role {
            Role::Start => self.start,
            Role::Next => self.next,
            Role::Show => self.show,
            Role::Stop => self.stop,
        }
    }
}

/// Kind of a file: a seq file or a plain procfs file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A seq file, whose callbacks the core calls.
    Seq {
        /// Address of the `struct seq_file`.
        m: u64,
        /// `m->op`: address of the table of callbacks, which is constant for most files and on the heap after
        /// single_open(); 0 for NULL (a kernfs file without seq_file operations).
        op: u64,
        /// Addresses of the callbacks; all 0 if `op` is 0.
        table: OpTable,
        /// `m->private` when the file was opened.
        private: u64,
        /// Buffer size when the file was opened, bytes: 0, or the size that was passed to single_open_size().
        size: u64,
        /// Address of the show() of a sysfs or cgroup file, which `table.show`, a function of kernfs, finally calls; 0
        /// for other files, or if it was not found. There may be no function at this address.
        inner: u64,
    },
    /// A plain procfs file, which has handlers instead of callbacks.
    Plain {
        /// Address of `proc_ops::proc_read` or `proc_read_iter`; 0 for NULL.
        read: u64,
        /// Address of `proc_ops::proc_write`; 0 for NULL.
        write: u64,
    },
}

impl FileKind {
    /// Looks up the names of the file's functions.
    pub fn functions(&self, names: &mut impl Resolve) -> Functions {
        match *self {
            Self::Seq { op: 0, .. } => Functions::None,
            Self::Seq { op, table, inner, .. } => Functions::Callbacks(Callbacks {
                table: names.table(op),
                start: names.function(table.start),
                next: names.function(table.next),
                show: show(inner, table.show, names),
                stop: names.function(table.stop),
            }),
            Self::Plain { read, write } => {
                Functions::Handlers([names.function(read), names.function(write)])
            }
        }
    }
}

/// Returns the show() that renders: `inner`, if there is a function at that address, else `outer`, which calls it.
fn show(inner: u64, outer: u64, names: &mut impl Resolve) -> Symbol {
    if inner != 0 {
        let found = names.function(inner);
        if found.name.is_some() {
            return found;
        }
    }
    names.function(outer)
}

/// A file's functions by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Functions {
    /// A seq file without operations (`m->op` is NULL).
    None,
    /// Callbacks of a seq file, by name.
    Callbacks(Callbacks),
    /// Read and write handler of a plain file, by name.
    Handlers([Symbol; 2]),
}

/// An open of a file, or the first event of one that was already open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Key of the session that begins.
    pub key: Key,
    /// 0, or the negative errno with which the open failed; then no other event of the session follows.
    pub ret: i32,
    /// The task that opened the file; if `adopted`, the first task that was seen using it.
    pub task: Task,
    /// Address of the `struct file`.
    pub file: u64,
    /// Addresses of the seq_file and its callbacks, or of the plain handlers.
    pub kind: FileKind,
    /// True if the file was open before seqtrace attached.
    pub adopted: bool,
    /// True if seqtrace itself opened the file; no other event of the session follows.
    pub own: bool,
    /// Components of the path from the root of the file's filesystem, without the mount point.
    pub components: Vec<Vec<u8>>,
    /// True if the first components are missing: the path was too deep or too long.
    pub path_cut: bool,
    /// Path as a user would type it, e.g. `/proc/net/tcp`: with the mount point, as far as it is known. Any bytes, not
    /// yet escaped for a terminal.
    pub path: Vec<u8>,
    /// Names of the functions whose addresses are in `kind`.
    pub functions: Functions,
    /// Inode number of the file (`inode->i_ino`).
    pub ino: u64,
    /// Device number (`super_block->s_dev`): major << 20 | minor.
    pub dev: u32,
    /// Type of the filesystem (`super_block->s_magic`).
    pub magic: u32,
    /// Mode of the file (`file->f_mode`): bit 0 read, bit 1 write, bit 2 lseek.
    pub mode: u32,
    /// The outermost wrapper of seq_open() that the file was opened through; `None` for seq_open() itself.
    pub via: Option<Wrapper>,
}

impl Open {
    /// Creates a successful open with this key and kind of file. All other values are empty.
    pub fn new(key: Key, kind: FileKind) -> Self {
        Self {
            key,
            ret: 0,
            task: Task::default(),
            file: 0,
            kind,
            adopted: false,
            own: false,
            components: Vec::new(),
            path_cut: false,
            path: Vec::new(),
            functions: kind.functions(&mut Unnamed),
            ino: 0,
            dev: 0,
            magic: 0,
            mode: 0,
            via: None,
        }
    }

    /// Joins the components to a path without a mount point.
    pub fn joined(&self) -> Vec<u8> {
        let parts = self.components.iter().flat_map(|name| [b"/", name.as_slice()]);
        parts.flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source with names for the addresses below 100.
    struct Few;

    impl Resolve for Few {
        fn function(&mut self, address: u64) -> Symbol {
            let name = (address < 100).then(|| format!("f{address}").into());
            Symbol { name, ..Symbol::unnamed(address) }
        }

        fn table(&mut self, _address: u64) -> Option<Symbol> {
            None
        }
    }

    #[test]
    fn an_inner_function_with_a_name_replaces_its_wrapper() {
        let table = OpTable { start: 1, next: 2, show: 3, stop: 4 };
        for (inner, expected) in [(0, "f3"), (7, "f7"), (500, "f3")] {
            let kind = FileKind::Seq { m: 1, op: 2, table, private: 0, size: 0, inner };
            let Functions::Callbacks(found) = kind.functions(&mut Few) else {
                panic!("a seq file")
            };
            assert_eq!(found.show.name.as_deref(), Some(expected), "{inner}");
        }
    }
}
