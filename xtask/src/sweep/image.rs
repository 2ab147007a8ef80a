//! The disks of a full sweep's guest, made once and kept in the cache: a Debian with tools, and a kernel's modules.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::kernel::{Kernel, archive};
use crate::{paths, setup, sh};

/// The release of Debian that the tools are from.
const SUITE: &str = "bookworm";
/// Room for the root's files and for the disks that its scripts make; what is not used takes none.
const ROOT_SIZE: &str = "8G";
/// Prints those of the modules `$@` in whose symbols there is a function that a seq file needs. As a script because it
/// unpacks hundreds of megabytes, for which a debug build of this program takes minutes.
const WITH_SEQ_FILES: &str = r#"
export LC_ALL=C
for file; do
    case $file in *.xz) unpack=xz ;; *.zst) unpack=zstd ;; *) unpack= ;; esac
    ${unpack:-cat} ${unpack:+-dc} <"$file" | grep -q -a -E '(^|[^a-z_])(__)?seq_(printf|puts|putc|write|read|lseek)' &&
        echo "$file"
done
exit 0
"#;

/// The disk with Debian and the packages of xtask/sweep/packages.
pub(super) fn root() -> Result<PathBuf> {
    let list = paths::root().join("xtask/sweep/packages");
    let list = fs::read_to_string(&list).context("cannot read xtask/sweep/packages")?;
    let packages: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let packages = packages.join(" ").split_whitespace().collect::<Vec<_>>().join(",");
    let mut hasher = DefaultHasher::new();
    (SUITE, ROOT_SIZE, &packages).hash(&mut hasher);
    made(&format!("root-{:08x}.ext4", hasher.finish()), |work, disk| {
        sh::say("Making", &format!("a root of Debian {SUITE} (once, some minutes)"));
        let mirror = archive::mirror(archive::Archive::Main)?;
        let folder = work.join("root");
        let source = format!("deb [signed-by={}] {mirror} {SUITE} main", archive::KEYRING);
        sh::output(
            Command::new("mmdebstrap")
                .args(["--variant=minbase", "--mode=root", "--skip=check/empty"])
                .arg(format!("--include={packages}"))
                .arg(SUITE)
                .arg(&folder)
                .arg(source),
        )
        .context("cannot make a root of Debian for the sweep's guest")?;
        for dir in ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"] {
            fs::remove_dir_all(folder.join(dir)).ok();
        }
        format(disk, "sweep-root", ROOT_SIZE, &folder)
    })
}

/// The disk with the modules of `kernel`, to be mounted at /lib/modules. Its file `seq-modules` names those that have seq
/// files, by path.
pub(super) fn modules(kernel: &Kernel) -> Result<PathBuf> {
    made(&format!("modules-{}.ext4", kernel.release), |work, disk| {
        sh::say("Making", &format!("a disk of the modules of {} (once)", kernel.release));
        let folder = work.join("lib/modules");
        fs::create_dir_all(&folder)?;
        let from = kernel.modules_folder()?;
        sh::output(Command::new("cp").arg("-r").arg(&from).arg(&folder))?;
        sh::output(Command::new("depmod").arg("-b").arg(work).arg(&kernel.release))?;
        let lines = with_seq_files(&from)?;
        fs::write(folder.join(&kernel.release).join("seq-modules"), lines)?;
        format(disk, "sweep-modules", "1G", &folder)
    })
}

/// The modules of the folders in xtask/sweep/folders that have seq files, by their paths in `from`.
fn with_seq_files(from: &Path) -> Result<String> {
    let list = paths::root().join("xtask/sweep/folders");
    let list = fs::read_to_string(&list).context("cannot read xtask/sweep/folders")?;
    let mut find = Command::new("find");
    find.current_dir(from);
    find.args(list.lines().filter(|folder| from.join(folder).is_dir()));
    let files = sh::output(find.args(["-name", "*.ko*"]))?;
    let script = WITH_SEQ_FILES;
    let mut names: Vec<&str> = files.lines().collect();
    names.sort_unstable();
    sh::output(Command::new("sh").current_dir(from).args(["-c", script, "sh"]).args(names))
}

/// The file `name` of the cache, which `make` makes if it is not there; it is given a folder to work in and the file.
fn made(name: &str, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let dir = paths::cache()?.join("sweep");
    fs::create_dir_all(&dir)?;
    let file = dir.join(name);
    if file.exists() {
        return Ok(file);
    }
    // Several checkouts share the cache: one makes it, the others wait.
    let lock = File::create(dir.join("lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", dir.display()))?;
    if file.exists() {
        return Ok(file);
    }
    setup::images()?;
    let work = dir.join("making");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let unfinished = dir.join("unfinished");
    make(&work, &unfinished)?;
    fs::rename(&unfinished, &file)?;
    fs::remove_dir_all(&work)?;
    prune(&dir, name)?;
    Ok(file)
}

/// Removes what an earlier list of packages made.
fn prune(dir: &Path, name: &str) -> Result<()> {
    if !name.starts_with("root-") {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with("root-") && other != name {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes `disk` an ext4 file system of this size with the files of `folder`.
fn format(disk: &Path, label: &str, size: &str, folder: &Path) -> Result<()> {
    if disk.exists() {
        fs::remove_file(disk)?;
    }
    ensure!(folder.exists(), "{} is not there", folder.display());
    let Some(mkfs) = paths::which("mkfs.ext4") else { bail!("no mkfs.ext4 (package e2fsprogs)") };
    sh::output(
        // No journal: the host's cache is lost with the guest anyway.
        Command::new(mkfs)
            .args(["-q", "-F", "-O", "^has_journal", "-L", label, "-d"])
            .args([folder, disk])
            .arg(size),
    )
    .map(drop)
}
