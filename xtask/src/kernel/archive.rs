//! Access to Debian's archives by apt.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::arch::{Arch, X86_64};
use crate::{apt, paths, sh};

/// Runs apt, either with the sources of this machine or with others, whose lists are in a folder of their own.
pub(crate) struct Apt {
    /// Arguments that select the sources; empty: the sources of this machine.
    options: Vec<String>,
}

impl Apt {
    /// Selects packages of `suites` for an architecture, with the lists in `dir`. Without suites: the sources and the lists
    /// of this machine.
    pub(crate) fn new(arch: &Arch, suites: &[&str], dir: &Path) -> Result<Self> {
        if suites.is_empty() {
            return Ok(Self { options: Vec::new() });
        }
        let own = dir.join("apt");
        fs::create_dir_all(own.join("lists/partial"))?;
        fs::create_dir_all(own.join("cache/archives/partial"))?;
        let mut sources = String::new();
        for suite in suites {
            sources.push_str(&source(suite)?);
        }
        fs::write(own.join("sources.list"), sources)?;
        fs::write(own.join("status"), "")?;
        let own = own.display();
        let mut options = vec![
            format!("Dir::Etc::sourcelist={own}/sources.list"),
            "Dir::Etc::sourceparts=/nonexistent".to_owned(),
            format!("Dir::State::Lists={own}/lists"),
            format!("Dir::Cache={own}/cache"),
            // The signatures of releases that are no longer supported expire.
            "Acquire::Check-Valid-Until=false".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ];
        if arch.is_foreign() {
            // This machine's architecture, too: the kernel's build tools run here. Without a status of its own, apt would
            // resolve dependencies by this machine's packages.
            options.extend([
                format!("APT::Architecture={}", arch.debian),
                format!("APT::Architectures::={}", arch.debian),
                format!("APT::Architectures::={}", X86_64.debian),
                format!("Dir::State::status={own}/status"),
            ]);
        }
        Ok(Self {
            options: options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect(),
        })
    }

    /// Fetches the package lists of other sources. Does not change the lists of the machine itself.
    pub(super) fn update(&self) -> Result<()> {
        if self.options.is_empty() {
            return Ok(());
        }
        sh::run(Command::new("apt-get").args(&self.options).args(["--quiet", "update"]))
    }

    /// Fetches the package lists, including those of this machine.
    pub(crate) fn refresh(&self) -> Result<()> {
        if self.options.is_empty() { apt::update() } else { self.update() }
    }
}

/// Path of Debian's keys, from the package debian-archive-keyring.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns a line of sources.list for a suite, with the mirror from which this machine's own sources fetch such suites. The
/// archive of security updates has a mirror of its own.
pub(crate) fn source(suite: &str) -> Result<String> {
    let is_security = |suite: &str| suite.ends_with("-security");
    let find = || -> Result<Option<String>> {
        let format = "$(REPO_URI) $(SUITE)";
        let text = sh::output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
        let mut found = text.lines().filter_map(|line| line.split_once(' '));
        let found = found.find(|(_, known)| {
            is_security(known) == is_security(suite) && !known.contains("backports")
        });
        Ok(found.map(|(uri, _)| format!("deb [signed-by={KEYRING}] {uri} {suite} main\n")))
    };
    if let Some(source) = find()? {
        return Ok(source);
    }
    apt::update()?;
    let archive = if is_security(suite) { "Security" } else { "Main" };
    find()?
        .with_context(|| format!("this machine's apt sources have no {archive} archive of Debian"))
}

/// Returns the packages that `package` depends on, including alternatives.
pub(super) fn depends(package: &str, apt: &Apt) -> Result<Vec<String>> {
    let text = sh::output(Command::new("apt-cache").args(&apt.options).args(["depends", package]))?;
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().trim_start_matches('|').strip_prefix("Depends: "))
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        bail!("apt does not find the package {package}, or it has no dependencies");
    }
    Ok(names)
}

/// Downloads packages into `dir`.
pub(crate) fn download(packages: &[String], apt: &Apt, dir: &Path) -> Result<()> {
    // apt as root downloads as the user _apt, who cannot write to this folder.
    sh::run(
        Command::new("apt-get")
            .args(&apt.options)
            .args(["--quiet", "-o", "APT::Sandbox::User=root", "download"])
            .args(packages)
            .current_dir(dir),
    )
}

/// Unpacks the packages in `dir` into `root` and removes them.
pub(crate) fn unpack(dir: &Path, root: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if paths::has_extension(&path, "deb") {
            sh::output(Command::new("dpkg").arg("--extract").arg(&path).arg(root))?;
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
