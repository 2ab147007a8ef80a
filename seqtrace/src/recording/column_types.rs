//! Types of columns: how their values become Arrow arrays, and how they are read from them.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, GenericByteArray, ListArray, PrimitiveArray,
    builder::{BinaryBuilder, BooleanBuilder, GenericByteBuilder, ListBuilder, PrimitiveBuilder},
    cast::AsArray,
    types::{BinaryType, Int64Type, UInt16Type, UInt32Type, UInt64Type, Utf8Type},
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

/// Type of the values of a column.
pub(super) trait ColumnType: Sized {
    /// Values of a batch under construction.
    type Builder: Default;
    /// Values of a batch that was read.
    type Array;

    fn data_type() -> DataType;

    /// Replaces an empty builder with one for as many rows as the batch before had. Builders that grow in each batch take
    /// 3 % of the instructions of a recording.
    fn reserve(_builder: &mut Self::Builder, _rows: usize) {}

    /// Returns the size of the values of variable length, bytes.
    fn weight(_builder: &Self::Builder) -> usize {
        0
    }

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
            type Builder = PrimitiveBuilder<$arrow>;
            type Array = Numbers<$native>;

            fn data_type() -> DataType {
                <$arrow as ArrowPrimitiveType>::DATA_TYPE
            }

            fn reserve(builder: &mut Self::Builder, rows: usize) {
                *builder = PrimitiveBuilder::with_capacity(rows);
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

/// Booleans of a batch that was read.
#[derive(Default)]
pub(super) struct Bools {
    values: Bits,
    valid: Bits,
}

impl ColumnType for bool {
    type Builder = BooleanBuilder;
    type Array = Bools;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn reserve(builder: &mut Self::Builder, rows: usize) {
        *builder = BooleanBuilder::with_capacity(rows);
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
            type Builder = GenericByteBuilder<$arrow>;
            type Array = Option<GenericByteArray<$arrow>>;

            fn data_type() -> DataType {
                DataType::$data_type
            }

            fn weight(builder: &Self::Builder) -> usize {
                builder.values_slice().len()
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

impl ColumnType for Vec<Vec<u8>> {
    type Builder = ListBuilder<BinaryBuilder>;
    type Array = Option<ListArray>;

    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new_list_field(DataType::Binary, true)))
    }

    fn weight(builder: &Self::Builder) -> usize {
        builder.values_ref().values_slice().len()
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
