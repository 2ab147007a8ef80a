//! Counts the hits of probes for which the kernel ran no program. /proc/self/fdinfo shows them for the descriptor of each
//! program and of each attachment.

use std::fs;

/// Returns the number of probe hits for which no program ran, as far as this kernel counts them.
///
/// The kernel does not run a program that is entered again on a CPU on which it was interrupted: `recursion_misses`,
/// since 5.12 (bpf_prog_show_fdinfo(), kernel/bpf/syscall.c). It ignores a kprobe that is hit while another one is
/// handled on that CPU: `missed`, shown since 6.17 (bpf_perf_link_fdinfo_kprobe(), same file). Values of kretprobes are
/// not used: the programs count the missed returns of traced files themselves.
pub(super) fn of_this_process() -> u64 {
    let Ok(files) = fs::read_dir("/proc/self/fdinfo") else { return 0 };
    files
        .flatten()
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .map(|text| missed(&text))
        .sum()
}

/// Returns the number of missed hits in the fdinfo of one descriptor.
fn missed(text: &str) -> u64 {
    let value = |name| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    };
    let missed = match value("event_type") {
        Some("kprobe") => value("missed"),
        Some(_) => None,
        None => value("recursion_misses"),
    };
    missed.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_of_programs_and_kprobes_are_counted() {
        let program = "pos:\t0\nflags:\t02000002\nprog_type:\t2\nrun_cnt:\t0\nrecursion_misses:\t3\nverified_insns:\t9\n";
        assert_eq!(missed(program), 3);
        let link = "link_type:\tperf\nlink_id:\t13\nname:\t(null)\noffset:\t0x0\nmissed:\t2\naddr:\t0x0\nevent_type:\tkprobe\ncookie:\t0\n";
        assert_eq!(missed(link), 2);
        assert_eq!(missed(&link.replace("event_type:\tkprobe", "event_type:\tkretprobe")), 0);
        assert_eq!(missed("pos:\t0\nflags:\t0100000\n"), 0);
    }
}
