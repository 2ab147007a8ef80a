//! Loads programs of a few instructions, and reads what the kernel counts in ring buffers.
#![expect(unsafe_code, reason = "a mapping of memory that no safe crate offers")]

use std::num::NonZeroUsize;

use anyhow::{Context as _, Result};
use aya::maps::{MapInfo, MapType, loaded_maps};
use aya::programs::{Program, ProgramError};
use aya::{Ebpf, EbpfLoader};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use object::write::{Object, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};

/// Program `r0 = 0; exit`.
pub(crate) const EMPTY: [u64; 2] = [0x0000_0000_0000_00b7, 0x0000_0000_0000_0095];

/// Program `bpf_seq_write(ctx->meta->seq, "it\n", 3); return 0`.
pub(crate) const WRITE_A_LINE: [u64; 9] = [
    // r6 = ctx->meta; r1 = r6->seq
    0x0000_0000_0000_1679,
    0x0000_0000_0000_6179,
    // *(u32 *)(r10 - 8) = "it\n"; r2 = r10 - 8; r3 = 3
    0x000a_7469_fff8_0a62,
    0x0000_0000_0000_a2bf,
    0xffff_fff8_0000_0207,
    0x0000_0003_0000_03b7,
    // call BPF_FUNC_seq_write
    0x0000_007f_0000_0085,
    EMPTY[0],
    EMPTY[1],
];

const NAME: &str = "program";

/// Makes an ELF object with one program, because aya loads programs from such objects only. `section` is the name of the
/// section, which selects the type of the program.
pub(crate) fn object(section: &str, instructions: &[u64]) -> Result<Ebpf> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let license = object.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    object.append_section_data(license, b"GPL\0", 1);
    let code: Vec<u8> = instructions.iter().flat_map(|word| word.to_le_bytes()).collect();
    let section = object.add_section(Vec::new(), section.into(), SectionKind::Text);
    object.append_section_data(section, &code, 8);
    object.add_symbol(Symbol {
        name: NAME.into(),
        value: 0,
        size: u64::try_from(code.len())?,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    // The kernel's BTF would take memory and time, which the floor is measured in.
    Ok(EbpfLoader::new().btf(None).load(&object.write()?)?)
}

/// Returns the program of an [`object()`].
pub(crate) fn program<'a, P>(object: &'a mut Ebpf) -> Result<P>
where
    P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    Ok(object.program_mut(NAME).context("the object has no program")?.try_into()?)
}

/// Returns the number of bytes ever reserved in a ring buffer.
fn produced(map: &MapInfo) -> Result<u64> {
    let page = NonZeroUsize::new(4096).context("the page size is 0")?;
    // SAFETY: this is a new read-only mapping of the map's second page, which has the producer's position (struct
    // bpf_ringbuf, kernel/bpf/ringbuf.c). No reference to it outlives this block, which unmaps it.
    unsafe {
        let at = mmap(None, page, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, map.fd()?, 4096)?;
        let position = at.cast::<u64>().read_volatile();
        munmap(at, page.get())?;
        Ok(position)
    }
}

/// Returns the number of bytes ever reserved in all ring buffers together.
pub(crate) fn produced_in_all() -> Result<u64> {
    // A map may have been removed since its id was found.
    let maps = loaded_maps().filter_map(Result::ok);
    maps.filter(|map| map.map_type().is_ok_and(|kind| kind == MapType::RingBuf))
        .map(|map| produced(&map))
        .sum()
}
