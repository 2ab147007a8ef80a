//! Properties of this machine, gathered for [`super::doctor`].
//!
//! Nothing here fails: a property that cannot be read is a value with the reason.

use std::{fmt, fs, io, path::Path};

use caps::CapSet;
use nix::{
    sys::resource::{Resource, getrlimit},
    unistd::geteuid,
};

use super::{
    btf::{Btf, BtfError},
    kallsyms::Kallsyms,
    kprobes::OriginalCode,
    sites,
    sites::Site,
    switches::{self, SwitchedOff},
    text::{Kcore, TextError},
};

/// A property of the machine, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen<T> {
    /// The property exists and has this value.
    Is(T),
    /// The property does not exist.
    Absent,
    /// The property may exist; the reason why it cannot be read.
    Hidden(String),
}

impl<T> Seen<T> {
    fn map<U>(self, with: impl FnOnce(T) -> Option<U>) -> Seen<U> {
        match self {
            Self::Is(value) => {
                with(value).map_or_else(|| Seen::Hidden("not understood".into()), Seen::Is)
            }
            Self::Absent => Seen::Absent,
            Self::Hidden(why) => Seen::Hidden(why),
        }
    }
}

/// Result of attaching the probes of a trace and of firing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// The probes were attached, fired and were detached.
    Fired {
        /// Number of probes that were attached.
        probes: u32,
        /// Kind of the probes on functions: `fentry`, or `kprobe and kretprobe`.
        frames: &'static str,
    },
    /// They could not be attached, or did not fire; the reason.
    Failed(String),
    /// They were not attached, for this reason.
    NotTried(&'static str),
}

/// Symbols of the functions that seqtrace probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreSymbols {
    /// Symbols of [`NEEDED`] that are missing or ambiguous.
    pub(crate) needed_missing: Vec<&'static str>,
    /// Symbols of [`USEFUL`] that are missing or ambiguous.
    pub(crate) useful_missing: Vec<&'static str>,
    /// Names of the compiler's variants of `traverse()`; empty if it was inlined.
    pub(crate) traverse: Vec<String>,
    /// Number of all symbols.
    pub(crate) count: usize,
}

/// Functions without which no session can be traced.
pub(crate) const NEEDED: [&str; 5] =
    ["seq_open", "seq_read_iter", "seq_lseek", "seq_release", "single_release"];

/// Functions without which traces lack opens, releases or plain procfs files.
pub(crate) const USEFUL: [&str; 11] = [
    "seq_read",
    "single_open",
    "single_open_size",
    "seq_open_private",
    "__seq_open_private",
    "seq_release_private",
    "proc_reg_open",
    "proc_reg_read",
    "proc_reg_read_iter",
    "proc_reg_write",
    "proc_reg_release",
];

/// Contents of the BTF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BtfFacts {
    /// The reason why field offsets are unknown; `None` if all were found.
    pub(crate) refused: Option<String>,
    /// True if the BTF has the core's functions, so that fentry and fexit can attach.
    pub(crate) functions: bool,
}

