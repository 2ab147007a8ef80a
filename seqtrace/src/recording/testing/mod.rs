//! Random events and traces, for tests and for fuzz targets.
#![cfg_attr(
    not(test),
    expect(clippy::unwrap_used, reason = "only tests and fuzz targets use this")
)]

pub(crate) mod events;
pub(crate) mod live;
