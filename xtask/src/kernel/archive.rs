//! Access to Debian's archives by apt.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Series;
use crate::{apt, paths, sh};

/// An archive of Debian; each has a mirror of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Archive {
    Main,
    Security,
}

/// Runs apt, either with the sources of this machine or with those of another release of Debian.
pub(super) struct Apt {
    /// Arguments that select the sources; empty: the sources of this machine.
    options: Vec<String>,
}

impl Apt {
    pub(super) fn new(series: &Series, dir: &Path) -> Result<Self> {
        if series.suites.is_empty() {
            return Ok(Self { options: Vec::new() });
        }
        let own = dir.join("apt");
        fs::create_dir_all(own.join("lists/partial"))?;
        fs::create_dir_all(own.join("cache/archives/partial"))?;
        let mut sources = Vec::new();
        for (archive, suite) in series.suites {
            let mirror = mirror(*archive)?;
            sources.push(format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"));
        }
        fs::write(own.join("sources.list"), sources.concat())?;
        let own = own.display();
        let options = [
            format!("Dir::Etc::sourcelist={own}/sources.list"),
            "Dir::Etc::sourceparts=/nonexistent".to_owned(),
            format!("Dir::State::Lists={own}/lists"),
            format!("Dir::Cache={own}/cache"),
            // The signatures of releases that are no longer supported expire.
            "Acquire::Check-Valid-Until=false".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ];
        Ok(Self {
            options: options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect(),
        })
    }

    /// Fetches the package lists of another release. Does not change the lists of the machine itself.
    pub(super) fn update(&self) -> Result<()> {
        if self.options.is_empty() {
            return Ok(());
        }
        sh::run(Command::new("apt-get").args(&self.options).args(["--quiet", "update"]))
    }

    /// Fetches the package lists, including those of this machine.
    pub(super) fn refresh(&self) -> Result<()> {
        if self.options.is_empty() { apt::update() } else { self.update() }
    }
}

/// Path of Debian's keys, from the package debian-archive-keyring.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns the URL from which this machine's own sources fetch an archive.
pub(crate) fn mirror(archive: Archive) -> Result<String> {
    let find = || -> Result<Option<String>> {
        let format = "$(REPO_URI) $(SUITE)";
        let text = sh::output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
        let found = text.lines().filter_map(|line| line.split_once(' ')).find(|(_, suite)| {
            suite.ends_with("-security") == (archive == Archive::Security)
                && !suite.contains("backports")
        });
        Ok(found.map(|(uri, _)| uri.to_owned()))
    };
    if let Some(uri) = find()? {
        return Ok(uri);
    }
    apt::update()?;
    find()?.with_context(|| {
        format!("this machine's apt sources have no {archive:?} archive of Debian")
    })
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
pub(super) fn download(packages: &[String], apt: &Apt, dir: &Path) -> Result<()> {
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
pub(super) fn unpack(dir: &Path, root: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if paths::has_extension(&path, "deb") {
            sh::output(Command::new("dpkg").arg("--extract").arg(&path).arg(root))?;
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
