//! Architectures of guests: how their machines are emulated, and how programs and modules are built for them.

use std::ptr;

/// An architecture for which guests, programs and modules can be had.
#[derive(Debug)]
pub(crate) struct Arch {
    /// Value of `--arch`, and the subfolder of the cache for its packages.
    pub(crate) name: &'static str,
    /// Debian's name of the architecture.
    pub(crate) debian: &'static str,
    /// Rust's target for programs.
    pub(crate) target: &'static str,
    /// Program that emulates a machine.
    pub(crate) qemu: &'static str,
    /// Arguments of that program that select the machine.
    pub(crate) machine: &'static [&'static str],
    /// CPU that QEMU emulates, as `-cpu` takes it.
    pub(crate) cpu: &'static str,
    /// CPU that QEMU emulates if the guest's time counts instructions.
    pub(crate) counted_cpu: &'static str,
    /// Device of the kernel's console.
    pub(crate) console: &'static str,
    /// Other arguments for the kernel, separated by blanks.
    pub(crate) arguments: &'static str,
    /// Prefix of the names of the compiler and the binutils.
    pub(crate) tools: &'static str,
    /// Arguments for the kernel's build system.
    pub(crate) make: &'static [&'static str],
    /// Debian packages that guests and builds for them need on this machine.
    pub(crate) packages: &'static [&'static str],
}

/// The architecture of the machines on which xtask runs, and the default.
pub(crate) static X86_64: Arch = Arch {
    name: "x86_64",
    debian: "amd64",
    target: "x86_64-unknown-linux-gnu",
    qemu: "qemu-system-x86_64",
    machine: &["-vga", "none"],
    cpu: "max",
    // QEMU counts `rep movsb` and `rep stosb` as one instruction per byte, far more than a processor needs. Without the
    // CPU flags erms and fsrm, Linux copies eight bytes per instruction.
    counted_cpu: "max,erms=off,fsrm=off",
    console: "ttyS0",
    // The check of the timer, in a guest that gets little CPU time, panics: "IO-APIC + timer doesn't work".
    arguments: "no_timer_check",
    tools: "",
    make: &[],
    packages: &["qemu-system-x86"],
};

/// 64-bit Arm in little-endian byte order.
pub(crate) static ARM64: Arch = Arch {
    name: "arm64",
    debian: "arm64",
    target: "aarch64-unknown-linux-gnu",
    qemu: "qemu-system-aarch64",
    machine: &["-M", "virt"],
    // The faster cores of an RK3588. The CPU `max` computes pointer authentication in software, which makes a boot take
    // five times as long; see PAUTH.
    cpu: "cortex-a76",
    counted_cpu: "cortex-a76",
    console: "ttyAMA0",
    arguments: "",
    tools: "aarch64-linux-gnu-",
    make: &["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"],
    // rustc-web has a std for arm64 in Debian, which rustup's rustc cannot use: see cross.rs.
    packages: &["qemu-system-arm", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "rustc-web"],
};

/// CPU of arm64 with pointer authentication, whose signatures are a cheap hash instead of QARMA.
pub(crate) const PAUTH: &str = "max,pauth-impdef=on";

impl Arch {
    /// Returns true if programs and modules for the architecture are cross-built.
    pub(crate) fn is_foreign(&self) -> bool {
        !ptr::eq(self, &raw const X86_64)
    }
}

/// Parses the value of `--arch`.
pub(crate) fn parse(name: &str) -> Result<&'static Arch, String> {
    let all = [&X86_64, &ARM64];
    all.into_iter()
        .find(|arch| arch.name == name)
        .ok_or_else(|| format!("one of {}", all.map(|arch| arch.name).join(", ")))
}
