//! An instruction, reduced to its effects on control flow and on the origin of values. The form is the same for all
//! machines; the decoders in `x86_64.rs` and `arm64.rs` create it.

/// Number of a general purpose register in the machine's encoding.
pub(super) type Register = usize;

/// Number of registers in a state: enough for each machine, and [`SCRATCH`].
pub(super) const REGISTERS: usize = 33;
/// A register that no machine has. It holds the target of a call whose target is in memory.
pub(super) const SCRATCH: Register = 32;

/// An instruction as the analysis sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) address: u64,
    /// Size of the instruction in bytes.
    pub(super) size: u64,
    pub(super) flow: Flow,
    /// Effects, in order. For a call: those before the callee runs.
    pub(super) effects: Vec<Effect>,
}

impl Code {
    /// Returns the address of the next instruction in memory.
    pub(super) fn next(&self) -> u64 {
        self.address.wrapping_add(self.size)
    }

    /// Returns the target of a direct jump or of a conditional branch; `None` for other instructions.
    pub(super) fn branch_target(&self) -> Option<u64> {
        match self.flow {
            Flow::Jump(target) | Flow::Branch(target) => Some(target),
            _ => None,
        }
    }
}

/// The target of a call, or of a jump that leaves the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    /// The function at this address.
    Direct(u64),
    /// The address in this register, directly or through a thunk.
    Register(Register),
}

/// The effect of an instruction on the control flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Continues with the next instruction.
    Next,
    /// Continues at this address.
    Jump(u64),
    /// Continues at this address or with the next instruction.
    Branch(u64),
    /// Calls a function and continues.
    Call(Callee),
    /// Continues at the address in this register.
    IndirectJump(Register),
    Return,
    /// Raises an exception by which the kernel reports a bug, and continues if the kernel handles it.
    Trap,
    /// A breakpoint that was inserted at run time.
    Breakpoint,
    /// An effect that the analysis does not understand.
    Odd,
}

/// The effect of an instruction on the values of registers and of the stack. Displacements are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Writes the value of `from` to `to`.
    Copy { to: Register, from: Register },
    /// Writes the sum of `from` and `number` to `to`.
    Add { to: Register, from: Register, number: i64 },
    /// Writes the eight bytes at `base` + `displacement` to `to`.
    Load { to: Register, base: Register, displacement: i64 },
    /// Writes the eight bytes at a fixed address to `to`.
    LoadStatic { to: Register, address: u64 },
    /// Writes a fixed address to `to`.
    Address { to: Register, address: u64 },
    /// Writes the eight bytes of `from` to the memory at `base` + `displacement`.
    Store { base: Register, displacement: i64, from: Register },
    /// May write the value of this register to memory at an unknown address.
    Escape(Register),
    /// Writes unknown bytes, `size` of them, to the memory at `base` + `displacement`.
    Overwrite { base: Register, displacement: i64, size: usize },
    /// May write to memory at any distance from the value of this register.
    Scatter(Register),
    /// May write an unknown value to this register.
    Forget(Register),
    /// May write unknown values to all registers and to all of the stack.
    ForgetAll,
}
