//! Random events and traces, for tests and for fuzz targets.
#![expect(clippy::unwrap_used, reason = "only tests and fuzz targets use this")]

#[cfg(test)]
pub(super) mod events;
pub(crate) mod live;

use super::dictionary::DictValue;
use crate::event::Wrapper;

/// All functions that open or release a file.
pub(crate) const WRAPPERS: &[Wrapper] = Wrapper::ALL;
