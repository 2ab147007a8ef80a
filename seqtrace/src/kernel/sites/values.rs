//! Symbolic values of registers and stack slots, and the state that they form.

use std::collections::HashMap;

use super::code::{REGISTERS, Register};
use crate::kernel::machine::Machine;

/// The origin of a value. Two values with the same origin are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// The content of this register on entry.
    Entry(Register),
    /// An address on the stack: its distance in bytes from the stack pointer on entry.
    Stack(i64),
    /// This address, which the code contains.
    Fixed(u64),
    /// The content of memory at this fixed address.
    Static(u64),
    /// An expression: its index in [`Names`].
    Made(usize),
    /// The unknown value that the instruction at this address writes to this register.
    Opaque(u64, Register),
    /// The value of this register at this address, at which paths with different values meet.
    Merged(u64, Register),
}

/// A value derived from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Expression {
    /// The eight bytes at value + displacement.
    Load(Value, i64),
    /// The sum of value and number.
    Add(Value, i64),
}

/// All expressions of an analysis. Equal expressions have the same index.
#[derive(Default)]
pub(super) struct Names {
    expressions: Vec<Expression>,
    numbers: HashMap<Expression, usize>,
}

impl Names {
    pub(super) fn get(&self, value: Value) -> Option<Expression> {
        match value {
            Value::Made(number) => self.expressions.get(number).copied(),
            _ => None,
        }
    }

    pub(super) fn make(&mut self, expression: Expression) -> Value {
        let next = self.expressions.len();
        let number = *self.numbers.entry(expression).or_insert(next);
        if number == next {
            self.expressions.push(expression);
        }
        Value::Made(number)
    }

    pub(super) fn add(&mut self, value: Value, number: i64) -> Value {
        let (base, sum) = self.split(value, number);
        match base {
            Value::Stack(at) => Value::Stack(at.wrapping_add(sum)),
            Value::Fixed(address) => Value::Fixed(address.wrapping_add_signed(sum)),
            _ if sum == 0 => base,
            _ => self.make(Expression::Add(base, sum)),
        }
    }

    pub(super) fn load(&mut self, value: Value, displacement: i64) -> Value {
        match self.split(value, displacement) {
            (Value::Fixed(address), sum) => Value::Static(address.wrapping_add_signed(sum)),
            (base, sum) => self.make(Expression::Load(base, sum)),
        }
    }

    /// Splits value + number into a base that is not a sum, and a number.
    pub(super) fn split(&self, value: Value, number: i64) -> (Value, i64) {
        match self.get(value) {
            Some(Expression::Add(base, inner)) => (base, inner.wrapping_add(number)),
            _ => (value, number),
        }
    }
}

/// Values of registers and stack slots before or after an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    machine: Machine,
    pub(super) registers: [Value; REGISTERS],
    /// Eight-byte stack slots, sorted by their distance in bytes from the stack pointer on entry.
    pub(super) slots: Vec<(i64, Value)>,
    /// Lowest stack address that a callee may know; `None` if no stack address has been passed to a function.
    escaped: Option<i64>,
}

impl State {
    pub(super) fn entry(machine: Machine) -> Self {
        let mut registers = std::array::from_fn(Value::Entry);
        registers[machine.convention().stack_pointer] = Value::Stack(0);
        Self { machine, registers, slots: Vec::new(), escaped: None }
    }

    /// Merges the state of another path into this state, at the address at which both paths meet.
    pub(super) fn merge(&mut self, other: &Self, at: u64) {
        for (number, (value, other)) in self.registers.iter_mut().zip(&other.registers).enumerate()
        {
            if value != other {
                *value = Value::Merged(at, number);
            }
        }
        self.slots.retain(|&(slot, value)| other.slot(slot) == Some(value));
        self.escaped = match (self.escaped, other.escaped) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }

    pub(super) fn escape(&mut self, value: Value) {
        if let Value::Stack(at) = value {
            self.escaped = Some(self.escaped.map_or(at, |lowest| lowest.min(at)));
        }
    }

    pub(super) fn set(&mut self, register: Register, value: Value) {
        let convention = self.machine.convention();
        if register != convention.stack_pointer && register != convention.frame_pointer {
            self.escape(value);
        }
        self.registers[register] = value;
    }

    /// Removes the slots that a write of `size` bytes at `at` changes.
    pub(super) fn overwrite(&mut self, at: i64, size: usize) {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let touched = |slot: i64| slot < at.saturating_add(size) && at < slot.saturating_add(8);
        self.slots.retain(|&(slot, _)| !touched(slot));
    }

    pub(super) fn store(&mut self, at: i64, value: Value) {
        self.escape(value);
        self.overwrite(at, 8);
        let index = self.slots.partition_point(|&(slot, _)| slot < at);
        self.slots.insert(index, (at, value));
    }

    pub(super) fn slot(&self, at: i64) -> Option<Value> {
        let index = self.slots.binary_search_by_key(&at, |&(slot, _)| slot).ok()?;
        self.slots.get(index).map(|&(_, value)| value)
    }

    pub(super) fn call(&mut self, at: u64) {
        for &register in self.machine.convention().clobbered {
            self.registers[register] = Value::Opaque(at, register);
        }
        if let Some(lowest) = self.escaped {
            self.slots.retain(|&(slot, _)| slot < lowest);
        }
    }
}
