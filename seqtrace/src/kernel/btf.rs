//! Reads field offsets of the running kernel from its BTF, or from a file with BTF.
//!
//! The programs have no CO-RE: field offsets are passed to them as data before load ([`Offsets`]). One scan of the type
//! headers records the offset of each type and the ids of the named structs. A field path like `d_name.name` is
//! followed from there, through the unnamed unions and the `const`s that newer kernels put around fields.
//! docs/decisions.md has the measurements against a general reader.
//!
//! Documentation/bpf/btf.rst describes the format.

mod file;
pub(super) mod fit;
mod functions;
mod offsets;
mod raw;

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use seqtrace_common::config::Offsets;

use self::raw::{Index, MEMBER_BYTES, Type, kind, word};
use crate::escape;

/// Reasons for which field offsets are not available.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read: most often the kernel was built without `CONFIG_DEBUG_INFO_BTF`.
    #[error("cannot read the kernel's BTF at {VMLINUX}: {0}")]
    Read(std::io::Error),
    /// A file with BTF cannot be read.
    #[error("cannot use the BTF of {file}: {what}")]
    File {
        /// Path of the file.
        file: String,
        /// Reason why it cannot be read, or is no BTF.
        what: String,
    },
    /// A file has the BTF of another kernel.
    #[error("{file} is not the BTF of this kernel: {what}")]
    Foreign {
        /// Path of the file.
        file: String,
        /// The contradiction between the file and the kernel.
        what: String,
    },
    /// The bytes are not BTF, or contain a kind of type that this version of seqtrace does not support.
    #[error("the BTF of {owner} is not understood: {what}")]
    Format {
        /// Owner of the BTF: the kernel, or a file.
        owner: String,
        /// The defect and the type that has it.
        what: String,
    },
    /// The BTF lacks a struct that is needed.
    #[error("the BTF of {owner} has no struct {structure}")]
    NoStruct {
        /// Owner of the BTF: the kernel, or a file.
        owner: String,
        /// Name of the missing struct.
        structure: String,
    },
    /// A struct lacks a field that is needed, or the field is a bit field.
    #[error("the BTF of {owner} has no usable field {structure}.{field}")]
    NoField {
        /// Owner of the BTF: the kernel, or a file.
        owner: String,
        /// Name of the struct.
        structure: String,
        /// Path of the missing field within the struct.
        field: String,
    },
}

/// Path of the running kernel's BTF (`CONFIG_DEBUG_INFO_BTF`).
pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Bound on the nesting of unnamed members and modifiers. Real types nest a few levels; damaged BTF may
/// nest without end.
const MAX_DEPTH: u32 = 8;

/// The types of a kernel, with the index that field offsets need.
#[derive(Debug)]
pub struct Btf {
    bytes: Vec<u8>,
    index: Index,
    /// The kernel or the file, for messages.
    pub(super) owner: String,
}

impl Btf {
    /// Reads the running kernel's BTF.
    ///
    /// # Errors
    /// [`BtfError::Read`] if the file cannot be read, [`BtfError::Format`] if it is not understood.
    pub fn of_running_kernel() -> Result<Self, BtfError> {
        let bytes = std::fs::read(VMLINUX).map_err(BtfError::Read)?;
        Self::parse(bytes, format!("kernel {}", super::release()))
    }

    /// Reads BTF from a file: raw BTF, or an ELF file with a section `.BTF`.
    ///
    /// # Errors
    /// [`BtfError::File`] if the file cannot be read or has no BTF, [`BtfError::Format`] if it is not understood.
    pub fn of_file(path: &Path) -> Result<Self, BtfError> {
        let owner = escape::text(path.as_os_str().as_bytes(), false).to_string();
        match file::read(path) {
            Ok(bytes) => Self::parse(bytes, owner),
            Err(what) => Err(BtfError::File { file: owner, what }),
        }
    }

