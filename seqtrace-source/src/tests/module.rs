//! A `.ko` that is made in memory: sections of code, symbols, a build id, and DWARF with relocations.

use gimli::write::{
    Address, AttributeValue, Dwarf, EndianVec, FileId, LineProgram, LineString, RelocateWriter,
    Relocation, RelocationTarget, Sections, Unit, UnitEntryId,
};
use gimli::{
    DW_AT_abstract_origin, DW_AT_comp_dir, DW_AT_decl_file, DW_AT_decl_line, DW_AT_low_pc,
    DW_AT_name, DW_TAG_subprogram, Encoding, Format, LineEncoding, LittleEndian, SectionId,
};
use object::write::{Object, SectionId as Index, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationEncoding, RelocationFlags, RelocationKind,
    SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};

/// Folder in which the compiler ran.
pub(super) const KERNEL: &str = "/usr/src/linux";
/// Folder of the module's sources.
pub(super) const FOLDER: &str = "/home/dev/mod";

/// A section that is written, with its relocations.
#[derive(Clone)]
struct Output {
    data: EndianVec<LittleEndian>,
    relocations: Vec<Relocation>,
}

impl RelocateWriter for Output {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.data
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.data
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}

/// A module under construction.
pub(super) struct Module {
    object: Object<'static>,
    /// Symbols of the sections `.text` and `.init.text`, to which addresses are relative.
    code: [SymbolId; 2],
    dwarf: Dwarf,
    encoding: Encoding,
}

/// A section of code of a module.
#[derive(Clone, Copy)]
pub(super) enum Code {
    Text = 0,
    Init = 1,
}

impl Module {
    /// Creates a module without functions. `version`: that of DWARF.
    pub(super) fn new(version: u16) -> Self {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let code = [".text", ".init.text"].map(|name| {
            let section = object.add_section(Vec::new(), name.into(), SectionKind::Text);
            object.append_section_data(section, &[0x90; 256], 16);
            object.section_symbol(section)
        });
        let encoding = Encoding { format: Format::Dwarf32, version, address_size: 8 };
        Self { object, code, dwarf: Dwarf::new(), encoding }
    }

    /// Adds a section with this content.
    pub(super) fn section(&mut self, name: &str, content: &[u8]) {
        let section = self.object.add_section(Vec::new(), name.into(), SectionKind::Note);
        self.object.append_section_data(section, content, 4);
    }

    /// Adds a unit of a source in [`FOLDER`], with functions: name, code, offset and line. A function whose line is 0
    /// has its name and line 7 in another entry.
    pub(super) fn unit(&mut self, source: &str, functions: &[(&str, Code, i64, u64)]) {
        let strings = &mut self.dwarf.line_strings;
        let mut string = |text: &str| LineString::new(text, self.encoding, strings);
        let (kernel, folder) = (string(KERNEL), string(FOLDER));
        let (file, other) = (string(source), string("other.h"));
        let mut lines = LineProgram::new(
            self.encoding,
            LineEncoding::default(),
            kernel,
            Some(folder.clone()),
            file.clone(),
            None,
        );
        let folder = lines.add_directory(folder);
        lines.add_file(other, folder, None);
        let file = lines.add_file(file, folder, None);
        let mut unit = Unit::new(self.encoding, lines);
        let root = unit.root();
        let text = |text: &str| AttributeValue::String(text.into());
        unit.get_mut(root).set(DW_AT_name, text(&format!("{FOLDER}/{source}")));
        unit.get_mut(root).set(DW_AT_comp_dir, text(KERNEL));
        for (name, code, offset, line) in functions {
            let address = Address::Symbol { symbol: *code as usize, addend: *offset };
            let entry = unit.add(root, DW_TAG_subprogram);
            unit.get_mut(entry).set(DW_AT_low_pc, AttributeValue::Address(address));
            if *line > 0 {
                define(&mut unit, entry, name, file, *line);
            } else {
                let origin = unit.add(root, DW_TAG_subprogram);
                define(&mut unit, origin, name, file, 7);
                unit.get_mut(entry).set(DW_AT_abstract_origin, AttributeValue::UnitRef(origin));
            }
        }
        self.dwarf.units.add(unit);
    }

    /// Returns the bytes of the file.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        let empty = Output { data: EndianVec::new(LittleEndian), relocations: Vec::new() };
        let mut sections = Sections::new(empty);
        self.dwarf.write(&mut sections).unwrap();
        let mut written: Vec<(SectionId, Index)> = Vec::new();
        let for_each = |id: SectionId, output: &Output| -> Result<(), ()> {
            if !output.data.slice().is_empty() {
                let kind = SectionKind::Debug;
                let index = self.object.add_section(Vec::new(), id.name().into(), kind);
                self.object.append_section_data(index, output.data.slice(), 1);
                written.push((id, index));
            }
            Ok(())
        };
        sections.for_each(for_each).unwrap();
        for (id, section) in &written {
            for relocation in &sections.get(*id).unwrap().relocations {
                let symbol = match relocation.target {
                    RelocationTarget::Symbol(code) => self.code[code],
                    RelocationTarget::Section(target) => {
                        let (_, index) = written.iter().find(|(id, _)| *id == target).unwrap();
                        self.object.section_symbol(*index)
                    }
                };
                let flags = RelocationFlags::Generic {
                    kind: RelocationKind::Absolute,
                    encoding: RelocationEncoding::Generic,
                    size: relocation.size * 8,
                };
                let relocation = object::write::Relocation {
                    offset: relocation.offset as u64,
                    symbol,
                    addend: relocation.addend,
                    flags,
                };
                self.object.add_relocation(*section, relocation).unwrap();
            }
        }
        let absolute = Symbol {
            name: b"unrelated".to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Data,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Absolute,
            flags: SymbolFlags::None,
        };
        self.object.add_symbol(absolute);
        self.object.write().unwrap()
    }
}

fn define(unit: &mut Unit, entry: UnitEntryId, name: &str, file: FileId, line: u64) {
    let entry = unit.get_mut(entry);
    entry.set(DW_AT_name, AttributeValue::String(name.into()));
    entry.set(DW_AT_decl_file, AttributeValue::FileIndex(Some(file)));
    entry.set(DW_AT_decl_line, AttributeValue::Udata(line));
}
