//! Reads the kernel's live code and other memory: through /proc/kcore or, if that cannot be read, with a BPF program.
//!
//! The code must be live because the kernel rewrites itself: alternatives, retpolines, static keys and the probes of
//! other tools are not in any file. /proc/kcore is an ELF core file (fs/proc/kcore.c). Its program headers map
//! addresses to file offsets.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use seqtrace_common::config::PAGE_BYTES;

use super::kallsyms::Kallsyms;

/// An image of the kernel's memory (`CONFIG_PROC_KCORE`).
const KCORE: &str = "/proc/kcore";

/// Reasons why the code cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// Opening was not permitted.
    #[error(
        "reading {KCORE} is not permitted: it needs root with CAP_SYS_RAWIO, \
        and a kernel that is not locked down (/sys/kernel/security/lockdown)"
    )]
    NotPermitted,
    /// The file does not exist: the kernel was built without `CONFIG_PROC_KCORE`.
    #[error("this kernel has no {KCORE} (CONFIG_PROC_KCORE)")]
    Missing,
    /// Opening or reading failed for another reason.
    #[error("cannot read {KCORE}: {0}")]
    Read(#[from] io::Error),
    /// The file lacks the expected ELF headers.
    #[error("{KCORE} is not understood: {0}")]
    Format(&'static str),
    /// No segment of the file covers the requested range.
    #[error("the kernel's memory does not show {len} bytes at {address:#x}")]
    NotMapped {
        /// First address that was requested.
        address: u64,
        /// Number of bytes that were requested.
        len: usize,
    },
    /// The BPF program failed.
    #[error("the BPF program that reads memory fails: {0}")]
    Program(String),
    /// Neither /proc/kcore nor the BPF program can be used.
    #[error("{kcore}; and a BPF program cannot read the memory, either: {program}")]
    NoReader {
        /// Reason why /proc/kcore cannot be read.
        kcore: Box<TextError>,
        /// Reason why the program cannot be used.
        program: String,
    },
}

/// Reads single pages of the kernel's memory, with a program that the caller has loaded: this module loads none.
pub(crate) trait ReadPage {
    /// Reads the page at `address`, a multiple of [`PAGE_BYTES`]; `None` if the kernel cannot read it.
    ///
    /// # Errors
    /// [`TextError::Program`]
    fn read_page(&self, address: u64) -> Result<Option<[u8; PAGE_BYTES]>, TextError>;
}

/// Loads the program that reads pages. An error is the reason why it cannot be used.
pub(crate) type LoadReader = fn() -> Result<Box<dyn ReadPage>, String>;

/// The kernel's memory, by the first method that works.
pub(crate) enum Memory {
    Kcore(Kcore),
    Program(Box<dyn ReadPage>),
}

impl Memory {
    /// Chooses /proc/kcore, unless opening it has failed; then a program.
    ///
    /// # Errors
    /// [`TextError::NoReader`]
    pub(crate) fn open(
        kcore: Result<Kcore, TextError>,
        load: LoadReader,
    ) -> Result<Self, TextError> {
        let kcore = match kcore {
            Ok(kcore) => return Ok(Self::Kcore(kcore)),
            Err(error) => Box::new(error),
        };
        load().map(Self::Program).map_err(|program| TextError::NoReader { kcore, program })
    }

    /// Reads `len` bytes of memory at `address`, or fewer if the memory there ends before.
    ///
    /// # Errors
    /// [`TextError::NotMapped`] if there is no memory at the address, [`TextError::Read`], [`TextError::Program`].
    pub(crate) fn read(&self, address: u64, len: usize) -> Result<Vec<u8>, TextError> {
        match self {
            Self::Kcore(kcore) => kcore.read(address, len),
            Self::Program(program) => read_pages(&**program, address, len),
        }
    }
}

/// Reads whole pages, and returns the bytes from `address` on: `len` bytes, or those up to the first page that cannot be
/// read.
fn read_pages(program: &dyn ReadPage, address: u64, len: usize) -> Result<Vec<u8>, TextError> {
    let size = PAGE_BYTES as u64;
    let mut bytes = Vec::new();
    let mut at = Some(address);
    while let Some(address) = at.filter(|_| bytes.len() < len) {
        let Some(page) = program.read_page(address - address % size)? else { break };
        let begin = usize::try_from(address % size).unwrap_or(0);
        let rest = page.get(begin..).unwrap_or_default();
        bytes.extend_from_slice(&rest[..rest.len().min(len - bytes.len())]);
        at = (address - address % size).checked_add(size);
    }
    if bytes.is_empty() && len > 0 {
        return Err(TextError::NotMapped { address, len });
    }
    Ok(bytes)
}

/// Size of `Elf64_Ehdr` (include/uapi/linux/elf.h), in bytes.
const EHDR_BYTES: usize = 64;
/// Size of `Elf64_Phdr`, in bytes.
const PHDR_BYTES: usize = 56;
const PT_LOAD: u32 = 1;

/// A range of addresses and its offset in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    address: u64,
    size: u64,
    offset: u64,
}

