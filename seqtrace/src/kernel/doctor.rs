//! Can this machine trace? Every answer with what to do about it.
//!
//! Each check is a function of [`Facts`] alone. A check fails only where tracing cannot work; where
//! something is merely missing, slower or not visible it warns.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    facts::{Facts, Seen},
    sites::Site,
};
use crate::event::Role;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Works, but something is missing, slower, or could not be seen.
    Warn,
    /// Tracing cannot work.
    Fail,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at: a short, stable name.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found, in words.
    pub detail: String,
    /// What to do, unless all is well.
    pub remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), remedy: None }
    }

    fn warn(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (detail, remedy) = (detail.into(), Some(remedy.into()));
        Self { name, status: Status::Warn, detail, remedy }
    }

    fn fail(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::warn(name, detail, remedy) }
    }

    fn unseen(facts: &Facts, name: &'static str, why: &str) -> Self {
        let root = facts.uid == Some(0);
        let remedy = if root {
            "none needed: attaching will tell whether it matters"
        } else {
            "run as root"
        };
        Self::warn(name, format!("could not be seen ({why})"), remedy)
    }
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this JSON object.
    v: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    /// No check failed.
    can_trace: bool,
    /// The checks, in the order of printing.
    pub checks: Vec<Check>,
}

/// Looks at this machine and judges it.
pub fn examine() -> Report {
    judge(&Facts::gather())
}

/// Judges a machine.
pub fn judge(facts: &Facts) -> Report {
    let checks = vec![
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
    ];
    let can_trace = checks.iter().all(|check| check.status != Status::Fail);
    Report { v: 1, kind: "doctor", can_trace, checks }
}

impl Report {
    /// 0, or 3 (environment) if a check failed.
    pub fn exit_status(&self) -> u8 {
        if self.can_trace { 0 } else { 3 }
    }

    /// One line a check, its remedy below it, and a verdict.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        for Check { name, status, detail, remedy } in &self.checks {
            let status = match status {
                Status::Ok => "ok  ",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            let _ = writeln!(out, "{status}  {name:width$}  {detail}");
            if let Some(remedy) = remedy {
                let _ = writeln!(out, "      {:width$}  -> {remedy}", "");
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        let verdict = if self.can_trace { "can" } else { "cannot" };
        let (failed, warned) = (count(Status::Fail), count(Status::Warn));
        let _ = writeln!(out, "\nThis machine {verdict} trace: {failed} failed, {warned} to note.");
        out
    }

    /// The same as one JSON object on one line.
    ///
    /// # Errors
    /// None that is known; serde_json's type says that there may be.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// Bits of the capability sets (include/uapi/linux/capability.h).
mod cap {
    pub(super) const SYS_RAWIO: u32 = 17;
    pub(super) const SYS_ADMIN: u32 = 21;
    pub(super) const SYSLOG: u32 = 34;
    pub(super) const PERFMON: u32 = 38;
    pub(super) const BPF: u32 = 39;
}

fn has(facts: &Facts, capability: u32) -> bool {
    facts.capabilities.is_some_and(|set| set >> capability & 1 == 1)
}

/// Programs may be loaded and attached.
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
            "core sites are known for x86_64 only; --backend callbacks is used",
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
    const CONFIDENTIALITY: &str =
        "boot with lockdown=integrity or without; under Secure Boot see the distribution's manual";
    match &facts.lockdown {
        Seen::Is(mode) if mode == "confidentiality" => Check::fail(
            NAME,
            "confidentiality: the kernel lets nobody probe it or read its memory",
            CONFIDENTIALITY,
        ),
        // Integrity forbids writing to the kernel; probing and reading come behind LOCKDOWN_INTEGRITY_MAX
        // (include/linux/security.h).
        Seen::Is(mode) => Check::ok(NAME, mode),
        // Who has the capability and is refused all the same is locked out by that mode alone.
        Seen::Absent if facts.kcore_refused && has(facts, cap::SYS_RAWIO) => Check::fail(
            NAME,
            "confidentiality, since /proc/kcore is refused (securityfs is not mounted to ask)",
            CONFIDENTIALITY,
        ),
        Seen::Absent => Check::ok(NAME, "none: no /sys/kernel/security/lockdown"),
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
                "this kernel is newer or older than this version of seqtrace knows: please report it",
            ),
        },
        Seen::Absent => Check::fail(
            NAME,
            "/sys/kernel/btf/vmlinux is not there",
            "boot a kernel built with CONFIG_DEBUG_INFO_BTF (those of distributions since 2020 are)",
        ),
        Seen::Hidden(why) => {
            Check::fail(NAME, why, "run as root, with sysfs mounted; else please report it")
        }
    }
}

