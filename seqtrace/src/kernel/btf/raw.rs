//! The binary layout of BTF, and the index over its types.

use std::ops::Range;

/// `struct btf_header` up to `str_len` (include/uapi/linux/btf.h).
pub(super) const HEADER_BYTES: usize = 24;
pub(super) const MAGIC: u16 = 0xeb9f;
/// `struct btf_type`: name, info, size or type.
pub(super) const TYPE_BYTES: usize = 12;
/// `struct btf_member`: name, type, offset in bits.
pub(super) const MEMBER_BYTES: usize = 12;

/// The `BTF_KIND_…` constants that this reader distinguishes.
pub(super) mod kind {
    pub(in super::super) const STRUCT: u32 = 4;
    pub(in super::super) const UNION: u32 = 5;
    pub(in super::super) const FWD: u32 = 7;
    pub(in super::super) const TYPEDEF: u32 = 8;
    pub(in super::super) const VOLATILE: u32 = 9;
    pub(in super::super) const CONST: u32 = 10;
    pub(in super::super) const RESTRICT: u32 = 11;
    pub(in super::super) const FUNC: u32 = 12;
    pub(in super::super) const TYPE_TAG: u32 = 18;
}

/// Returns the number of bytes that follow a `struct btf_type` of this kind; `None` for an unknown kind.
fn trailer(kind: u32, vlen: usize) -> Option<usize> {
    Some(match kind {
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
        2 | 7..=12 | 16 | 18 => 0,
        // INT, VAR, DECL_TAG
        1 | 14 | 17 => 4,
        // ARRAY
        3 => 12,
        // STRUCT, UNION, DATASEC, ENUM64
        4 | 5 | 15 | 19 => vlen.checked_mul(12)?,
        // ENUM, FUNC_PROTO
        6 | 13 => vlen.checked_mul(8)?,
        _ => return None,
    })
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(word(bytes, at)?).ok()
}

/// The header of a type, decoded.
#[derive(Clone, Copy)]
pub(super) struct Type {
    /// Offset of the name in the string section; 0: unnamed.
    pub(super) name: u32,
    pub(super) kind: u32,
    /// Number of elements in the trailer.
    pub(super) vlen: usize,
    /// `kind_flag`; true in a struct: the top byte of a member's offset is the width of a bit field.
    pub(super) flag: bool,
    /// Id of the type referred to, or the size in bytes.
    pub(super) reference: u32,
    /// Offset of the trailer in the type section.
    pub(super) after: usize,
}

impl Type {
    pub(super) fn at(types: &[u8], at: usize) -> Option<Self> {
        let info = word(types, at + 4)?;
        Some(Self {
            name: word(types, at)?,
            // Bits 16 to 23 and 29, 30 of info are zero on kernels that do not use them.
            kind: info >> 24 & 0x7f,
            vlen: usize::try_from(info & 0x00ff_ffff).ok()?,
            flag: info >> 31 == 1,
            reference: word(types, at + 8)?,
            after: at + TYPE_BYTES,
        })
    }
}

/// Sections of a BTF blob, and the offsets of its types.
#[derive(Debug)]
pub(super) struct Index {
    /// Byte range of the type section.
    pub(super) types: Range<usize>,
    /// Byte range of the string section.
    pub(super) strings: Range<usize>,
    /// Offset of type `i + 1` in the type section (type 0 is void).
    pub(super) starts: Vec<u32>,
    /// Ids of the named structs, ascending.
    pub(super) structs: Vec<u32>,
}

impl Index {
    /// Indexes a blob. An error describes the defect.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, String> {
        if bytes.get(..2) != Some(&MAGIC.to_ne_bytes()) {
            return Err("it does not begin with BTF's magic number".into());
        }
        let header = length(bytes, 4).filter(|&header| header >= HEADER_BYTES);
        let section = |at: usize| -> Option<Range<usize>> {
            let start = header?.checked_add(length(bytes, at)?)?;
            let end = start.checked_add(length(bytes, at + 4)?)?;
            (end <= bytes.len()).then_some(start..end)
        };
        let (Some(types), Some(strings)) = (section(8), section(16)) else {
            return Err("its header points outside of it".into());
        };
        let body = &bytes[types.clone()];
        // Kernels have about one type in 25 bytes.
        let mut starts = Vec::with_capacity(body.len() / 22);
        let mut structs = Vec::with_capacity(body.len() / 250);
        let mut at = 0;
        while at < body.len() {
            let id = starts.len() + 1;
            let cut = || format!("type {id} is cut short");
            let header = Type::at(body, at).ok_or_else(cut)?;
            starts.push(u32::try_from(at).map_err(|_| "it is larger than 4 GiB".to_owned())?);
            if header.kind == kind::STRUCT && header.name != 0 {
                structs.push(u32::try_from(id).map_err(|_| "too many types".to_owned())?);
            }
            let trailer = trailer(header.kind, header.vlen)
                .ok_or_else(|| format!("type {id} is of unknown kind {}", header.kind))?;
            at = header.after.checked_add(trailer).ok_or_else(cut)?;
        }
        if at > body.len() {
            return Err("its last type is cut short".into());
        }
        Ok(Self { types, strings, starts, structs })
    }
}
