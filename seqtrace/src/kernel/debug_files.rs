//! Finds the files with debug information of the running kernel and its modules.
//!
//! A module's file is searched in the folders of `--debug-dir`, then where distributions have such files. A file of
//! another build than the running one is not used: its lines would be wrong.

mod folder;

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::libc;
use seqtrace_source::{DebugError, DebugFile, Definition, Function, Identity, build_id_of_notes};

use self::folder::Folder;
use super::release;
use crate::{
    escape,
    symbol::{SourceLine, Symbol},
};

/// Extensions of compressed modules, which have no debug information.
const COMPRESSED: [&str; 3] = [".xz", ".zst", ".gz"];

/// The debug files of this machine.
#[derive(Debug, Default)]
pub(super) struct DebugFiles {
    /// Folders of the user.
    folders: Vec<Folder>,
    /// Release of the kernel, as `uname -r` prints it.
    release: String,
    /// Address of the kernel's symbol `_text`; `None`: unknown.
    text: Option<u64>,
    /// Last known identity of each module (`None`: the kernel) whose functions were looked up.
    running: HashMap<Option<String>, Identity>,
}

/// A file that may have the debug information of a module or of the kernel.
struct Candidate {
    path: PathBuf,
    file: io::Result<File>,
    /// True if the file is in a folder of the user.
    given: bool,
}

impl DebugFiles {
    /// Lists the folders of the user. Returns also remarks about folders that cannot be read.
    pub(super) fn new(folders: &[PathBuf], text: Option<u64>) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let folders = folders.iter().map(|path| Folder::list(path, &mut notes)).collect();
        (Self { folders, release: release(), text, running: HashMap::new() }, notes)
    }

    /// Returns true if a module (`None`: the kernel) is of another build than at the last call.
    pub(super) fn is_another_build(&mut self, module: Option<&str>) -> bool {
        let Some(identity) = identity(module) else { return false };
        let last = self.running.insert(module.map(str::to_owned), identity.clone());
        last.is_some_and(|last| last != identity)
    }

    /// Returns the lines of functions of one module (`None`: the kernel), in the same order. Adds remarks about files
    /// that were not used.
    pub(super) fn lines(
        &self,
        module: Option<&str>,
        functions: &[&Symbol],
        notes: &mut Vec<String>,
    ) -> Vec<Option<SourceLine>> {
        let wanted: Vec<Function> = functions.iter().map(|symbol| self.wanted(symbol)).collect();
        let nothing = vec![None; functions.len()];
        let Some(running) = self.running.get(&module.map(str::to_owned)) else { return nothing };
        let candidates = self.candidates(module, running);
        let given = candidates.iter().any(|candidate| candidate.given);
        for candidate in candidates {
            match definitions(&candidate, running, &wanted) {
                Ok(definitions) => {
                    let current = std::env::current_dir().ok();
                    let line = |definition| source_line(definition, current.as_deref());
                    return definitions.into_iter().map(|one| one.map(line)).collect();
                }
                // Files of distributions are stripped.
                Err(Unusable::Debug(DebugError::Missing)) if !candidate.given => {}
                Err(unusable) => {
                    let path = escape::text(candidate.path.as_os_str().as_bytes(), false);
                    notes.push(format!("no source lines from {path}: it {unusable}"));
                }
            }
        }
        if let Some(module) = module.filter(|_| !given && !self.folders.is_empty()) {
            let module = escape::text(module.as_bytes(), false);
            notes.push(format!("no source lines of {module}: --debug-dir has no {module}.ko"));
        }
        nothing
    }

    /// Returns a function as the search takes it.
    fn wanted(&self, symbol: &Symbol) -> Function {
        let in_kernel = symbol.module.is_none();
        let offset = if in_kernel {
            self.text.and_then(|text| symbol.address.checked_sub(text))
        } else {
            symbol.offset
        };
        Function { name: symbol.name.as_deref().unwrap_or_default().to_owned(), offset }
    }

    /// Returns the files that exist, the best first.
    fn candidates(&self, module: Option<&str>, running: &Identity) -> Vec<Candidate> {
        let by_id = running.build_id.as_deref().and_then(by_build_id);
        let mut all = Vec::new();
        for folder in &self.folders {
            let named = folder.files_of(module.unwrap_or("vmlinux"));
            all.extend(named.map(|(path, file)| Candidate { path, file, given: true }));
            let by_id = by_id.iter().map(|name| folder.path.join(name));
            all.extend(by_id.filter_map(|path| Candidate::open(path, true)));
        }
        let usual = match module {
            Some(module) => module_paths(&self.release, module),
            None => kernel_paths(&self.release),
        };
        let by_id = by_id.map(|name| Path::new("/usr/lib/debug").join(name));
        all.extend(usual.into_iter().chain(by_id).filter_map(|path| Candidate::open(path, false)));
        all
    }
}

impl Candidate {
    /// Opens a file. Returns `None` if it does not exist.
    fn open(path: PathBuf, given: bool) -> Option<Self> {
        let file = open(&path);
        let exists =
            file.as_ref().map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true);
        exists.then_some(Self { path, file, given })
    }
}

