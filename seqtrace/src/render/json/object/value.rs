//! Values that occur in several objects.
//!
//! Types of the model are not used as they are: renaming one must not change the format, and the comments here are
//! the schema's.

use schemars::JsonSchema;
use serde::Serialize;

use crate::render::json::text::Address;
use crate::{event, rules, session::update};

/// Defines a type of the format and its conversion from the model's type with the same variants or fields. A variant or
/// field that is missing here does not compile.
macro_rules! mirror {
    (
        $(#[$meta:meta])*
        enum $name:ident of $model:path { $($(#[$doc:meta])* $variant:ident,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name { $($(#[$doc])* $variant,)* }

        impl From<$model> for $name {
            fn from(value: $model) -> Self {
                match value { $(<$model>::$variant => Self::$variant,)* }
            }
        }
    };
    (
        $(#[$meta:meta])*
        struct $name:ident of $model:path { $($(#[$doc:meta])* $field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Serialize, JsonSchema)]
        pub(crate) struct $name { $($(#[$doc])* pub(crate) $field: $type,)* }

        impl From<$model> for $name {
            fn from(value: $model) -> Self {
                let $model { $($field,)* } = value;
                Self { $($field,)* }
            }
        }
    };
}

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

/// A function or a table.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Function<'a> {
    pub(crate) address: Address,
    pub(crate) name: Option<&'a str>,
    /// null for the kernel itself.
    pub(crate) module: Option<&'a str>,
    /// Bytes from the beginning of its module's code; null for the kernel itself.
    pub(crate) offset: Option<u64>,
}

/// The callbacks of a seq file.
#[derive(Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct Functions<'a> {
    /// The seq_operations, where it has a symbol.
    pub(crate) table: Option<Function<'a>>,
    pub(crate) start: Option<Function<'a>>,
    pub(crate) next: Option<Function<'a>>,
    pub(crate) show: Option<Function<'a>>,
    pub(crate) stop: Option<Function<'a>>,
}
