//! The checks, each a function of [`Facts`] alone.

use super::Check;
use crate::{
    event::Role,
    kernel::{
        facts::{Facts, Seen},
        sites::Site,
    },
};

/// Runs all checks, in the order of printing.
pub(super) fn all(facts: &Facts) -> Vec<Check> {
    vec![
        kernel(facts),
        capabilities(facts),
        lockdown(facts),
        btf(facts),
        kprobes(facts),
        kprobes_switch(facts),
        optimisation(facts),
        kptr_restrict(facts),
        symbols(facts),
        core_sites(facts),
        livepatch(facts),
        jit(facts),
        perf(facts),
        memlock(facts),
        fentry(facts),
        namespace(facts),
    ]
}

/// Bits of the capability sets (include/uapi/linux/capability.h).
pub(super) mod cap {
    pub(in super::super) const SYS_RAWIO: u32 = 17;
    pub(in super::super) const SYS_ADMIN: u32 = 21;
    pub(in super::super) const SYSLOG: u32 = 34;
    pub(in super::super) const PERFMON: u32 = 38;
    pub(in super::super) const BPF: u32 = 39;
}

fn has(facts: &Facts, capability: u32) -> bool {
    facts.capabilities.is_some_and(|set| set >> capability & 1 == 1)
}

/// Returns true if this process may load and attach programs.
fn may_trace(facts: &Facts) -> bool {
    has(facts, cap::SYS_ADMIN) || has(facts, cap::BPF) && has(facts, cap::PERFMON)
}

fn kernel(facts: &Facts) -> Check {
    let detail = format!("Linux {} {}", facts.release, facts.machine);
    if facts.machine == "x86_64" {
        Check::ok("kernel", detail)
    } else {
        Check::warn(
            "kernel",
            detail,
            "core sites are found on x86_64 only: seqtrace uses --backend callbacks",
        )
    }
}

fn capabilities(facts: &Facts) -> Check {
    const NAME: &str = "capabilities";
    let Some(set) = facts.capabilities else {
        return Check::unseen(facts, NAME, "/proc/self/status has no CapEff");
    };
    let user = facts.uid.map_or_else(|| "?".into(), |uid| uid.to_string());
    if !may_trace(facts) {
        return Check::fail(
            NAME,
            format!("uid {user} has neither CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON"),
            "run with sudo",
        );
    }
    let missing: Vec<&str> =
        [(cap::SYSLOG, "CAP_SYSLOG (symbols)"), (cap::SYS_RAWIO, "CAP_SYS_RAWIO (core sites)")]
            .into_iter()
            .filter_map(|(bit, name)| (set >> bit & 1 == 0).then_some(name))
            .collect();
    if missing.is_empty() {
        Check::ok(NAME, format!("uid {user}, {set:#x}"))
    } else {
        let detail = format!("uid {user} lacks {}", missing.join(", "));
        Check::warn(NAME, detail, "run as root in the initial user namespace")
    }
}

