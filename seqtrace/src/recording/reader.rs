//! A recording, batch by batch.

use std::{
    collections::HashMap,
    io::{self, Read},
};

use arrow_array::{ArrayRef, cast::AsArray, types::UInt32Type};
use arrow_buffer::Buffer;
use arrow_ipc::{
    DictionaryBatch, Endianness, MessageHeader, MetadataVersion, RecordBatch,
    convert::try_fb_to_schema,
    reader::{read_dictionary, read_record_batch},
    root_as_message,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::{
    callbacks::Callbacks,
    cells::UnknownWord,
    columns::{Arrays, fields},
    digest,
    frame::{self, Frame, FrameError},
    head::{Head, HeadError},
    item::Item,
    row::RowError,
};
use crate::event::Event;

/// Why a recording cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system says so.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("is not a recording of seqtrace")]
    Foreign,
    /// It ends before it has begun.
    #[error("ends before its first event")]
    Headless,
    /// A newer seqtrace made it.
    #[error("was made by a newer seqtrace: {0}")]
    TooNew(String),
    /// What is there cannot have been written like that.
    #[error("is damaged: {0}")]
    Damaged(String),
}

impl From<FrameError> for ReadError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => Self::Io(error),
            FrameError::Damaged(why) => Self::Damaged(why.to_owned()),
        }
    }
}

impl From<ArrowError> for ReadError {
    fn from(error: ArrowError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<UnknownWord> for ReadError {
    fn from(UnknownWord(word): UnknownWord) -> Self {
        Self::TooNew(format!("it has rows of an unknown kind `{}`", word.escape_debug()))
    }
}

impl From<HeadError> for ReadError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Foreign => Self::Foreign,
            HeadError::TooNew { format, version } => {
                Self::TooNew(format!("format {format} of {}", version.escape_debug()))
            }
            HeadError::Bad(key) => Self::Damaged(format!("{key} makes no sense")),
        }
    }
}

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// In the middle: whoever wrote it did not come to an end, or a part of the file is missing.
    Cut,
}

/// Reads a recording.
pub struct Reader<R> {
    input: R,
    head: Head,
    schema: SchemaRef,
    version: MetadataVersion,
    dictionaries: HashMap<i64, ArrayRef>,
    /// The checksum of the batch before.
    check: u32,
    ended: bool,
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Reads the head.
    ///
    /// # Errors
    ///
    /// It is no recording, or one of a newer seqtrace, or ends within its head.
    pub fn open(mut input: R) -> Result<Self, ReadError> {
        let (meta, _body) = match frame::read(&mut input) {
            Ok(Frame::Message { meta, body }) => (meta, body),
            Ok(Frame::Cut | Frame::End) => return Err(ReadError::Headless),
            Err(FrameError::Damaged(_)) => return Err(ReadError::Foreign),
            Err(error @ FrameError::Io(_)) => return Err(error.into()),
        };
        let message = root_as_message(&meta).map_err(|_| ReadError::Foreign)?;
        let schema = message.header_as_schema().ok_or(ReadError::Foreign)?;
        if schema.endianness() != Endianness::Little {
            return Err(ReadError::Damaged("its byte order is not little-endian".to_owned()));
        }
        let schema = try_fb_to_schema(schema)?;
        let head = Head::of(schema.metadata())?;
        check_fields(&schema)?;
        Ok(Self {
            input,
            head,
            check: digest::of_header(&schema),
            schema: schema.into(),
            version: message.version(),
            dictionaries: HashMap::new(),
            ended: false,
            ending: None,
        })
    }

    /// What is known before the first event.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How it ends; `None` before [`Self::batch`] has said that there are no more.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The next batch; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is damaged. What came before is right.
    pub fn batch(&mut self) -> Result<Option<Batch>, ReadError> {
        loop {
            let (meta, body) = match frame::read(&mut self.input)? {
                Frame::Message { meta, body } => (meta, body),
                Frame::Cut => {
                    self.ending = Some(Ending::Cut);
                    return Ok(None);
                }
                Frame::End => {
                    self.ending = Some(Ending::Whole);
                    return self.behind_end();
                }
            };
            let message = root_as_message(&meta).map_err(|_| damaged("a message is malformed"))?;
            match message.header_type() {
                MessageHeader::DictionaryBatch => {
                    let batch = message.header_as_dictionary_batch();
                    self.dictionary(batch.ok_or_else(|| damaged("a message is empty"))?, &body)?;
                }
                MessageHeader::RecordBatch => {
                    let batch = message.header_as_record_batch();
                    let batch = batch.ok_or_else(|| damaged("a message is empty"))?;
                    return Ok(Some(self.rows(batch, &body)?));
                }
                _ => return Err(damaged("a message is of an unknown kind")),
            }
        }
    }

