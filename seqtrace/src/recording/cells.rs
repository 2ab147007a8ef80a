//! The types of values that a column can hold, in and out of Arrow.
//!
//! Most columns are null in most rows. So a column under construction knows only the rows that had a
//! value, and costs nothing for the others until its batch is finished.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray, ListArray,
    PrimitiveArray, StringArray,
    cast::AsArray,
    types::{Int8Type, Int64Type, UInt16Type, UInt32Type, UInt64Type},
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field};

/// A word that a column of words holds and this version does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownWord(pub(super) String);

/// A type of values.
pub(super) trait Cell: Sized {
    /// A column under construction.
    type Column: Default;
    /// A column that was read.
    type Array;
    /// Arrow's name of the type.
    fn data_type() -> DataType;
    /// Puts the value into a row, behind all rows that have one.
    fn put(self, column: &mut Self::Column, row: usize);
    /// Bytes of variable length that the column holds.
    fn weight(_column: &Self::Column) -> usize {
        0
    }
    /// Makes an array of so many rows and begins anew.
    fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError>;
    /// Takes an array of [`Self::data_type`].
    fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord>;
    /// The value in a row, which must be there.
    fn get(array: &Self::Array, row: usize) -> Option<Self>;
}

/// A bit a row.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// Sets the bit of a row.
    #[inline]
    fn set(&mut self, row: usize) {
        if row / 64 >= self.0.len() {
            self.0.resize(row / 64 + 1, 0);
        }
        if let Some(word) = self.0.last_mut() {
            *word |= 1 << (row % 64);
        }
    }

    fn finish(&mut self, rows: usize) -> BooleanBuffer {
        let mut words = std::mem::take(&mut self.0);
        words.resize(rows.div_ceil(64), 0);
        BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
    }
}

/// Which rows have a value.
#[derive(Default)]
pub(super) struct Valid(Bits);

impl Valid {
    #[inline]
    fn mark(&mut self, row: usize) {
        self.0.set(row);
    }

    fn finish(&mut self, rows: usize) -> Option<NullBuffer> {
        Some(NullBuffer::new(self.0.finish(rows))).filter(|nulls| nulls.null_count() > 0)
    }
}

/// Numbers.
#[derive(Default)]
pub(super) struct Numbers<N> {
    values: Vec<N>,
    valid: Valid,
}

impl<N: Copy + Default> Numbers<N> {
    #[inline]
    fn put(&mut self, value: N, row: usize) {
        if self.values.len() < row {
            self.values.resize(row, N::default());
        }
        self.values.push(value);
        self.valid.mark(row);
    }

    fn finish<T: ArrowPrimitiveType<Native = N>>(&mut self, rows: usize) -> PrimitiveArray<T>
    where
        N: arrow_buffer::ArrowNativeType,
    {
        let mut values = std::mem::take(&mut self.values);
        values.resize(rows, N::default());
        self.values = Vec::with_capacity(rows.min(values.capacity()));
        PrimitiveArray::new(ScalarBuffer::from(values), self.valid.finish(rows))
    }
}

macro_rules! numbers {
    ($($native:ty => $arrow:ty,)+) => {
        $(impl Cell for $native {
            type Column = Numbers<$native>;
            type Array = PrimitiveArray<$arrow>;

            fn data_type() -> DataType {
                <$arrow as ArrowPrimitiveType>::DATA_TYPE
            }

            fn put(self, column: &mut Self::Column, row: usize) {
                column.put(self, row);
            }

            fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError> {
                Ok(Arc::new(column.finish::<$arrow>(rows)))
            }

            fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord> {
                Ok(array.as_primitive_opt::<$arrow>().cloned())
            }

            fn get(array: &Self::Array, row: usize) -> Option<Self> {
                array.is_valid(row).then(|| array.value(row))
            }
        })+
    };
}

numbers! {
    i64 => Int64Type,
    u16 => UInt16Type,
    u32 => UInt32Type,
    u64 => UInt64Type,
}

/// Yes and no.
#[derive(Default)]
pub(super) struct Flags {
    values: Bits,
    valid: Valid,
}

impl Cell for bool {
    type Column = Flags;
    type Array = BooleanArray;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn put(self, column: &mut Self::Column, row: usize) {
        if self {
            column.values.set(row);
        }
        column.valid.mark(row);
    }

    fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(BooleanArray::new(column.values.finish(rows), column.valid.finish(rows))))
    }

    fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord> {
        Ok(array.as_boolean_opt().cloned())
    }

    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        array.is_valid(row).then(|| array.value(row))
    }
}

/// Byte strings, with or without text in them.
#[derive(Default)]
pub(super) struct Strings {
    /// Where each ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    valid: Valid,
}

impl Strings {
    fn put(&mut self, value: &[u8], row: usize) {
        self.ends.resize(row, self.bytes.len());
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
        self.valid.mark(row);
    }

    fn finish(
        &mut self,
        rows: usize,
    ) -> Result<(OffsetBuffer<i32>, Buffer, Option<NullBuffer>), ArrowError> {
        let bytes = std::mem::take(&mut self.bytes);
        self.ends.resize(rows, bytes.len());
        let offsets = offsets(&mut self.ends)?;
        Ok((offsets, Buffer::from_vec(bytes), self.valid.finish(rows)))
    }
}

