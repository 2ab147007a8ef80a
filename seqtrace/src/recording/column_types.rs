//! Types of columns: how their values become Arrow arrays, and how they are read from them.
//!
//! Most columns are null in most rows. A builder therefore stores nothing for a row without a value until a later row
//! has one or the batch is finished.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, GenericByteArray, ListArray, PrimitiveArray,
    cast::AsArray,
    types::{BinaryType, Int64Type, UInt16Type, UInt32Type, UInt64Type, Utf8Type},
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, Field};

/// Type of the values of a column. A builder has a method `put`, which stores the value of a row. Calls of `put` are in the
/// order of the rows.
pub(super) trait ColumnType: Sized {
    /// Values of a batch under construction.
    type Builder: Default;
    /// Values of a batch that was read.
    type Array;

    fn data_type() -> DataType;

    /// Returns the size of the values of variable length, bytes.
    fn weight(_builder: &Self::Builder) -> usize {
        0
    }

    /// Takes the values as an array of `rows` rows.
    fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError>;

    /// Returns the values of an array. A column that is missing (`None`) or has another type is null in all rows.
    ///
    /// # Errors
    ///
    /// The name of a dictionary value that this version does not know.
    fn read(array: Option<&ArrayRef>) -> Result<Self::Array, String>;

    /// Returns the size of the longest value, bytes; 0 if all have the same size.
    fn longest(_array: &Self::Array) -> usize {
        0
    }

    /// Returns the value in a row; `None` if it is null.
    fn get(array: &Self::Array, row: usize) -> Option<Self>;
}

