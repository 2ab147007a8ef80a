//! Aligns the files of two traces.

use std::collections::BTreeMap;

use crate::gather::{File, Recording};

/// A file of both traces, or of one of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilePair<'a> {
    /// The file in each trace; `None`: that trace does not have it.
    pub files: [Option<&'a File>; 2],
}

impl FilePair<'_> {
    /// Returns true if both traces have the file, and one of them a session of this number, from 1.
    pub fn has_session(&self, number: usize) -> bool {
        let counts = self.files.map(|file| file.map(|file| file.sessions.len()));
        matches!(counts, [Some(a), Some(b)] if (1..=a.max(b)).contains(&number))
    }
}

/// A pair of paths that does not fit the traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapError {
    /// The first trace does not have this path.
    Unknown(Vec<u8>),
    /// Two files of the first trace have this path in the second one.
    Twice(Vec<u8>),
}

/// Aligns the files of two traces by path. `renamed` has pairs of paths of the same file in the first and in the second
/// trace. Without such pairs, two traces with one file each are of the same file.
///
/// # Errors
/// A pair of paths does not fit the traces.
pub fn align<'a>(
    a: &'a Recording,
    b: &'a Recording,
    renamed: &[(Vec<u8>, Vec<u8>)],
) -> Result<Vec<FilePair<'a>>, MapError> {
    if let ([a], [b], []) = (a.files.as_slice(), b.files.as_slice(), renamed) {
        return Ok(vec![FilePair { files: [Some(a), Some(b)] }]);
    }
    let unknown = renamed.iter().find(|(old, _)| a.files.iter().all(|file| file.path != *old));
    if let Some((old, _)) = unknown {
        return Err(MapError::Unknown(old.clone()));
    }
    let mut pairs: BTreeMap<&[u8], FilePair<'a>> = BTreeMap::new();
    for file in &a.files {
        let new = renamed.iter().find(|(old, _)| *old == file.path).map(|(_, new)| new);
        let path = new.unwrap_or(&file.path);
        if pairs.entry(path).or_default().files[0].replace(file).is_some() {
            return Err(MapError::Twice(path.clone()));
        }
    }
    for file in &b.files {
        pairs.entry(&file.path).or_default().files[1] = Some(file);
    }
    Ok(pairs.into_values().collect())
}
