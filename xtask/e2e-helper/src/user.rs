//! Runs programs without the privileges of root.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail};
use rustix::fs::{XattrFlags, setxattr};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities, set_thread_gid, set_thread_uid,
};

/// Switches to the user with only the capabilities `names` and executes the command. Returns only on failure.
pub(crate) fn run(id: u32, names: &[String], command: &[OsString]) -> Result<()> {
    let caps = capabilities(names)?;
    let Some((program, arguments)) = command.split_first() else { bail!("no command") };
    let become_user = || -> io::Result<()> {
        set_keep_capabilities(true)?;
        set_thread_gid(rustix::process::Gid::from_raw(id))?;
        set_thread_uid(rustix::process::Uid::from_raw(id))?;
        set_capabilities(
            None,
            CapabilitySets { effective: caps, permitted: caps, inheritable: caps },
        )?;
        for cap in caps.iter() {
            configure_capability_in_ambient_set(cap, true)?;
        }
        Ok(())
    };
    become_user().context("cannot become the user")?;
    Err(Error::from(Command::new(program).args(arguments).exec()).context("cannot run the command"))
}

fn capabilities(names: &[String]) -> Result<CapabilitySet> {
    let mut caps = CapabilitySet::empty();
    for name in names {
        caps |= CapabilitySet::from_name(&name.to_uppercase())
            .with_context(|| format!("unknown capability {name}"))?;
    }
    Ok(caps)
}

/// Gives the file these capabilities, permitted and effective: a process that executes it has them.
pub(crate) fn set_caps(file: &Path, names: &[String]) -> Result<()> {
    // struct vfs_cap_data, include/uapi/linux/capability.h
    const REVISION_2: u32 = 0x0200_0000;
    const EFFECTIVE: u32 = 1;
    let caps = capabilities(names)?.bits();
    let [low, high] = [caps & u64::from(u32::MAX), caps >> 32].map(u32::try_from);
    let words = [REVISION_2 | EFFECTIVE, low?, 0, high?, 0];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    setxattr(file, "security.capability", &value, XattrFlags::empty())
        .with_context(|| format!("cannot set the capabilities of {}", file.display()))
}
