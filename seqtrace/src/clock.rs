//! The clocks, for the edges only.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC, ns: what the programs stamp events with (`bpf_ktime_get_ns`).
pub fn monotonic() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// The time of day (ns since 1970, UTC) when CLOCK_MONOTONIC was 0.
pub fn wall_at_boot() -> i64 {
    let difference = i128::from(read(ClockId::CLOCK_REALTIME)) - i128::from(monotonic());
    i64::try_from(difference).unwrap_or(0)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).map(Duration::from).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
