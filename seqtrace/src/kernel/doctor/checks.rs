//! The checks, each a function of [`Facts`] alone.

use super::{Check, Status};
use crate::{
    event::Role,
    kernel::{
        facts::{Facts, Seen, Trial},
        sites::Site,
        switches::SwitchedOff,
    },
};

type Examine = fn(&Facts) -> Outcome;

/// Runs all checks, in the order of printing.
pub(super) fn all(facts: &Facts) -> Vec<Check> {
    const CHECKS: [(&str, Examine); 18] = [
        ("kernel", kernel),
        ("capabilities", capabilities),
        ("lockdown", lockdown),
        ("BTF", btf),
        ("kprobes", kprobes),
        ("kprobes switch", kprobes_switch),
        ("ftrace switch", ftrace_switch),
        ("kprobes cost", optimisation),
        ("kptr_restrict", kptr_restrict),
        ("symbols", symbols),
        ("core sites", core_sites),
        ("live patches", livepatch),
        ("BPF JIT", jit),
        ("perf and BPF", perf),
        ("locked memory", memlock),
        ("fentry", fentry),
        ("pid namespace", namespace),
        ("probes", trial),
    ];
    let run = |(name, check): (&'static str, Examine)| {
        let Outcome { status, detail, remedy } = check(facts);
        Check { name, status, detail, remedy }
    };
    CHECKS.map(run).into()
}

/// The outcome of a check.
struct Outcome {
    status: Status,
    detail: String,
    remedy: Option<String>,
}

fn ok(detail: impl Into<String>) -> Outcome {
    Outcome { status: Status::Ok, detail: detail.into(), remedy: None }
}

fn warn(detail: impl Into<String>, remedy: &str) -> Outcome {
    Outcome { status: Status::Warn, detail: detail.into(), remedy: Some(remedy.to_owned()) }
}

fn fail(detail: impl Into<String>, remedy: &str) -> Outcome {
    Outcome { status: Status::Fail, ..warn(detail, remedy) }
}

fn unseen(facts: &Facts, why: &str) -> Outcome {
    let root = facts.uid == Some(0);
    let remedy = if root { "none needed: if it matters, attaching fails" } else { "run as root" };
    warn(format!("could not be examined ({why})"), remedy)
}

