//! A folder of the user with debug files (`--debug-dir`).

use std::{
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{module_name, open};
use crate::escape;

/// Greatest depth of folders that are listed.
const DEPTH: u32 = 16;
/// Greatest number of files and folders that are listed. A built kernel has 100,000.
const ENTRIES: u32 = 1 << 19;
/// Greatest number of debug files that are opened before they are needed.
const OPENED: usize = 64;

/// The debug files in a folder and those below it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    files: Vec<Listed>,
}

/// A file that may have debug information.
#[derive(Debug)]
struct Listed {
    /// Name of the module; `vmlinux` for the kernel.
    name: String,
    path: PathBuf,
    /// `None`: not opened yet, or it could not be opened.
    file: Option<File>,
}

impl Folder {
    /// Lists a folder. If it has few debug files, opens them: later this process may have lost the capability to read
    /// files of other users. Adds a remark if the folder cannot be read.
    pub(super) fn list(path: &Path, notes: &mut Vec<String>) -> Self {
        let mut folder = Self { path: path.to_owned(), files: Vec::new() };
        if let Err(error) = folder.add(path, DEPTH, &mut { ENTRIES }) {
            let path = escape::text(path.as_os_str().as_bytes(), false);
            notes.push(format!("no source lines from {path}: {error}"));
        }
        folder.files.sort_by(|a, b| a.path.cmp(&b.path));
        if folder.files.len() <= OPENED {
            for listed in &mut folder.files {
                listed.file = open(&listed.path).ok();
            }
        }
        folder
    }

    /// Adds the files of a folder, and of the folders in it. Links to folders are not followed. `left`: number of entries
    /// that may still be listed.
    fn add(&mut self, path: &Path, depth: u32, left: &mut u32) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Some(rest) = left.checked_sub(1) else {
                return Err(io::Error::other("it has too many files"));
            };
            *left = rest;
            if entry.file_type()?.is_dir() {
                if depth > 0 {
                    // A folder that cannot be read hides its own files only.
                    let _unreadable = self.add(&entry.path(), depth - 1, left);
                }
                continue;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_kernel =
                name == "vmlinux" || name.starts_with("vmlinux-") || name == "vmlinux.debug";
            let name = if is_kernel { Some("vmlinux".to_owned()) } else { module_name(&name) };
            if let Some(name) = name {
                self.files.push(Listed { name, path: entry.path(), file: None });
            }
        }
        Ok(())
    }

    /// Returns the files of a module, or of the kernel (`vmlinux`), opened.
    pub(super) fn files_of<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (PathBuf, io::Result<File>)> + 'a {
        let named = self.files.iter().filter(move |listed| listed.name == name);
        named.map(|listed| {
            let file = listed.file.as_ref().map_or_else(|| open(&listed.path), File::try_clone);
            (listed.path.clone(), file)
        })
    }
}
