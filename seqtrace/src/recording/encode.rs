//! Rows to the bytes of an Arrow IPC stream.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ipc::{
    CompressionType,
    writer::{IpcWriteOptions, StreamWriter},
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::{
    columns::{Columns, Row, fields},
    digest,
    head::Head,
};
use crate::event::Event;

/// Rows of a full batch.
const BATCH_ROWS: usize = 8192;
/// Bytes of variable length with which a batch is full too.
const BATCH_BYTES: usize = 4 << 20;
/// Fast: the columns are mostly zeros, which any level finds.
const LEVEL: i32 = 1;

/// Encodes into memory; whoever has it writes that out.
pub(super) struct Encoder {
    schema: SchemaRef,
    columns: Columns,
    stream: StreamWriter<Vec<u8>>,
    check: u32,
}

impl Encoder {
    /// Begins a stream.
    pub(super) fn new(head: &Head) -> Result<Self, ArrowError> {
        let mut fields = fields();
        fields.push(Field::new(digest::COLUMN, DataType::UInt32, true));
        let schema = Arc::new(Schema::new_with_metadata(fields, head.metadata()));
        let check = digest::of_header(&schema);
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(LEVEL))?;
        let stream = StreamWriter::try_new_with_options(Vec::new(), &schema, options)?;
        Ok(Self { schema, columns: Columns::default(), stream, check })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row) -> Result<(), ArrowError> {
        self.columns.push(row);
        self.end_full_batch()
    }

    /// Adds the row of a callback; false if the event is something else.
    pub(super) fn push_callback(&mut self, event: &Event) -> Result<bool, ArrowError> {
        let pushed = self.columns.push_callback(event);
        if pushed {
            self.end_full_batch()?;
        }
        Ok(pushed)
    }

    fn end_full_batch(&mut self) -> Result<(), ArrowError> {
        if self.columns.rows() >= BATCH_ROWS || self.columns.weight() >= BATCH_BYTES {
            self.end_batch()?;
        }
        Ok(())
    }

    /// True if there are rows that are in no batch yet.
    pub(super) fn is_pending(&self) -> bool {
        self.columns.rows() > 0
    }

    /// Makes a batch of the rows there are, if there are any.
    pub(super) fn end_batch(&mut self) -> Result<(), ArrowError> {
        let rows = self.columns.rows();
        if rows == 0 {
            return Ok(());
        }
        let mut arrays = self.columns.finish()?;
        let none = UInt32Array::new_null(rows);
        arrays.push(Arc::new(none));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        let fields = batch.schema_ref().fields().iter();
        let columns =
            fields.map(|field| field.name().as_str()).zip(batch.columns().iter().map(Some));
        self.check = digest::of_batch(self.check, rows, columns);
        let (schema, mut arrays, _) = batch.into_parts();
        arrays.pop();
        let check = (0..rows).map(|row| (row == 0).then_some(self.check));
        arrays.push(Arc::new(check.collect::<UInt32Array>()));
        self.stream.write(&RecordBatch::try_new(schema, arrays)?)
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self) -> Result<(), ArrowError> {
        self.end_batch()?;
        self.stream.finish()
    }

    /// The bytes so far, to be taken away.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        self.stream.get_mut()
    }
}
