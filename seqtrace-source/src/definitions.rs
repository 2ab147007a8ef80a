//! The search for definitions in DWARF.
//!
//! A function is recognised by its name and its address. A name alone is enough only where it is unique, because static
//! functions of several files may have the same name.

use std::collections::HashMap;
use std::time::Instant;

use gimli::{
    AttributeValue, DW_AT_abstract_origin, DW_AT_decl_file, DW_AT_decl_line, DW_AT_low_pc,
    DW_AT_name, DW_AT_specification, DW_TAG_subprogram, Reader as _, UnitOffset,
};
use object::{Object as _, ObjectKind, ObjectSymbol as _};

use crate::file::Elf;
use crate::sections::{Reader, Sections, base};
use crate::{DebugError, Definition, Function, TIME_LIMIT};

/// Longest chain of entries that refer to one another for an attribute.
const MAX_REFERENCES: u32 = 4;

type Unit<'a> = gimli::Unit<Reader<'a>>;
type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;

/// A function of the file that has the name of a wanted one.
struct Candidate {
    address: u64,
    definition: Definition,
}

/// The search for some functions in one file.
pub(crate) struct Search<'a> {
    dwarf: gimli::Dwarf<Reader<'a>>,
    functions: &'a [Function],
    /// Address of each function in the file; `None`: unknown.
    addresses: Vec<Option<u64>>,
    /// For each wanted name, without the suffixes of the compiler, its functions.
    found: HashMap<&'a str, Vec<Candidate>>,
    /// True for a `.ko`. In a vmlinux only units with wanted addresses are searched, because it has thousands.
    is_module: bool,
    built_in: Option<String>,
    started: Instant,
}

