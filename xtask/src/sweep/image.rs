//! Creates the disks of a full sweep's guest: one with Debian and tools, one with a kernel's modules. They are stored
//! in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::kernel::{Kernel, archive};
use crate::modules::stable_hash;
use crate::{paths, setup, sh};

/// Release of Debian on the root disk.
const SUITE: &str = "bookworm";
/// Size of the root disk, with space for the disk images that the sweep's scripts create. The file is sparse.
const ROOT_SIZE: &str = "8G";
/// Shell script that prints the paths among `$@` of modules whose symbols contain a function that seq files use. It is
/// a script because a debug build of this program would take minutes to unpack hundreds of megabytes.
const WITH_SEQ_FILES: &str = r#"
export LC_ALL=C
for file; do
    case $file in *.xz) unpack=xz ;; *.zst) unpack=zstd ;; *) unpack= ;; esac
    ${unpack:-cat} ${unpack:+-dc} <"$file" | grep -q -a -E '(^|[^a-z_])(__)?seq_(printf|puts|putc|write|read|lseek)' &&
        echo "$file"
done
exit 0
"#;

/// Returns the disk with Debian and the packages of xtask/sweep/packages.
pub(super) fn root() -> Result<PathBuf> {
    let list = paths::read(&paths::root().join("xtask/sweep/packages"))?;
    let packages: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let packages = packages.join(" ").split_whitespace().collect::<Vec<_>>().join(",");
    let hash = stable_hash(&(SUITE, ROOT_SIZE, &packages));
    cached(&format!("root-{hash:08x}.ext4"), |work, disk| {
        sh::progress("Making", &format!("a root disk with Debian {SUITE} (once, some minutes)"));
        let folder = work.join("root");
        sh::output(
            Command::new("mmdebstrap")
                .args(["--variant=minbase", "--mode=root", "--skip=check/empty"])
                .arg(format!("--include={packages}"))
                .arg(SUITE)
                .arg(&folder)
                .arg(archive::source(SUITE)?.trim_end()),
        )
        .context("cannot make the root disk of the sweep's guest")?;
        for dir in ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"] {
            fs::remove_dir_all(folder.join(dir)).ok();
        }
        format(disk, "sweep-root", ROOT_SIZE, &folder)
    })
}

/// Returns the disk with the modules of `kernel`, which the guest mounts at /lib/modules. Its file `RELEASE/seq-modules`
/// lists the paths of modules with seq files.
pub(super) fn modules(kernel: &Kernel) -> Result<PathBuf> {
    cached(&format!("modules-{}.ext4", kernel.release), |work, disk| {
        sh::progress("Making", &format!("a disk of the modules of {} (once)", kernel.release));
        let folder = paths::created(work.join("lib/modules"))?;
        let from = kernel.modules_folder()?;
        sh::output(Command::new("cp").arg("-r").arg(&from).arg(&folder))?;
        sh::output(Command::new("depmod").arg("-b").arg(work).arg(&kernel.release))?;
        let lines = with_seq_files(&from)?;
        fs::write(folder.join(&kernel.release).join("seq-modules"), lines)?;
        format(disk, "sweep-modules", "1G", &folder)
    })
}

/// Returns the paths, relative to `from`, of modules with seq files in the folders that xtask/sweep/folders lists.
fn with_seq_files(from: &Path) -> Result<String> {
    let list = paths::read(&paths::root().join("xtask/sweep/folders"))?;
    let mut find = Command::new("find");
    find.current_dir(from);
    find.args(list.lines().filter(|folder| from.join(folder).is_dir()));
    let files = sh::output(find.args(["-name", "*.ko*"]))?;
    let script = WITH_SEQ_FILES;
    let mut names: Vec<&str> = files.lines().collect();
    names.sort_unstable();
    sh::output(Command::new("sh").current_dir(from).args(["-c", script, "sh"]).args(names))
}

/// Returns the path of the file `name` in the cache. If it does not exist, calls `make` with a work folder and the path
/// of the file to create.
fn cached(name: &str, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let dir = paths::created(paths::cache()?.join("sweep"))?;
    let file = dir.join(name);
    if file.exists() {
        return Ok(file);
    }
    let _lock = paths::lock(&dir)?;
    // Another checkout may have created the file while this process waited for the lock.
    if file.exists() {
        return Ok(file);
    }
    setup::images()?;
    let work = paths::emptied(dir.join("making"))?;
    let unfinished = dir.join("unfinished");
    make(&work, &unfinished)?;
    fs::rename(&unfinished, &file)?;
    fs::remove_dir_all(&work)?;
    // Root disks of earlier lists of packages are no longer used.
    let is_root = |file: &Path| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("root-"))
    };
    for entry in fs::read_dir(&dir)? {
        let other = entry?.path();
        if is_root(&file) && is_root(&other) && other != file {
            fs::remove_file(other)?;
        }
    }
    Ok(file)
}

/// Creates an ext4 file system with the files of `folder`.
fn format(disk: &Path, label: &str, size: &str, folder: &Path) -> Result<()> {
    if disk.exists() {
        fs::remove_file(disk)?;
    }
    ensure!(folder.exists(), "{} does not exist", folder.display());
    let Some(mkfs) = paths::which("mkfs.ext4") else { bail!("no mkfs.ext4 (package e2fsprogs)") };
    sh::run(
        // No journal, because the guest's writes are discarded.
        Command::new(mkfs)
            .args(["-q", "-F", "-O", "^has_journal", "-L", label, "-d"])
            .args([folder, disk])
            .arg(size),
    )
}
