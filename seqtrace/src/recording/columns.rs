//! The columns of a recording: one table, from which everything else is made.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Field};

use super::{
    cells::{Cell, UnknownWord},
    row::Kind,
};
use crate::event::{Body, Callback, Event, Role, Via, Wrapper};

macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $name:ident: $cell:ty,)+) => {
        /// A row: an event, or what is needed to understand those that follow. Which columns have a
        /// value depends on the kind.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(super) struct Row {
            $($(#[doc = $doc])+ pub(super) $name: Option<$cell>,)+
        }

        /// A batch under construction.
        #[derive(Default)]
        pub(super) struct Columns {
            rows: usize,
            $($name: <$cell as Cell>::Column,)+
        }

        impl Columns {
            /// How many rows there are.
            pub(super) fn rows(&self) -> usize {
                self.rows
            }

            /// Bytes of variable length in them.
            pub(super) fn weight(&self) -> usize {
                0 $(+ <$cell as Cell>::weight(&self.$name))+
            }

            /// Adds a row.
            pub(super) fn push(&mut self, row: Row) {
                $(if let Some(value) = row.$name {
                    value.put(&mut self.$name, self.rows);
                })+
                self.rows += 1;
            }

            /// The arrays, in the order of [`fields`]; begins anew.
            pub(super) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
                let rows = std::mem::take(&mut self.rows);
                Ok(vec![$(<$cell as Cell>::finish(&mut self.$name, rows)?),+])
            }
        }

        /// A batch that was read. A column that the file does not have is null.
        pub(super) struct Arrays {
            rows: usize,
            $(pub(super) $name: Option<<$cell as Cell>::Array>,)+
        }

        impl Arrays {
            /// Takes the columns by name.
            pub(super) fn of(batch: &RecordBatch) -> Result<Self, UnknownWord> {
                $(let $name = match batch.column_by_name(stringify!($name)) {
                    Some(column) => <$cell as Cell>::array(column.as_ref())?,
                    None => None,
                };)+
                Ok(Self { rows: batch.num_rows(), $($name,)+ })
            }

            /// How many rows there are.
            pub(super) fn rows(&self) -> usize {
                self.rows
            }

            /// A row; there must be one.
            pub(super) fn row(&self, row: usize) -> Row {
                Row {
                    $($name: self.$name.as_ref().and_then(|a| <$cell as Cell>::get(a, row)),)+
                }
            }
        }

        /// Names and types.
        pub(super) fn fields() -> Vec<Field> {
            vec![$(Field::new(stringify!($name), <$cell as Cell>::data_type(), true)),+]
        }
    };
}

columns! {
    /// CLOCK_MONOTONIC, ns since boot.
    time: u64,
    /// On which CPU; null for what is no event.
    cpu: u16,
    /// What the row is.
    kind: Kind,
    /// The session's number.
    session: u32,
    /// Which callback.
    role: Role,
    /// What a function returned: bytes, an offset, show's int, or a negative errno.
    ret: i64,
    /// What start or next returned.
    pointer: u64,
    /// `m->index`
    index: i64,
    /// `m->count`, bytes.
    count: u64,
    /// `m->count == m->size`: the record did not fit.
    full: bool,
    /// `m->size`, bytes.
    size: u64,
    /// `m->from`, bytes.
    from: u64,
    /// `m->read_pos`
    read_pos: i64,
    /// File offset.
    pos: i64,
    /// Bytes asked for or given.
    want: u64,
    /// Process id.
    pid: u32,
    /// Thread id.
    tid: u32,
    /// Real user id.
    uid: u32,
    /// The task's name.
    comm: Vec<u8>,
    /// open: the path as a user would type it.
    path: Vec<u8>,
    /// open, release: through which function.
    wrapper: Wrapper,
    /// release: the file itself goes away.
    removed: bool,
    /// `struct file *`
    file: u64,
    /// `struct seq_file *`
    m: u64,
    /// `m->op`
    op: u64,
    /// `op->start`
    start: u64,
    /// `op->next`
    next: u64,
    /// `op->show`
    show: u64,
    /// `op->stop`
    stop: u64,
    /// `m->private`
    private: u64,
    /// open: the show behind that of kernfs
    inner: u64,
    /// open of a plain procfs file: its read handler.
    read_handler: u64,
    /// open of a plain procfs file: its write handler.
    write_handler: u64,
    /// open: it was open before seqtrace attached.
    adopted: bool,
    /// open: by seqtrace itself.
    own: bool,
    /// open: its session was selected. Of one that was not, only open and release are here.
    shown: bool,
    /// open: the names from the root of the file's filesystem.
    names: Vec<Vec<u8>>,
    /// open: the first names are missing.
    path_cut: bool,
    /// open: `inode->i_ino`
    ino: u64,
    /// open: major << 20 | minor
    dev: u32,
    /// open: `super_block->s_magic`
    magic: u32,
    /// open: `file->f_mode`
    mode: u32,
    /// lseek_enter: the offset argument. function: bytes from the beginning of its module's code.
    offset: i64,
    /// lseek_enter: SEEK_SET 0, SEEK_CUR 1.
    whence: u32,
    /// read_enter: through which function it came.
    via: Via,
    /// preview: the first bytes of the record before.
    bytes: Vec<u8>,
    /// gap: how many events of this CPU were lost.
    lost: u64,
    /// end: probe hits that were missed.
    missed: u64,
    /// function, table, blind: where it is.
    address: u64,
    /// function, table: its name; null if there is none.
    name: String,
    /// function, table: the module it is in; null for the kernel itself.
    module: String,
    /// blind: why.
    reason: String,
    /// target: as the user wrote it.
    word: Vec<u8>,
    /// target: what is special with it.
    note: String,
    /// ready: how many probes are attached.
    probes: u32,
}

impl Columns {
    /// Adds the row of a callback as [`Row::of`] would make it, without a look at the columns that it
    /// has nothing for. False, and nothing added, if the event is something else.
    pub(super) fn push_callback(&mut self, event: &Event) -> bool {
        let Event { time, cpu, body } = event;
        let Body::Callback(Callback { key, role, ret, index, count, full, private }) = body else {
            return false;
        };
        let row = self.rows;
        time.put(&mut self.time, row);
        cpu.put(&mut self.cpu, row);
        Kind::Callback.put(&mut self.kind, row);
        key.put(&mut self.session, row);
        role.put(&mut self.role, row);
        match role {
            Role::Start | Role::Next => ret.put(&mut self.pointer, row),
            Role::Show | Role::Stop => ret.cast_signed().put(&mut self.ret, row),
        }
        index.put(&mut self.index, row);
        u64::from(*count).put(&mut self.count, row);
        full.put(&mut self.full, row);
        if let Some(private) = private {
            private.put(&mut self.private, row);
        }
        self.rows += 1;
        true
    }
}
