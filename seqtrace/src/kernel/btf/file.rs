//! Reads BTF from a file: raw BTF, or an ELF file with a section `.BTF`, such as a kernel's vmlinux.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use super::raw::MAGIC;

/// Sizes of `Elf64_Ehdr` and of `Elf64_Shdr` (include/uapi/linux/elf.h), in bytes.
const EHDR_BYTES: usize = 64;
const SHDR_BYTES: usize = 64;
/// Bound on the BTF, in bytes; a kernel's has 3 to 8 MiB.
const MAX_BYTES: u64 = 256 << 20;
const SECTION: &[u8] = b".BTF\0";

/// Reads the BTF in a file. An error is the reason why that is not possible.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let header = exact(&file, 0, EHDR_BYTES as u64);
    if header.as_ref().is_ok_and(|header| header.starts_with(b"\x7fELF")) {
        return section(&file, &header?);
    }
    let magic = exact(&file, 0, size_of_val(&MAGIC) as u64)?;
    if magic != MAGIC.to_ne_bytes() {
        return Err("it is neither BTF of this machine's byte order nor an ELF file".into());
    }
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    exact(&file, 0, size)
}

fn exact(file: &File, offset: u64, size: u64) -> Result<Vec<u8>, String> {
    let size = usize::try_from(size.min(MAX_BYTES + 1)).unwrap_or(usize::MAX);
    if size as u64 > MAX_BYTES {
        return Err(format!("it has more than {} MiB of BTF", MAX_BYTES >> 20));
    }
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        _ => error.to_string(),
    })?;
    Ok(bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|half| usize::from(u16::from_ne_bytes(*half)))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?);
    usize::try_from(word).ok()
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|long| u64::from_ne_bytes(*long))
}

/// Returns the contents of the section `.BTF` of an ELF file.
fn section(file: &File, header: &[u8]) -> Result<Vec<u8>, String> {
    let class_and_order = [2, if cfg!(target_endian = "little") { 1 } else { 2 }];
    if header.get(4..6) != Some(&class_and_order[..]) || half(header, 58) != Some(SHDR_BYTES) {
        return Err("it is an ELF file, but not a 64-bit one of this machine's byte order".into());
    }
    let cut = || "its ELF header is cut short".to_owned();
    let (offset, count, names) =
        (|| Some((long(header, 40)?, half(header, 60)?, half(header, 62)?)))().ok_or_else(cut)?;
    let table = exact(file, offset, (count * SHDR_BYTES) as u64)?;
    let headers: Vec<&[u8]> = table.chunks_exact(SHDR_BYTES).collect();
    let contents = |header: &[u8]| {
        let (offset, size) = long(header, 24).zip(long(header, 32)).ok_or_else(cut)?;
        exact(file, offset, size)
    };
    let names = headers.get(names).ok_or_else(cut).and_then(|header| contents(header))?;
    let is_btf = |header: &&&[u8]| {
        let name = word(header, 0).and_then(|name| names.get(name..));
        name.is_some_and(|name| name.starts_with(SECTION))
    };
    let found = headers.iter().find(is_btf);
    contents(found.ok_or(
        "it is an ELF file without a section .BTF: `pahole -J FILE` makes one of its DWARF",
    )?)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Btf, BtfError, testing::dentry};

    /// Returns an ELF file with these sections behind the one of their names.
    fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut names = vec![0];
        let mut headers = vec![vec![0; 64]];
        let mut body = vec![0; 64];
        let mut add = |name: usize, bytes: &[u8], body: &mut Vec<u8>| {
            let mut header = vec![0; 64];
            header[..4].copy_from_slice(&u32::try_from(name).unwrap().to_ne_bytes());
            header[24..32].copy_from_slice(&(body.len() as u64).to_ne_bytes());
            header[32..40].copy_from_slice(&(bytes.len() as u64).to_ne_bytes());
            body.extend_from_slice(bytes);
            headers.push(header);
        };
        for (name, bytes) in sections {
            add(names.len(), bytes, &mut body);
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
        add(0, &names, &mut body);
        body[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let table = body.len() as u64;
        body[40..48].copy_from_slice(&table.to_ne_bytes());
        let count = u16::try_from(headers.len()).unwrap();
        for (at, half) in [(58, 64), (60, count), (62, count - 1)] {
            body[at..at + 2].copy_from_slice(&half.to_ne_bytes());
        }
        body.extend(headers.concat());
        body
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let path =
                std::env::temp_dir().join(format!("seqtrace-btf-{name}-{}", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn raw_btf_and_elf_files_are_read() {
        let btf = dentry().bytes();
        for (name, bytes) in [
            ("raw", btf.clone()),
            ("elf", elf(&[(".text", b"code"), (".BTF.ext", b"other"), (".BTF", &btf)])),
        ] {
            let file = Scratch::new(name, &bytes);
            let read = Btf::of_file(&file.0).unwrap();
            assert_eq!(read.offset("dentry", "d_name.name").unwrap(), 40);
            let error = read.offset("inode", "i_ino").unwrap_err().to_string();
            assert!(error.contains(name) && error.ends_with("has no struct inode"), "{error}");
        }
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let btf = dentry().bytes();
        let mut wrong_class = elf(&[(".BTF", &btf)]);
        wrong_class[4] = 1;
        let whole = elf(&[(".BTF", &btf)]);
        for (name, bytes, reason) in [
            ("empty", vec![], "cut short"),
            ("text", b"vmlinux".to_vec(), "neither BTF"),
            ("without", elf(&[(".text", b"")]), "without a section .BTF"),
            ("class", wrong_class, "not a 64-bit one"),
            ("cut", whole[..whole.len() - 1].to_vec(), "cut short"),
            ("cut-raw", btf[..btf.len() - 1].to_vec(), "points outside"),
        ] {
            let file = Scratch::new(name, &bytes);
            let error = Btf::of_file(&file.0).unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
        // Every byte of the headers changed, one at a time: BTF or an error, never a panic.
        for at in (0..64).chain(whole.len() - 3 * 64..whole.len()) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let file = Scratch::new("damaged", &bytes);
                let _ = Btf::of_file(&file.0);
            }
        }
        assert!(matches!(
            Btf::of_file("/nonexistent".as_ref()),
            Err(BtfError::File { what, .. }) if what.contains("No such file")
        ));
    }
}
