//! Installs Debian packages on this machine.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{paths, sh};

/// Installs the packages that are missing. Fails with instructions if that is not possible.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    ensure!(
        paths::which("dpkg-query").is_some() && paths::which("apt-get").is_some(),
        "this machine is not Debian, and the kernels for the guests are Debian's: \
         apt-get and dpkg are needed to fetch them.\n\
         The task needs these packages of Debian 12: {}.\n\
         Use a Debian 12 machine, virtual machine or container (no /dev/kvm needed).",
        packages.join(" ")
    );
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    ensure!(
        is_root()?,
        "packages are missing, and only root can install them. Run this, then try again:\n\
         \n    sudo apt-get update && sudo apt-get install --no-install-recommends {list}\n"
    );
    sh::progress("Installing", &list);
    if get_install(&missing).is_err() {
        // The package lists may be missing or old.
        update()?;
        get_install(&missing).with_context(|| {
            format!(
                "apt-get cannot install {list} (Debian 12 with its security suite has them all)"
            )
        })?;
    }
    Ok(())
}

fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    // dpkg-query fails if it does not know one of the packages, but still lists the others.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output()
        .context("cannot run dpkg-query")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let installed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(packages.iter().copied().filter(|package| !installed.contains(package)).collect())
}

fn get_install(packages: &[&str]) -> Result<()> {
    sh::run(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["--quiet", "--yes", "--no-install-recommends"])
            .args(["-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300", "install"])
            .args(packages),
    )
}

/// Runs `apt-get update`, which needs root.
pub(crate) fn update() -> Result<()> {
    ensure!(
        is_root()?,
        "the package lists are missing or old, and only root can fetch them: sudo apt-get update"
    );
    sh::progress("Updating", "the package lists");
    sh::run(Command::new("apt-get").args(["--quiet", "-o", "DPkg::Lock::Timeout=300", "update"]))
}

pub(crate) fn is_root() -> Result<bool> {
    Ok(sh::output(Command::new("id").arg("-u"))?.trim() == "0")
}
