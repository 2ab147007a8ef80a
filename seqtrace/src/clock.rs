//! Reads the system's clocks. Only modules that do I/O use them.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Returns CLOCK_MONOTONIC in ns: the clock of the programs' timestamps (`bpf_ktime_get_ns`).
pub(crate) fn monotonic() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Returns the time of day (ns since 1970, UTC) when CLOCK_MONOTONIC was 0.
pub(crate) fn wall_at_boot() -> i64 {
    let difference = i128::from(read(ClockId::CLOCK_REALTIME)) - i128::from(monotonic());
    i64::try_from(difference).unwrap_or(0)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).map(Duration::from).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