/// Opens a regular file. Anything else could block, or have no end.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("not a regular file"))
}

/// Reasons why a debug file is not used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Debug(#[from] DebugError),
    #[error("is of another build than the running code: build it anew, or load what was built")]
    Stale,
    #[error("has neither the build id nor the srcversion of the running code")]
    Unknown,
}

fn definitions(
    candidate: &Candidate,
    running: &Identity,
    wanted: &[Function],
) -> Result<Vec<Option<Definition>>, Unusable> {
    let file = match &candidate.file {
        Ok(file) => file.try_clone().map_err(DebugError::Read)?,
        Err(error) => return Err(DebugError::Read(io::Error::other(error.to_string())).into()),
    };
    let file = DebugFile::new(file);
    match file.identity()?.matches(running) {
        Some(true) => Ok(file.definitions(wanted)?),
        Some(false) => Err(Unusable::Stale),
        None => Err(Unusable::Unknown),
    }
}

/// Returns the identity of a loaded module (`None`: the running kernel) from /sys; `None` if it is not loaded or has none.
fn identity(module: Option<&str>) -> Option<Identity> {
    let Some(module) = module else {
        let notes = fs::read("/sys/kernel/notes").ok()?;
        return Some(Identity { build_id: build_id_of_notes(&notes), srcversion: None });
    };
    if module.contains('/') || module.starts_with('.') {
        return None;
    }
    let folder = Path::new("/sys/module").join(module);
    let notes = fs::read(folder.join("notes/.note.gnu.build-id")).unwrap_or_default();
    let srcversion = fs::read_to_string(folder.join("srcversion")).ok();
    let identity = Identity {
        build_id: build_id_of_notes(&notes),
        srcversion: srcversion.map(|text| text.trim_end().to_owned()),
    };
    (identity != Identity::default()).then_some(identity)
}

/// Returns the path of a debug file by its build id, below a folder of debug files (as gdb has it):
/// `.build-id/ab/cdef.debug`.
fn by_build_id(id: &[u8]) -> Option<PathBuf> {
    let (first, rest) = id.split_first()?;
    let mut path = format!(".build-id/{first:02x}/");
    for byte in rest {
        let _infallible = write!(path, "{byte:02x}");
    }
    Some((path + ".debug").into())
}

/// Returns the paths at which distributions have the debug information of the kernel.
fn kernel_paths(release: &str) -> Vec<PathBuf> {
    let paths = [
        format!("/usr/lib/debug/boot/vmlinux-{release}"),
        format!("/usr/lib/debug/lib/modules/{release}/vmlinux"),
        format!("/usr/lib/debug/usr/lib/modules/{release}/vmlinux"),
        format!("/lib/modules/{release}/build/vmlinux"),
        format!("/boot/vmlinux-{release}"),
    ];
    paths.map(PathBuf::from).to_vec()
}

/// Returns the paths at which a module and its debug information are, if modules.dep lists the module.
fn module_paths(release: &str, module: &str) -> Vec<PathBuf> {
    let top = format!("/lib/modules/{release}");
    let list = fs::read_to_string(format!("{top}/modules.dep")).unwrap_or_default();
    let Some(path) = path_of(&list, module) else { return Vec::new() };
    let plain = COMPRESSED.iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path);
    let mut paths = Vec::new();
    for debug in ["/usr/lib/debug", "/usr/lib/debug/usr"] {
        paths.push(format!("{debug}{top}/{plain}").into());
        paths.push(format!("{debug}{top}/{plain}.debug").into());
    }
    if plain == path {
        paths.push(format!("{top}/{plain}").into());
    }
    paths
}

/// Returns the path of a module, relative to its folder, from the content of modules.dep: lines of `path: dependencies`.
fn path_of<'a>(list: &'a str, module: &str) -> Option<&'a str> {
    let mut paths = list.lines().filter_map(|line| line.split_once(':')).map(|(path, _)| path);
    paths.find(|path| {
        module_name(path.rsplit('/').next().unwrap_or(path)).as_deref() == Some(module)
    })
}

/// Returns the name of the module in a file of this name: `snd_pcm` of `snd-pcm.ko.xz` and of `snd-pcm.ko.debug`; `None`
/// if it is no file of a module.
fn module_name(file: &str) -> Option<String> {
    let (name, rest) = file.split_once(".ko")?;
    let known = ["", ".debug"].contains(&rest) || COMPRESSED.contains(&rest);
    known.then(|| name.replace('-', "_"))
}

/// Returns a definition with the path that the user sees. `current`: the current folder.
fn source_line(definition: Definition, current: Option<&Path>) -> SourceLine {
    let Definition { path, compiled_in, built_in, line } = definition;
    // Everything is below the root folder.
    let current = current.and_then(Path::to_str).filter(|folder| *folder != "/");
    let folders = [current, Some(&*compiled_in), built_in.as_deref()];
    let below = |folder: &str| path.strip_prefix(folder)?.strip_prefix('/');
    let relative =
        folders.into_iter().flatten().filter(|folder| !folder.is_empty()).find_map(below);
    SourceLine { file: relative.unwrap_or(&path).into(), line }
}

#[cfg(test)]
mod tests;
