use super::{
    checks::{cap, version},
    *,
};
use crate::kernel::{
    facts::{BtfFacts, CoreSymbols, Seen},
    switches::SwitchedOff,
};

fn symbols() -> CoreSymbols {
    CoreSymbols { traverse: vec!["traverse.part.0".into()], kprobes: true, ..<_>::default() }
}

/// Returns the facts of a machine without defects.
fn good() -> Facts {
    Facts {
        release: "6.12.117+deb12-cloud-amd64".into(),
        machine: "x86_64",
        uid: Some(0),
        capabilities: Some(u64::MAX),
        btf: Seen::Is(BtfFacts { functions: true, ..<_>::default() }),
        kprobe_pmu: Seen::Is(8),
        kprobes_enabled: Seen::Is(true),
        ftrace_enabled: Seen::Is(true),
        ftrace_disabled: None,
        kprobes_optimised: Seen::Is(true),
        lockdown: Seen::Is("none".into()),
        kcore_refused: false,
        kptr_restrict: Seen::Is(0),
        perf_event_paranoid: Seen::Is(3),
        unprivileged_bpf_disabled: Seen::Is(2),
        bpf_jit: Seen::Is(1),
        memlock: 65536,
        symbols: Ok(symbols()),
        sites: Ok(vec![]),
        livepatched: vec![],
        trial: Trial::Fired { probes: 28, frames: "fentry" },
        initial_pid_namespace: Seen::Is(true),
        initial_user_namespace: Seen::Is(true),
    }
}

/// Returns the checks that are not ok after a change of a good machine.
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
    assert_eq!(after(|f| f.trial = Trial::Failed("ENODEV".into())), [("probes", Fail)]);
    assert_eq!(after(|f| f.ftrace_enabled = Seen::Is(false)), [("ftrace switch", Fail)]);
    let disabled = SwitchedOff { effect: "disabled", remedy: "reboot" };
    assert_eq!(after(|f| f.ftrace_disabled = Some(disabled)), [("ftrace switch", Fail)]);
    assert_eq!(after(|f| f.btf = Seen::Absent), [("BTF", Fail)]);
    assert_eq!(
        after(|f| {
            f.btf = Seen::Is(BtfFacts { refused: Some("no field".into()), ..<_>::default() });
        }),
        [("BTF", Fail)]
    );
    assert_eq!(after(|f| f.lockdown = Seen::Is("confidentiality".into())), [("lockdown", Fail)]);
    assert_eq!(after(|f| f.kptr_restrict = Seen::Is(2)), [("kptr_restrict", Fail)]);
    assert_eq!(after(|f| f.symbols = Err("hidden".into())), [("symbols", Fail)]);
    assert_eq!(
        after(|f| {
            f.symbols = Ok(CoreSymbols { needed_missing: vec!["seq_open"], ..symbols() });
        }),
        [("symbols", Fail)]
    );
    assert_eq!(after(|f| f.machine = "aarch64"), []);
    assert_eq!(after(|f| f.machine = "riscv64"), [("kernel", Fail)]);
    assert_eq!(after(|f| f.capabilities = Some(0)), [("capabilities", Fail)]);
    assert_eq!(after(|f| f.perf_event_paranoid = Seen::Absent), [("perf and BPF", Fail)]);
}

/// The kernels that the Orange Pi 5's vendor builds (5.10.110 and 6.1.43, rk3588): no kprobes, no JIT, no BTF, no
/// /proc/kcore.
#[test]
fn a_board_without_kprobes_cannot_trace() {
    use Status::{Fail, Warn};
    let board = |f: &mut Facts| {
        f.release = "5.10.110-rockchip-rk3588".into();
        f.symbols = Ok(CoreSymbols { kprobes: false, ..symbols() });
        f.kprobe_pmu = Seen::Absent;
        f.kprobes_enabled = Seen::Absent;
        f.btf = Seen::Absent;
        f.bpf_jit = Seen::Absent;
        f.sites = Err("field offsets are unknown".into());
        f.trial = Trial::Failed("this kernel has no kprobes (CONFIG_KPROBES)".into());
    };
    let failed = [("BTF", Fail), ("kprobes", Fail), ("core sites", Warn), ("BPF JIT", Warn)];
    assert_eq!(after(board), [&failed[..], &[("probes", Fail)]].concat());
    let mut facts = good();
    board(&mut facts);
    let text = judge(&facts).text();
    for words in [
        "CONFIG_KPROBES=y CONFIG_BPF_JIT=y CONFIG_PROC_KCORE=y CONFIG_DEBUG_INFO_BTF=y",
        "no option of seqtrace helps",
        "CONFIG_KPROBES alone is enough with --btf FILE",
        "This machine cannot trace",
    ] {
        assert!(text.contains(words), "{text}");
    }
    // sysfs is not mounted, nothing was attached, and BTF is from a file: still no false "can trace".
    let blind = |f: &mut Facts| {
        f.symbols = Ok(CoreSymbols { kprobes: false, ..symbols() });
        f.kprobe_pmu = Seen::Hidden("no sysfs".into());
        f.btf = Seen::Is(BtfFacts { from_file: true, ..<_>::default() });
    };
    assert_eq!(after(blind), [("kprobes", Fail)]);
}

#[test]
fn btf_from_a_file() {
    use Status::{Fail, Warn};
    let with = |refused: Option<&str>, limits: &[&str]| {
        let limits = limits.iter().map(|&limit| limit.to_owned()).collect();
        let refused = refused.map(str::to_owned);
        after(|f| {
            f.btf = Seen::Is(BtfFacts { from_file: true, refused, limits, functions: false });
        })
    };
    assert_eq!(with(None, &[]), []);
    assert_eq!(with(None, &["plain procfs files are not traced"]), [("BTF", Warn)]);
    assert_eq!(with(Some("it is of another kernel"), &[]), [("BTF", Fail)]);
}

#[test]
fn what_is_worth_a_warning() {
    use Status::Warn;
    assert_eq!(after(|f| f.sites = Err("the text of x is patched".into())), [("core sites", Warn)]);
    assert_eq!(after(|f| f.livepatched = vec!["seq_open".into()]), [("live patches", Warn)]);
    assert_eq!(after(|f| f.bpf_jit = Seen::Is(0)), [("BPF JIT", Warn)]);
    assert_eq!(after(|f| f.kprobes_optimised = Seen::Is(false)), [("kprobes cost", Warn)]);
    let only_bpf_and_perfmon = 1 << cap::BPF | 1 << cap::PERFMON;
    assert_eq!(after(|f| f.capabilities = Some(only_bpf_and_perfmon)), [("capabilities", Warn)]);
    assert_eq!(after(|f| f.initial_pid_namespace = Seen::Is(false)), [("pid namespace", Warn)]);
    assert_eq!(after(|f| f.lockdown = Seen::Hidden("denied".into())), [("lockdown", Warn)]);
    assert_eq!(
        after(|f| {
            f.symbols = Ok(CoreSymbols { useful_missing: vec!["seq_read"], ..symbols() });
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
    // Root of a user namespace is refused on any kernel.
    let namespace = after(|f| {
        f.lockdown = Seen::Absent;
        f.kcore_refused = true;
        f.initial_user_namespace = Seen::Is(false);
    });
    assert_eq!(namespace, [("capabilities", Status::Fail)]);
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
    let report = examine(Trial::NotTried("a unit test"), &Sources::none());
    assert!(!report.text().is_empty());
}
