//! Decodes loads and stores of A64.

use super::{Effect, Register, SP, ZR, bit, bits, forget, register, signed, unknown};

/// Change of the base register by an access.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    None,
    /// The sum of base and displacement, after the access at the base.
    Post,
    /// The sum of base and displacement, before the access there.
    Pre,
}

/// A load or store of one or two registers at base + displacement.
#[derive(Clone, Copy)]
struct Access {
    loads: bool,
    /// True for the general registers, false for the vector registers.
    general: bool,
    base: Register,
    /// Distance from the base in bytes.
    displacement: i64,
    /// Size of each register's memory in bytes.
    size: u32,
}

impl Access {
    /// Returns the effect on or from one register, `distance` bytes behind the displacement.
    fn transfer(self, register: Register, distance: i64) -> Option<Effect> {
        let Self { loads, general, base, size, .. } = self;
        let displacement = self.displacement + distance;
        match (loads, general && register != ZR) {
            (true, true) if size == 8 => Some(Effect::Load { to: register, base, displacement }),
            (true, true) => Some(Effect::Forget(register)),
            (true, false) => None,
            (false, true) if size == 8 => {
                Some(Effect::Store { base, displacement, from: register })
            }
            (false, _) => Some(Effect::Overwrite { base, displacement, size: size as usize }),
        }
    }

    /// Returns the effects on all registers, and on the base; `None` if they are not predictable.
    fn effects(mut self, registers: &[Register], index: Index) -> Option<Vec<Effect>> {
        let Self { loads, general, base, displacement: number, size } = self;
        if index != Index::None {
            if general && base != SP && registers.contains(&base) {
                return None;
            }
            self.displacement = 0;
        }
        let both = registers.iter().zip(0_i64..);
        let mut effects: Vec<Effect> = both
            .filter_map(|(&register, number)| self.transfer(register, number * i64::from(size)))
            .collect();
        if loads && general && registers.first() == Some(&base) && base != SP {
            // The second load needs the base's old value.
            effects.reverse();
        }
        let add = Effect::Add { to: base, from: base, number };
        match index {
            Index::None => {}
            Index::Pre => effects.insert(0, add),
            Index::Post => effects.push(add),
        }
        Some(effects)
    }
}

/// Returns the effects of a load, a store or another instruction of their group.
pub(super) fn effects(word: u32, address: u64) -> Vec<Effect> {
    let (vector, high) = (bit(word, 26), bit(word, 24));
    let known = match bits(word, 29, 27) {
        0b001 if vector => None,
        0b001 if high => Some(vec![Effect::ForgetAll]),
        0b001 => Some(exclusive(word)),
        0b011 if !high => literal(word, address),
        0b011 if vector => None,
        // ldapur, stlur; then memory tags, and 128-bit atomics, some of which name one register of a pair.
        0b011 if !bit(word, 21) && bits(word, 11, 10) == 0 => unscaled(word, Index::None),
        0b011 => Some(vec![Effect::ForgetAll]),
        0b101 => pair(word),
        _ => single(word),
    };
    known.unwrap_or_else(|| unknown(word))
}

/// Decodes ldp and stp in all forms.
fn pair(word: u32) -> Option<Vec<Effect>> {
    let (opcode, general, loads) = (bits(word, 31, 30), !bit(word, 26), bit(word, 22));
    let (first, second) = (register(word, 0), register(word, 10));
    let mode = bits(word, 24, 23);
    let index = match mode {
        0b01 => Index::Post,
        0b11 => Index::Pre,
        _ => Index::None,
    };
    let size = match (general, opcode) {
        (_, 0) => 4,
        (true, 2) => 8,
        // ldpsw
        (true, 1) if loads && mode != 0 => 4,
        (false, 1 | 2) => 4 << opcode,
        _ => return None,
    };
    if loads && first == second {
        return None;
    }
    let displacement = signed(word, 21, 15) * i64::from(size);
    let access = Access { loads, general, base: register(word, 5), displacement, size };
    access.effects(&[first, second], index)
}

/// Decodes ldr and str in all forms but literals, and atomic operations.
fn single(word: u32) -> Option<Vec<Effect>> {
    if bit(word, 24) {
        let (access, register) = plain(word)?;
        let displacement = i64::from(bits(word, 21, 10) * access.size);
        return Access { displacement, ..access }.effects(&[register], Index::None);
    }
    match (bit(word, 21), bits(word, 11, 10)) {
        (false, 0b00) => unscaled(word, Index::None),
        (false, 0b01) => unscaled(word, Index::Post),
        (false, 0b11) => unscaled(word, Index::Pre),
        (false, _) => unprivileged(word),
        (true, 0b10) if bit(word, 14) => indexed(word),
        (true, 0b00) if !bit(word, 26) => Some(atomic(word)),
        // ldraa and others
        _ => None,
    }
}