/// The properties of a machine that matter for tracing.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The kernel's release, as `uname -r` prints it.
    pub(crate) release: String,
    /// The architecture, as Rust names it: `x86_64`.
    pub(crate) machine: &'static str,
    /// Effective user id; `None` if unknown.
    pub(crate) uid: Option<u32>,
    /// Effective capabilities, one bit each (include/uapi/linux/capability.h); `None` if unknown.
    pub(crate) capabilities: Option<u64>,
    pub(crate) btf: Seen<BtfFacts>,
    /// Number of the perf PMU through which kprobes are made.
    pub(crate) kprobe_pmu: Seen<u32>,
    /// /sys/kernel/debug/kprobes/enabled
    pub(crate) kprobes_enabled: Seen<bool>,
    /// Sysctl kernel.ftrace_enabled; false: no trampoline runs.
    pub(crate) ftrace_enabled: Seen<bool>,
    /// `None` if the kernel has not disabled ftrace.
    pub(crate) ftrace_disabled: Option<SwitchedOff>,
    /// /proc/sys/debug/kprobes-optimization
    pub(crate) kprobes_optimised: Seen<bool>,
    /// The lockdown mode in force.
    pub(crate) lockdown: Seen<String>,
    /// True if /proc/kcore exists and opening it was not permitted.
    pub(crate) kcore_refused: bool,
    pub(crate) kptr_restrict: Seen<i64>,
    pub(crate) perf_event_paranoid: Seen<i64>,
    pub(crate) unprivileged_bpf_disabled: Seen<i64>,
    /// Sysctl net.core.bpf_jit_enable; 0: programs are interpreted.
    pub(crate) bpf_jit: Seen<i64>,
    /// Soft RLIMIT_MEMLOCK in bytes; `u64::MAX`: unlimited.
    pub(crate) memlock: u64,
    /// Symbols of the functions to probe, or the reason why they are unknown.
    pub(crate) symbols: Result<CoreSymbols, String>,
    /// Core sites, or the reason why they are unknown.
    pub(crate) sites: Result<Vec<Site>, String>,
    /// Functions of the core that are live-patched: probes do not see their replacements.
    pub(crate) livepatched: Vec<String>,
    pub(crate) trial: Trial,
    /// True if this process is in the initial pid namespace.
    pub(crate) initial_pid_namespace: Seen<bool>,
    /// True if this process is in the initial user namespace: the kernel ignores the capabilities of others.
    pub(crate) initial_user_namespace: Seen<bool>,
}

impl Facts {
    /// Examines the running machine. Takes some tens of milliseconds, most of them for /proc/kallsyms. `trial`:
    /// result of the caller's trial.
    pub(crate) fn gather(trial: Trial) -> Self {
        let btf = match Btf::of_running_kernel() {
            Ok(btf) => Ok(btf),
            Err(BtfError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(Seen::Absent)
            }
            Err(error) => Err(Seen::Hidden(error.to_string())),
        };
        let offsets = btf.as_ref().map(Btf::offsets);
        let symbols = Kallsyms::of_running_kernel().map_err(|error| error.to_string());
        let kcore = Kcore::open();
        let kcore_refused = matches!(kcore, Err(TextError::NotPermitted));
        let sites = match (&symbols, &btf, &offsets) {
            (Ok(symbols), Ok(btf), Ok(Ok(offsets))) => kcore
                .map_err(Into::into)
                .and_then(|kcore| {
                    let code = OriginalCode::new(&kcore, symbols, btf);
                    sites::core_sites(symbols, offsets, &|address, len| code.read(address, len))
                })
                .map_err(|error| error.to_string()),
            (Err(why), ..) => Err(why.clone()),
            (.., Ok(Err(why))) => Err(why.to_string()),
            _ => Err("field offsets are unknown".into()),
        };
        let refused = offsets.ok().and_then(Result::err).map(|error| error.to_string());
        let btf = match btf {
            Ok(btf) => Seen::Is(BtfFacts { refused, functions: btf.has_function("seq_read_iter") }),
            Err(seen) => seen,
        };
        let capabilities = caps::read(None, CapSet::Effective).ok();
        Self {
            release: super::release(),
            machine: std::env::consts::ARCH,
            uid: Some(geteuid().as_raw()),
            capabilities: capabilities
                .map(|all| all.iter().fold(0, |set, one| set | one.bitmask())),
            btf,
            kprobe_pmu: number("/sys/bus/event_source/devices/kprobe/type"),
            kprobes_enabled: switch(switches::KPROBES),
            ftrace_enabled: switch(switches::FTRACE),
            ftrace_disabled: switches::ftrace_disabled(),
            kprobes_optimised: switch("/proc/sys/debug/kprobes-optimization"),
            lockdown: text("/sys/kernel/security/lockdown").map(|modes| lockdown(&modes)),
            kcore_refused,
            kptr_restrict: number("/proc/sys/kernel/kptr_restrict"),
            perf_event_paranoid: number("/proc/sys/kernel/perf_event_paranoid"),
            unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
            bpf_jit: number("/proc/sys/net/core/bpf_jit_enable"),
            memlock: getrlimit(Resource::RLIMIT_MEMLOCK).map_or(u64::MAX, |(soft, _)| soft),
            symbols: symbols.map(|symbols| core_symbols(&symbols)),
            sites,
            livepatched: livepatched(Path::new("/sys/kernel/livepatch")),
            trial,
            initial_pid_namespace: is_namespace("pid", 0xefff_fffc),
            initial_user_namespace: is_namespace("user", 0xefff_fffd),
        }
    }
}

