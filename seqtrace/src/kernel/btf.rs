//! Where the running kernel's fields are, from its BTF.
//!
//! The programs have no CO-RE, so field offsets go in as data before load ([`Offsets`]). aya does not
//! expose the types it reads, and the crate that does builds an object a type: 0.3 s natively,
//! several seconds in an emulated guest, before the first probe is attached. Thirty offsets need none
//! of that: one pass over the type headers notes where each type and each named struct begins, and a
//! path like `d_name.name` is followed from there, through the unnamed unions and the `const`s that
//! newer kernels put around fields.
//!
//! The format is described in the kernel's Documentation/bpf/btf.rst.

use std::path::Path;

use seqtrace_common::config::Offsets;

/// Why BTF did not tell what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read: most often the kernel was built without `CONFIG_DEBUG_INFO_BTF`.
    #[error("cannot read the kernel's BTF at {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are not BTF as this version of seqtrace knows it.
    #[error("the BTF of kernel {kernel} is not understood: {what}")]
    Format {
        /// Release of the kernel.
        kernel: String,
        /// What is wrong, and where.
        what: String,
    },
    /// A struct that is needed is not there.
    #[error("the BTF of kernel {kernel} has no struct {structure}")]
    NoStruct {
        /// Release of the kernel.
        kernel: String,
        /// The missing struct.
        structure: String,
    },
    /// A field that is needed is not there, or is a bit field.
    #[error("the BTF of kernel {kernel} has no usable field {structure}.{field}")]
    NoField {
        /// Release of the kernel.
        kernel: String,
        /// The struct.
        structure: String,
        /// The path of the missing field within it.
        field: String,
    },
}

/// The BTF of the running kernel (`CONFIG_DEBUG_INFO_BTF`).
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// `struct btf_header` up to `str_len` (include/uapi/linux/btf.h).
const HEADER_BYTES: usize = 24;
const MAGIC: u16 = 0xeb9f;
/// `struct btf_type`: name, info, size or type.
const TYPE_BYTES: usize = 12;
/// `struct btf_member`: name, type, offset in bits.
const MEMBER_BYTES: usize = 12;
/// Unnamed members and modifiers nest a few levels; anything deeper is damaged.
const MAX_DEPTH: u32 = 8;

/// `BTF_KIND_…` as far as they are told apart here.
mod kind {
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const TYPE_TAG: u32 = 18;
}

/// Bytes that follow a `struct btf_type` of this kind; `None` for a kind that is not known.
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

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

fn index(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(word(bytes, at)?).ok()
}

/// The header of a type, decoded.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    vlen: usize,
    /// `kind_flag`: in a struct, the top byte of a member's offset is a bit field's width.
    flag: bool,
    /// The type referred to, or the size.
    reference: u32,
    /// Where what follows the header begins.
    after: usize,
}

