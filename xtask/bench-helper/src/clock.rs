//! Reads the CPU time of processes in ns. These clocks read the scheduler's precise `sum_exec_runtime`; utime and stime
//! count ticks only.

use anyhow::Result;
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Returns the CPU time of this process in ns.
pub(crate) fn own() -> Result<u64> {
    now(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Returns the CPU time of a process in ns, including threads that have ended.
pub(crate) fn of(pid: u32) -> Result<u64> {
    now(clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?)
}

fn now(clock: ClockId) -> Result<u64> {
    Ok(u64::try_from(clock_gettime(clock)?.num_nanoseconds())?)
}