fn seen<T>(result: io::Result<T>, path: &dyn fmt::Display) -> Seen<T> {
    match result {
        Ok(value) => Seen::Is(value),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::Absent,
        Err(error) => Seen::Hidden(format!("{path}: {error}")),
    }
}

fn text(path: &str) -> Seen<String> {
    match seen(fs::read_to_string(path), &path) {
        // The absence of the file proves nothing then.
        Seen::Absent if path.starts_with("/sys/") && !Path::new("/sys/kernel").exists() => {
            Seen::Hidden("sysfs is not mounted at /sys".into())
        }
        seen => seen,
    }
}

fn number<T: std::str::FromStr>(path: &str) -> Seen<T> {
    text(path).map(|text| text.trim().parse().ok())
}

fn switch(path: &str) -> Seen<bool> {
    number(path).map(|value: u8| Some(value != 0))
}

/// Returns the lockdown mode that is in brackets: `none [integrity] confidentiality`.
fn lockdown(modes: &str) -> Option<String> {
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

fn core_symbols(symbols: &Kallsyms) -> CoreSymbols {
    let missing = |names: &[&'static str]| {
        names.iter().copied().filter(|name| symbols.kernel_address(name).is_none()).collect()
    };
    CoreSymbols {
        needed_missing: missing(&NEEDED),
        useful_missing: missing(&USEFUL),
        traverse: symbols.variants("traverse").iter().map(|entry| entry.name.to_owned()).collect(),
        count: symbols.len(),
    }
}

/// Returns the core's functions among those that live patches replace: `PATCH/vmlinux/FUNCTION,1`
/// (Documentation/ABI/testing/sysfs-kernel-livepatch).
fn livepatched(root: &Path) -> Vec<String> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    entries(root)
        .flat_map(|patch| entries(&patch.path().join("vmlinux")))
        .filter_map(|function| {
            let name = function.file_name();
            let name = name.to_str()?.split(',').next()?.to_owned();
            let core = NEEDED.contains(&name.as_str())
                || USEFUL.contains(&name.as_str())
                || name.split('.').next() == Some("traverse");
            core.then_some(name)
        })
        .collect()
}

/// Returns true if this process is in the initial namespace of a kind, which has a fixed inode number (PROC_PID_INIT_INO,
/// PROC_USER_INIT_INO, include/linux/proc_ns.h; part of the kernel's interface since 6.18 as PID_NS_INIT_INO, …).
fn is_namespace(kind: &str, inode: u32) -> Seen<bool> {
    let path = format!("/proc/self/ns/{kind}");
    seen(fs::read_link(&path), &path)
        .map(|link| Some(link.to_str()? == format!("{kind}:[{inode}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_prints() {
        assert_eq!(lockdown("none [integrity] confidentiality\n").as_deref(), Some("integrity"));
        assert_eq!(lockdown("[none] integrity confidentiality\n").as_deref(), Some("none"));
        assert_eq!(lockdown("none"), None);
    }

    #[test]
    fn finds_live_patches_of_the_core() {
        let root = std::env::temp_dir().join(format!("seqtrace-livepatch-{}", std::process::id()));
        for function in ["seq_read_iter,1", "traverse.part.0,1", "vfs_read,1"] {
            fs::create_dir_all(root.join("fix_1/vmlinux").join(function)).unwrap();
        }
        let mut found = livepatched(&root);
        found.sort();
        assert_eq!(found, ["seq_read_iter", "traverse.part.0"]);
        fs::remove_dir_all(&root).unwrap();
        assert!(livepatched(&root).is_empty());
    }

    #[test]
    fn this_machine_whatever_it_is() {
        let facts = Facts::gather(Trial::NotTried("a unit test"));
        assert!(!facts.release.is_empty());
    }
}