    /// Columns that are null in all rows are not even unpacked. Were it untrue that they are, the
    /// checksum would tell.
    fn rows(&mut self, batch: RecordBatch<'_>, body: &Buffer) -> Result<Batch, ReadError> {
        let filled = frame::check(batch, &self.schema, body).map_err(damaged)?;
        let (schema, version) = (self.schema.clone(), self.version);
        let words = &self.dictionaries;
        let batch = read_record_batch(body, batch, schema, words, Some(&filled), &version)?;
        let check = batch
            .column_by_name(digest::COLUMN)
            .and_then(|column| column.as_primitive_opt::<UInt32Type>())
            .and_then(|check| check.iter().next().flatten());
        let mut columns = filled.iter().zip(batch.columns()).peekable();
        let all = self.schema.fields().iter().enumerate().map(|(place, field)| {
            let column = columns.next_if(|(filled, _)| **filled == place);
            (field.name().as_str(), column.map(|(_, column)| column))
        });
        self.check = digest::of_batch(self.check, batch.num_rows(), all);
        if check != Some(self.check) {
            return Err(damaged("a batch does not match its checksum"));
        }
        let arrays = Arrays::of(&batch)?;
        Ok(Batch { callbacks: Callbacks::of(&arrays), arrays, row: 0 })
    }

    fn dictionary(&mut self, batch: DictionaryBatch<'_>, body: &Buffer) -> Result<(), ReadError> {
        let data = batch.data().ok_or_else(|| damaged("a message is empty"))?;
        if batch.isDelta() {
            return Err(damaged("a dictionary grows"));
        }
        // All dictionaries are of words.
        let schema = Schema::new(vec![Field::new("", DataType::Utf8, true)]);
        frame::check(data, &schema, body).map_err(damaged)?;
        let words = &mut self.dictionaries;
        Ok(read_dictionary(body, batch, &self.schema, words, &self.version)?)
    }

    /// Behind the mark there must be nothing.
    fn behind_end(&mut self) -> Result<Option<Batch>, ReadError> {
        if !self.ended {
            self.ended = true;
            let mut byte = [0];
            if self.input.read(&mut byte)? > 0 {
                return Err(damaged("there is more behind its end"));
            }
        }
        Ok(None)
    }
}

fn damaged(why: &'static str) -> ReadError {
    ReadError::Damaged(why.to_owned())
}

/// Columns may be missing, but none may be unknown or of another type.
fn check_fields(schema: &Schema) -> Result<(), ReadError> {
    let mut known = fields();
    known.push(Field::new(digest::COLUMN, DataType::UInt32, true));
    for field in schema.fields() {
        let name = field.name();
        match known.iter().find(|known| known.name() == name) {
            Some(known) if known.data_type() == field.data_type() => {}
            Some(_) => {
                return Err(ReadError::Damaged(format!("the column {name} has another type")));
            }
            None => {
                let name = name.escape_debug();
                return Err(ReadError::TooNew(format!("it has an unknown column `{name}`")));
            }
        }
    }
    Ok(())
}

/// The rows of a batch.
pub struct Batch {
    arrays: Arrays,
    callbacks: Option<Callbacks>,
    row: usize,
}

impl Batch {
    /// The rows that come next, as far as they are callbacks and nothing is wrong with them.
    #[inline]
    pub(super) fn callbacks(&mut self, take: impl FnMut(Event)) {
        if let Some(callbacks) = &self.callbacks {
            self.row = callbacks.events(self.row, take);
        }
    }
}

impl Iterator for Batch {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.row >= self.arrays.rows() {
            return None;
        }
        let row = self.arrays.row(self.row);
        self.row += 1;
        Some(Item::of(row).map_err(ReadError::from))
    }
}
