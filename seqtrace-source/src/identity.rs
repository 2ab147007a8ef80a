//! The build id and the srcversion, by which a debug file is recognised as that of the running code.

/// Name of the owner of a note with a build id.
const OWNER: &[u8] = b"GNU\0";
/// Type of a note with a build id (`NT_GNU_BUILD_ID`, include/uapi/linux/elf.h of binutils).
const BUILD_ID: u32 = 3;

/// The facts that identify a build of a module or of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Hash of the linked code; `None` if the linker wrote none.
    pub build_id: Option<Vec<u8>>,
    /// Hash of the sources of a module; `None` if the build wrote none.
    pub srcversion: Option<String>,
}

impl Identity {
    /// Returns true if both are of one build, false if they are not; `None` if they have no fact in common.
    pub fn matches(&self, other: &Self) -> Option<bool> {
        let by_id = self.build_id.as_ref().zip(other.build_id.as_ref()).map(|(a, b)| a == b);
        by_id.or_else(|| {
            self.srcversion.as_ref().zip(other.srcversion.as_ref()).map(|(a, b)| a == b)
        })
    }
}

/// Returns the build id in the content of an ELF note section, such as /sys/kernel/notes; `None` if there is none.
pub fn build_id_of_notes(mut notes: &[u8]) -> Option<Vec<u8>> {
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
    };
    let padded = |length: u32| usize::try_from(length).ok()?.checked_next_multiple_of(4);
    loop {
        let (owner, value, kind) = (word(notes, 0)?, word(notes, 4)?, word(notes, 8)?);
        let start = padded(owner)?.checked_add(12)?;
        if kind == BUILD_ID && notes.get(12..)?.starts_with(OWNER) && owner == 4 {
            let end = start.checked_add(usize::try_from(value).ok()?)?;
            return notes.get(start..end).map(<[u8]>::to_vec);
        }
        notes = notes.get(start.checked_add(padded(value)?)?..)?;
    }
}

/// Returns the value of a key in the content of a section `.modinfo`: strings `key=value` that end with 0.
pub(crate) fn modinfo(section: &[u8], key: &str) -> Option<String> {
    let fields = section.split(|byte| *byte == 0);
    let value = |field: &[u8]| {
        let value = field.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    };
    fields.into_iter().find_map(value)
}
