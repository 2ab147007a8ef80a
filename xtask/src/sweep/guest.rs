//! Describes the guest of a full sweep, which has two disks, many emulated devices, and an initramfs that mounts the disks.

use std::path::Path;

use anyhow::Result;

use super::image;
use crate::guest::GuestSpec;
use crate::kernel::{self, Series};
use crate::vm::GuestOptions;
use crate::{paths, vm};

/// Modules that are needed to mount the disks; a kernel may have some of them built in. The checksum modules are listed
/// because the other modules do not name them as dependencies.
const DISKS: &[&str] =
    &["crc32c_generic", "crc32c-intel", "crc32c-cryptoapi", "libcrc32c", "virtio_blk", "ext4"];

/// Memory of the guest. Modules and state need about 1 GiB of it.
const MEMORY_MIB: u32 = 3072;

/// Kernel arguments that enable statistics, and that keep the names of network devices and all messages.
const APPEND: &str = "net.ifnames=0 log_buf_len=4M psi=1 schedstats=enable";

/// Builds the guest with the full kernel `series`. `variables` are assignments of shell variables for its script;
/// `timeout` is in seconds.
pub(super) fn spec(series: &'static Series, variables: &str, timeout: u64) -> Result<GuestSpec> {
    let root = image::root()?;
    let kernel = kernel::get(series)?;
    let modules = image::modules(&kernel)?;
    let mut archive = vm::archive(&kernel, &[vm::PORTS, DISKS].concat())?;
    let scripts = paths::root().join("xtask/sweep");
    archive.tree(Path::new("sweep"), &scripts)?;
    let boot = paths::read(&scripts.join("boot"))?;
    archive.file("script", boot.as_bytes(), 0o755);
    archive.file("sweep/variables", variables.as_bytes(), 0o644);
    let devices = paths::read(&scripts.join("devices"))?;
    let mut arguments = words(&devices);
    for (name, file) in [("root", root), ("modules", modules)] {
        arguments.push("-drive".to_owned());
        // snapshot=on: the guest writes to a temporary file, which QEMU deletes.
        let file = file.display();
        arguments.push(format!("file={file},format=raw,if=none,id={name},snapshot=on"));
        arguments.push("-device".to_owned());
        arguments.push(format!("virtio-blk-pci,drive={name}"));
    }
    let (mem, append) = (MEMORY_MIB, APPEND.to_owned());
    let options = GuestOptions { mem, append, timeout, ..GuestOptions::default() };
    Ok(GuestSpec { kernel, initramfs: archive.finish(), options, arguments })
}

/// Splits a text into words, without lines that begin with `#`.
fn words(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}
