//! The guest of a full sweep: two disks, many emulated devices, an initramfs that mounts the disks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::image;
use crate::guest::GuestSpec;
use crate::initramfs::Initramfs;
use crate::kernel::{self, Series};
use crate::{paths, program, vm};

/// What the initramfs needs to mount the disks, where a kernel has it as modules. The checksums are not dependencies
/// that a module names.
const DISKS: &[&str] =
    &["crc32c_generic", "crc32c-intel", "crc32c-cryptoapi", "libcrc32c", "virtio_blk", "ext4"];

/// Memory of the guest in MiB; modules and state take about 1 GiB of it.
const MEMORY: u32 = 3072;

/// Files on which the kernel's statistics are switched on, and what gives drivers something to do.
const APPEND: &str = "net.ifnames=0 log_buf_len=4M psi=1 schedstats=enable";

/// Builds the guest with the full kernel `series`. `variables` are for its script.
pub(super) fn spec(series: &'static Series, variables: &str, timeout: u64) -> Result<GuestSpec> {
    let root = image::root()?;
    let kernel = kernel::get(series)?;
    let modules = image::modules(&kernel)?;
    let mut archive = Initramfs::base()?;
    archive.file("bin/seqtrace", &fs::read(program::build("seqtrace")?)?, 0o755);
    let wanted = [vm::PORTS, DISKS].concat();
    for (number, (name, bytes)) in kernel.modules(&wanted)?.into_iter().enumerate() {
        archive.file(format!("lib/ports/{number:03}-{name}.ko"), &bytes, 0o644);
    }
    let scripts = paths::root().join("xtask/sweep");
    archive.tree(Path::new("sweep"), &scripts)?;
    let boot = fs::read_to_string(scripts.join("boot")).context("cannot read xtask/sweep/boot")?;
    archive.file("script", boot.as_bytes(), 0o755);
    archive.file("sweep/variables", variables.as_bytes(), 0o644);
    let devices = fs::read_to_string(scripts.join("devices"))?;
    let mut arguments = words(&devices);
    for (name, file) in [("root", root), ("modules", modules)] {
        arguments.push("-drive".to_owned());
        // What the guest writes goes to a file that QEMU deletes.
        let file = file.display();
        arguments.push(format!("file={file},format=raw,if=none,id={name},snapshot=on"));
        arguments.push("-device".to_owned());
        arguments.push(format!("virtio-blk-pci,drive={name}"));
    }
    Ok(GuestSpec {
        kernel,
        initramfs: archive.finish(),
        smp: 2,
        icount: false,
        memory: MEMORY,
        append: APPEND.to_owned(),
        arguments,
        timeout: Duration::from_secs(timeout),
    })
}

/// The words of a file whose lines may be comments.
fn words(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}
