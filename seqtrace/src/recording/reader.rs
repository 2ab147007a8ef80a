//! Reading a recording batch by batch.

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
    checksum,
    columns::{Columns, fields},
    limits,
    metadata::Head,
    read::{Item, RowError},
    validate::{self, Message},
};
use crate::escape;

/// Reason why a recording cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An error of the operating system.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file is not a recording.
    #[error("is not a recording of seqtrace")]
    Foreign,
    /// The file ends within its schema.
    #[error("ends before its first event")]
    Headless,
    /// The recording has a format, a column or a value that this version does not know.
    #[error("was made by a newer seqtrace: {0}")]
    TooNew(String),
    /// The recording exceeds a bound (see `limits.rs`).
    #[error("exceeds a limit: {0}")]
    TooLarge(String),
    /// The file has contents that no version of seqtrace writes.
    #[error("is damaged: {0}")]
    Damaged(String),
}

impl From<ArrowError> for ReadError {
    fn from(error: ArrowError) -> Self {
        // Arrow quotes names of the file.
        Self::Damaged(escape::text(error.to_string().as_bytes(), false).to_string())
    }
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::UnknownValue { .. } => Self::TooNew(error.to_string()),
            RowError::TooLong { .. } => Self::TooLarge(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// Way in which a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The recording is complete.
    Whole,
    /// The recording was cut off: its writer was killed, or the last part of the file is missing.
    Cut,
}

/// Reader of a recording.
pub struct Reader<R> {
    input: R,
    head: Head,
    schema: SchemaRef,
    version: MetadataVersion,
    /// Names of the values of dictionary columns, by dictionary id.
    dictionaries: HashMap<i64, ArrayRef>,
    /// Checksum of the last batch; of the schema before the first.
    checksum: u32,
    /// True if a batch with a wrong checksum is refused.
    compares: bool,
    /// `None` before the last batch was read.
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Reads the schema and its metadata.
    ///
    /// # Errors
    ///
    /// The input is no recording, has a newer format, or ends within its schema.
    pub fn open(mut input: R) -> Result<Self, ReadError> {
        let metadata = match validate::read_message(&mut input) {
            Ok(Message::Whole { metadata, .. }) => metadata,
            Ok(Message::Cut | Message::End) => return Err(ReadError::Headless),
            Err(ReadError::Damaged(_)) => return Err(ReadError::Foreign),
            Err(error) => return Err(error),
        };
        let message = root_as_message(&metadata).map_err(|_| ReadError::Foreign)?;
        let schema = message.header_as_schema().ok_or(ReadError::Foreign)?;
        if schema.endianness() != Endianness::Little {
            return Err(damaged("its byte order is not little-endian"));
        }
        let schema = try_fb_to_schema(schema)?;
        let head = Head::from_metadata(schema.metadata())?;
        check_fields(&schema)?;
        Ok(Self {
            input,
            head,
            checksum: checksum::of_schema(&schema),
            schema: schema.into(),
            version: message.version(),
            dictionaries: HashMap::new(),
            compares: true,
            ending: None,
        })
    }

    /// Accepts batches whose checksums are wrong, so that fuzzing reaches what is behind the comparison.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn ignore_checksums(&mut self) {
        self.compares = false;
    }

