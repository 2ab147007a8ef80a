//! The columns of a recording: one table, from which everything else is made.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, builder::ArrayBuilder};
use arrow_schema::Field;

use super::{column_types::ColumnType, dictionary::Kind, limits, read::RowError};
use crate::event::{Role, Via, Wrapper};

/// A column of a batch that was read.
pub(super) struct Column<T: ColumnType> {
    pub(super) name: &'static str,
    array: T::Array,
}

impl<T: ColumnType> Column<T> {
    fn new(name: &'static str, batch: &RecordBatch) -> Result<Self, RowError> {
        let array = T::read(batch.column_by_name(name))
            .map_err(|value| RowError::UnknownValue { column: name, value })?;
        if T::longest(&array) > limits::longest(name) {
            return Err(RowError::TooLong { column: name });
        }
        Ok(Self { name, array })
    }

    /// Returns the value in a row; `None` if it is null.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<T> {
        T::get(&self.array, row)
    }
}

/// Appends null values to a column up to a row. Most columns are null in most rows: they cost nothing until a row has a
/// value, or the batch is finished.
macro_rules! pad {
    ($column:expr, $row:expr) => {
        let missing = $row.saturating_sub($column.len());
        if missing > 0 {
            $column.append_nulls(missing);
        }
    };
}
pub(super) use pad;

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
            pub(super) fn finish(&mut self) -> Vec<ArrayRef> {
                let rows = std::mem::take(&mut self.rows);
                $(pad!(self.$name, rows);)+
                let arrays: Vec<ArrayRef> = vec![$(Arc::new(self.$name.finish())),+];
                $(<$value as ColumnType>::reserve(&mut self.$name, rows);)+
                arrays
            }
        }

        /// A batch that was read.
        pub(super) struct Columns {
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
    /// CPU on which the event happened; null for a row that is no event.
    cpu: u16,
    /// Kind of the row.
    kind: Kind,
    /// Number of the session.
    session: u32,
    /// callback, blind: the callback.
    role: Role,
    /// Result of a function: bytes, an offset, show's int, or a negative errno.
    ret: i64,
    /// callback: result of start or next.
    pointer: u64,
    /// Value of `m->index`.
    index: i64,
    /// Value of `m->count`, bytes.
    count: u64,
    /// True if `m->count == m->size`: the record did not fit.
    full: bool,
    /// Value of `m->size`, bytes.
    size: u64,
    /// Value of `m->from`, bytes.
    from: u64,
    /// Value of `m->read_pos`, bytes.
    read_pos: i64,
    /// File offset, bytes.
    pos: i64,
    /// Bytes requested from a read, or passed to a write.
    want: u64,
    /// Process id of the caller.
    pid: u32,
    /// Thread id of the caller.
    tid: u32,
    /// Real user id of the caller.
    uid: u32,
    /// Name of the caller's task.
    comm: Vec<u8>,
    /// open: the path as a user would type it; null if only `names` is known. source: the path of the file.
    path: Vec<u8>,
    /// open, release: the function through which the file was opened or released.
    wrapper: Wrapper,
    /// release: true if the file itself is removed.
    removed: bool,
    /// open: address of the `struct file`.
    file: u64,
    /// open: address of the `struct seq_file`.
    m: u64,
    /// open, target: address of the `struct seq_operations`.
    op: u64,
    /// open, table_attached, target: value of `op->start`.
    start: u64,
    /// open, table_attached, target: value of `op->next`.
    next: u64,
    /// open, table_attached, target: value of `op->show`.
    show: u64,
    /// open, table_attached, target: value of `op->stop`.
    stop: u64,
    /// open, release, callback (start): value of `m->private`.
    private: u64,
    /// open: address of the show function that the wrapper of kernfs calls; null if there is none.
    inner: u64,
    /// open of a plain procfs file: address of its read handler.
    read_handler: u64,
    /// open of a plain procfs file: address of its write handler.
    write_handler: u64,
    /// open: true if the file was open before seqtrace attached.
    adopted: bool,
    /// open: true if seqtrace itself opened the file.
    own: bool,
    /// open: true if the session was selected. If not, only its open and its release are recorded.
    shown: bool,
    /// open: components of the path from the root of the file's filesystem.
    names: Vec<Vec<u8>>,
    /// open: true if the first components are missing.
    path_cut: bool,
    /// open: value of `inode->i_ino`.
    ino: u64,
    /// open: device number, major << 20 | minor.
    dev: u32,
    /// open: value of `super_block->s_magic`.
    magic: u32,
    /// open: value of `file->f_mode`.
    mode: u32,
    /// lseek_enter: the offset argument. function: distance from the beginning of its module's code, bytes.
    offset: i64,
    /// lseek_enter: 0 for SEEK_SET, 1 for SEEK_CUR.
    whence: u32,
    /// read_enter: the function through which the read came; null if unknown.
    via: Via,
    /// preview: first bytes of the record before.
    bytes: Vec<u8>,
    /// gap: number of events of this CPU that were lost.
    lost: u64,
    /// end: number of missed probe hits.
    missed: u64,
    /// function, table, blind, source: the address.
    address: u64,
    /// function, table, source: the name; null if there is none.
    name: String,
    /// function, table: the module; null for the kernel itself.
    module: String,
    /// source: number of the line at which the function is defined, from 1.
    line: u32,
    /// blind: reason for the user.
    reason: String,
    /// target: the target as the user wrote it.
    word: Vec<u8>,
    /// target: remark for the user.
    note: String,
    /// ready: number of attached probes.
    probes: u32,
}
