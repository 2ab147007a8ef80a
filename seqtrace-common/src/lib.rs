//! The interface between seqtrace's eBPF programs and its user space.
//!
//! All types are plain data with a fixed layout: `#[repr(C)]`, padding spelled out as fields `pad` (zero), the size
//! asserted at compile time. [`wire`] has the events that the programs submit to the ring buffer, [`config`] the
//! configuration and the filters that user space passes to the programs, [`slots`] the state of sessions, where user
//! space finds callbacks that were not submitted yet.
#![no_std]
#![forbid(unsafe_code)]

pub mod config;
pub mod slots;
pub mod wire;

/// Declares a struct with a fixed layout and derives what user space needs to convert it from and to bytes without
/// `unsafe`.
macro_rules! plain_data {
    ($(#[$meta:meta])* pub struct $name:ident [$size:expr] { $($(#[$fmeta:meta])* pub $field:ident : $ty:ty,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(
            feature = "user",
            derive(
                zerocopy::FromBytes,
                zerocopy::IntoBytes,
                zerocopy::Immutable,
                zerocopy::KnownLayout
            )
        )]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* }
        const _: () = assert!(core::mem::size_of::<$name>() == $size);
        const _: () = assert!(core::mem::align_of::<$name>() <= 8);
    };
}
pub(crate) use plain_data;