    /// Returns the metadata of the recording.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Returns the way in which the recording ends; `None` before [`Self::batch`] returned `None`.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Reads the next batch; returns `None` at the end of the recording.
    ///
    /// # Errors
    ///
    /// The batch cannot be read or is damaged. The batches before it are intact.
    pub fn batch(&mut self) -> Result<Option<Batch>, ReadError> {
        loop {
            let (metadata, body) = match validate::read_message(&mut self.input)? {
                Message::Whole { metadata, body } => (metadata, body),
                Message::Cut => {
                    self.ending = Some(Ending::Cut);
                    return Ok(None);
                }
                Message::End => {
                    let is_first = self.ending.replace(Ending::Whole).is_none();
                    if is_first && self.input.read(&mut [0])? > 0 {
                        return Err(damaged("bytes follow its end"));
                    }
                    return Ok(None);
                }
            };
            let message =
                root_as_message(&metadata).map_err(|_| damaged("a message is malformed"))?;
            let empty = || damaged("a message is empty");
            match message.header_type() {
                MessageHeader::DictionaryBatch => {
                    let batch = message.header_as_dictionary_batch().ok_or_else(empty)?;
                    self.dictionary(batch, &body)?;
                }
                MessageHeader::RecordBatch => {
                    let batch = message.header_as_record_batch().ok_or_else(empty)?;
                    return Ok(Some(self.rows(batch, &body)?));
                }
                _ => return Err(damaged("a message is of an unknown kind")),
            }
        }
    }

    /// Decodes a batch and compares its checksum. Columns that claim to be null in all rows are not unpacked; the
    /// checksum covers the claim.
    fn rows(&mut self, batch: RecordBatch<'_>, body: &Buffer) -> Result<Batch, ReadError> {
        let filled =
            validate::check_batch(batch, &self.schema, body, limits::BATCH).map_err(damaged)?;
        let (schema, version) = (self.schema.clone(), self.version);
        let names = &self.dictionaries;
        let batch = read_record_batch(body, batch, schema, names, Some(&filled), &version)?;
        let expected = batch
            .column_by_name(checksum::COLUMN)
            .and_then(|column| column.as_primitive_opt::<UInt32Type>())
            .and_then(|column| column.iter().next().flatten());
        let mut columns = filled.iter().zip(batch.columns()).peekable();
        let all = self.schema.fields().iter().enumerate().map(|(index, field)| {
            let column = columns.next_if(|(filled, _)| **filled == index);
            (field.name().as_str(), column.map(|(_, column)| column))
        });
        self.checksum = checksum::of_batch(self.checksum, batch.num_rows(), all);
        if self.compares && expected != Some(self.checksum) {
            return Err(damaged("a batch does not match its checksum"));
        }
        Ok(Batch { columns: Columns::new(&batch)?, row: 0 })
    }

    fn dictionary(&mut self, batch: DictionaryBatch<'_>, body: &Buffer) -> Result<(), ReadError> {
        let data = batch.data().ok_or_else(|| damaged("a message is empty"))?;
        if batch.isDelta() {
            return Err(damaged("a dictionary grows"));
        }
        // All dictionaries have texts as values.
        let schema = Schema::new(vec![Field::new("", DataType::Utf8, true)]);
        validate::check_batch(data, &schema, body, limits::DICTIONARY).map_err(damaged)?;
        let names = &mut self.dictionaries;
        Ok(read_dictionary(body, batch, &self.schema, names, &self.version)?)
    }
}

pub(super) fn damaged(why: &str) -> ReadError {
    ReadError::Damaged(why.to_owned())
}

/// Checks that all columns are known and have the expected types. Columns may be missing.
fn check_fields(schema: &Schema) -> Result<(), ReadError> {
    let mut known = fields();
    known.push(Field::new(checksum::COLUMN, DataType::UInt32, true));
    for field in schema.fields() {
        let name = field.name();
        match known.iter().find(|known| known.name() == name) {
            Some(known) if known.data_type() == field.data_type() => {}
            Some(_) => {
                return Err(ReadError::Damaged(format!("the column {name} has another type")));
            }
            None => {
                let name = escape::text(name.as_bytes(), false);
                return Err(ReadError::TooNew(format!("it has an unknown column `{name}`")));
            }
        }
    }
    Ok(())
}

/// Iterator over the rows of a batch.
pub struct Batch {
    columns: Columns,
    /// Index of the next row.
    row: usize,
}

impl Iterator for Batch {
    type Item = Result<Item, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let item = self.columns.item(self.row);
        self.row += 1;
        item
    }
}
