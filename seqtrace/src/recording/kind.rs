//! Kinds of rows, and the values of the other dictionary columns.

use super::column_types::DictValue;
use crate::event::{Role, Via, Wrapper};

macro_rules! kinds {
    ($($kind:ident = $name:literal,)+) => {
        /// Kind of a row: one for each `Body`, and the kinds that explain events.
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