/// The open file /proc/kcore and its segments.
#[derive(Debug)]
pub struct Kcore {
    file: File,
    segments: Vec<Segment>,
}

impl Kcore {
    /// Opens the running kernel's memory.
    ///
    /// # Errors
    /// See [`TextError`].
    pub fn open() -> Result<Self, TextError> {
        Self::open_file(Path::new(KCORE))
    }

    fn open_file(path: &Path) -> Result<Self, TextError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => TextError::NotPermitted,
            io::ErrorKind::NotFound => TextError::Missing,
            _ => TextError::Read(error),
        })?;
        Self::of_file(file)
    }

    /// Reads the headers of an open file.
    pub(crate) fn of_file(file: File) -> Result<Self, TextError> {
        let mut header = [0; EHDR_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let (offset, size) = program_headers(&header)?;
        let mut table = vec![0; size];
        file.read_exact_at(&mut table, offset)?;
        Ok(Self { file, segments: segments(&table) })
    }

    /// Reads `len` bytes of memory at `address`, or fewer if the segment there ends before.
    ///
    /// # Errors
    /// [`TextError::NotMapped`] if no segment covers the address, [`TextError::Read`].
    pub fn read(&self, address: u64, len: usize) -> Result<Vec<u8>, TextError> {
        let (offset, len) =
            find(&self.segments, address, len).ok_or(TextError::NotMapped { address, len })?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

/// Reads the live code from an address to the next symbol. `read` reads memory at an address ([`Kcore::read`]).
pub(super) fn of_function(
    symbols: &Kallsyms,
    address: u64,
    read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
) -> Result<Vec<u8>, TextError> {
    /// Bound on the size of the code, for a damaged symbol table; the functions that seqtrace analyses are far smaller.
    const MAX_BYTES: u64 = 64 << 10;
    let size = symbols.size_at(address).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    read(address, usize::try_from(size).unwrap_or(0))
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Returns the file offset of the program headers and their size in bytes.
fn program_headers(header: &[u8; EHDR_BYTES]) -> Result<(u64, usize), TextError> {
    let class_and_order = [2, if cfg!(target_endian = "little") { 1 } else { 2 }];
    if header[..4] != *b"\x7fELF" || header[4..6] != class_and_order {
        return Err(TextError::Format("it is not a 64-bit ELF file of this machine"));
    }
    let (Some(offset), Some(size), Some(count)) =
        (number(header, 32), number(header, 54), number(header, 56))
    else {
        return Err(TextError::Format("its header is cut short"));
    };
    if usize::from(u16::from_ne_bytes(size)) != PHDR_BYTES {
        return Err(TextError::Format("its program headers are of another size"));
    }
    Ok((u64::from_ne_bytes(offset), usize::from(u16::from_ne_bytes(count)) * PHDR_BYTES))
}

/// Returns the loadable segments of a table of program headers.
fn segments(table: &[u8]) -> Vec<Segment> {
    let segment = |header: &[u8]| {
        let load = u32::from_ne_bytes(number(header, 0)?) == PT_LOAD;
        let word = |at| number(header, at).map(u64::from_ne_bytes);
        load.then_some(Segment { offset: word(8)?, address: word(16)?, size: word(40)? })
    };
    table.chunks_exact(PHDR_BYTES).filter_map(segment).collect()
}

/// Returns the file offset of an address, and the number of bytes, at most `len`, from there to the end of its segment;
/// `None` if no segment covers the address.
fn find(segments: &[Segment], address: u64, len: usize) -> Option<(u64, usize)> {
    segments.iter().find_map(|segment| {
        let into = address.checked_sub(segment.address).filter(|&into| into < segment.size)?;
        let available = usize::try_from(segment.size - into).unwrap_or(usize::MAX);
        Some((segment.offset.checked_add(into)?, len.min(available)))
    })
}

/// A file with 16 bytes of memory at the address 0x4000.
#[cfg(feature = "fuzzing")]
pub(crate) fn sample() -> Vec<u8> {
    let words =
        |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let (half, third) = (u64::from(PT_LOAD) | 7 << 32, (PHDR_BYTES as u64) << 48 | 64 << 32);
    let header = words(&[0x0001_0102_464c_457f, 0, 0, 0, 64, 0, third, 1]);
    [header, words(&[half, 120, 0x4000, 0, 16, 16, 0, 1, 2])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phdr(kind: u32, offset: u64, address: u64, size: u64) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(&7_u32.to_ne_bytes());
        for word in [offset, address, 0, size, size, 0] {
            out.extend_from_slice(&word.to_ne_bytes());
        }
        out
    }

    fn ehdr(count: u16) -> [u8; EHDR_BYTES] {
        let mut out = [0; EHDR_BYTES];
        out[..6].copy_from_slice(b"\x7fELF\x02\x01");
        out[32..40].copy_from_slice(&64_u64.to_ne_bytes());
        out[54..56].copy_from_slice(&56_u16.to_ne_bytes());
        out[56..58].copy_from_slice(&count.to_ne_bytes());
        out
    }

    #[test]
    fn finds_the_segment() {
        let mut table = phdr(4, 0, 0, 100);
        table.extend(phdr(PT_LOAD, 0x1000, 0xffff_ffff_8100_0000, 0x100));
        table.extend(phdr(PT_LOAD, 0x2000, 0xffff_8881_0000_0000, 0x100));
        let segments = segments(&table);
        assert_eq!(segments.len(), 2);
        assert_eq!(find(&segments, 0xffff_ffff_8100_0010, 16), Some((0x1010, 16)));
        assert_eq!(find(&segments, 0xffff_ffff_8100_00f8, 16), Some((0x10f8, 8)), "the rest");
        assert_eq!(find(&segments, 0xffff_ffff_8100_0100, 16), None);
        assert_eq!(find(&segments, 50, 16), None, "a note is no memory");
    }

    #[test]
    fn headers_are_checked() {
        assert!(matches!(program_headers(&ehdr(3)), Ok((64, 168))));
        let mut wrong = ehdr(3);
        wrong[4] = 1;
        assert!(matches!(program_headers(&wrong), Err(TextError::Format(_))));
        let mut wrong = ehdr(3);
        wrong[54] = 32;
        assert!(matches!(program_headers(&wrong), Err(TextError::Format(_))));
    }

    /// Memory with the pages 1 and 2, each filled with its number.
    struct TwoPages;

    impl ReadPage for TwoPages {
        fn read_page(&self, address: u64) -> Result<Option<[u8; PAGE_BYTES]>, TextError> {
            assert_eq!(address % PAGE_BYTES as u64, 0);
            let number = u8::try_from(address / PAGE_BYTES as u64).unwrap_or(u8::MAX);
            Ok((1..=2).contains(&number).then_some([number; PAGE_BYTES]))
        }
    }

    #[test]
    fn a_program_reads_page_by_page() {
        let memory = Memory::open(Err(TextError::Missing), || Ok(Box::new(TwoPages))).unwrap();
        assert_eq!(memory.read(0x1ffe, 4).unwrap(), [1, 1, 2, 2]);
        assert_eq!(memory.read(0x1000, 0x2000).unwrap().len(), 0x2000);
        assert_eq!(memory.read(0x2ffe, 16).unwrap(), [2, 2], "the rest");
        assert!(memory.read(0x1000, 0).unwrap().is_empty());
        for unmapped in [0, 0xfff, 0x3000, u64::MAX] {
            assert!(matches!(memory.read(unmapped, 4), Err(TextError::NotMapped { .. })));
        }
        let error = Memory::open(Err(TextError::Missing), || Err("EPERM".into())).err().unwrap();
        assert_eq!(
            error.to_string(),
            "this kernel has no /proc/kcore (CONFIG_PROC_KCORE); and a BPF program cannot read the memory, either: EPERM"
        );
    }

    #[test]
    fn reads_from_a_file_and_reports_errors() {
        let path = std::env::temp_dir().join(format!("seqtrace-kcore-{}", std::process::id()));
        let mut bytes = ehdr(1).to_vec();
        bytes.extend(phdr(PT_LOAD, 120, 0x4000, 4));
        bytes.extend_from_slice(&[1, 2, 3, 4]);
        std::fs::write(&path, &bytes).unwrap();
        let kcore = Kcore::open_file(&path).unwrap();
        assert_eq!(kcore.read(0x4001, 2).unwrap(), [2, 3]);
        let error = kcore.read(0x5000, 2).unwrap_err();
        assert_eq!(error.to_string(), "the kernel's memory does not show 2 bytes at 0x5000");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Kcore::open_file(&path), Err(TextError::Missing)));
    }
}
