//! Sections of debug information: read, decompressed, and with the relocations of a `.ko`, which is not linked yet.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fs::File;
use std::io::Read;

use gimli::{EndianSlice, RelocateReader, RunTimeEndian, SectionId};
use object::{
    CompressionFormat, Endianness, Object as _, ObjectKind, ObjectSection as _, ObjectSymbol as _,
    ReadCache, Relocation, RelocationKind, RelocationTarget, SectionIndex, SectionKind,
    read::elf::ElfSection64,
};

use crate::file::Elf;
use crate::{DebugError, MEMORY_LIMIT};

/// The sections that the search needs.
const NEEDED: [SectionId; 9] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

type ElfSection<'data, 'file> = ElfSection64<'data, 'file, Endianness, &'data ReadCache<File>>;
pub(crate) type Reader<'a> = RelocateReader<EndianSlice<'a, RunTimeEndian>, &'a Relocations>;

/// The sections of one file.
pub(crate) struct Sections<'data> {
    endian: RunTimeEndian,
    present: Vec<(SectionId, Section<'data>)>,
    /// Stands for the sections that the file does not have.
    empty: Section<'data>,
}

#[derive(Default)]
struct Section<'data> {
    data: Cow<'data, [u8]>,
    relocations: Relocations,
}

/// Values that are added to words of a section, sorted by the offset of the word.
#[derive(Debug, Default)]
pub(crate) struct Relocations(Vec<(u64, Addend)>);

#[derive(Clone, Copy, Debug)]
struct Addend {
    value: u64,
    /// True if the value replaces the word.
    replaces: bool,
}

impl<'data> Sections<'data> {
    /// Reads the sections that the search needs.
    pub(crate) fn read<'file>(elf: &'file Elf<'data>) -> Result<Self, DebugError>
    where
        'data: 'file,
    {
        let endian =
            if elf.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let mut read = Self { endian, present: Vec::new(), empty: Section::default() };
        let mut left = MEMORY_LIMIT;
        for id in NEEDED {
            let Some(section) = elf.section_by_name(id.name()) else { continue };
            let data = data(&section, &mut left)?;
            let relocations = Relocations::read(elf, &section)?;
            read.present.push((id, Section { data, relocations }));
        }
        if read.has(SectionId::DebugInfo) { Ok(read) } else { Err(DebugError::Missing) }
    }

    fn has(&self, id: SectionId) -> bool {
        self.present.iter().any(|(known, section)| *known == id && !section.data.is_empty())
    }

    /// Returns the debug information for reading.
    pub(crate) fn dwarf(&self) -> gimli::Dwarf<Reader<'_>> {
        let load = |id| -> Result<_, Infallible> {
            let section = self.present.iter().find(|(known, _)| *known == id);
            let Section { data, relocations } = section.map_or(&self.empty, |(_, section)| section);
            Ok(RelocateReader::new(EndianSlice::new(data, self.endian), relocations))
        };
        let Ok(dwarf) = gimli::Dwarf::load(load);
        dwarf
    }
}

/// Reads a section, and decompresses it if it is compressed. `left`: number of bytes that may still be read.
fn data<'data>(
    section: &ElfSection<'data, '_>,
    left: &mut u64,
) -> Result<Cow<'data, [u8]>, DebugError> {
    const TOO_LARGE: DebugError = DebugError::TooLarge("its debug information");
    let range = section.compressed_file_range()?;
    *left = left.checked_sub(range.compressed_size).ok_or(TOO_LARGE)?;
    let stored = section.compressed_data()?;
    let (size, data) = (stored.uncompressed_size, stored.data);
    if stored.format == CompressionFormat::None {
        return Ok(Cow::Borrowed(data));
    }
    *left = left.checked_sub(size).ok_or(TOO_LARGE)?;
    let mut out = Vec::new();
    match stored.format {
        CompressionFormat::Zlib => {
            flate2::read::ZlibDecoder::new(data).take(size).read_to_end(&mut out)?;
        }
        CompressionFormat::Zstandard => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(data);
            let decoder = decoder.map_err(std::io::Error::other)?;
            decoder.take(size).read_to_end(&mut out)?;
        }
        _ => return Err(DebugError::TooLarge("its compression is not known")),
    }
    Ok(Cow::Owned(out))
}

/// Returns the address at which the search regards a section of a `.ko` as loaded: sections of code get addresses of
/// their own, and offsets into sections of debug information stay offsets.
pub(crate) fn base(elf: &Elf<'_>, index: Option<SectionIndex>) -> u64 {
    let section = index.and_then(|index| elf.section_by_index(index).ok());
    let code = section.filter(|section| section.kind() == SectionKind::Text);
    code.and_then(|code| u64::try_from(code.index().0).ok()).map_or(0, |index| index << 32)
}

impl Relocations {
    /// Reads the relocations of a section. A linked file has applied them already.
    fn read<'data>(elf: &Elf<'data>, section: &ElfSection<'data, '_>) -> Result<Self, DebugError> {
        if elf.kind() != ObjectKind::Relocatable {
            return Ok(Self::default());
        }
        let mut all = Vec::new();
        for (offset, relocation) in section.relocations() {
            if let Some(value) = target(elf, &relocation)? {
                let value = value.wrapping_add_signed(relocation.addend());
                all.push((offset, Addend { value, replaces: !relocation.has_implicit_addend() }));
            }
        }
        all.sort_by_key(|(offset, _)| *offset);
        Ok(Self(all))
    }

    fn apply(&self, offset: usize, word: u64) -> u64 {
        let wanted = u64::try_from(offset).unwrap_or(u64::MAX);
        match self.0.binary_search_by_key(&wanted, |(offset, _)| *offset) {
            Ok(at) if self.0[at].1.replaces => self.0[at].1.value,
            Ok(at) => word.wrapping_add(self.0[at].1.value),
            Err(_) => word,
        }
    }
}

/// Returns the address of a relocation's target; `None` for a kind of relocation that DWARF does not need.
fn target(elf: &Elf<'_>, relocation: &Relocation) -> Result<Option<u64>, DebugError> {
    if relocation.kind() != RelocationKind::Absolute {
        return Ok(None);
    }
    let RelocationTarget::Symbol(index) = relocation.target() else { return Ok(None) };
    let symbol = elf.symbol_by_index(index)?;
    Ok(Some(symbol.address().wrapping_add(base(elf, symbol.section_index()))))
}

impl gimli::read::Relocate for &Relocations {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.apply(offset, value))
    }

    fn relocate_offset(&self, offset: usize, value: usize) -> gimli::Result<usize> {
        let word = u64::try_from(value).unwrap_or(u64::MAX);
        usize::try_from(self.apply(offset, word)).map_err(|_| gimli::Error::UnsupportedOffset)
    }
}
