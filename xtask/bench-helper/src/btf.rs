//! Finds the ids of functions in the BTF of the kernel and of modules (Documentation/bpf/btf.rst).
//!
//! aya parses the kernel's BTF only. btf-rs also parses the BTF of modules, but its licence, LGPL, is not among those
//! that deny.toml allows.

use std::fs;

use anyhow::{Context as _, Result, bail};

/// Size of struct btf_header in bytes.
const HEADER_SIZE: usize = 24;
/// Size of struct btf_type in bytes.
const TYPE_SIZE: usize = 12;
const BTF_KIND_FUNC: u32 = 12;

/// BTF of the kernel or of a module. In a module's BTF, ids of types and offsets of strings continue those of the
/// kernel.
struct Btf {
    bytes: Vec<u8>,
    /// Byte offsets of the type section.
    types: std::ops::Range<usize>,
    /// Byte offset of the string section.
    strings: usize,
    /// Size of the string section in bytes.
    strings_len: usize,
}

impl Btf {
    /// Reads the BTF of `vmlinux` or of a module.
    fn read(name: &str) -> Result<Self> {
        let path = format!("/sys/kernel/btf/{name}");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
        let field = |at| {
            word(&bytes, at).map(usize::try_from)?.context("BTF has an offset that is too large")
        };
        // hdr_len; type_off, type_len, str_off, str_len
        let (types, types_len) = (field(4)? + field(8)?, field(12)?);
        let strings = field(4)? + field(16)?;
        let strings_len = field(20)?;
        if bytes.len() < HEADER_SIZE.max(types + types_len).max(strings + strings_len) {
            bail!("{path} is truncated");
        }
        Ok(Self { bytes, types: types..types + types_len, strings, strings_len })
    }

    /// Returns the number of types, and the 0-based index of the last function whose name `matches`. `matches` gets the
    /// offset of the name in the string section.
    fn scan(&self, matches: impl Fn(u32) -> bool) -> Result<(u32, Option<u32>)> {
        let (mut at, mut count, mut found) = (self.types.start, 0, None);
        while at < self.types.end {
            let info = word(&self.bytes, at + 4)?;
            let kind = info >> 24 & 0x1f;
            let members = usize::try_from(info & 0xffff)?;
            if kind == BTF_KIND_FUNC && matches(word(&self.bytes, at)?) {
                found = Some(count);
            }
            count += 1;
            at += TYPE_SIZE
                + match kind {
                    // INT, VAR, DECL_TAG
                    1 | 14 | 17 => 4,
                    // ARRAY
                    3 => 12,
                    // STRUCT, UNION, DATASEC, ENUM64
                    4 | 5 | 15 | 19 => members * 12,
                    // ENUM, FUNC_PROTO
                    6 | 13 => members * 8,
                    _ => 0,
                };
        }
        Ok((count, found))
    }

    /// Returns the string at an offset of the string section.
    fn string(&self, at: usize) -> &[u8] {
        let bytes = self.bytes.get(self.strings + at..).unwrap_or_default();
        bytes.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// Returns the u32 at a byte offset.
fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..at + 4).context("BTF is truncated")?;
    Ok(u32::from_ne_bytes(word.try_into()?))
}

/// Returns the BTF id of the function `name` in `module`; `None`: the kernel itself.
pub(crate) fn function(module: Option<&str>, name: &str) -> Result<u32> {
    let kernel = Btf::read("vmlinux")?;
    let (kernel_types, found) = kernel
        .scan(|at| usize::try_from(at).is_ok_and(|at| kernel.string(at) == name.as_bytes()))?;
    // The first type in the table has id 1: id 0 is void.
    let id = match module {
        None => found.map(|number| number + 1),
        Some(module) => {
            let module = Btf::read(module)?;
            let matches = |at: u32| {
                let own =
                    usize::try_from(at).ok().and_then(|at| at.checked_sub(kernel.strings_len));
                own.is_some_and(|at| module.string(at) == name.as_bytes())
            };
            module.scan(matches)?.1.map(|number| number + 1 + kernel_types)
        }
    };
    id.with_context(|| format!("BTF has no function {name}"))
}
