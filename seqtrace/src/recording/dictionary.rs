//! Dictionary columns, and their values: the kinds of rows, and enums of the model.

use std::{marker::PhantomData, sync::Arc};

use arrow_array::{ArrayRef, DictionaryArray, StringArray, cast::AsArray, types::Int8Type};
use arrow_schema::{ArrowError, DataType};

use super::column_types::{ColumnType, NumberBuilder, Numbers};
use crate::event::{Role, Via, Wrapper};

/// Value of a dictionary column: one of a few names. pandas calls this a category, SQL an enumeration.
pub(super) trait DictValue: Copy + PartialEq + 'static {
    /// All values, in the order of their indices in a recording.
    const ALL: &'static [Self];

    /// Returns the name in a recording.
    fn name(self) -> &'static str;
}

macro_rules! kinds {
    ($($kind:ident = $name:literal,)+) => {
        /// Kind of a row: one for each `EventKind`, and the kinds that explain events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $($kind,)+
        }

        impl DictValue for Kind {
            const ALL: &'static [Self] = &[$(Self::$kind,)+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    Open = "open",
    ReadEnter = "read_enter",
    ReadExit = "read_exit",
    LseekEnter = "lseek_enter",
    LseekExit = "lseek_exit",
    PassBegin = "pass_begin",
    Callback = "callback",
    Preview = "preview",
    Release = "release",
    OpenFailed = "open_failed",
    Write = "write",
    PlainRead = "plain_read",
    Gap = "gap",
    Blind = "blind",
    TableAttached = "table_attached",
    Function = "function",
    Table = "table",
    Target = "target",
    Ready = "ready",
    End = "end",
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

    fn finish(builder: &mut Self::Builder, rows: usize) -> Result<ArrayRef, ArrowError> {
        let names = builder.names.get_or_insert_with(|| {
            Arc::new(StringArray::from_iter_values(V::ALL.iter().map(|value| value.name())))
        });
        let keys = builder.keys.finish::<Int8Type>(rows);
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(names))?))
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
