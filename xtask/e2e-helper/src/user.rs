//! Runs a program as an unprivileged user.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities, set_thread_gid, set_thread_uid,
};

/// Switches to the user with only the capabilities `names` and executes the command. Returns only on failure.
pub(crate) fn run(id: u32, names: &[String], command: &[OsString]) -> Result<()> {
    let mut caps = CapabilitySet::empty();
    for name in names {
        caps |= CapabilitySet::from_name(&name.to_uppercase())
            .with_context(|| format!("unknown capability {name}"))?;
    }
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