fn kprobes(facts: &Facts) -> Check {
    const NAME: &str = "kprobes";
    match &facts.kprobe_pmu {
        Seen::Is(pmu) => Check::ok(NAME, format!("perf PMU {pmu}")),
        Seen::Absent => Check::fail(
            NAME,
            "the kernel has none: no /sys/bus/event_source/devices/kprobe",
            "boot a kernel built with CONFIG_KPROBES and CONFIG_KPROBE_EVENTS (those of distributions \
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
        Seen::Absent => {
            Check::ok(NAME, "not told (debugfs is not mounted); on unless somebody did")
        }
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

fn optimisation(facts: &Facts) -> Check {
    const NAME: &str = "kprobes cost";
    match &facts.kprobes_optimised {
        Seen::Is(true) => Check::ok(NAME, "probes become jumps where they can"),
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
        // kallsyms_show_value() (kernel/ksyms_common.c): 2 hides addresses from everybody.
        Seen::Is(2..) => Check::fail(
            NAME,
            "2: symbols are hidden even from root",
            "sysctl kernel.kptr_restrict=1",
        ),
        Seen::Is(value) => Check::ok(NAME, value.to_string()),
        Seen::Absent => Check::ok(NAME, "not there"),
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
            "this kernel's seq_file core is not one that seqtrace knows: please report it",
        );
    }
    if !found.useful_missing.is_empty() {
        return Check::warn(
            NAME,
            format!("missing or ambiguous: {}", found.useful_missing.join(", ")),
            "opens, releases or plain files that pass there are not seen or not told apart",
        );
    }
    Check::ok(NAME, format!("{} symbols, the core's all there; {traverse}", found.count))
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
            "--backend auto takes callbacks: each file's own functions are probed instead",
        ),
    }
}

fn livepatch(facts: &Facts) -> Check {
    const NAME: &str = "live patches";
    if facts.livepatched.is_empty() {
        Check::ok(NAME, "none of the core")
    } else {
        Check::warn(
            NAME,
            format!("replaced: {}", facts.livepatched.join(", ")),
            "probes sit in the replaced functions and may see nothing: use --backend callbacks",
        )
    }
}