    /// Indexes BTF in memory. `owner`: the kernel or the file, for messages.
    ///
    /// # Errors
    /// [`BtfError::Format`] if the bytes are not BTF of this machine's byte order, are cut short or
    /// hold a kind of type that is not known.
    pub(crate) fn parse(bytes: Vec<u8>, owner: String) -> Result<Self, BtfError> {
        match Index::new(&bytes) {
            Ok(index) => Ok(Self { bytes, index, owner }),
            Err(what) => Err(BtfError::Format { owner, what }),
        }
    }

    /// Returns the offset of a field from the beginning of the struct, in bytes. `field` is a path (`"d_name.name"`).
    /// Members of unnamed structs and unions belong to the outer struct, as in C. If several structs have that name,
    /// the first that has the field is used.
    ///
    /// # Errors
    /// [`BtfError::NoStruct`]; [`BtfError::NoField`] also for a bit field.
    fn offset(&self, structure: &str, field: &str) -> Result<u32, BtfError> {
        let mut found = false;
        for &id in &self.index.structs {
            let Some(header) = self.type_by_id(id).filter(|t| self.name_is(t.name, structure))
            else {
                continue;
            };
            found = true;
            let bits = field
                .split('.')
                .try_fold((Some(header), 0_u32), |(within, bits), name| {
                    let (type_id, offset) = self.member(within?, name, MAX_DEPTH)?;
                    Some((self.composite(type_id), bits.checked_add(offset)?))
                })
                .map(|(_, bits)| bits);
            if let Some(bits) = bits.filter(|bits| bits % 8 == 0) {
                return Ok(bits / 8);
            }
        }
        let (owner, structure) = (self.owner.clone(), structure.to_owned());
        Err(if found {
            BtfError::NoField { owner, structure, field: field.to_owned() }
        } else {
            BtfError::NoStruct { owner, structure }
        })
    }

    fn types(&self) -> &[u8] {
        &self.bytes[self.index.types.clone()]
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        (1..).zip(&self.index.starts).map(|(id, _)| id)
    }

    fn type_by_id(&self, id: u32) -> Option<Type> {
        let start = self.index.starts.get(usize::try_from(id.checked_sub(1)?).ok()?)?;
        Type::at(self.types(), usize::try_from(*start).ok()?)
    }

    fn name_is(&self, name: u32, expected: &str) -> bool {
        let Ok(at) = usize::try_from(name) else { return false };
        self.bytes[self.index.strings.clone()]
            .get(at..)
            .and_then(|rest| rest.strip_prefix(expected.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }

    /// Returns the struct or union behind typedefs, qualifiers and tags; `None` if there is none.
    fn composite(&self, mut id: u32) -> Option<Type> {
        for _ in 0..MAX_DEPTH {
            let header = self.type_by_id(id)?;
            match header.kind {
                kind::STRUCT | kind::UNION => return Some(header),
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = header.reference;
                }
                _ => return None,
            }
        }
        None
    }

    /// Returns a member's type id and its offset in bits; `None` if there is no such member.
    fn member(&self, within: Type, name: &str, depth: u32) -> Option<(u32, u32)> {
        let types = self.types();
        for i in 0..within.vlen {
            let at = within.after + i * MEMBER_BYTES;
            let (name_at, type_id, raw) =
                (word(types, at)?, word(types, at + 4)?, word(types, at + 8)?);
            let (width, bits) = if within.flag { (raw >> 24, raw & 0x00ff_ffff) } else { (0, raw) };
            if name_at == 0 {
                let inner = depth
                    .checked_sub(1)
                    .and_then(|depth| self.member(self.composite(type_id)?, name, depth));
                if let Some((type_id, inner)) = inner {
                    return Some((type_id, bits.checked_add(inner)?));
                }
            } else if width == 0 && self.name_is(name_at, name) {
                return Some((type_id, bits));
            }
        }
        None
    }
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