/// Returns the access of an ldr or str without its displacement, and the register; `None` if it is none. Prefetches
/// load to the zero register.
fn plain(word: u32) -> Option<(Access, Register)> {
    let (size, opcode, general) = (bits(word, 31, 30), bits(word, 23, 22), !bit(word, 26));
    let (loads, size, to) = match (general, opcode, size) {
        (_, 0 | 1, _) => (opcode == 1, 1 << size, register(word, 0)),
        // prfm
        (true, 2, 3) if bits(word, 29, 27) == 0b111 => (true, 8, ZR),
        (true, 2, 3) => return None,
        // Sign-extending loads have a result of another size than their memory.
        (true, 2, _) | (true, 3, 0 | 1) => (true, 1 << size, register(word, 0)),
        (false, _, 0) => (opcode == 3, 16, register(word, 0)),
        _ => return None,
    };
    let base = register(word, 5);
    Some((Access { loads, general, base, displacement: 0, size }, to))
}

/// Decodes an access with an unscaled displacement of nine bits.
fn unscaled(word: u32, index: Index) -> Option<Vec<Effect>> {
    let (access, register) = plain(word)?;
    let prefetches = access.general && bits(word, 31, 30) == 3 && bits(word, 23, 22) == 2;
    if index != Index::None && prefetches {
        return None;
    }
    Access { displacement: signed(word, 20, 12), ..access }.effects(&[register], index)
}

/// Decodes ldtr and sttr, which access the memory of user space.
fn unprivileged(word: u32) -> Option<Vec<Effect>> {
    let (access, register) = plain(word)?;
    let prefetches = bits(word, 31, 30) == 3 && bits(word, 23, 22) == 2;
    match access.loads {
        _ if !access.general || prefetches => None,
        true => Some(forget(register)),
        false => Some(written(access.base, signed(word, 20, 12), access.size, &[register])),
    }
}

/// Decodes an access at the sum of two registers.
fn indexed(word: u32) -> Option<Vec<Effect>> {
    let (Access { loads, general, base, .. }, to) = plain(word)?;
    if loads {
        return Some(if general { forget(to) } else { Vec::new() });
    }
    let escape = (general && to != ZR).then_some(Effect::Escape(to));
    let offset = Some(register(word, 16)).filter(|&offset| offset != ZR).map(Effect::Scatter);
    Some(escape.into_iter().chain([Effect::Scatter(base)]).chain(offset).collect())
}

/// Decodes a load from a fixed address.
fn literal(word: u32, address: u64) -> Option<Vec<Effect>> {
    let to = register(word, 0);
    match (bit(word, 26), bits(word, 31, 30)) {
        (false, 1) if to != ZR => {
            let address = address.wrapping_add_signed(signed(word, 23, 5) << 2);
            Some(vec![Effect::LoadStatic { to, address }])
        }
        (false, 0..=2) => Some(forget(to)),
        (false, _) | (true, 0..=2) => Some(Vec::new()),
        (true, _) => None,
    }
}

/// Returns the effects of a write of unknown bytes to memory that may be the values of these registers.
fn written(base: Register, displacement: i64, size: u32, from: &[Register]) -> Vec<Effect> {
    let overwrite = Effect::Overwrite { base, displacement, size: size as usize };
    let escape = from.iter().filter(|&&from| from != ZR).map(|&from| Effect::Escape(from));
    escape.chain([overwrite]).collect()
}

/// Decodes exclusive and ordered accesses, and compare and swap.
fn exclusive(word: u32) -> Vec<Effect> {
    let (to, base, second, status) =
        (register(word, 0), register(word, 5), register(word, 10), register(word, 16));
    let (size, loads) = (1 << bits(word, 31, 30), bit(word, 22));
    match (bit(word, 23), bit(word, 21)) {
        // ldar, stlr
        (true, false) => {
            let access = Access { loads, general: true, base, displacement: 0, size };
            access.transfer(to, 0).into_iter().collect()
        }
        // ldxr; stxr, and cas, where it is not the status but the compared value
        (false, false) if loads => forget(to),
        (false, false) | (true, true) => [written(base, 0, size, &[to]), forget(status)].concat(),
        // casp names one register of each pair.
        (false, true) if !bit(word, 31) => vec![Effect::ForgetAll],
        // ldxp, stxp
        (false, true) if loads => [forget(to), forget(second)].concat(),
        (false, true) => [written(base, 0, 2 * size, &[to, second]), forget(status)].concat(),
    }
}

/// Decodes atomic operations on memory.
fn atomic(word: u32) -> Vec<Effect> {
    let (to, base, from) = (register(word, 0), register(word, 5), register(word, 16));
    let size = 1 << bits(word, 31, 30);
    match (bit(word, 15), bits(word, 14, 12)) {
        // ldadd and its like; swp
        (false, _) | (true, 0) => [written(base, 0, size, &[from]), forget(to)].concat(),
        // ldapr
        (true, 4) if bits(word, 23, 22) == 2 && from == ZR => forget(to),
        // ld64b names one register of eight.
        _ => vec![Effect::ForgetAll],
    }
}
