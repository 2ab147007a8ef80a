//! CPU time of processes, to the nanosecond: the scheduler's own account (`sum_exec_runtime`), not the
//! ticks that utime and stime are.

use anyhow::Result;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Of this process, ns.
pub(crate) fn own() -> Result<u64> {
    now(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Of another process, ended threads included, ns.
pub(crate) fn of(pid: u32) -> Result<u64> {
    now(clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?)
}

fn now(clock: ClockId) -> Result<u64> {
    let time = clock_gettime(clock)?;
    Ok(u64::try_from(time.tv_sec())? * 1_000_000_000 + u64::try_from(time.tv_nsec())?)
}
