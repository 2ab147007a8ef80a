//! Random events and traces, for tests and for fuzz targets.
#![expect(clippy::unwrap_used, reason = "only tests and fuzz targets use this")]

#[cfg(test)]
pub(super) mod events;
pub(crate) mod live;
