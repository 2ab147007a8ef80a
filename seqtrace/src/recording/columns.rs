//! The columns of a recording: one table, from which everything else is made.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Field};

use super::{column_types::ColumnType, kind::Kind, read::RowError};
use crate::event::{Role, Via, Wrapper};

/// A column of a batch that was read.
pub(super) struct Column<T: ColumnType> {
    pub(super) name: &'static str,
    /// `None` if the file does not have the column, or the batch has no value in it.
    array: Option<T::Array>,
}

impl<T: ColumnType> Column<T> {
    fn new(name: &'static str, batch: &RecordBatch) -> Result<Self, RowError> {
        let array = match batch.column_by_name(name) {
            Some(array) => T::read(array.as_ref())
                .map_err(|value| RowError::UnknownValue { column: name, value })?,
            None => None,
        };
        Ok(Self { name, array })
    }

    /// Returns the value in a row, which the batch must have; `None` if it is null.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<T> {
        self.array.as_ref().and_then(|array| T::get(array, row))
    }
}

macro_rules! columns {
    ($($(#[doc = $doc:literal])+ $name:ident: $value:ty,)+) => {
        /// A batch under construction. The kind of a row decides which columns have a value.
        #[derive(Default)]
        pub(super) struct Builders {
            /// Number of complete rows.
            pub(super) rows: usize,
            $($(#[doc = $doc])+ pub(super) $name: <$value as ColumnType>::Builder,)+
        }

        impl Builders {
            /// Returns the size of all values of variable length, bytes.
            pub(super) fn weight(&self) -> usize {
                0 $(+ <$value as ColumnType>::weight(&self.$name))+
            }

            /// Takes the rows as arrays, in the order of [`fields`].
            pub(super) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
                let rows = std::mem::take(&mut self.rows);
                Ok(vec![$(<$value as ColumnType>::finish(&mut self.$name, rows)?),+])
            }
        }

        /// A batch that was read.
        pub(super) struct Columns {
            /// Number of rows.
            pub(super) rows: usize,
            $(pub(super) $name: Column<$value>,)+
        }

        impl Columns {
            /// Takes the columns of a batch by their names.
            pub(super) fn new(batch: &RecordBatch) -> Result<Self, RowError> {
                Ok(Self {
                    rows: batch.num_rows(),
                    $($name: Column::new(stringify!($name), batch)?,)+
                })
            }
        }

        /// Returns the names and types of all columns.
        pub(super) fn fields() -> Vec<Field> {
            vec![$(Field::new(stringify!($name), <$value as ColumnType>::data_type(), true)),+]
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