/// Judges a property that can be read: `judge` gets its value, `None` if it does not exist.
fn examine<T>(
    facts: &Facts,
    property: &Seen<T>,
    judge: impl FnOnce(Option<&T>) -> Outcome,
) -> Outcome {
    match property {
        Seen::Is(value) => judge(Some(value)),
        Seen::Absent => judge(None),
        Seen::Hidden(why) => unseen(facts, why),
    }
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

fn kernel(facts: &Facts) -> Outcome {
    let detail = format!("Linux {} {}", facts.release, facts.machine);
    if matches!(facts.machine, "x86_64" | "aarch64") {
        ok(detail)
    } else {
        fail(detail, "seqtrace has programs for x86_64 and aarch64 only")
    }
}

fn capabilities(facts: &Facts) -> Outcome {
    let Some(set) = facts.capabilities else {
        return unseen(facts, "/proc/self/status has no CapEff");
    };
    let user = facts.uid.map_or_else(|| "?".into(), |uid| uid.to_string());
    if facts.initial_user_namespace == Seen::Is(false) {
        return fail(
            format!(
                "uid {user} has capabilities of a user namespace only: the kernel ignores them"
            ),
            "run as root on the host, or in a container without a user namespace of its own",
        );
    }
    if !may_trace(facts) {
        let detail = format!("uid {user} has neither CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON");
        return fail(detail, "run with sudo");
    }
    if has(facts, cap::SYSLOG) {
        ok(format!("uid {user}, {set:#x}"))
    } else {
        let detail = format!("uid {user} lacks CAP_SYSLOG (symbols)");
        warn(detail, "run as root in the initial user namespace")
    }
}

fn lockdown(facts: &Facts) -> Outcome {
    const CONFIDENTIALITY: &str = "boot with lockdown=integrity or without lockdown; under Secure Boot see the distribution's manual";
    examine(facts, &facts.lockdown, |found| match found {
        Some(mode) if mode == "confidentiality" => fail(
            "confidentiality: the kernel forbids probes and reads of its memory",
            CONFIDENTIALITY,
        ),
        // Integrity forbids writing to the kernel only. Probing and reading are listed after
        // LOCKDOWN_INTEGRITY_MAX (include/linux/security.h).
        Some(mode) => ok(mode),
        // open_kcore() requires the capability in the initial one (fs/proc/kcore.c): a refusal proves nothing.
        None if facts.initial_user_namespace == Seen::Is(false) => {
            ok("not examined: this is not the initial user namespace")
        }
        // Only this mode refuses a process that has the capability.
        None if facts.kcore_refused && has(facts, cap::SYS_RAWIO) => fail(
            "confidentiality, because /proc/kcore is refused (securityfs is not mounted to confirm it)",
            CONFIDENTIALITY,
        ),
        None => ok("none: /sys/kernel/security/lockdown does not exist"),
    })
}

/// Remedy for a kernel without BTF.
pub(crate) const NO_BTF: &str = "use --btf FILE, with BTF made from the kernel's headers (docs/btf.md), or boot a kernel built with \
    CONFIG_DEBUG_INFO_BTF (distributions' kernels since 2020 are)";

/// Remedy for a kernel without kprobes. The options are those that vendors' kernels for boards lack.
pub(crate) const NO_KPROBES: &str = "no option of seqtrace helps: rebuild the kernel with CONFIG_KPROBES=y CONFIG_BPF_JIT=y \
    CONFIG_PROC_KCORE=y CONFIG_DEBUG_INFO_BTF=y, or boot one that has them; of these, CONFIG_KPROBES alone is enough \
    with --btf FILE";

fn btf(facts: &Facts) -> Outcome {
    match &facts.btf {
        Seen::Is(found) => match &found.refused {
            None if found.limits.is_empty() => ok("all field offsets found"),
            None => warn(found.limits.join("; "), "docs/btf.md lists the sources of BTF"),
            Some(why) if found.from_file => {
                fail(why, "make the file from the headers of this very kernel: docs/btf.md")
            }
            Some(why) => {
                fail(why, "this version of seqtrace does not support this kernel: please report it")
            }
        },
        Seen::Absent => fail("/sys/kernel/btf/vmlinux does not exist", NO_BTF),
        Seen::Hidden(why) => {
            fail(why, "run as root, with sysfs mounted; if that does not help, please report it")
        }
    }
}

fn kprobes(facts: &Facts) -> Outcome {
    if facts.symbols.as_ref().is_ok_and(|symbols| !symbols.kprobes) {
        return fail("the kernel has none: it was built without CONFIG_KPROBES", NO_KPROBES);
    }
    examine(facts, &facts.kprobe_pmu, |found| match found {
        Some(pmu) => ok(format!("perf PMU {pmu}")),
        None => fail(
            "the kernel has none: /sys/bus/event_source/devices/kprobe does not exist",
            "boot a kernel built with CONFIG_KPROBES and CONFIG_KPROBE_EVENTS (distributions' kernels \
            are), or trace in a guest: cargo xtask demo, cargo xtask vm",
        ),
    })
}

fn kprobes_switch(facts: &Facts) -> Outcome {
    examine(facts, &facts.kprobes_enabled, |found| match found {
        Some(true) => ok("on"),
        Some(false) => fail(
            "kprobes are switched off for the whole machine",
            "echo 1 > /sys/kernel/debug/kprobes/enabled",
        ),
        None if facts.kprobe_pmu == Seen::Absent => ok("there are no kprobes"),
        None => ok("unknown (debugfs is not mounted); on by default"),
    })
}

fn ftrace_switch(facts: &Facts) -> Outcome {
    if let Some(SwitchedOff { effect, remedy }) = facts.ftrace_disabled {
        return fail(effect, remedy);
    }
    examine(facts, &facts.ftrace_enabled, |found| match found {
        Some(true) => ok("on"),
        Some(false) => fail(
            "kernel.ftrace_enabled is 0: fentry and fexit programs attach, and do not run",
            "sysctl kernel.ftrace_enabled=1",
        ),
        None => ok("this kernel has no kernel.ftrace_enabled"),
    })
}

fn trial(facts: &Facts) -> Outcome {
    match &facts.trial {
        Trial::Fired { probes, .. } => {
            ok(format!("{probes} were attached, fired and were detached"))
        }
        Trial::Failed(why) => fail(
            why,
            "dmesg shows if ftrace or kprobes have failed in the kernel; then only a reboot helps",
        ),
        Trial::NotTried(why) => warn(format!("not attached: {why}"), "see the checks above"),
    }
}

fn optimisation(facts: &Facts) -> Outcome {
    examine(facts, &facts.kprobes_optimised, |found| match found {
        Some(true) => ok("probes become jumps where possible"),
        Some(false) => warn(
            "optimisation is switched off: each hit costs a breakpoint",
            "sysctl debug.kprobes-optimization=1",
        ),
        None => ok("this kernel cannot optimise probes"),
    })
}

fn kptr_restrict(facts: &Facts) -> Outcome {
    examine(facts, &facts.kptr_restrict, |found| match found {
        // kallsyms_show_value() (kernel/ksyms_common.c): 2 hides addresses from every process.
        Some(2..) => fail("2: symbols are hidden even from root", "sysctl kernel.kptr_restrict=1"),
        Some(value) => ok(value.to_string()),
        None => ok("this kernel has no kernel.kptr_restrict"),
    })
}

fn symbols(facts: &Facts) -> Outcome {
    let found = match &facts.symbols {
        Ok(found) => found,
        Err(why) => return fail(why, "run as root, on a kernel built with CONFIG_KALLSYMS"),
    };
    let missing = |names: &[&str]| format!("missing or ambiguous: {}", names.join(", "));
    if !found.needed_missing.is_empty() {
        fail(
            missing(&found.needed_missing),
            "this version of seqtrace does not support this kernel's seq_file core: please report it",
        )
    } else if !found.useful_missing.is_empty() {
        warn(
            missing(&found.useful_missing),
            "sessions or plain files that use these functions are missing or incomplete",
        )
    } else {
        let variants = found.traverse.join(", ");
        let traverse = if variants.is_empty() { "traverse is inlined" } else { &variants };
        ok(format!("{} symbols, the core's are complete; {traverse}", found.count))
    }
}

fn core_sites(facts: &Facts) -> Outcome {
    match &facts.sites {
        Ok(sites) => {
            let count = |role| sites.iter().filter(|site: &&Site| site.role == role).count();
            let parts = [Role::Start, Role::Next, Role::Show, Role::Stop]
                .map(|role| format!("{} {}", count(role), role.name()));
            ok(format!("{}: {}", sites.len(), parts.join(", ")))
        }
        Err(why) => {
            warn(why, "--backend auto uses callbacks: it probes each file's own functions instead")
        }
    }
}

fn livepatch(facts: &Facts) -> Outcome {
    if facts.livepatched.is_empty() {
        ok("none in the seq_file core")
    } else {
        warn(
            format!("replaced: {}", facts.livepatched.join(", ")),
            "probes in replaced functions may never be hit: use --backend callbacks",
        )
    }
}

fn jit(facts: &Facts) -> Outcome {
    examine(facts, &facts.bpf_jit, |found| match found {
        Some(0) => warn(
            "off: the kernel interprets the programs, every event costs more",
            "sysctl net.core.bpf_jit_enable=1",
        ),
        Some(_) => ok("on"),
        None => warn(
            "this kernel has no net.core.bpf_jit_enable",
            "if loading fails, boot a kernel built with CONFIG_BPF_SYSCALL and CONFIG_BPF_JIT",
        ),
    })
}

fn perf(facts: &Facts) -> Outcome {
    let value = |seen: &Seen<i64>| match seen {
        Seen::Is(value) => value.to_string(),
        _ => "?".into(),
    };
    match facts.perf_event_paranoid {
        Seen::Absent => {
            fail("the kernel has no perf events", "boot a kernel built with CONFIG_PERF_EVENTS")
        }
        // Neither setting restricts a process with the capabilities that tracing needs.
        _ => ok(format!(
            "perf_event_paranoid {}, unprivileged_bpf_disabled {}",
            value(&facts.perf_event_paranoid),
            value(&facts.unprivileged_bpf_disabled)
        )),
    }
}

fn memlock(facts: &Facts) -> Outcome {
    /// RLIMIT_MEMLOCK that suffices, in bytes: the default size of the ring buffer, and the same amount for maps and
    /// programs.
    const ENOUGH: u64 = 16 << 20;
    // Since 5.11 BPF memory is charged to the memory cgroup instead.
    let charged = version(&facts.release).is_some_and(|version| version < (5, 11));
    match facts.memlock {
        _ if !charged => ok("not limited for BPF on this kernel"),
        ENOUGH.. => ok("enough"),
        // Root has CAP_SYS_RESOURCE: the limit is raised before loading.
        _ if facts.uid == Some(0) => ok("raised when needed"),
        limit => warn(format!("{} KiB, too little for BPF", limit >> 10), "ulimit -l unlimited"),
    }
}

/// Returns the major and minor number of a release.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn fentry(facts: &Facts) -> Outcome {
    match (&facts.trial, &facts.btf) {
        (Trial::Fired { frames, .. }, _) => ok(format!("functions are probed by {frames}")),
        (_, Seen::Is(found)) if found.functions => ok("the core's functions are in the BTF"),
        _ => ok("the core's functions are not in the BTF"),
    }
}

fn namespace(facts: &Facts) -> Outcome {
    examine(facts, &facts.initial_pid_namespace, |found| match found {
        Some(true) => ok("the initial one"),
        Some(false) => warn(
            "not the initial one: seqtrace shows the host's pids",
            "run on the host, or in a container with --pid=host",
        ),
        None => unseen(facts, "no /proc/self/ns/pid"),
    })
}
