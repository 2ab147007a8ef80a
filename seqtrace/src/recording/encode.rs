//! Rows to the bytes of an Arrow IPC stream.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ipc::{
    CompressionType,
    writer::{IpcWriteOptions, StreamWriter},
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::{
    checksum,
    columns::{Builders, fields},
    metadata::Head,
};

/// Number of rows at which a batch is full.
const BATCH_ROWS: usize = 8192;
/// Size of the values of variable length at which a batch is full, bytes.
const BATCH_BYTES: usize = 4 << 20;
/// zstd's compression level. The columns are mostly zeros, which the fastest level finds, too.
const LEVEL: i32 = 1;

/// Encoder of a recording. It writes into memory.
pub(super) struct Encoder {
    schema: SchemaRef,
    builders: Builders,
    stream: StreamWriter<Vec<u8>>,
    /// Checksum of the last batch; of the schema before the first.
    checksum: u32,
}

impl Encoder {
    /// Begins a stream.
    pub(super) fn new(head: &Head) -> Result<Self, ArrowError> {
        let mut fields = fields();
        fields.push(Field::new(checksum::COLUMN, DataType::UInt32, true));
        let schema = Arc::new(Schema::new_with_metadata(fields, head.metadata()));
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(LEVEL))?;
        let stream = StreamWriter::try_new_with_options(Vec::new(), &schema, options)?;
        let checksum = checksum::of_schema(&schema);
        Ok(Self { schema, builders: Builders::default(), stream, checksum })
    }

    /// Adds the row that `put` puts into the columns. Encodes the batch if it is full now.
    #[inline]
    pub(super) fn push(&mut self, put: impl FnOnce(&mut Builders)) -> Result<(), ArrowError> {
        put(&mut self.builders);
        if self.builders.rows >= BATCH_ROWS || self.builders.weight() >= BATCH_BYTES {
            self.end_batch()?;
        }
        Ok(())
    }

    /// Returns true if rows were added since the last batch.
    pub(super) fn is_pending(&self) -> bool {
        self.builders.rows > 0
    }

    /// Encodes the pending rows as a batch, if there are any.
    pub(super) fn end_batch(&mut self) -> Result<(), ArrowError> {
        let rows = self.builders.rows;
        if rows == 0 {
            return Ok(());
        }
        let mut arrays = self.builders.finish();
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        let columns = names.zip(arrays.iter().map(Some));
        self.checksum = checksum::of_batch(self.checksum, rows, columns);
        let checksum = (0..rows).map(|row| (row == 0).then_some(self.checksum));
        arrays.push(Arc::new(checksum.collect::<UInt32Array>()));
        self.stream.write(&RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }

    /// Encodes the pending rows and the mark that ends a stream.
    pub(super) fn finish(&mut self) -> Result<(), ArrowError> {
        self.end_batch()?;
        self.stream.finish()
    }

    /// Returns the bytes encoded so far. The caller removes what it has written out.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        self.stream.get_mut()
    }
}