/// What ends at these places begins where the one before ends.
fn offsets(ends: &mut Vec<usize>) -> Result<OffsetBuffer<i32>, ArrowError> {
    if ends.last().is_none_or(|end| *end == 0) {
        // Most columns of most batches hold nothing.
        let offsets = vec![0; ends.len() + 1];
        ends.clear();
        return Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)));
    }
    let too_long = |_| ArrowError::InvalidArgumentError("more than 2 GiB in a batch".to_owned());
    let offsets = std::iter::once(0)
        .chain(ends.drain(..))
        .map(|end| i32::try_from(end).map_err(too_long))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}

impl Cell for Vec<u8> {
    type Column = Strings;
    type Array = BinaryArray;

    fn data_type() -> DataType {
        DataType::Binary
    }

    fn put(self, column: &mut Self::Column, row: usize) {
        column.put(&self, row);
    }

    fn weight(column: &Self::Column) -> usize {
        column.bytes.len()
    }

    fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes, nulls) = column.finish(rows)?;
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?))
    }

    fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord> {
        Ok(array.as_binary_opt().cloned())
    }

    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        array.is_valid(row).then(|| array.value(row).to_vec())
    }
}

impl Cell for String {
    type Column = Strings;
    type Array = StringArray;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn put(self, column: &mut Self::Column, row: usize) {
        column.put(self.as_bytes(), row);
    }

    fn weight(column: &Self::Column) -> usize {
        column.bytes.len()
    }

    fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes, nulls) = column.finish(rows)?;
        Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
    }

    fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord> {
        Ok(array.as_string_opt().cloned())
    }

    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        array.is_valid(row).then(|| array.value(row).to_owned())
    }
}

/// Lists of byte strings.
#[derive(Default)]
pub(super) struct Lists {
    /// Where each list ends, in items.
    ends: Vec<usize>,
    items: Strings,
    valid: Valid,
}

impl Lists {
    fn item() -> Arc<Field> {
        Arc::new(Field::new_list_field(DataType::Binary, true))
    }
}

impl Cell for Vec<Vec<u8>> {
    type Column = Lists;
    type Array = ListArray;

    fn data_type() -> DataType {
        DataType::List(Lists::item())
    }

    fn put(self, column: &mut Self::Column, row: usize) {
        column.ends.resize(row, column.items.ends.len());
        for item in &self {
            column.items.put(item, column.items.ends.len());
        }
        column.ends.push(column.items.ends.len());
        column.valid.mark(row);
    }

    fn weight(column: &Self::Column) -> usize {
        column.items.bytes.len()
    }

    fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError> {
        let count = column.items.ends.len();
        let items = <Vec<u8> as Cell>::finish(&mut column.items, count)?;
        column.ends.resize(rows, count);
        let offsets = offsets(&mut column.ends)?;
        let nulls = column.valid.finish(rows);
        Ok(Arc::new(ListArray::try_new(Lists::item(), offsets, items, nulls)?))
    }

    fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord> {
        Ok(array.as_list_opt().cloned())
    }

    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        if !array.is_valid(row) {
            return None;
        }
        let items = array.value(row);
        let items = items.as_binary_opt::<i32>()?;
        Some(items.iter().map(|item| item.unwrap_or_default().to_vec()).collect())
    }
}

/// One of a few words: Arrow calls it a dictionary, others a category or an enumeration.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// Its name in the recording.
    fn name(self) -> &'static str;
}

/// Words, by their place in [`Word::ALL`].
#[derive(Default)]
pub(super) struct Words {
    places: Numbers<i8>,
    /// The same array in all batches, so that it is written once.
    names: Option<ArrayRef>,
}

/// Places, and what the file has there.
pub(super) struct WordArray<W> {
    places: PrimitiveArray<Int8Type>,
    words: Vec<W>,
}

impl<W: Word> WordArray<W> {
    /// For each row, a place in [`Self::words`].
    pub(super) fn places(&self) -> &PrimitiveArray<Int8Type> {
        &self.places
    }

    /// What the places mean.
    pub(super) fn words(&self) -> &[W] {
        &self.words
    }
}

impl<W: Word> Cell for W {
    type Column = Words;
    type Array = WordArray<W>;

    fn data_type() -> DataType {
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
    }

    fn put(self, column: &mut Self::Column, row: usize) {
        let place = W::ALL.iter().position(|word| *word == self);
        let place = place.and_then(|place| i8::try_from(place).ok()).unwrap_or_default();
        column.places.put(place, row);
    }

    fn finish(column: &mut Self::Column, rows: usize) -> Result<ArrayRef, ArrowError> {
        let names = column.names.get_or_insert_with(|| {
            Arc::new(StringArray::from_iter_values(W::ALL.iter().map(|word| word.name())))
        });
        let places = column.places.finish::<Int8Type>(rows);
        Ok(Arc::new(DictionaryArray::try_new(places, Arc::clone(names))?))
    }

    fn array(array: &dyn Array) -> Result<Option<Self::Array>, UnknownWord> {
        let Some(array) = array.as_dictionary_opt::<Int8Type>() else { return Ok(None) };
        let Some(names) = array.values().as_string_opt::<i32>() else { return Ok(None) };
        let word = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            let found = W::ALL.iter().find(|word| word.name() == name);
            found.copied().ok_or_else(|| UnknownWord(name.to_owned()))
        };
        let words = names.iter().map(word).collect::<Result<_, _>>()?;
        Ok(Some(WordArray { places: array.keys().clone(), words }))
    }

    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        let place = array.places.is_valid(row).then(|| array.places.value(row))?;
        usize::try_from(place).ok().and_then(|place| array.words.get(place)).copied()
    }
}
