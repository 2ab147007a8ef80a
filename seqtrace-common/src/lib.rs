//! What crosses the boundary between seqtrace's eBPF programs and its user space, and nothing else.
//!
//! Everything here is plain data with a fixed layout: `#[repr(C)]`, padding spelled out, the size
//! asserted at compile time. [`wire`] is what the programs write into the ring buffer, [`config`]
//! what user space tells them before they are loaded and through maps afterwards, [`slots`] what they
//! keep of sessions, where user space looks for what was not told yet.
#![no_std]
#![forbid(unsafe_code)]

pub mod config;
pub mod slots;
pub mod wire;

/// Derives what user space needs to turn bytes into a value and back without `unsafe`.
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
