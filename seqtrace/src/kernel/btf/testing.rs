//! BTF made up for tests and as a seed of fuzzing.
#![expect(clippy::unwrap_used, reason = "only tests and fuzz targets use this")]

use super::raw::{MAGIC, kind};

/// Writes BTF type by type.
#[derive(Default)]
pub(in crate::kernel) struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Blob {
    pub(super) fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    pub(super) fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    pub(super) fn push(&mut self, name: &str, info: u32, reference: u32, rest: &[u32]) -> u32 {
        let name = self.string(name);
        for word in [name, info, reference].iter().chain(rest) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    /// Adds a struct or union. Members: name, type, offset in bits (top byte: width of a bit field).
    pub(super) fn composite(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let rest: Vec<u32> = members
            .iter()
            .flat_map(|&(name, type_id, bits)| [self.string(name), type_id, bits])
            .collect();
        let flag = u32::from(members.iter().any(|m| m.2 >> 24 != 0));
        let info = flag << 31 | kind << 24 | u32::try_from(members.len()).unwrap();
        self.push(name, info, 0, &rest)
    }

    pub(in crate::kernel) fn bytes(self) -> Vec<u8> {
        let (types, strings) =
            (u32::try_from(self.types.len()).unwrap(), u32::try_from(self.strings.len()).unwrap());
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

pub(in crate::kernel) fn dentry() -> Blob {
    let mut blob = Blob::new();
    let int = blob.push("int", 1 << 24, 4, &[32]);
    let hash = blob.composite(kind::UNION, "", &[("hash_len", int, 0), ("hash", int, 0)]);
    let qstr = blob.composite(kind::STRUCT, "qstr", &[("", hash, 0), ("name", int, 64)]);
    let constant = blob.push("", kind::CONST << 24, qstr, &[]);
    let typedef = blob.push("qstr_t", kind::TYPEDEF << 24, constant, &[]);
    let either = blob.composite(kind::UNION, "", &[("__d_name", qstr, 0), ("d_name", typedef, 0)]);
    blob.composite(kind::STRUCT, "dentry", &[("d_parent", int, 192)]);
    blob.composite(
        kind::STRUCT,
        "dentry",
        &[("d_parent", int, 192), ("", either, 256), ("flag", int, 3 << 24 | 512)],
    );
    blob.push("seq_read_iter", kind::FUNC << 24, 1, &[]);
    blob
}

#[cfg(feature = "fuzzing")]
pub(crate) fn sample() -> Vec<u8> {
    dentry().bytes()
}
