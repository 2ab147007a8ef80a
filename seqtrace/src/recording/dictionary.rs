//! Dictionary columns, and their values: the kinds of rows, and enums of the model.

use std::{marker::PhantomData, sync::Arc};

use arrow_array::{
    ArrayRef, DictionaryArray, StringArray,
    builder::{ArrayBuilder, Int8Builder},
    cast::AsArray,
    types::Int8Type,
};
use arrow_schema::DataType;
use strum::{IntoStaticStr, VariantArray};

use super::column_types::{ColumnType, Numbers};
use crate::event::{Role, Via, Wrapper};

/// Value of a dictionary column: one of a few names. pandas calls this a category, SQL an enumeration.
pub(super) trait DictValue: Copy + PartialEq + 'static {
    /// All values, in the order of their indices in a recording.
    const ALL: &'static [Self];

    /// Returns the name in a recording.
    fn name(self) -> &'static str;
}

/// Kind of a row: one for each `EventKind`, and the kinds that explain events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Kind {
    Open,
    ReadEnter,
    ReadExit,
    LseekEnter,
    LseekExit,
    PassBegin,
    Callback,
    Preview,
    Release,
    OpenFailed,
    Write,
    PlainRead,
    Gap,
    Blind,
    TableAttached,
    Function,
    Table,
    Target,
    Ready,
    End,
    Source,
}

impl DictValue for Kind {
    const ALL: &'static [Self] = Self::VARIANTS;

    fn name(self) -> &'static str {
        self.into()
    }
}

/// Gives an enum of the model the values of a dictionary column, in the order of the file.
macro_rules! dict_values {
    ($($value:ident: $($variant:ident)+,)+) => {
        $(impl DictValue for $value {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn name(self) -> &'static str {
                Self::name(self)
            }
        })+
    };
}

dict_values! {
    Role: Start Next Show Stop,
    Via: SeqRead ReadIter BpfSeqRead,
    Wrapper: SingleOpen SingleOpenSize SeqOpenPrivate SeqOpenPrivateRaw SeqOpen SeqRelease
        SingleRelease SeqReleasePrivate ProcRegOpen ProcRegRelease,
}

/// Values of a dictionary column under construction.
pub(super) struct DictBuilder<V> {
    /// Index of each value in [`DictValue::ALL`].
    keys: Int8Builder,
    /// Names of all values. Batches share one array, so that the stream has it once.
    names: ArrayRef,
    value: PhantomData<V>,
}

impl<V: DictValue> Default for DictBuilder<V> {
    fn default() -> Self {
        let names = StringArray::from_iter_values(V::ALL.iter().map(|value| value.name()));
        Self { keys: Int8Builder::default(), names: Arc::new(names), value: PhantomData }
    }
}

impl<V: DictValue> DictBuilder<V> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    #[inline]
    pub(super) fn append_value(&mut self, value: V) {
        let key = V::ALL.iter().position(|known| *known == value);
        self.keys.append_value(key.and_then(|key| i8::try_from(key).ok()).unwrap_or_default());
    }

    pub(super) fn append_nulls(&mut self, count: usize) {
        self.keys.append_nulls(count);
    }

    pub(super) fn finish(&mut self) -> DictionaryArray<Int8Type> {
        DictionaryArray::new(self.keys.finish(), Arc::clone(&self.names))
    }
}

/// Values of a dictionary column that was read.
pub(super) struct DictValues<V> {
    keys: Numbers<i8>,
    /// Values by their keys.
    values: Vec<V>,
}

impl<V: DictValue> ColumnType for V {
    type Builder = DictBuilder<V>;
    type Array = DictValues<V>;

    fn data_type() -> DataType {
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
    }

    fn reserve(builder: &mut Self::Builder, rows: usize) {
        builder.keys = Int8Builder::with_capacity(rows);
    }

    fn read(array: Option<&ArrayRef>) -> Result<Self::Array, String> {
        let array = array.and_then(|array| array.as_dictionary_opt::<Int8Type>());
        let names = array.and_then(|array| array.values().as_string_opt::<i32>());
        let (Some(array), Some(names)) = (array, names) else {
            return Ok(DictValues { keys: Numbers::default(), values: Vec::new() });
        };
        let value = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            let found = V::ALL.iter().find(|value| value.name() == name);
            found.copied().ok_or_else(|| name.to_owned())
        };
        // Keys have 7 bits: no key leads to a later word.
        let values = names.iter().take(1 << 7).map(value).collect::<Result<_, _>>()?;
        Ok(DictValues { keys: Numbers::read(array.keys()), values })
    }

    #[inline]
    fn get(array: &Self::Array, row: usize) -> Option<Self> {
        let key = usize::try_from(array.keys.get(row)?).ok()?;
        array.values.get(key).copied()
    }
}
