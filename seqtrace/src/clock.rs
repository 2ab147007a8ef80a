//! Reads the system's clocks. Only modules that do I/O use them.

use std::{sync::OnceLock, time::Duration};

use nix::time::{ClockId, clock_gettime};

/// File with the offsets of a time namespace (timens_offsets_show(), kernel/time/namespace.c; since 5.5).
const OFFSETS: &str = "/proc/self/timens_offsets";

/// Returns the host's CLOCK_MONOTONIC in ns: the clock of the programs' timestamps (`bpf_ktime_get_ns`). In a time
/// namespace, this process gets another one.
pub(crate) fn monotonic() -> u64 {
    static OFFSET: OnceLock<i64> = OnceLock::new();
    let offset = OFFSET.get_or_init(|| {
        let offsets = std::fs::read_to_string(OFFSETS).unwrap_or_default();
        offset_of("monotonic", &offsets).unwrap_or(0)
    });
    read(ClockId::CLOCK_MONOTONIC).saturating_sub_signed(*offset)
}

/// Returns the time that the host was suspended since it booted, ns: CLOCK_BOOTTIME without CLOCK_MONOTONIC.
pub(crate) fn suspended() -> u64 {
    let offsets = std::fs::read_to_string(OFFSETS).unwrap_or_default();
    let offset = offset_of("boottime", &offsets).unwrap_or(0);
    let monotonic = monotonic();
    read(ClockId::CLOCK_BOOTTIME).saturating_sub_signed(offset).saturating_sub(monotonic)
}

/// Returns the number of ns that a time namespace adds to a clock; `None` if the text does not have it.
fn offset_of(clock: &str, offsets: &str) -> Option<i64> {
    let line = offsets.lines().find_map(|line| line.strip_prefix(clock))?;
    let (seconds, ns) = line.trim().split_once(' ')?;
    let (seconds, ns): (i64, i64) = (seconds.parse().ok()?, ns.trim().parse().ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(ns)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_a_time_namespace() {
        let initial = "monotonic           0         0\nboottime            0         0\n";
        let monotonic_offset = |offsets| offset_of("monotonic", offsets);
        assert_eq!(monotonic_offset(initial), Some(0));
        let day = "monotonic       86400         5\nboottime      -86400         0\n";
        assert_eq!(monotonic_offset(day), Some(86_400_000_000_005));
        assert_eq!(offset_of("boottime", day), Some(-86_400_000_000_000));
        // -1.5 s: the ns count upwards.
        assert_eq!(monotonic_offset("monotonic -2 500000000\n"), Some(-1_500_000_000));
        assert_eq!(monotonic_offset(""), None);
        assert_eq!(monotonic_offset("monotonic x 0\n"), None);
        assert_eq!(monotonic_offset("monotonic 9999999999999 0\n"), None);
    }

    #[test]
    fn the_clock_is_that_of_the_host() {
        // Skipped if this process has no time namespace to compare with, or may not see the timers.
        let Ok(timers) = std::fs::read_to_string("/proc/timer_list") else { return };
        let Some(line) = timers.lines().find_map(|line| line.strip_prefix("now at ")) else {
            return;
        };
        let host: u64 = line.trim_end_matches(" nsecs").parse().unwrap();
        let elapsed = monotonic().checked_sub(host).unwrap();
        assert!(elapsed < 60_000_000_000, "{elapsed} ns");
    }
}
