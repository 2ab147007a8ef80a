//! Validation of the messages of an Arrow IPC stream before Arrow decodes them.
//!
//! A recording may come from anywhere. Arrow's decoder validates arrays but trusts the lengths and offsets that lead to
//! them: it allocates any length and asserts what it expects. Both are therefore checked here first.

use std::io::{self, Read};

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::{BodyCompressionMethod, CompressionType, RecordBatch, root_as_message};
use arrow_schema::{DataType, Schema};

use super::{
    limits,
    reader::{ReadError, damaged},
};

/// First bytes of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Result of reading the next message.
pub(super) enum Message {
    /// A message: its metadata (a flatbuffer) and the body that the metadata describes.
    Whole { metadata: Buffer, body: Buffer },
    /// The mark that ends a stream.
    End,
    /// The input ended without that mark, between two messages or inside one.
    Cut,
}

/// Reads the next message and checks its lengths.
pub(super) fn read_message(input: &mut impl Read) -> Result<Message, ReadError> {
    let mut prefix = [0; 8];
    let read = fill(input, &mut prefix)?;
    let begun = read.min(CONTINUATION.len());
    if prefix[..begun] != CONTINUATION[..begun] {
        return Err(damaged("a message does not begin with the continuation mark"));
    }
    if read < prefix.len() {
        return Ok(Message::Cut);
    }
    let [_, _, _, _, length @ ..] = prefix;
    let length = match usize::try_from(i32::from_le_bytes(length)) {
        Ok(0) => return Ok(Message::End),
        Ok(length @ ..=limits::METADATA) => length,
        _ => return Err(damaged("the length of a message is out of range")),
    };
    let Some(metadata) = buffer(input, length)? else { return Ok(Message::Cut) };
    let message = root_as_message(&metadata).map_err(|_| damaged("a message is malformed"))?;
    let length = usize::try_from(message.bodyLength())
        .ok()
        .filter(|_| message.bodyLength() <= limits::BATCH)
        .ok_or_else(|| damaged("the length of a batch is out of range"))?;
    let Some(body) = buffer(input, length)? else { return Ok(Message::Cut) };
    Ok(Message::Whole { metadata, body })
}

/// Reads `length` bytes; returns `None` if the input ends before.
fn buffer(input: &mut impl Read, length: usize) -> Result<Option<Buffer>, ReadError> {
    let mut bytes = MutableBuffer::try_from_len_zeroed(length)
        .map_err(|_| damaged("the length of a message is out of range"))?;
    let read = fill(input, &mut bytes)?;
    Ok((read == length).then(|| bytes.into()))
}

/// Reads until `bytes` is full or the input ends. Returns the number of bytes read.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Checks that a batch can be decoded: every buffer lies inside the batch, decompresses to a permitted size, and is large
/// enough for the rows. `limit`: number of bytes to which all buffers may decompress. Returns the indices of the columns
/// that are not null in all rows.
pub(super) fn check_batch(
    batch: RecordBatch<'_>,
    schema: &Schema,
    body: &[u8],
    limit: i64,
) -> Result<Vec<usize>, &'static str> {
    let compressed = match batch.compression() {
        None => false,
        Some(compression)
            if compression.codec() == CompressionType::ZSTD
                && compression.method() == BodyCompressionMethod::BUFFER =>
        {
            true
        }
        Some(_) => return Err("a batch is compressed in an unknown way"),
    };
    if batch.length() > limits::ROWS {
        return Err("the number of rows is out of range");
    }
    let mut layout = Layout { batch, compressed, body, node: 0, buffer: 0, budget: limit };
    let mut filled = Vec::new();
    for (column, field) in schema.fields().iter().enumerate() {
        let (rows, nulls) = layout.field(field.data_type())?;
        if rows != batch.length() {
            return Err("the columns of a batch differ in length");
        }
        if nulls < rows || rows == 0 {
            filled.push(column);
        }
    }
    let done = layout.node == batch.nodes().map_or(0, |nodes| nodes.len())
        && layout.buffer == batch.buffers().map_or(0, |buffers| buffers.len())
        && batch.variadicBufferCounts().is_none_or(|counts| counts.is_empty());
    if done { Ok(filled) } else { Err("a batch has more columns than the recording") }
}

/// Cursor over the nodes and buffers of a batch, in the order that the types of its columns require.
struct Layout<'a> {
    batch: RecordBatch<'a>,
    compressed: bool,
    body: &'a [u8],
    /// Index of the next node.
    node: usize,
    /// Index of the next buffer.
    buffer: usize,
    /// Number of bytes to which the remaining buffers may decompress.
    budget: i64,
}

impl Layout<'_> {
    /// Checks a column. Returns the number of its rows, and of those that are null.
    fn field(&mut self, data_type: &DataType) -> Result<(i64, i64), &'static str> {
        let nodes = self.batch.nodes().filter(|nodes| self.node < nodes.len());
        let node = nodes.ok_or("a batch lacks columns")?.get(self.node);
        self.node += 1;
        let (rows, nulls) = (node.length(), node.null_count());
        if !(0..=limits::ITEMS).contains(&rows) || !(0..=rows).contains(&nulls) {
            return Err("the number of rows is out of range");
        }
        let bits = (rows + 7) / 8;
        self.buffer(if nulls > 0 { bits } else { 0 }, 1)?;
        let offsets = if rows > 0 { (rows + 1) * 4 } else { 0 };
        match data_type {
            DataType::Boolean => self.buffer(bits, 1)?,
            DataType::Dictionary(keys, _) => self.buffer(rows * width(keys)?, width(keys)?)?,
            DataType::Utf8 | DataType::Binary => {
                self.buffer(offsets, 4)?;
                self.buffer(0, 1)?;
            }
            DataType::List(item) => {
                self.buffer(offsets, 4)?;
                self.field(item.data_type())?;
            }
            numbers => self.buffer(rows * width(numbers)?, width(numbers)?)?,
        }
        Ok((rows, nulls))
    }

    /// Checks a buffer, which must hold at least `least` bytes and a multiple of `unit` bytes.
    fn buffer(&mut self, least: i64, unit: i64) -> Result<(), &'static str> {
        let buffers = self.batch.buffers().filter(|buffers| self.buffer < buffers.len());
        let buffer = buffers.ok_or("a batch lacks buffers")?.get(self.buffer);
        self.buffer += 1;
        let (offset, length) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
        let bytes = offset
            .ok()
            .zip(length.ok())
            .and_then(|(offset, length)| self.body.get(offset..offset.checked_add(length)?))
            .ok_or("a buffer lies outside of its batch")?;
        let unpacked = match (self.compressed, bytes.split_first_chunk()) {
            (true, Some((prefix, packed))) => match i64::from_le_bytes(*prefix) {
                -1 => i64::try_from(packed.len()).unwrap_or(i64::MAX),
                unpacked => unpacked,
            },
            (true, None) if !bytes.is_empty() => return Err("a buffer has no length"),
            _ => buffer.length(),
        };
        if !(least..=self.budget).contains(&unpacked) || unpacked % unit != 0 {
            return Err("the length of a buffer is out of range");
        }
        self.budget -= unpacked;
        Ok(())
    }
}

/// Returns the size of a number, bytes.
fn width(data_type: &DataType) -> Result<i64, &'static str> {
    let width = data_type.primitive_width().and_then(|width| i64::try_from(width).ok());
    width.ok_or("a column has an unknown type")
}
