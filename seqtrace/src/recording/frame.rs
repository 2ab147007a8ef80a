//! The messages of an Arrow IPC stream, and whether they can be what they claim.
//!
//! A recording may come from anywhere. Arrow's decoder validates arrays but trusts the lengths and
//! offsets that lead to them: it allocates what it is told to and asserts what it expects. So they
//! are checked here, before it sees them.

use std::io::{self, Read};

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::{BodyCompressionMethod, CompressionType, RecordBatch, root_as_message};
use arrow_schema::{DataType, Schema};

/// Most bytes of a message's metadata.
const META_LIMIT: usize = 1 << 20;
/// Most bytes of a batch, packed and unpacked.
const BODY_LIMIT: i64 = 256 << 20;
/// Most rows of a batch, and items of a list column.
const ROW_LIMIT: i64 = 1 << 24;
/// Marks the beginning of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// What is next in a stream.
pub(super) enum Frame {
    /// A message's metadata, a flatbuffer; and what it describes.
    Message { meta: Buffer, body: Buffer },
    /// The mark that ends a stream.
    End,
    /// Nothing more, though no such mark was seen: cut between two messages, or inside one.
    Cut,
}

/// Why there is no next message.
#[derive(Debug)]
pub(super) enum FrameError {
    Io(io::Error),
    Damaged(&'static str),
}

/// Reads the next message.
pub(super) fn read(input: &mut impl Read) -> Result<Frame, FrameError> {
    let mut prefix = [0; 8];
    let read = fill(input, &mut prefix)?;
    let begun = read.min(CONTINUATION.len());
    if prefix[..begun] != CONTINUATION[..begun] {
        return Err(FrameError::Damaged("a message does not begin where one should"));
    }
    if read < prefix.len() {
        return Ok(Frame::Cut);
    }
    let [_, _, _, _, length @ ..] = prefix;
    let length = match usize::try_from(i32::from_le_bytes(length)) {
        Ok(0) => return Ok(Frame::End),
        Ok(length @ ..=META_LIMIT) => length,
        _ => return Err(FrameError::Damaged("the length of a message is out of range")),
    };
    let Some(meta) = buffer(input, length)? else { return Ok(Frame::Cut) };
    let message =
        root_as_message(&meta).map_err(|_| FrameError::Damaged("a message is malformed"))?;
    let length = usize::try_from(message.bodyLength())
        .ok()
        .filter(|_| message.bodyLength() <= BODY_LIMIT)
        .ok_or(FrameError::Damaged("the length of a batch is out of range"))?;
    let Some(body) = buffer(input, length)? else { return Ok(Frame::Cut) };
    Ok(Frame::Message { meta, body })
}

/// So many bytes; `None` if there are fewer.
fn buffer(input: &mut impl Read, length: usize) -> Result<Option<Buffer>, FrameError> {
    let mut bytes = MutableBuffer::try_from_len_zeroed(length)
        .map_err(|_| FrameError::Damaged("the length of a message is out of range"))?;
    let read = fill(input, &mut bytes)?;
    Ok((read == length).then(|| bytes.into()))
}

/// Reads until the bytes are full or there is no more.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<usize, FrameError> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(filled)
}

/// Whether a batch can be decoded: every buffer is there, unpacks to something of a size that makes
/// sense, and is large enough for the rows. The columns that are said to hold anything but null.
pub(super) fn check(
    batch: RecordBatch<'_>,
    schema: &Schema,
    body: &[u8],
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
    let mut walk = Walk { batch, compressed, body, node: 0, buffer: 0, room: BODY_LIMIT };
    let mut filled = Vec::new();
    for (column, field) in schema.fields().iter().enumerate() {
        let (rows, nulls) = walk.field(field.data_type())?;
        if rows != batch.length() {
            return Err("the columns of a batch differ in length");
        }
        if nulls < rows || rows == 0 {
            filled.push(column);
        }
    }
    let done = walk.node == batch.nodes().map_or(0, |nodes| nodes.len())
        && walk.buffer == batch.buffers().map_or(0, |buffers| buffers.len())
        && batch.variadicBufferCounts().is_none_or(|counts| counts.is_empty());
    if done { Ok(filled) } else { Err("a batch has more columns than the recording") }
}

/// Goes through the nodes and buffers of a batch as the types of its columns demand.
struct Walk<'a> {
    batch: RecordBatch<'a>,
    compressed: bool,
    body: &'a [u8],
    node: usize,
    buffer: usize,
    /// Bytes that may still be unpacked.
    room: i64,
}

impl Walk<'_> {
    /// A column; its rows, and how many of them are null.
    fn field(&mut self, data_type: &DataType) -> Result<(i64, i64), &'static str> {
        let nodes = self.batch.nodes().filter(|nodes| self.node < nodes.len());
        let node = nodes.ok_or("a batch lacks columns")?.get(self.node);
        self.node += 1;
        let (rows, nulls) = (node.length(), node.null_count());
        if !(0..=ROW_LIMIT).contains(&rows) || !(0..=rows).contains(&nulls) {
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

    /// A buffer that must hold at least so many bytes, in units of so many.
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
        if !(least..=self.room).contains(&unpacked) || unpacked % unit != 0 {
            return Err("the length of a buffer is out of range");
        }
        self.room -= unpacked;
        Ok(())
    }
}

/// Bytes of a number.
fn width(data_type: &DataType) -> Result<i64, &'static str> {
    let width = data_type.primitive_width().and_then(|width| i64::try_from(width).ok());
    width.ok_or("a column has an unknown type")
}
