//! An ELF file with debug information.

use std::fs::File;

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ReadCache};

use crate::definitions::Search;
use crate::identity::{self, Identity, build_id_of_notes};
use crate::sections::Sections;
use crate::{DebugError, Definition, Function};

/// Largest size of a section that is not debug information, in bytes.
const SMALL: u64 = 1 << 20;

pub(crate) type Elf<'data> = ElfFile64<'data, Endianness, &'data ReadCache<File>>;

/// A `.ko` or a vmlinux. Only what is needed is read from the file.
#[derive(Debug)]
pub struct DebugFile {
    file: File,
}

impl DebugFile {
    /// Takes an open file. Nothing is read yet.
    pub fn new(file: File) -> Self {
        Self { file }
    }

    /// Reads the facts that identify the build.
    ///
    /// # Errors
    /// The file cannot be read, or is no ELF file of 64 bits.
    pub fn identity(&self) -> Result<Identity, DebugError> {
        let cache = self.cache()?;
        let elf = Elf::parse(&cache)?;
        let small = |name| {
            let section = elf.section_by_name(name).filter(|section| section.size() <= SMALL)?;
            section.data().ok()
        };
        // A vmlinux has the notes of all kinds in one section.
        let notes = [".note.gnu.build-id", ".notes"].into_iter().filter_map(small);
        Ok(Identity {
            build_id: notes.into_iter().find_map(build_id_of_notes),
            srcversion: small(".modinfo").and_then(|info| identity::modinfo(info, "srcversion")),
        })
    }

    /// Returns the definitions of functions, in the same order; `None` for those that the file does not define or for
    /// which it has no line.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, exceeds a bound, or has no debug information.
    pub fn definitions(
        &self,
        functions: &[Function],
    ) -> Result<Vec<Option<Definition>>, DebugError> {
        let cache = self.cache()?;
        let elf = Elf::parse(&cache)?;
        let sections = Sections::read(&elf)?;
        Search::new(&elf, &sections, functions).run()
    }

    fn cache(&self) -> Result<ReadCache<File>, DebugError> {
        Ok(ReadCache::new(self.file.try_clone()?))
    }
}