impl Type {
    fn at(types: &[u8], at: usize) -> Option<Self> {
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

/// A kernel's types, indexed as far as field offsets need it.
#[derive(Debug)]
pub struct Btf {
    bytes: Vec<u8>,
    types: std::ops::Range<usize>,
    strings: std::ops::Range<usize>,
    /// Where type `i + 1` begins in the type section (type 0 is void).
    starts: Vec<u32>,
    /// Types that are named structs, in order.
    structs: Vec<u32>,
    kernel: String,
}

impl Btf {
    /// The running kernel's.
    ///
    /// # Errors
    /// [`BtfError::Read`] where there is none, [`BtfError::Format`] where it is not understood.
    pub fn of_running_kernel() -> Result<Self, BtfError> {
        Self::read(Path::new(VMLINUX), super::release())
    }

    /// The BTF in a file, said to belong to the kernel of that release.
    ///
    /// # Errors
    /// As for [`Btf::of_running_kernel`].
    pub fn read(path: &Path, kernel: String) -> Result<Self, BtfError> {
        let bytes = std::fs::read(path)
            .map_err(|source| BtfError::Read { path: path.display().to_string(), source })?;
        Self::parse(bytes, kernel)
    }

    /// Indexes BTF in memory. `kernel` is for the messages only.
    ///
    /// # Errors
    /// [`BtfError::Format`] if the bytes are not BTF of this machine's byte order, are cut short or
    /// hold a kind of type that is not known.
    pub fn parse(bytes: Vec<u8>, kernel: String) -> Result<Self, BtfError> {
        match Self::index(&bytes) {
            Ok((types, strings, starts, structs)) => {
                Ok(Self { bytes, types, strings, starts, structs, kernel })
            }
            Err(what) => Err(BtfError::Format { kernel, what }),
        }
    }

    #[expect(clippy::type_complexity, reason = "the four parts of Self that parse() finds")]
    fn index(
        bytes: &[u8],
    ) -> Result<(std::ops::Range<usize>, std::ops::Range<usize>, Vec<u32>, Vec<u32>), String> {
        if bytes.get(..2) != Some(&MAGIC.to_ne_bytes()) {
            return Err("it does not begin with BTF's magic number".into());
        }
        let header = index(bytes, 4).filter(|&header| header >= HEADER_BYTES);
        let section = |at: usize| -> Option<std::ops::Range<usize>> {
            let start = header?.checked_add(index(bytes, at)?)?;
            let end = start.checked_add(index(bytes, at + 4)?)?;
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
        Ok((types, strings, starts, structs))
    }

    fn type_by_id(&self, id: u32) -> Option<Type> {
        let start = self.starts.get(usize::try_from(id.checked_sub(1)?).ok()?)?;
        Type::at(&self.bytes[self.types.clone()], usize::try_from(*start).ok()?)
    }

    fn name_is(&self, name: u32, expected: &str) -> bool {
        let Ok(at) = usize::try_from(name) else { return false };
        self.bytes[self.strings.clone()]
            .get(at..)
            .and_then(|rest| rest.strip_prefix(expected.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }

    /// The offset in bytes of a field, given by its path (`"d_name.name"`), from the beginning of
    /// the struct. Members of unnamed structs and unions count as the outer struct's, as in C.
    ///
    /// # Errors
    /// [`BtfError::NoStruct`], or [`BtfError::NoField`] also for a bit field. Of several structs of
    /// that name the first that has the field is taken.
    pub fn offset(&self, structure: &str, field: &str) -> Result<u32, BtfError> {
        let mut found = false;
        for &id in &self.structs {
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
        let (kernel, structure) = (self.kernel.clone(), structure.to_owned());
        Err(if found {
            BtfError::NoField { kernel, structure, field: field.to_owned() }
        } else {
            BtfError::NoStruct { kernel, structure }
        })
    }

    /// The struct or union behind typedefs, qualifiers and tags.
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

    /// A member's type and its offset in bits.
    fn member(&self, within: Type, name: &str, depth: u32) -> Option<(u32, u32)> {
        let types = &self.bytes[self.types.clone()];
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

    /// True if the kernel's BTF has a function of this name, so that fentry and fexit can be tried.
    /// Looks at every type: not for many names.
    pub fn has_function(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// The number of a function. Looks at every type: not for many names.
    pub fn function(&self, name: &str) -> Option<u32> {
        let types = &self.bytes[self.types.clone()];
        let at = self.starts.iter().position(|&start| {
            usize::try_from(start)
                .ok()
                .and_then(|start| Type::at(types, start))
                .is_some_and(|t| t.kind == kind::FUNC && self.name_is(t.name, name))
        })?;
        u32::try_from(at + 1).ok()
    }

    /// The number of a struct; of several of that name, the first.
    pub fn structure(&self, name: &str) -> Option<u32> {
        let named = |id: &&u32| self.type_by_id(**id).is_some_and(|t| self.name_is(t.name, name));
        self.structs.iter().find(named).copied()
    }

    /// BTF with nothing in it but these functions, under the numbers they have here: all that attaching
    /// by name asks for, and read in no time. What this kernel does not have is left out.
    pub fn of_functions(&self, names: &[&str]) -> Vec<u8> {
        let entry = |name: u32, kind: u32| {
            let [name, info, reference] = [name, kind << 24, 0].map(u32::to_ne_bytes);
            [name, info, reference].concat()
        };
        let filler = entry(0, kind::FWD);
        let all = &self.bytes[self.types.clone()];
        let mut strings = vec![0_u8];
        // Of the whole only the part up to the last function is kept.
        let (mut types, mut used) = (Vec::with_capacity(TYPE_BYTES * self.starts.len()), 0);
        for &start in &self.starts {
            let found = usize::try_from(start)
                .ok()
                .and_then(|start| Type::at(all, start))
                .filter(|t| t.kind == kind::FUNC)
                .and_then(|t| names.iter().find(|name| self.name_is(t.name, name)));
            if let Some((name, at)) = found.zip(u32::try_from(strings.len()).ok()) {
                strings.extend_from_slice(name.as_bytes());
                strings.push(0);
                types.extend_from_slice(&entry(at, kind::FUNC));
                used = types.len();
            } else {
                types.extend_from_slice(&filler);
            }
        }
        types.truncate(used);
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(0).to_ne_bytes();
        let ([low, high], version, flags) = (MAGIC.to_ne_bytes(), 1, 0);
        let header = [
            [low, high, version, flags],
            length(HEADER_BYTES),
            length(0),
            length(types.len()),
            length(types.len()),
            length(strings.len()),
        ];
        [header.as_flattened(), &types, &strings].concat()
    }

    /// Everything the programs need.
    ///
    /// # Errors
    /// Names the first struct or field that this kernel does not have.
    pub fn offsets(&self) -> Result<Offsets, BtfError> {
        let of = |structure, field| self.offset(structure, field);
        let (file_references, file_one_reference) = match of("file", "f_count") {
            Ok(offset) => (offset, 1),
            Err(_) => (of("file", "f_ref")?, 0),
        };
        Ok(Offsets {
            seq_file_buf: of("seq_file", "buf")?,
            seq_file_size: of("seq_file", "size")?,
            seq_file_from: of("seq_file", "from")?,
            seq_file_count: of("seq_file", "count")?,
            seq_file_index: of("seq_file", "index")?,
            seq_file_read_pos: of("seq_file", "read_pos")?,
            seq_file_op: of("seq_file", "op")?,
            seq_file_file: of("seq_file", "file")?,
            seq_file_private: of("seq_file", "private")?,
            seq_operations_start: of("seq_operations", "start")?,
            seq_operations_stop: of("seq_operations", "stop")?,
            seq_operations_next: of("seq_operations", "next")?,
            seq_operations_show: of("seq_operations", "show")?,
            file_private_data: of("file", "private_data")?,
            file_f_inode: of("file", "f_inode")?,
            file_dentry: of("file", "f_path.dentry")?,
            file_f_mode: of("file", "f_mode")?,
            kiocb_ki_filp: of("kiocb", "ki_filp")?,
            kiocb_ki_pos: of("kiocb", "ki_pos")?,
            iov_iter_count: of("iov_iter", "count")?,
            dentry_d_parent: of("dentry", "d_parent")?,
            dentry_name: of("dentry", "d_name.name")?,
            inode_i_ino: of("inode", "i_ino")?,
            inode_i_sb: of("inode", "i_sb")?,
            super_block_s_dev: of("super_block", "s_dev")?,
            super_block_s_magic: of("super_block", "s_magic")?,
            proc_inode_pde_from_inode: of("proc_inode", "pde")?
                .wrapping_sub(of("proc_inode", "vfs_inode")?),
            proc_dir_entry_proc_ops: of("proc_dir_entry", "proc_ops")?,
            proc_ops_proc_read: of("proc_ops", "proc_read")?,
            proc_ops_proc_read_iter: of("proc_ops", "proc_read_iter")?,
            proc_ops_proc_write: of("proc_ops", "proc_write")?,
            file_references,
            file_one_reference,
            inode_i_private: of("inode", "i_private")?,
            kernfs_node_ops: of("kernfs_node", "attr.ops")?,
            kernfs_node_priv: of("kernfs_node", "priv")?,
            kernfs_ops_seq_show: of("kernfs_ops", "seq_show")?,
            // Without control groups nobody asks for it.
            cftype_seq_show: of("cftype", "seq_show").unwrap_or(0),
            device_attribute_show: of("device_attribute", "show")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes BTF type by type.
    #[derive(Default)]
    struct Blob {
        types: Vec<u8>,
        strings: Vec<u8>,
        count: u32,
    }

    impl Blob {
        fn new() -> Self {
            Self { strings: vec![0], ..Self::default() }
        }

        fn string(&mut self, text: &str) -> u32 {
            if text.is_empty() {
                return 0;
            }
            let at = u32::try_from(self.strings.len()).unwrap();
            self.strings.extend_from_slice(text.as_bytes());
            self.strings.push(0);
            at
        }

        fn push(&mut self, name: &str, info: u32, reference: u32, rest: &[u32]) -> u32 {
            let name = self.string(name);
            for word in [name, info, reference].iter().chain(rest) {
                self.types.extend_from_slice(&word.to_ne_bytes());
            }
            self.count += 1;
            self.count
        }

        /// Members: name, type, offset in bits (with the width of a bit field in the top byte).
        fn composite(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) -> u32 {
            let rest: Vec<u32> = members
                .iter()
                .flat_map(|&(name, type_id, bits)| [self.string(name), type_id, bits])
                .collect();
            let flag = u32::from(members.iter().any(|m| m.2 >> 24 != 0));
            let info = flag << 31 | kind << 24 | u32::try_from(members.len()).unwrap();
            self.push(name, info, 0, &rest)
        }

        fn bytes(self) -> Vec<u8> {
            let (types, strings) = (
                u32::try_from(self.types.len()).unwrap(),
                u32::try_from(self.strings.len()).unwrap(),
            );
            let mut out = MAGIC.to_ne_bytes().to_vec();
            out.extend_from_slice(&[1, 0]);
            for word in [24, 0, types, types, strings] {
                out.extend_from_slice(&u32::to_ne_bytes(word));
            }
            out.extend(self.types);
            out.extend(self.strings);
            out
        }
    }

    fn dentry() -> Blob {
        let mut blob = Blob::new();
        let int = blob.push("int", 1 << 24, 4, &[32]);
        let hash = blob.composite(kind::UNION, "", &[("hash_len", int, 0), ("hash", int, 0)]);
        let qstr = blob.composite(kind::STRUCT, "qstr", &[("", hash, 0), ("name", int, 64)]);
        let constant = blob.push("", kind::CONST << 24, qstr, &[]);
        let typedef = blob.push("qstr_t", kind::TYPEDEF << 24, constant, &[]);
        let either =
            blob.composite(kind::UNION, "", &[("__d_name", qstr, 0), ("d_name", typedef, 0)]);
        blob.composite(kind::STRUCT, "dentry", &[("d_parent", int, 192)]);
        blob.composite(
            kind::STRUCT,
            "dentry",
            &[("d_parent", int, 192), ("", either, 256), ("flag", int, 3 << 24 | 512)],
        );
        blob.push("seq_read_iter", kind::FUNC << 24, 1, &[]);
        blob
    }

    fn parse(blob: Blob) -> Btf {
        Btf::parse(blob.bytes(), "1.2.3".into()).unwrap()
    }

    #[test]
    fn follows_unnamed_unions_qualifiers_and_typedefs() {
        let btf = parse(dentry());
        assert_eq!(btf.offset("dentry", "d_parent").unwrap(), 24);
        assert_eq!(btf.offset("qstr", "hash").unwrap(), 0);
        assert_eq!(btf.offset("dentry", "d_name.name").unwrap(), 40, "of the second dentry");
        assert_eq!(btf.offset("dentry", "__d_name.hash").unwrap(), 32);
    }

    #[test]
    fn names_what_is_missing_and_the_kernel() {
        let btf = parse(dentry());
        let message = |structure, field| btf.offset(structure, field).unwrap_err().to_string();
        assert_eq!(message("inode", "i_ino"), "the BTF of kernel 1.2.3 has no struct inode");
        for field in ["d_nome", "d_name.nome", "d_parent.x", "d_name.name.x", "flag", ""] {
            assert_eq!(
                message("dentry", field),
                format!("the BTF of kernel 1.2.3 has no usable field dentry.{field}")
            );
        }
        assert!(matches!(btf.offsets(), Err(BtfError::NoStruct { .. })));
    }

    #[test]
    fn finds_functions() {
        let btf = parse(dentry());
        assert!(btf.has_function("seq_read_iter"));
        assert!(!btf.has_function("seq_read"));
        assert!(!btf.has_function("dentry"));
    }

    #[test]
    fn keeps_the_numbers_of_functions() {
        let whole = parse(dentry());
        let bytes = whole.of_functions(&["seq_read_iter", "seq_read", "dentry"]);
        let few = Btf::parse(bytes, String::new()).unwrap();
        assert!(few.has_function("seq_read_iter"));
        assert!(!few.has_function("seq_read"));
        assert_eq!(few.starts.len(), whole.starts.len(), "it is the last one");
        assert!(
            Btf::parse(whole.of_functions(&["none"]), String::new()).unwrap().starts.is_empty()
        );
    }

    #[test]
    fn damaged_bytes_are_refused_not_followed() {
        let whole = dentry().bytes();
        for cut in 0..whole.len() {
            let result = Btf::parse(whole[..cut].to_vec(), String::new());
            assert!(matches!(result, Err(BtfError::Format { .. })), "cut at {cut}");
        }
        // Every byte changed, one at a time: an answer or an error, never a panic.
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Ok(btf) = Btf::parse(bytes, String::new()) {
                    let _ = btf.offset("dentry", "d_name.name");
                    let _ = btf.has_function("seq_read_iter");
                }
            }
        }
        let mut unknown = Blob::new();
        unknown.push("x", 77 << 24, 0, &[]);
        let error = Btf::parse(unknown.bytes(), "9".into()).unwrap_err().to_string();
        assert!(error.contains("kind 77"), "{error}");
    }

    #[test]
    fn a_type_that_refers_to_itself_ends() {
        let mut blob = Blob::new();
        blob.push("a", kind::TYPEDEF << 24, 1, &[]);
        blob.composite(kind::STRUCT, "loop", &[("a", 1, 0), ("", 3, 0)]);
        blob.composite(kind::UNION, "", &[("", 3, 0)]);
        let btf = parse(blob);
        assert!(btf.offset("loop", "a.b").is_err());
        assert!(btf.offset("loop", "b").is_err());
    }

    #[test]
    fn this_machines_own_kernel() {
        if !Path::new(VMLINUX).exists() {
            return;
        }
        let begin = std::time::Instant::now();
        let btf = Btf::of_running_kernel().unwrap();
        let offsets = btf.offsets().unwrap();
        eprintln!("{:?} for {} types", begin.elapsed(), btf.starts.len());
        // The order of struct seq_operations has not changed since 2.6.
        assert_eq!(
            [
                offsets.seq_operations_start,
                offsets.seq_operations_stop,
                offsets.seq_operations_next,
                offsets.seq_operations_show
            ],
            [0, 8, 16, 24]
        );
        assert_eq!(offsets.seq_file_buf, 0);
        assert!(offsets.seq_file_op > offsets.seq_file_index);
        assert!(btf.has_function("seq_read_iter"));
    }
}