/// One bit per row.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
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

    /// Takes the bits as the rows that have a value; `None` if all have one.
    fn finish_valid(&mut self, rows: usize) -> Option<NullBuffer> {
        Some(NullBuffer::new(self.finish(rows))).filter(|nulls| nulls.null_count() > 0)
    }

    fn read(bits: &BooleanBuffer) -> Self {
        Self(bits.bit_chunks().iter_padded().collect())
    }

    /// Returns the rows of an array that have a value.
    fn read_valid(array: &dyn Array) -> Self {
        match array.nulls() {
            Some(nulls) => Self::read(nulls.inner()),
            None => Self(vec![u64::MAX; array.len().div_ceil(64)]),
        }
    }

    /// Returns the bit of a row; false after the last row.
    #[inline]
    fn get(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

#[derive(Default)]
pub(super) struct NumberBuilder<N> {
    values: Vec<N>,
    valid: Bits,
}

impl<N: ArrowNativeType> NumberBuilder<N> {
    #[inline]
    pub(super) fn put(&mut self, row: usize, value: N) {
        if self.values.len() < row {
            self.values.resize(row, N::default());
        }
        self.values.push(value);
        self.valid.set(row);
    }

    pub(super) fn finish<T>(&mut self, rows: usize) -> PrimitiveArray<T>
    where
        T: ArrowPrimitiveType<Native = N>,
    {
        let mut values = std::mem::take(&mut self.values);
        values.resize(rows, N::default());
        self.values = Vec::with_capacity(rows.min(values.capacity()));
        PrimitiveArray::new(ScalarBuffer::from(values), self.valid.finish_valid(rows))
    }
}

/// Numbers of a batch that was read. Replay reads ten of them per event: they are without the assertions of Arrow's
/// accessors.
#[derive(Default)]
pub(super) struct Numbers<N: ArrowNativeType> {
    values: ScalarBuffer<N>,
    valid: Bits,
}

impl<N: ArrowNativeType> Numbers<N> {
    pub(super) fn read<T: ArrowPrimitiveType<Native = N>>(array: &PrimitiveArray<T>) -> Self {
        Self { values: array.values().clone(), valid: Bits::read_valid(array) }
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<N> {
        if self.valid.get(row) { self.values.get(row).copied() } else { None }
    }
}

macro_rules! numbers {
    ($($native:ty => $arrow:ty,)+) => {
        $(impl ColumnType for $native {
            type Builder = NumberBuilder<$native>;
            type Array = Numbers<$native>;

            fn data_type() -> DataType {
                <$arrow as ArrowPrimitiveType>::DATA_TYPE
            }

            fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
                Ok(Arc::new(builder.finish::<$arrow>(rows)))
            }

            fn read(array: Option<&ArrayRef>) -> Result<Self::Array, String> {
                let array = array.and_then(|array| array.as_primitive_opt::<$arrow>());
                Ok(array.map(Numbers::read).unwrap_or_default())
            }

            #[inline]
            fn get(array: &Self::Array, row: usize) -> Option<Self> {
                array.get(row)
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

/// Booleans of a batch under construction, or of one that was read.
#[derive(Default)]
pub(super) struct Bools {
    values: Bits,
    valid: Bits,
}

impl Bools {
    #[inline]
    pub(super) fn put(&mut self, row: usize, value: bool) {
        if value {
            self.values.set(row);
        }
        self.valid.set(row);
    }
}

impl ColumnType for bool {
    type Builder = Bools;
    type Array = Bools;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
        let Bools { values, valid } = builder;
        Ok(Arc::new(BooleanArray::new(values.finish(rows), valid.finish_valid(rows))))
    }

    fn read(array: Option<&ArrayRef>) -> Result<Self::Array, String> {
        let array = array.and_then(|array| array.as_boolean_opt());
        let read = |array: &BooleanArray| Bools {
            values: Bits::read(array.values()),
            valid: Bits::read_valid(array),
        };
        Ok(array.map(read).unwrap_or_default())
    }

    #[inline]
    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        array.valid.get(row).then(|| array.values.get(row))
    }
}

/// Builder of byte strings and of texts.
#[derive(Default)]
pub(super) struct BytesBuilder {
    /// Offset in `bytes` at which each value ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
    valid: Bits,
}

impl BytesBuilder {
    pub(super) fn put(&mut self, row: usize, value: impl AsRef<[u8]>) {
        self.ends.resize(row, self.bytes.len());
        self.bytes.extend_from_slice(value.as_ref());
        self.ends.push(self.bytes.len());
        self.valid.set(row);
    }
}

/// Takes the ends of values as Arrow's offsets: a value begins where the one before ends.
fn offsets(ends: &mut Vec<usize>) -> Result<OffsetBuffer<i32>, ArrowError> {
    if ends.last().is_none_or(|end| *end == 0) {
        // Most columns of most batches are empty.
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

/// Returns the greatest difference between consecutive offsets.
fn longest(offsets: &OffsetBuffer<i32>) -> usize {
    longest_step(offsets.iter().map(|end| end.as_usize()))
}

fn longest_step(ends: impl Iterator<Item = usize> + Clone) -> usize {
    let steps = ends.clone().skip(1).zip(ends).map(|(end, begin)| end.saturating_sub(begin));
    steps.max().unwrap_or(0)
}

macro_rules! bytes {
    ($($value:ty => $arrow:ident $data_type:ident,)+) => {
        $(impl ColumnType for $value {
            type Builder = BytesBuilder;
            type Array = Option<GenericByteArray<$arrow>>;

            fn data_type() -> DataType {
                DataType::$data_type
            }

            fn weight(builder: &Self::Builder) -> usize {
                builder.bytes.len()
            }

            fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
                let BytesBuilder { ends, bytes, valid } = builder;
                ends.resize(rows, bytes.len());
                let (offsets, bytes) = (offsets(ends)?, Buffer::from_vec(std::mem::take(bytes)));
                let nulls = valid.finish_valid(rows);
                Ok(Arc::new(GenericByteArray::<$arrow>::try_new(offsets, bytes, nulls)?))
            }

            fn read(array: Option<&ArrayRef>) -> Result<Self::Array, String> {
                Ok(array.and_then(|array| array.as_bytes_opt::<$arrow>()).cloned())
            }

            fn longest(array: &Self::Array) -> usize {
                array.as_ref().map_or(0, |array| longest(array.offsets()))
            }

            fn get(array: &Self::Array, row: usize) -> Option<Self> {
                let array = array.as_ref().filter(|array| row < array.len() && array.is_valid(row))?;
                Some(array.value(row).to_owned())
            }
        })+
    };
}

bytes! {
    Vec<u8> => BinaryType Binary,
    String => Utf8Type Utf8,
}

/// Builder of lists of byte strings.
#[derive(Default)]
pub(super) struct ListBuilder {
    /// Number of items up to the end of each list.
    ends: Vec<usize>,
    items: BytesBuilder,
    valid: Bits,
}

impl ListBuilder {
    fn item() -> Arc<Field> {
        Arc::new(Field::new_list_field(DataType::Binary, true))
    }

    pub(super) fn put(&mut self, row: usize, value: &[Vec<u8>]) {
        self.ends.resize(row, self.items.ends.len());
        for item in value {
            self.items.put(self.items.ends.len(), item);
        }
        self.ends.push(self.items.ends.len());
        self.valid.set(row);
    }
}

impl ColumnType for Vec<Vec<u8>> {
    type Builder = ListBuilder;
    type Array = Option<ListArray>;

    fn data_type() -> DataType {
        DataType::List(ListBuilder::item())
    }

    fn weight(builder: &Self::Builder) -> usize {
        builder.items.bytes.len()
    }

    fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
        let ListBuilder { ends, items, valid } = builder;
        let count = items.ends.len();
        let items = <Vec<u8> as ColumnType>::finish(items, count)?;
        ends.resize(rows, count);
        let (offsets, nulls) = (offsets(ends)?, valid.finish_valid(rows));
        Ok(Arc::new(ListArray::try_new(ListBuilder::item(), offsets, items, nulls)?))
    }

    fn read(array: Option<&ArrayRef>) -> Result<Self::Array, String> {
        Ok(array.and_then(|array| array.as_list_opt()).cloned())
    }

    /// Returns the size of the longest list, bytes. An item counts as one more byte: the `/` before it in a path.
    fn longest(array: &Self::Array) -> usize {
        let Some(array) = array else { return 0 };
        let Some(items) = array.values().as_binary_opt::<i32>() else { return 0 };
        let ends = array.offsets().iter().map(|end| {
            let bytes = items.offsets().get(end.as_usize()).map_or(0, |end| end.as_usize());
            bytes.saturating_add(end.as_usize())
        });
        longest_step(ends)
    }

    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        let array = array.as_ref().filter(|array| row < array.len() && array.is_valid(row))?;
        let items = array.value(row);
        let items = items.as_binary_opt::<i32>()?;
        Some(items.iter().map(|item| item.unwrap_or_default().to_vec()).collect())
    }
}