fn lockdown(facts: &Facts) -> Check {
    const NAME: &str = "lockdown";
    const CONFIDENTIALITY: &str = "boot with lockdown=integrity or without lockdown; under Secure Boot see the distribution's manual";
    match &facts.lockdown {
        Seen::Is(mode) if mode == "confidentiality" => Check::fail(
            NAME,
            "confidentiality: the kernel forbids probes and reads of its memory",
            CONFIDENTIALITY,
        ),
        // Integrity forbids writing to the kernel only. Probing and reading are listed after
        // LOCKDOWN_INTEGRITY_MAX (include/linux/security.h).
        Seen::Is(mode) => Check::ok(NAME, mode),
        // Only this mode refuses a process that has the capability.
        Seen::Absent if facts.kcore_refused && has(facts, cap::SYS_RAWIO) => Check::fail(
            NAME,
            "confidentiality, because /proc/kcore is refused (securityfs is not mounted to confirm it)",
            CONFIDENTIALITY,
        ),
        Seen::Absent => Check::ok(NAME, "none: /sys/kernel/security/lockdown does not exist"),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn btf(facts: &Facts) -> Check {
    const NAME: &str = "BTF";
    match &facts.btf {
        Seen::Is(found) => match &found.refused {
            None => Check::ok(NAME, "all field offsets found"),
            Some(why) => Check::fail(
                NAME,
                why,
                "this version of seqtrace does not support this kernel: please report it",
            ),
        },
        Seen::Absent => Check::fail(
            NAME,
            "/sys/kernel/btf/vmlinux does not exist",
            "boot a kernel built with CONFIG_DEBUG_INFO_BTF (distributions' kernels since 2020 are)",
        ),
        Seen::Hidden(why) => Check::fail(
            NAME,
            why,
            "run as root, with sysfs mounted; if that does not help, please report it",
        ),
    }
}

fn kprobes(facts: &Facts) -> Check {
    const NAME: &str = "kprobes";
    match &facts.kprobe_pmu {
        Seen::Is(pmu) => Check::ok(NAME, format!("perf PMU {pmu}")),
        Seen::Absent => Check::fail(
            NAME,
            "the kernel has none: /sys/bus/event_source/devices/kprobe does not exist",
            "boot a kernel built with CONFIG_KPROBES and CONFIG_KPROBE_EVENTS (distributions' kernels \
            are), or trace in a guest: cargo xtask demo, cargo xtask vm",
        ),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn kprobes_switch(facts: &Facts) -> Check {
    const NAME: &str = "kprobes switch";
    match &facts.kprobes_enabled {
        Seen::Is(true) => Check::ok(NAME, "on"),
        Seen::Is(false) => Check::fail(
            NAME,
            "kprobes are switched off for the whole machine",
            "echo 1 > /sys/kernel/debug/kprobes/enabled",
        ),
        Seen::Absent if facts.kprobe_pmu == Seen::Absent => Check::ok(NAME, "there are no kprobes"),
        Seen::Absent => Check::ok(NAME, "unknown (debugfs is not mounted); on by default"),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn optimisation(facts: &Facts) -> Check {
    const NAME: &str = "kprobes cost";
    match &facts.kprobes_optimised {
        Seen::Is(true) => Check::ok(NAME, "probes become jumps where possible"),
        Seen::Is(false) => Check::warn(
            NAME,
            "optimisation is switched off: each hit costs a breakpoint",
            "sysctl debug.kprobes-optimization=1",
        ),
        Seen::Absent => Check::ok(NAME, "this kernel cannot optimise probes"),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn kptr_restrict(facts: &Facts) -> Check {
    const NAME: &str = "kptr_restrict";
    match &facts.kptr_restrict {
        // kallsyms_show_value() (kernel/ksyms_common.c): 2 hides addresses from every process.
        Seen::Is(2..) => Check::fail(
            NAME,
            "2: symbols are hidden even from root",
            "sysctl kernel.kptr_restrict=1",
        ),
        Seen::Is(value) => Check::ok(NAME, value.to_string()),
        Seen::Absent => Check::ok(NAME, "this kernel has no kernel.kptr_restrict"),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn symbols(facts: &Facts) -> Check {
    const NAME: &str = "symbols";
    let found = match &facts.symbols {
        Ok(found) => found,
        Err(why) => {
            return Check::fail(NAME, why, "run as root, on a kernel built with CONFIG_KALLSYMS");
        }
    };
    let traverse = if found.traverse.is_empty() {
        "traverse is inlined".to_owned()
    } else {
        found.traverse.join(", ")
    };
    if !found.needed_missing.is_empty() {
        return Check::fail(
            NAME,
            format!("missing or ambiguous: {}", found.needed_missing.join(", ")),
            "this version of seqtrace does not support this kernel's seq_file core: please report it",
        );
    }
    if !found.useful_missing.is_empty() {
        return Check::warn(
            NAME,
            format!("missing or ambiguous: {}", found.useful_missing.join(", ")),
            "sessions or plain files that use these functions are missing or incomplete",
        );
    }
    Check::ok(NAME, format!("{} symbols, the core's are complete; {traverse}", found.count))
}

fn core_sites(facts: &Facts) -> Check {
    const NAME: &str = "core sites";
    match &facts.sites {
        Ok(sites) => {
            let count = |role| sites.iter().filter(|site: &&Site| site.role == role).count();
            let parts: Vec<String> = [Role::Start, Role::Next, Role::Show, Role::Stop]
                .into_iter()
                .map(|role| format!("{} {}", count(role), role.name()))
                .collect();
            Check::ok(NAME, format!("{}: {}", sites.len(), parts.join(", ")))
        }
        Err(why) => Check::warn(
            NAME,
            why,
            "--backend auto uses callbacks: it probes each file's own functions instead",
        ),
    }
}

fn livepatch(facts: &Facts) -> Check {
    const NAME: &str = "live patches";
    if facts.livepatched.is_empty() {
        Check::ok(NAME, "none in the seq_file core")
    } else {
        Check::warn(
            NAME,
            format!("replaced: {}", facts.livepatched.join(", ")),
            "probes in replaced functions may never be hit: use --backend callbacks",
        )
    }
}

fn jit(facts: &Facts) -> Check {
    const NAME: &str = "BPF JIT";
    match &facts.bpf_jit {
        Seen::Is(0) => Check::warn(
            NAME,
            "off: the kernel interprets the programs, every event costs more",
            "sysctl net.core.bpf_jit_enable=1",
        ),
        Seen::Is(_) => Check::ok(NAME, "on"),
        Seen::Absent => Check::warn(
            NAME,
            "this kernel has no net.core.bpf_jit_enable",
            "if loading fails, boot a kernel built with CONFIG_BPF_SYSCALL and CONFIG_BPF_JIT",
        ),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn perf(facts: &Facts) -> Check {
    const NAME: &str = "perf and BPF";
    let value = |seen: &Seen<i64>| match seen {
        Seen::Is(value) => value.to_string(),
        _ => "?".into(),
    };
    let detail = format!(
        "perf_event_paranoid {}, unprivileged_bpf_disabled {}",
        value(&facts.perf_event_paranoid),
        value(&facts.unprivileged_bpf_disabled)
    );
    match facts.perf_event_paranoid {
        Seen::Absent => Check::fail(
            NAME,
            "the kernel has no perf events",
            "boot a kernel built with CONFIG_PERF_EVENTS",
        ),
        // Neither setting restricts a process with the capabilities that tracing needs.
        _ => Check::ok(NAME, detail),
    }
}

fn memlock(facts: &Facts) -> Check {
    const NAME: &str = "locked memory";
    /// RLIMIT_MEMLOCK that suffices, in bytes: the default size of the ring buffer, and the same amount for maps and
    /// programs.
    const ENOUGH: u64 = 16 << 20;
    // Since 5.11 BPF memory is charged to the memory cgroup instead.
    let charged = version(&facts.release).is_some_and(|version| version < (5, 11));
    match facts.memlock {
        _ if !charged => Check::ok(NAME, "not limited for BPF on this kernel"),
        Seen::Is(limit) if limit >= ENOUGH => Check::ok(NAME, "enough"),
        // Root has CAP_SYS_RESOURCE: the limit is raised before loading.
        Seen::Is(_) if facts.uid == Some(0) => Check::ok(NAME, "raised when needed"),
        Seen::Is(limit) => Check::warn(
            NAME,
            format!("{} KiB, too little for BPF", limit >> 10),
            "ulimit -l unlimited",
        ),
        Seen::Absent => Check::unseen(facts, NAME, "no /proc/self/limits"),
        Seen::Hidden(ref why) => Check::unseen(facts, NAME, why),
    }
}

/// Returns the major and minor number of a release.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn fentry(facts: &Facts) -> Check {
    const NAME: &str = "fentry";
    match &facts.btf {
        Seen::Is(found) if found.functions => {
            Check::ok(NAME, "the core's functions are in the BTF")
        }
        _ => Check::ok(NAME, "the core's functions are not in the BTF: kprobes are used"),
    }
}

fn namespace(facts: &Facts) -> Check {
    const NAME: &str = "pid namespace";
    match &facts.initial_pid_namespace {
        Seen::Is(true) => Check::ok(NAME, "the initial one"),
        Seen::Is(false) => Check::warn(
            NAME,
            "not the initial one: seqtrace shows the host's pids",
            "run on the host, or in a container with --pid=host",
        ),
        Seen::Absent => Check::unseen(facts, NAME, "no /proc/self/ns/pid"),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}