fn jit(facts: &Facts) -> Check {
    const NAME: &str = "BPF JIT";
    match &facts.bpf_jit {
        Seen::Is(0) => Check::warn(
            NAME,
            "off: programs are interpreted, every event costs more",
            "sysctl net.core.bpf_jit_enable=1",
        ),
        Seen::Is(_) => Check::ok(NAME, "on"),
        Seen::Absent => Check::warn(
            NAME,
            "net.core.bpf_jit_enable is not there",
            "if loading fails: a kernel built with CONFIG_BPF_SYSCALL and CONFIG_BPF_JIT",
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
        // Neither binds those who have the capabilities that tracing takes anyway.
        _ => Check::ok(NAME, detail),
    }
}

fn memlock(facts: &Facts) -> Check {
    const NAME: &str = "locked memory";
    /// The ring buffer's default size, and as much again for maps and programs.
    const ENOUGH: u64 = 16 << 20;
    // Since 5.11 BPF memory is charged to the memory cgroup instead.
    let charged = version(&facts.release).is_some_and(|version| version < (5, 11));
    match facts.memlock {
        _ if !charged => Check::ok(NAME, "not limited for BPF on this kernel"),
        Seen::Is(limit) if limit >= ENOUGH => Check::ok(NAME, "enough"),
        // CAP_SYS_RESOURCE comes with root, and the limit is raised before loading.
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

/// Major and minor number of a release.
fn version(release: &str) -> Option<(u32, u32)> {
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
            "not the initial one: pids are shown as the host sees them",
            "run on the host, or in a container with --pid=host",
        ),
        Seen::Absent => Check::unseen(facts, NAME, "no /proc/self/ns/pid"),
        Seen::Hidden(why) => Check::unseen(facts, NAME, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::facts::{BtfFacts, CoreSymbols};

    /// A machine where all is well.
    fn good() -> Facts {
        Facts {
            release: "6.12.117+deb12-cloud-amd64".into(),
            machine: "x86_64",
            uid: Some(0),
            capabilities: Some(u64::MAX),
            btf: Seen::Is(BtfFacts { refused: None, functions: true }),
            kprobe_pmu: Seen::Is(8),
            kprobes_enabled: Seen::Is(true),
            kprobes_optimised: Seen::Is(true),
            lockdown: Seen::Is("none".into()),
            kcore_refused: false,
            kptr_restrict: Seen::Is(0),
            perf_event_paranoid: Seen::Is(3),
            unprivileged_bpf_disabled: Seen::Is(2),
            bpf_jit: Seen::Is(1),
            memlock: Seen::Is(65536),
            symbols: Ok(CoreSymbols { traverse: vec!["traverse.part.0".into()], ..<_>::default() }),
            sites: Ok(vec![]),
            livepatched: vec![],
            initial_pid_namespace: Seen::Is(true),
        }
    }

    /// The checks that are not ok after a change of a good machine.
    fn after(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Status)> {
        let mut facts = good();
        change(&mut facts);
        let report = judge(&facts);
        let failed = report.checks.iter().any(|check| check.status == Status::Fail);
        assert_eq!(report.exit_status(), if failed { 3 } else { 0 });
        for check in &report.checks {
            assert_eq!(check.remedy.is_none(), check.status == Status::Ok, "{check:?}");
            assert!(!check.detail.is_empty());
        }
        let bad = report.checks.iter().filter(|check| check.status != Status::Ok);
        bad.map(|check| (check.name, check.status)).collect()
    }

    #[test]
    fn a_good_machine() {
        assert_eq!(after(|_| ()), []);
    }

    #[test]
    fn what_makes_tracing_impossible() {
        use Status::Fail;
        assert_eq!(after(|f| f.kprobe_pmu = Seen::Absent), [("kprobes", Fail)]);
        assert_eq!(after(|f| f.kprobes_enabled = Seen::Is(false)), [("kprobes switch", Fail)]);
        assert_eq!(after(|f| f.btf = Seen::Absent), [("BTF", Fail)]);
        assert_eq!(
            after(|f| {
                f.btf = Seen::Is(BtfFacts { refused: Some("no field".into()), functions: true });
            }),
            [("BTF", Fail)]
        );
        assert_eq!(
            after(|f| f.lockdown = Seen::Is("confidentiality".into())),
            [("lockdown", Fail)]
        );
        assert_eq!(after(|f| f.kptr_restrict = Seen::Is(2)), [("kptr_restrict", Fail)]);
        assert_eq!(after(|f| f.symbols = Err("hidden".into())), [("symbols", Fail)]);
        assert_eq!(
            after(|f| {
                f.symbols = Ok(CoreSymbols { needed_missing: vec!["seq_open"], ..<_>::default() });
            }),
            [("symbols", Fail)]
        );
        assert_eq!(after(|f| f.capabilities = Some(0)), [("capabilities", Fail)]);
        assert_eq!(after(|f| f.perf_event_paranoid = Seen::Absent), [("perf and BPF", Fail)]);
    }

    #[test]
    fn what_is_worth_a_warning() {
        use Status::Warn;
        assert_eq!(after(|f| f.machine = "aarch64"), [("kernel", Warn)]);
        assert_eq!(
            after(|f| f.sites = Err("the text of x is patched".into())),
            [("core sites", Warn)]
        );
        assert_eq!(after(|f| f.livepatched = vec!["seq_open".into()]), [("live patches", Warn)]);
        assert_eq!(after(|f| f.bpf_jit = Seen::Is(0)), [("BPF JIT", Warn)]);
        assert_eq!(after(|f| f.kprobes_optimised = Seen::Is(false)), [("kprobes cost", Warn)]);
        let only_bpf_and_perfmon = 1 << cap::BPF | 1 << cap::PERFMON;
        assert_eq!(
            after(|f| f.capabilities = Some(only_bpf_and_perfmon)),
            [("capabilities", Warn)]
        );
        assert_eq!(after(|f| f.initial_pid_namespace = Seen::Is(false)), [("pid namespace", Warn)]);
        assert_eq!(after(|f| f.lockdown = Seen::Hidden("denied".into())), [("lockdown", Warn)]);
        assert_eq!(
            after(|f| {
                f.symbols = Ok(CoreSymbols { useful_missing: vec!["seq_read"], ..<_>::default() });
            }),
            [("symbols", Warn)]
        );
    }

    #[test]
    fn lockdown_is_recognised_without_securityfs() {
        assert_eq!(after(|f| f.lockdown = Seen::Is("integrity".into())), []);
        assert_eq!(after(|f| f.lockdown = Seen::Absent), []);
        let refused = after(|f| {
            f.lockdown = Seen::Absent;
            f.kcore_refused = true;
        });
        assert_eq!(refused, [("lockdown", Status::Fail)]);
    }

    #[test]
    fn locked_memory_matters_on_old_kernels_only() {
        let old = |f: &mut Facts| {
            f.release = "5.10.0-46-amd64".into();
            f.uid = Some(1000);
        };
        assert_eq!(after(old), [("locked memory", Status::Warn)]);
        assert_eq!(
            after(|f| {
                old(f);
                f.uid = Some(0);
            }),
            []
        );
        assert_eq!(version("7.2-rc1"), Some((7, 2)));
        assert_eq!(version("?"), None);
    }

    #[test]
    fn reads_as_text_and_as_json() {
        let mut facts = good();
        facts.kprobe_pmu = Seen::Absent;
        let report = judge(&facts);
        let text = report.text();
        assert!(text.contains("ok    kernel          Linux 6.12.117"), "{text}");
        assert!(text.contains("FAIL  kprobes         the kernel has none"), "{text}");
        assert!(text.contains("\n                      -> boot a kernel"), "{text}");
        assert!(text.ends_with("This machine cannot trace: 1 failed, 0 to note.\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["v"], 1);
        assert_eq!(json["type"], "doctor");
        assert_eq!(json["can_trace"], false);
        assert_eq!(json["checks"][4]["status"], "fail");
        assert!(json["checks"][0]["remedy"].is_null());
    }

    #[test]
    fn never_crashes_whatever_the_machine() {
        let report = examine();
        assert!(!report.text().is_empty());
    }
}
