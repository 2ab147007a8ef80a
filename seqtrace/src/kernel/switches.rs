//! Switches of the kernel that silence probes: attaching succeeds, and no program runs.

use std::fs;

/// A switch that silences probes.
struct Switch {
    file: &'static str,
    /// Name of the switch, and the probes that it silences.
    effect: &'static str,
    remedy: &'static str,
}

const SWITCHES: [Switch; 2] = [
    // ftrace_startup() registers a trampoline and patches no code then (kernel/trace/ftrace.c, 6.12).
    Switch {
        file: FTRACE,
        effect: "kernel.ftrace_enabled is 0: no trampoline runs",
        remedy: "sysctl kernel.ftrace_enabled=1",
    },
    // kprobes_all_disarmed: arm_kprobe() is not called then (kernel/kprobes.c, 6.12).
    Switch {
        file: KPROBES,
        effect: "/sys/kernel/debug/kprobes/enabled is 0: no kprobe runs",
        remedy: "echo 1 > /sys/kernel/debug/kprobes/enabled",
    },
];

/// The switch of ftrace (`CONFIG_DYNAMIC_FTRACE`).
pub(super) const FTRACE: &str = "/proc/sys/kernel/ftrace_enabled";
/// The switch of kprobes, in debugfs.
pub(super) const KPROBES: &str = "/sys/kernel/debug/kprobes/enabled";

/// A switch that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SwitchedOff {
    /// Name of the switch, and its effect.
    pub(crate) effect: &'static str,
    /// Command that switches it on.
    pub(crate) remedy: &'static str,
}

/// The state of a kernel that has disabled ftrace until the next boot, after a warning (ftrace_kill(),
/// kernel/trace/ftrace.c).
const DISABLED: SwitchedOff = SwitchedOff {
    effect: "the kernel has disabled ftrace after an error of its own: no trampoline can be attached",
    remedy: "dmesg has a warning of kernel/trace/ftrace.c; only a reboot helps",
};

/// Returns the first switch that is known to be off, or a description of a disabled ftrace. A switch that cannot be read
/// counts as on.
pub(crate) fn switched_off() -> Option<SwitchedOff> {
    if let Some(disabled) = ftrace_disabled() {
        return Some(disabled);
    }
    let Switch { effect, remedy, .. } = *SWITCHES.iter().find(|switch| is_off(switch.file))?;
    Some(SwitchedOff { effect, remedy })
}

/// Returns a description if the kernel has disabled ftrace: then its switch cannot be read (ftrace_enable_sysctl(), 6.1
/// and 6.12).
pub(super) fn ftrace_disabled() -> Option<SwitchedOff> {
    let error = fs::read(FTRACE).err()?;
    (error.raw_os_error() == Some(nix::libc::ENODEV)).then_some(DISABLED)
}

/// Returns true if kernel.ftrace_enabled is known to be 0.
pub(crate) fn is_ftrace_off() -> bool {
    is_off(FTRACE)
}

fn is_off(file: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|value| value.trim() == "0")
}
