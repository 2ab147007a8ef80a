//! Values that occur in several objects, and how they follow from the model's.
//!
//! Types of the model are not used as they are: renaming one must not change the format, and the comments here are
//! the schema's.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::event::{Ptr, Wrapper};
use crate::json::text::{Address, Pointer, RuleName, SessionName, text};
use crate::{event, rules, session::update, symbol};

/// Conversion from a value of the model, `M`. Unlike `From`, it exists for options and lists, too.
pub(crate) trait Of<M> {
    /// Converts a value of the model.
    fn of(model: M) -> Self;
}

impl<'m, M, T: Of<&'m M>> Of<&'m Option<M>> for Option<T> {
    fn of(model: &'m Option<M>) -> Self {
        model.as_ref().map(T::of)
    }
}

impl<'m, M, T: Of<&'m M>> Of<&'m Vec<M>> for Vec<T> {
    fn of(model: &'m Vec<M>) -> Self {
        model.iter().map(T::of).collect()
    }
}

macro_rules! conversions {
    ($($model:ty => $name:ty: $convert:expr;)*) => {$(
        impl<'m> Of<&'m $model> for $name {
            fn of(model: &'m $model) -> Self {
                let convert: fn(&'m $model) -> Self = $convert;
                convert(model)
            }
        }
    )*};
}

conversions! {
    bool => bool: |value| *value;
    i32 => i32: |value| *value;
    i64 => i64: |value| *value;
    u32 => u32: |value| *value;
    u64 => u64: |value| *value;
    &'static str => &'static str: |value| value;
    String => &'m str: |value| value;
    Arc<str> => &'m str: |value| value;
    Vec<u8> => Cow<'m, str>: |bytes| text(bytes);
    u64 => Address: |value| Address(*value);
    Ptr => Pointer: |value| Pointer(*value);
    rules::Id => RuleName: |id| RuleName(*id);
    update::SessionId => SessionName: |id| SessionName(*id);
    Wrapper => &'static str: |function| function.name();
    rules::Witness => &'static str: |witness| witness.name();
    update::Symbol => Option<Function<'m>>: |function| Some(Function::of(function));
}

/// Defines a type of the format and its conversion from the model's type with the same variants or fields. A variant or
/// field that is missing here does not compile. `a = b` takes field `a` from field `b` of the model.
///
/// A type with fields that the model's does not have (`with`) is converted by its method `new`, which takes these
/// first. Fields of the model that the format does not have are listed after `without`.
macro_rules! mirror {
    (
        $(#[$meta:meta])*
        enum $name:ident of $model:path { $($(#[$doc:meta])* $variant:ident,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name { $($(#[$doc])* $variant,)* }

        impl Of<&$model> for $name {
            fn of(model: &$model) -> Self {
                match model { $(<$model>::$variant => Self::$variant,)* }
            }
        }
    };
    (
        $(#[$meta:meta])*
        struct $name:ident $(<$life:lifetime>)? $(without { $($skipped:ident),* })? of $model:path {
            $($(#[$doc:meta])* $field:ident $(= $source:ident)?: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Serialize, JsonSchema)]
        pub(crate) struct $name $(<$life>)? { $($(#[$doc])* pub(crate) $field: $type,)* }

        impl<$($life,)? 'm> Of<&'m $model> for $name $(<$life>)? where $('m: $life)? {
            fn of(model: &'m $model) -> Self {
                let $model { $($($source:)? $field,)* $($($skipped: _,)*)? } = model;
                Self { $($field: <$type as Of<_>>::of($field),)* }
            }
        }
    };
    (
        $(#[$meta:meta])*
        struct $name:ident $(<$life:lifetime>)?
        with { $($(#[$extra_doc:meta])* $extra:ident: $extra_type:ty,)* }
        $(without { $($skipped:ident),* })?
        of $model:path { $($(#[$doc:meta])* $field:ident $(= $source:ident)?: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Serialize, JsonSchema)]
        pub(crate) struct $name $(<$life>)? {
            $($(#[$extra_doc])* pub(crate) $extra: $extra_type,)*
            $($(#[$doc])* pub(crate) $field: $type,)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            pub(crate) fn new($($extra: $extra_type,)* model: & $($life)? $model) -> Self {
                let $model { $($($source:)? $field,)* $($($skipped: _,)*)? } = model;
                Self { $($extra,)* $($field: <$type as Of<_>>::of($field),)* }
            }
        }
    };
}
pub(in crate::json) use mirror;

mirror! {
    /// A member of seq_operations.
    enum Role of event::Role {
        Start,
        Next,
        Show,
        Stop,
    }
}

mirror! {
    /// Where in the core's algorithm.
    enum Phase of update::Phase {
        Traverse,
        First,
        Fill,
        Unknown,
    }
}

mirror! {
    /// What became of a rendering.
    enum Fate of update::Fate {
        Emitted,
        DiscardedOverflow,
        DiscardedTail,
        Skipped,
        PassedOver,
        Empty,
        Failed,
        Unknown,
    }
}

mirror! {
    /// Why not everything was seen.
    enum Partial of update::Partial {
        Adopted,
        LateAttach,
        Gap,
        Blind,
        Disagrees,
        /// Two used the descriptor at once; which of them was first cannot be told.
        Overlap,
        StillOpen,
        /// A BPF iterator: its loop is not the core's, nothing is concluded of it.
        BpfIterator,
    }
}

mirror! {
    /// How bad.
    enum Severity of rules::Severity {
        Info,
        Warning,
        Error,
    }
}

mirror! {
    /// A half-open range of file offsets.
    struct Range of update::Range {
        start: i64,
        end: i64,
    }
}

mirror! {
    /// Sums over a session or a trace.
    struct Totals of update::Totals {
        reads: u64,
        /// Bytes returned to readers.
        bytes: u64,
        emitted: u64,
        discarded: u64,
        passed_over: u64,
        callbacks: u64,
        passes: u64,
        restarts: u64,
        writes: u64,
        /// Bytes written.
        written: u64,
    }
}

mirror! {
    /// A function or a table.
    struct Function<'a> of update::Symbol {
        address: Address,
        name: Option<&'a str>,
        /// null for the kernel itself.
        module: Option<&'a str>,
        /// Bytes from the beginning of its module's code; null for the kernel itself.
        offset: Option<u64>,
    }
}

mirror! {
    /// A line of source.
    struct SourceLine<'a> of symbol::SourceLine {
        /// Path of the file, relative to the current directory of seqtrace if it lies below that, else to the folder in
        /// which the kernel or the module was built, else absolute.
        file: &'a str,
        /// Number of the line, from 1.
        line: u32,
    }
}

mirror! {
    /// The callbacks of a seq file.
    #[derive(Default)]
    struct Functions<'a> of update::Callbacks {
        /// The seq_operations, where it has a symbol.
        table: Option<Function<'a>>,
        start: Option<Function<'a>>,
        next: Option<Function<'a>>,
        show: Option<Function<'a>>,
        stop: Option<Function<'a>>,
    }
}