/// Returns a name without the suffixes that a compiler appends: `foo` of `foo.isra.0`.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        elf: &Elf<'_>,
        sections: &'a Sections<'_>,
        functions: &'a [Function],
    ) -> Self {
        let is_module = elf.kind() == ObjectKind::Relocatable;
        let start = if is_module {
            elf.section_by_name(".text")
                .map(|text| base(elf, Some(object::ObjectSection::index(&text))))
        } else {
            elf.symbols().find(|symbol| symbol.name() == Ok("_text")).map(|text| text.address())
        };
        let address = |function: &Function| start?.checked_add(function.offset?);
        Self {
            dwarf: sections.dwarf(),
            functions,
            addresses: functions.iter().map(address).collect(),
            found: functions.iter().map(|function| (stem(&function.name), Vec::new())).collect(),
            is_module,
            built_in: None,
            started: Instant::now(),
        }
    }

    /// Returns the definition of each function.
    pub(crate) fn run(mut self) -> Result<Vec<Option<Definition>>, DebugError> {
        let mut headers = self.dwarf.units();
        while let Some(header) = headers.next()? {
            if self.started.elapsed() > TIME_LIMIT {
                return Err(DebugError::TooLarge("it takes too long to search"));
            }
            let unit = self.dwarf.unit(header)?;
            if self.is_module {
                self.note_build_folder(&unit);
            }
            if self.is_module || self.covers_any(&unit)? {
                self.search(&unit)?;
            }
        }
        Ok(self.chosen())
    }

    /// Chooses among the candidates.
    fn chosen(self) -> Vec<Option<Definition>> {
        let choose = |(function, address): (&Function, &Option<u64>)| {
            let candidates = self.found.get(stem(&function.name))?;
            let exact = candidates.iter().find(|candidate| Some(candidate.address) == *address);
            let only = match candidates.as_slice() {
                [only] if self.is_module || address.is_none() => Some(only),
                _ => None,
            };
            let mut definition = exact.or(only)?.definition.clone();
            definition.built_in.clone_from(&self.built_in);
            Some(definition)
        };
        self.functions.iter().zip(&self.addresses).map(choose).collect()
    }

    /// Notes the folder of a unit that is the generated source of a module.
    fn note_build_folder(&mut self, unit: &Unit<'a>) {
        let Some(name) = unit.name.as_ref().and_then(text).filter(|name| name.ends_with(".mod.c"))
        else {
            return;
        };
        let path = joined(unit.comp_dir.as_ref().and_then(text), name);
        self.built_in = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    }

    /// Returns true if the address of a wanted function is in this unit.
    fn covers_any(&self, unit: &Unit<'a>) -> Result<bool, DebugError> {
        let mut ranges = self.dwarf.unit_ranges(unit)?;
        while let Some(range) = ranges.next()? {
            let within = |address: &Option<u64>| {
                address.is_some_and(|address| (range.begin..range.end).contains(&address))
            };
            if self.addresses.iter().any(within) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds the functions of a unit that have wanted names.
    fn search(&mut self, unit: &Unit<'a>) -> Result<(), DebugError> {
        let mut entries = unit.entries();
        // The root, then its first child.
        entries.next_entry()?;
        if entries.current().is_none_or(|root| !root.has_children()) {
            return Ok(());
        }
        entries.next_entry()?;
        while let Some(entry) = entries.current() {
            if entry.tag() == DW_TAG_subprogram {
                self.function(unit, entry)?;
            }
            entries.next_sibling()?;
        }
        Ok(())
    }

    /// Adds a function if its name is wanted and it has code and a line.
    fn function(&mut self, unit: &Unit<'a>, entry: &Entry<'a>) -> Result<(), DebugError> {
        let Some(low) = entry.attr_value(DW_AT_low_pc) else { return Ok(()) };
        let Some(address) = self.dwarf.attr_address(unit, low)? else { return Ok(()) };
        let mut facts = Facts::default();
        self.facts(unit, entry, MAX_REFERENCES, &mut facts)?;
        let Facts { name: Some(name), path: Some(path), line: Some(line) } = facts else {
            return Ok(());
        };
        let compiled_in = unit.comp_dir.as_ref().and_then(text).unwrap_or_default();
        if let Some(candidates) = self.found.get_mut(&*name) {
            let definition = Definition { path, compiled_in, built_in: None, line };
            candidates.push(Candidate { address, definition });
        }
        Ok(())
    }

    /// Completes the facts by those of an entry, and of the entries to which it refers: a function that is also inlined
    /// has its name and its line in another entry, and one with a prototype may have its name there. `left`: number of
    /// further references to follow.
    fn facts(
        &self,
        unit: &Unit<'a>,
        entry: &Entry<'a>,
        left: u32,
        facts: &mut Facts,
    ) -> Result<(), DebugError> {
        if facts.name.is_none()
            && let Some(name) = entry.attr_value(DW_AT_name)
        {
            let name = text(&self.dwarf.attr_string(unit, name)?);
            if !name.as_deref().is_some_and(|name| self.found.contains_key(name)) {
                return Ok(());
            }
            facts.name = name;
        }
        if facts.line.is_none()
            && let Some(line) = entry.attr_value(DW_AT_decl_line)
        {
            facts.line = line.udata_value().and_then(|line| u32::try_from(line).ok());
            facts.line = facts.line.filter(|line| *line > 0);
        }
        if facts.path.is_none()
            && let Some(AttributeValue::FileIndex(index)) = entry.attr_value(DW_AT_decl_file)
        {
            facts.path = self.path(unit, index)?;
        }
        let reference = [DW_AT_abstract_origin, DW_AT_specification]
            .into_iter()
            .find_map(|attribute| entry.attr_value(attribute));
        let Some((reference, left)) = reference.zip(left.checked_sub(1)) else { return Ok(()) };
        match reference {
            AttributeValue::UnitRef(offset) => self.referred(unit, offset, left, facts),
            AttributeValue::DebugInfoRef(offset) => {
                let mut headers = self.dwarf.units();
                while let Some(header) = headers.next()? {
                    if let Some(offset) = offset.to_unit_offset(&header) {
                        return self.referred(&self.dwarf.unit(header)?, offset, left, facts);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn referred(
        &self,
        unit: &Unit<'a>,
        offset: UnitOffset,
        left: u32,
        facts: &mut Facts,
    ) -> Result<(), DebugError> {
        let entry = unit.entry(offset)?;
        self.facts(unit, &entry, left, facts)
    }

    /// Returns the path of a file of a unit's line table.
    fn path(&self, unit: &Unit<'a>, index: u64) -> Result<Option<String>, DebugError> {
        let Some(header) = unit.line_program.as_ref().map(gimli::IncompleteLineProgram::header)
        else {
            return Ok(None);
        };
        let Some(file) = header.file(index) else { return Ok(None) };
        let mut path = text(&self.dwarf.attr_string(unit, file.path_name())?);
        // The folder of a file, and the folder in which the compiler ran, to which the first is relative.
        if let Some(folder) = file.directory(header) {
            let folder = text(&self.dwarf.attr_string(unit, folder)?);
            path = path.map(|path| joined(folder, path));
        }
        let compiled_in = unit.comp_dir.as_ref().and_then(text);
        Ok(path.map(|path| joined(compiled_in, path).replace("/./", "/")))
    }
}

/// Returns a path in a folder, or the path itself if it is absolute.
fn joined(folder: Option<String>, path: String) -> String {
    match folder {
        Some(folder) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path,
    }
}

/// Facts about a function, collected from its entries.
#[derive(Default)]
struct Facts {
    name: Option<String>,
    path: Option<String>,
    line: Option<u32>,
}

/// Returns a string of the debug information; `None` if it is not UTF-8.
fn text(reader: &Reader<'_>) -> Option<String> {
    reader.to_string().ok().map(std::borrow::Cow::into_owned)
}
