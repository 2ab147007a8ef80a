//! Types of columns: how their values become Arrow arrays, and how they are read from them.
//!
//! Most columns are null in most rows. A builder therefore stores nothing for a row without a value until a later row
//! has one or the batch is finished.

use std::{marker::PhantomData, sync::Arc};

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, GenericByteArray,
    ListArray, PrimitiveArray, StringArray,
    cast::AsArray,
    types::{BinaryType, Int8Type, Int64Type, UInt16Type, UInt32Type, UInt64Type, Utf8Type},
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, Field};

/// Type of the values of a column. A builder has a method `put`, which stores the value of a row. All rows before that
/// row have been put.
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

    /// Returns the values of an array; `None` if the array has another type.
    ///
    /// # Errors
    ///
    /// The name of a dictionary value that this version does not know.
    fn read(array: &dyn Array) -> Result<Option<Self::Array>, String>;

    /// Returns the value in a row, which the array must have; `None` if it is null.
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

    fn finish<T: ArrowPrimitiveType<Native = N>>(&mut self, rows: usize) -> PrimitiveArray<T> {
        let mut values = std::mem::take(&mut self.values);
        values.resize(rows, N::default());
        self.values = Vec::with_capacity(rows.min(values.capacity()));
        PrimitiveArray::new(ScalarBuffer::from(values), self.valid.finish_valid(rows))
    }
}

macro_rules! numbers {
    ($($native:ty => $arrow:ty,)+) => {
        $(impl ColumnType for $native {
            type Builder = NumberBuilder<$native>;
            type Array = PrimitiveArray<$arrow>;

            fn data_type() -> DataType {
                <$arrow as ArrowPrimitiveType>::DATA_TYPE
            }

            fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
                Ok(Arc::new(builder.finish::<$arrow>(rows)))
            }

            fn read(array: &dyn Array) -> Result<Option<Self::Array>, String> {
                Ok(array.as_primitive_opt().cloned())
            }

            #[inline]
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

#[derive(Default)]
pub(super) struct BoolBuilder {
    values: Bits,
    valid: Bits,
}

impl BoolBuilder {
    #[inline]
    pub(super) fn put(&mut self, row: usize, value: bool) {
        if value {
            self.values.set(row);
        }
        self.valid.set(row);
    }
}

impl ColumnType for bool {
    type Builder = BoolBuilder;
    type Array = BooleanArray;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
        let BoolBuilder { values, valid } = builder;
        Ok(Arc::new(BooleanArray::new(values.finish(rows), valid.finish_valid(rows))))
    }

    fn read(array: &dyn Array) -> Result<Option<Self::Array>, String> {
        Ok(array.as_boolean_opt().cloned())
    }

    #[inline]
    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        array.is_valid(row).then(|| array.value(row))
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

macro_rules! bytes {
    ($($value:ty => $arrow:ident $data_type:ident,)+) => {
        $(impl ColumnType for $value {
            type Builder = BytesBuilder;
            type Array = GenericByteArray<$arrow>;

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

            fn read(array: &dyn Array) -> Result<Option<Self::Array>, String> {
                Ok(array.as_bytes_opt::<$arrow>().cloned())
            }

            fn get(array: &Self::Array, row: usize) -> Option<Self> {
                array.is_valid(row).then(|| array.value(row).to_owned())
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
    type Array = ListArray;

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

    fn read(array: &dyn Array) -> Result<Option<Self::Array>, String> {
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

/// Value of a dictionary column: one of a few names. pandas calls this a category, SQL an enumeration.
pub(super) trait DictValue: Copy + PartialEq + 'static {
    /// All values, in the order of their indices in a recording.
    const ALL: &'static [Self];

    /// Returns the name in a recording.
    fn name(self) -> &'static str;
}

pub(super) struct DictBuilder<V> {
    /// Indices in [`DictValue::ALL`].
    keys: NumberBuilder<i8>,
    /// Names of all values. Batches share one array, so that the stream has it once.
    names: Option<ArrayRef>,
    value: PhantomData<V>,
}

impl<V> Default for DictBuilder<V> {
    fn default() -> Self {
        Self { keys: NumberBuilder::default(), names: None, value: PhantomData }
    }
}

impl<V: DictValue> DictBuilder<V> {
    #[inline]
    pub(super) fn put(&mut self, row: usize, value: V) {
        let key = V::ALL.iter().position(|known| *known == value);
        self.keys.put(row, key.and_then(|key| i8::try_from(key).ok()).unwrap_or_default());
    }
}

/// Values of a dictionary column that was read.
pub(super) struct DictValues<V> {
    keys: PrimitiveArray<Int8Type>,
    /// Values by their keys.
    values: Vec<V>,
}

impl<V: DictValue> ColumnType for V {
    type Builder = DictBuilder<V>;
    type Array = DictValues<V>;

    fn data_type() -> DataType {
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
    }

    fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
        let names = builder.names.get_or_insert_with(|| {
            Arc::new(StringArray::from_iter_values(V::ALL.iter().map(|value| value.name())))
        });
        let keys = builder.keys.finish::<Int8Type>(rows);
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(names))?))
    }

    fn read(array: &dyn Array) -> Result<Option<Self::Array>, String> {
        let Some(array) = array.as_dictionary_opt::<Int8Type>() else { return Ok(None) };
        let Some(names) = array.values().as_string_opt::<i32>() else { return Ok(None) };
        let value = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            let found = V::ALL.iter().find(|value| value.name() == name);
            found.copied().ok_or_else(|| name.to_owned())
        };
        let values = names.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Some(DictValues { keys: array.keys().clone(), values }))
    }

    #[inline]
    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        let key = array.keys.is_valid(row).then(|| array.keys.value(row))?;
        array.values.get(usize::try_from(key).ok()?).copied()
    }
}
