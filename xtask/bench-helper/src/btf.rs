//! Functions by name in the kernel's BTF: just their ids. (Format: Documentation/bpf/btf.rst.)

use std::fs;

use anyhow::{Context as _, Result, bail};

const HEADER: usize = 24;
const TYPE: usize = 12;
const FUNC: u32 = 12;

/// A kernel's or a module's BTF. A module's continues the kernel's: ids and names count on.
struct Btf {
    bytes: Vec<u8>,
    types: std::ops::Range<usize>,
    strings: usize,
    strings_len: usize,
}

impl Btf {
    fn read(name: &str) -> Result<Self> {
        let path = format!("/sys/kernel/btf/{name}");
        let bytes = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
        let field = |at| word(&bytes, at).map(usize::try_from)?.context("large");
        // hdr_len; type_off, type_len, str_off, str_len
        let (types, types_len) = (field(4)? + field(8)?, field(12)?);
        let strings = field(4)? + field(16)?;
        let strings_len = field(20)?;
        if bytes.len() < HEADER.max(types + types_len).max(strings + strings_len) {
            bail!("{path} is cut off");
        }
        Ok(Self { bytes, types: types..types + types_len, strings, strings_len })
    }

    /// How many types there are, and among them the number of the function that `is` it by its name's
    /// place.
    fn scan(&self, is: impl Fn(u32) -> bool) -> Result<(u32, Option<u32>)> {
        let (mut at, mut count, mut found) = (self.types.start, 0, None);
        while at < self.types.end {
            let info = word(&self.bytes, at + 4)?;
            let kind = info >> 24 & 0x1f;
            let members = usize::try_from(info & 0xffff)?;
            if kind == FUNC && is(word(&self.bytes, at)?) {
                found = Some(count);
            }
            count += 1;
            at += TYPE
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

    fn string(&self, at: usize) -> &[u8] {
        let bytes = self.bytes.get(self.strings + at..).unwrap_or_default();
        bytes.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..at + 4).context("BTF is cut off")?;
    Ok(u32::from_ne_bytes(word.try_into()?))
}

/// The id of a function of a module, or of the kernel itself.
pub(crate) fn function(module: Option<&str>, name: &str) -> Result<u32> {
    let kernel = Btf::read("vmlinux")?;
    let (kernel_types, found) = kernel
        .scan(|at| usize::try_from(at).is_ok_and(|at| kernel.string(at) == name.as_bytes()))?;
    // Type 0, void, is not in the table.
    let id = match module {
        None => found.map(|number| number + 1),
        Some(module) => {
            let module = Btf::read(module)?;
            let is = |at: u32| {
                let own =
                    usize::try_from(at).ok().and_then(|at| at.checked_sub(kernel.strings_len));
                own.is_some_and(|at| module.string(at) == name.as_bytes())
            };
            module.scan(is)?.1.map(|number| number + 1 + kernel_types)
        }
    };
    id.with_context(|| format!("no function {name} in BTF"))
}
