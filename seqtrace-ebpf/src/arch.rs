//! The parts that depend on the architecture of the kernel, with one interface: registers, the frame of a trampoline, and
//! the programs at the core's call sites.

#[cfg(bpf_target_arch = "aarch64")]
mod aarch64;
#[cfg(bpf_target_arch = "x86_64")]
mod x86_64;

#[cfg(bpf_target_arch = "aarch64")]
pub(crate) use aarch64::*;
#[cfg(bpf_target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(any(
    target_endian = "big",
    not(any(bpf_target_arch = "x86_64", bpf_target_arch = "aarch64"))
))]
compile_error!("seqtrace traces kernels for x86-64 and little-endian arm64 only");
