//! Facts about the code of each machine: registers, calling conventions, and the forms of code around functions.

use super::{
    arm64,
    code::{Code, Register},
    x86_64,
};
use crate::kernel::machine::Machine;

/// Registers and their purpose in function calls.
pub(super) struct Convention {
    /// Names of the registers by number.
    pub(super) names: &'static [&'static str],
    pub(super) stack_pointer: Register,
    pub(super) frame_pointer: Register,
    pub(super) first_argument: Register,
    /// Registers that calls preserve, and that can hold `m`.
    pub(super) preserved: &'static [Register],
    /// Registers that calls do not preserve.
    pub(super) clobbered: &'static [Register],
}

impl Machine {
    pub(super) fn convention(self) -> &'static Convention {
        match self {
            Self::X86_64 => &x86_64::CONVENTION,
            Self::Arm64 => &arm64::CONVENTION,
        }
    }

    /// Decodes the instruction at the beginning of `text`, the code at `address`; `None` if there is none.
    pub(super) fn decode(self, text: &[u8], address: u64) -> Option<Code> {
        match self {
            Self::X86_64 => x86_64::decode(text, address),
            Self::Arm64 => arm64::decode(text, address),
        }
    }

    /// Alignment of instructions in bytes.
    pub(super) fn alignment(self) -> u64 {
        match self {
            Self::X86_64 => 1,
            Self::Arm64 => arm64::SIZE,
        }
    }

    /// Returns true if `text`, the rest of a function, is padding between functions.
    pub(super) fn is_padding(self, text: &[u8], address: u64) -> bool {
        match self {
            Self::X86_64 => x86_64::is_padding(text, address),
            Self::Arm64 => arm64::is_padding(text, address),
        }
    }

    /// Returns the address at which ftrace may have inserted a call into a function.
    pub(super) fn ftrace_site(self, text: &[u8], address: u64) -> u64 {
        match self {
            Self::X86_64 => x86_64::ftrace_site(text, address),
            Self::Arm64 => arm64::ftrace_site(text, address),
        }
    }

    /// Returns the number of bytes at the end of `text` that are no code but data of the next function.
    pub(super) fn data_behind(self, text: &[u8], address: u64) -> usize {
        match self {
            Self::X86_64 => 0,
            Self::Arm64 => arm64::data_behind(text, address),
        }
    }

    /// Returns the register to whose value a thunk jumps, by the symbol of the thunk; `None` for other symbols.
    pub(super) fn thunk_by_name(self, symbol: &str) -> Option<Register> {
        let register = match self {
            Self::X86_64 => x86_64::thunk_register(symbol),
            Self::Arm64 => arm64::thunk_register(symbol),
        }?;
        self.convention().names.iter().position(|&name| name == register)
    }

    /// Returns the register of an indirect jump if the code at an address is only that jump; otherwise `None`.
    pub(super) fn thunk_by_code(self, text: &[u8], address: u64) -> Option<Register> {
        match self {
            Self::X86_64 => x86_64::jump_register(text, address),
            // Calls through thunks are not patched at run time.
            Self::Arm64 => None,
        }
    }
}
