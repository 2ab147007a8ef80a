//! Layouts of the timeline, and the widths at which each of them is used.
//!
//! A terminal that is too narrow for all columns loses first what can be read elsewhere: the time since the line before,
//! the CPU, the first digits of pointers, the fill of the buffer, the task (which then stands behind the path of each
//! open), the duration of callbacks, and last the time.

use super::super::columns::Column::{self, Cpu, Delta, Task, Time};
use super::super::text::Fit;

/// Columns of a callback's line, relative to the column of the event.
pub(super) struct Layout {
    /// The pointer that is passed to the callback.
    pub(super) pointer: usize,
    /// The arrow before the pointer that is returned. The bytes that are written begin two columns behind it.
    pub(super) returned: usize,
    /// True if only the last four digits of a pointer are written.
    pub(super) short: bool,
    /// Number of columns of the bytes that are written, with sign and unit.
    pub(super) bytes: usize,
    /// True if the fill of the buffer is written.
    pub(super) buffer: bool,
    /// End of the duration. `None`: callbacks have no duration.
    pub(super) end: Option<usize>,
}

const WIDE: Layout =
    Layout { pointer: 22, returned: 39, short: false, bytes: 7, buffer: true, end: Some(71) };
const SHORT: Layout =
    Layout { pointer: 19, returned: 25, short: true, bytes: 7, buffer: true, end: Some(57) };
const NO_BUFFER: Layout =
    Layout { pointer: 17, returned: 23, short: true, bytes: 6, buffer: false, end: Some(39) };
const NO_DURATION: Layout =
    Layout { pointer: 17, returned: 23, short: true, bytes: 6, buffer: false, end: None };

/// The layout for each of [`FITS`].
pub(super) const LAYOUTS: [Layout; 8] =
    [WIDE, WIDE, WIDE, SHORT, NO_BUFFER, NO_BUFFER, NO_DURATION, NO_DURATION];

/// Columns of a callback's line in a layout, and its fate behind them: `passed over 27..54`, `emitted 25915..25920`.
const fn fit(hidden: &'static [Column], layout: &Layout, fate: usize) -> Fit {
    let end = match layout.end {
        Some(end) => end,
        None => layout.returned + 2 + layout.bytes,
    };
    Fit { hidden, event: end + 2 + fate }
}

/// Conditions under which the layouts are used, with the default columns: from 136, 128, 124, 110, 93, 80 and 72 columns
/// on, and in narrower terminals.
pub(super) const FITS: [Fit; 8] = [
    fit(&[], &WIDE, 20),
    fit(&[Delta], &WIDE, 20),
    fit(&[Delta, Cpu], &WIDE, 20),
    fit(&[Delta, Cpu], &SHORT, 20),
    fit(&[Delta, Cpu], &NO_BUFFER, 21),
    fit(&[Delta, Cpu, Task], &NO_BUFFER, 21),
    fit(&[Delta, Cpu, Task], &NO_DURATION, 21),
    fit(&[Delta, Cpu, Task, Time], &NO_DURATION, 18),
];
