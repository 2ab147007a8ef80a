//! Encoders of A64. Register 31 is the stack pointer as a base and the zero register elsewhere.

use super::BASE;

pub(super) const SP: u32 = 31;
pub(super) const NOP: u32 = 0xd503_201f;
pub(super) const BTI_C: u32 = 0xd503_245f;
pub(super) const PACIASP: u32 = 0xd503_233f;
pub(super) const AUTIASP: u32 = 0xd503_23bf;
pub(super) const RET: u32 = 0xd65f_03c0;
pub(super) const RETAA: u32 = 0xd65f_0bff;
/// Condition of b.cond: equal.
pub(super) const EQ: u32 = 0;

/// Returns the lowest `width` bits of a number, moved to the bit `low`.
const fn bits(number: i32, width: u32, low: u32) -> u32 {
    (number.cast_unsigned() & ((1 << width) - 1)) << low
}

/// Encodes an instruction with registers at bits 0, 5 and 10 or 16.
const fn three(opcode: u32, first: u32, second: u32, third: u32, low: u32) -> u32 {
    opcode | first | second << 5 | third << low
}

pub(super) const fn mov(to: u32, from: u32) -> u32 {
    three(0xaa00_03e0, to, 0, from, 16)
}

pub(super) const fn mov_w(to: u32, from: u32) -> u32 {
    three(0x2a00_03e0, to, 0, from, 16)
}

pub(super) const fn movz(to: u32, number: u32) -> u32 {
    0xd280_0000 | number << 5 | to
}

pub(super) const fn movk(to: u32, number: u32, half: u32) -> u32 {
    0x7280_0000 | half << 21 | number << 5 | to
}

pub(super) const fn add(to: u32, from: u32, number: u32) -> u32 {
    three(0x9100_0000, to, from, number, 10)
}

pub(super) const fn sub(to: u32, from: u32, number: u32) -> u32 {
    three(0xd100_0000, to, from, number, 10)
}

/// Subtracts a register from the stack pointer: `sub sp, sp, x9`.
pub(super) const fn sub_sp(from: u32) -> u32 {
    three(0xcb20_63e0, SP, SP, from, 16)
}

pub(super) const fn csel(to: u32, first: u32, second: u32) -> u32 {
    three(0x9a80_0000, to, first, second, 16)
}

pub(super) const fn cmp_w(first: u32, second: u32) -> u32 {
    three(0x6b00_0000, SP, first, second, 16)
}

pub(super) const fn adrp(to: u32, pages: i32) -> u32 {
    0x9000_0000 | bits(pages, 2, 29) | bits(pages >> 2, 19, 5) | to
}

pub(super) const fn ldr(to: u32, base: u32, displacement: u32) -> u32 {
    three(0xf940_0000, to, base, displacement / 8, 10)
}

pub(super) const fn ldr_w(to: u32, base: u32, displacement: u32) -> u32 {
    three(0xb940_0000, to, base, displacement / 4, 10)
}

pub(super) const fn ldrb(to: u32, base: u32, displacement: u32) -> u32 {
    three(0x3940_0000, to, base, displacement, 10)
}

pub(super) const fn ldr_literal(to: u32, distance: i32) -> u32 {
    0x5800_0000 | bits(distance, 19, 5) | to
}

pub(super) const fn ldr_post(to: u32, base: u32, displacement: i32) -> u32 {
    0xf840_0400 | bits(displacement, 9, 12) | base << 5 | to
}

pub(super) const fn ldr_pre(to: u32, base: u32, displacement: i32) -> u32 {
    0xf840_0c00 | bits(displacement, 9, 12) | base << 5 | to
}

pub(super) const fn ldur_w(to: u32, base: u32, displacement: i32) -> u32 {
    0xb840_0000 | bits(displacement, 9, 12) | base << 5 | to
}

pub(super) const fn str(from: u32, base: u32, displacement: u32) -> u32 {
    three(0xf900_0000, from, base, displacement / 8, 10)
}

pub(super) const fn str_w(from: u32, base: u32, displacement: u32) -> u32 {
    three(0xb900_0000, from, base, displacement / 4, 10)
}

pub(super) const fn str_post(from: u32, base: u32, displacement: i32) -> u32 {
    0xf800_0400 | bits(displacement, 9, 12) | base << 5 | from
}

pub(super) const fn str_pre(from: u32, base: u32, displacement: i32) -> u32 {
    0xf800_0c00 | bits(displacement, 9, 12) | base << 5 | from
}

/// Stores at the sum of two registers.
pub(super) const fn str_index(from: u32, base: u32, index: u32) -> u32 {
    three(0xf820_6800, from, base, index, 16)
}

pub(super) const fn stur(from: u32, base: u32, displacement: i32) -> u32 {
    0xf800_0000 | bits(displacement, 9, 12) | base << 5 | from
}

const fn pair(opcode: u32, first: u32, second: u32, base: u32, displacement: i32) -> u32 {
    opcode | bits(displacement / 8, 7, 15) | second << 10 | base << 5 | first
}

pub(super) const fn stp(first: u32, second: u32, base: u32, displacement: i32) -> u32 {
    pair(0xa900_0000, first, second, base, displacement)
}

pub(super) const fn stp_pre(first: u32, second: u32, base: u32, displacement: i32) -> u32 {
    pair(0xa980_0000, first, second, base, displacement)
}

pub(super) const fn ldp(first: u32, second: u32, base: u32, displacement: u32) -> u32 {
    pair(0xa940_0000, first, second, base, displacement.cast_signed())
}

pub(super) const fn ldp_post(first: u32, second: u32, base: u32, displacement: i32) -> u32 {
    pair(0xa8c0_0000, first, second, base, displacement)
}

/// Returns the distance in instructions from the instruction `index` of a listing to an address.
#[expect(clippy::cast_possible_truncation, reason = "the distances of the tests are small")]
const fn distance(index: u64, to: u64) -> i32 {
    (to.wrapping_sub(BASE + 4 * index).cast_signed() >> 2) as i32
}

pub(super) const fn bl(index: u64, to: u64) -> u32 {
    0x9400_0000 | bits(distance(index, to), 26, 0)
}

/// Jumps out of the listing.
pub(super) const fn b(index: u64, to: u64) -> u32 {
    0x1400_0000 | bits(distance(index, to), 26, 0)
}

pub(super) const fn jump(distance: i32) -> u32 {
    0x1400_0000 | bits(distance, 26, 0)
}

pub(super) const fn b_cond(condition: u32, distance: i32) -> u32 {
    0x5400_0000 | bits(distance, 19, 5) | condition
}

pub(super) const fn cbz(register: u32, distance: i32) -> u32 {
    0xb400_0000 | bits(distance, 19, 5) | register
}

/// Branches if bit 3 of a register is 0.
pub(super) const fn tbz(register: u32, distance: i32) -> u32 {
    0x3618_0000 | bits(distance, 14, 5) | register
}

pub(super) const fn blr(register: u32) -> u32 {
    0xd63f_0000 | register << 5
}

pub(super) const fn br(register: u32) -> u32 {
    0xd61f_0000 | register << 5
}

pub(super) const fn blraa(register: u32, modifier: u32) -> u32 {
    0xd73f_0800 | register << 5 | modifier
}

pub(super) const fn brk(number: u32) -> u32 {
    0xd420_0000 | number << 5
}
