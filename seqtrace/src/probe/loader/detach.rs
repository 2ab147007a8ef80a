//! Detaches the programs.
//!
//! While kernel.ftrace_enabled is 0, detaching leaves stale records in the kernel ([`crate::kernel::ftrace`]). So the
//! probes stay attached then. When they are dropped, which is after all output was written, seqtrace waits for the switch.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Probes, attach::Link};
use crate::{kernel::switches, probe::misses};

/// Longest time for which the switch is awaited.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl Probes {
    /// Detaches all probes, unless kernel.ftrace_enabled is 0. The kernel's counters of a probe vanish with it, so they
    /// are read before.
    pub(in crate::probe) fn detach(&mut self) {
        self.missed_hits.get_or_insert_with(misses::of_this_process);
        if !switches::is_ftrace_off() {
            release(&mut self.links);
        }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.detach();
        if self.links.is_empty() {
            return;
        }
        eprintln!(
            "seqtrace: kernel.ftrace_enabled is 0, and probes that are detached now damage ftrace: waiting up to {} s for \
            `sysctl kernel.ftrace_enabled=1` (Ctrl-C detaches at once)",
            PATIENCE.as_secs()
        );
        let begin = Instant::now();
        while switches::is_ftrace_off() {
            if begin.elapsed() >= PATIENCE {
                eprintln!("{DETACHED_ANYWAY}");
                break;
            }
            thread::sleep(POLL_INTERVAL);
        }
        release(&mut self.links);
    }
}

const DETACHED_ANYWAY: &str = "warning: the probes were detached while kernel.ftrace_enabled is 0: once it is 1 again, \
    the kernel disables ftrace until the next boot when another tracer detaches. `sysctl kernel.ftrace_enabled=1; \
    seqtrace doctor` prevents this";

/// Detaches probes. The kernel waits for one or two grace periods for each, so several threads detach at once.
fn release(links: &mut Vec<Link>) {
    const THREADS: usize = 8;
    let mut shares: Vec<Vec<Link>> = std::iter::repeat_with(Vec::new).take(THREADS).collect();
    for (number, link) in links.drain(..).enumerate() {
        shares[number % THREADS].push(link);
    }
    thread::scope(|scope| {
        for share in shares {
            // If there is no memory for a thread, the share is dropped here.
            let _started = thread::Builder::new().spawn_scoped(scope, move || drop(share));
        }
    });
}
