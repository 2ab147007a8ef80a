//! The architectures of kernels that seqtrace traces.

/// Architecture of a kernel that seqtrace traces. It is a value, so that any machine can test the code for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Machine {
    X86_64,
    Arm64,
}

impl Machine {
    /// Returns the architecture for which this program was built; `None` if seqtrace traces no kernels for it.
    pub(crate) fn running() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" if cfg!(target_endian = "little") => Some(Self::Arm64),
            _ => None,
        }
    }
}
