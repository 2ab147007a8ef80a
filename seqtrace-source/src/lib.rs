//! The lines of source at which functions of the kernel or of a module are defined, from their debug information.
//!
//! A [`DebugFile`] is a `.ko` or a vmlinux with DWARF. Its bytes are foreign: sizes are bounded, the search has a time
//! limit, and a damaged file is an error.

mod definitions;
mod file;
mod identity;
mod sections;

use std::time::Duration;

pub use self::file::DebugFile;
pub use self::identity::{Identity, build_id_of_notes};

/// Longest time for which one call of [`DebugFile::definitions`] searches.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Largest size of all sections of one file that are in memory at once, in bytes. A vmlinux of Debian has 400 MB.
const MEMORY_LIMIT: u64 = 2 << 30;

/// A function whose definition is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Name of its symbol.
    pub name: String,
    /// Offset in bytes from the start of the section `.text` of a module, or from the symbol `_text` of the kernel;
    /// `None`: unknown. Then the name must be unique in the file.
    pub offset: Option<u64>,
}

/// The line at which a function is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Path of the file as the debug information has it, absolute unless the compiler ran with a map of prefixes.
    pub path: String,
    /// Folder in which the compiler ran; empty if unknown.
    pub compiled_in: String,
    /// Folder of the module's generated source (`NAME.mod.c`), which is the folder in which the module was built; `None`
    /// for the kernel image or if unknown.
    pub built_in: Option<String>,
    /// Number of the line, from 1.
    pub line: u32,
}

/// Reasons why a file gives no lines.
#[derive(Debug, thiserror::Error)]
pub enum DebugError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The file is no ELF file, or it is damaged.
    #[error("is damaged: {0}")]
    Object(#[from] object::Error),
    /// The debug information is damaged.
    #[error("has damaged debug information: {0}")]
    Dwarf(#[from] gimli::Error),
    /// The file has no debug information.
    #[error("has no debug information")]
    Missing,
    /// The file exceeds a bound.
    #[error("is too large: {0}")]
    TooLarge(&'static str),
}

#[cfg(test)]
mod tests;
