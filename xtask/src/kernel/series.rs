//! Series of Debian's kernels, and the options that select one.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::arch::{self, ARM64, Arch, X86_64};
use crate::cross;

/// A series of kernel versions that Debian maintains for an architecture.
#[derive(Debug)]
pub(crate) struct Series {
    /// Name of the series, which is the value of `--kernel`.
    pub(crate) name: &'static str,
    pub(crate) arch: &'static Arch,
    /// Folder under `kernels` in the cache.
    pub(super) folder: &'static str,
    /// Debian package that depends on the newest image.
    pub(super) metapackage: &'static str,
    /// Suites that provide the kernel; empty: the apt sources of this machine provide it.
    pub(super) suites: &'static [&'static str],
    /// If true, the headers are fetched too, and modules can be built.
    pub(super) builds_modules: bool,
    /// If true, `cargo xtask test` tests it without `--all-kernels`.
    pub(crate) tested_by_default: bool,
}

/// A cloud kernel of the Debian release of this machine.
const CLOUD: Series = Series {
    name: "",
    arch: &X86_64,
    folder: "",
    metapackage: "linux-image-cloud-amd64",
    suites: &[],
    builds_modules: true,
    tested_by_default: false,
};

/// A full kernel. Its headers are not fetched.
const WHOLE: Series = Series { metapackage: "linux-image-amd64", builds_modules: false, ..CLOUD };

/// A cloud kernel for arm64.
const CLOUD_ARM64: Series =
    Series { arch: &ARM64, metapackage: "linux-image-cloud-arm64", suites: cross::SUITES, ..CLOUD };

/// Cloud kernels, which most guests boot.
static SERIES: [Series; 4] = [
    Series {
        name: "6.12",
        folder: "6.12",
        metapackage: "linux-image-6.12-cloud-amd64",
        tested_by_default: true,
        ..CLOUD
    },
    Series { name: "6.1", folder: "6.1", tested_by_default: true, ..CLOUD },
    Series { name: "5.10", folder: "5.10", suites: &["bullseye-security", "bullseye"], ..CLOUD },
    // The headers' build tools need a newer libc, and their flags a newer compiler, than Debian 12 has.
    Series { name: "7", folder: "7", suites: &["sid"], builds_modules: false, ..CLOUD },
];

/// Kernels that guests of arm64 boot.
static SERIES_ARM64: [Series; 5] = [
    Series {
        name: "6.12",
        folder: "arm64/6.12",
        metapackage: "linux-image-6.12-cloud-arm64",
        tested_by_default: true,
        ..CLOUD_ARM64
    },
    Series { name: "6.1", folder: "arm64/6.1", tested_by_default: true, ..CLOUD_ARM64 },
    // The lists of bullseye-security name newer versions, but the archive does not have their files for arm64.
    Series { name: "5.10", folder: "arm64/5.10", suites: &["bullseye"], ..CLOUD_ARM64 },
    Series { name: "7", folder: "arm64/7", suites: &["sid"], builds_modules: false, ..CLOUD_ARM64 },
    // Pages of 16 KiB; no cloud kernel has them.
    Series {
        name: "6.12-16k",
        folder: "arm64/6.12-16k",
        metapackage: "linux-image-6.12-arm64-16k",
        ..CLOUD_ARM64
    },
];

/// Debian's full kernels, which have nearly all drivers.
pub(crate) static FULL: [Series; 3] = [
    Series { name: "6.12", folder: "6.12-full", metapackage: "linux-image-6.12-amd64", ..WHOLE },
    Series { name: "6.1", folder: "6.1-full", ..WHOLE },
    Series { name: "7", folder: "7-full", suites: &["sid"], ..WHOLE },
];

/// Default value of `--kernel`.
pub(crate) const DEFAULT: &str = "6.12";

impl Series {
    /// Returns the version that the releases of the series begin with.
    pub(crate) fn version(&self) -> &'static str {
        self.name.split('-').next().unwrap_or(self.name)
    }
}

/// Returns the kernels of an architecture that guests boot.
pub(crate) fn series(arch: &Arch) -> &'static [Series] {
    if arch.is_foreign() { &SERIES_ARM64 } else { &SERIES }
}

/// Parses the value of `--kernel` if there is no `--arch`.
pub(crate) fn parse(name: &str) -> Result<&'static Series, String> {
    find(&SERIES, name)
}

/// Returns the series of a name, or an error message.
pub(crate) fn find(all: &'static [Series], name: &str) -> Result<&'static Series, String> {
    all.iter().find(|series| series.name == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|series| series.name).collect();
        format!("one of {}", names.join(", "))
    })
}

/// Options that select the kernel of a guest.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct KernelOptions {
    /// Debian kernel series to boot: 5.10, 6.1, 6.12 or 7 (the newest); on arm64 also 6.12-16k (pages of 16 KiB)
    #[arg(long, value_parser = parse_name, default_value = DEFAULT)]
    kernel: &'static str,
    /// Architecture of the guest: x86_64 or arm64
    #[arg(long, value_parser = arch::parse, default_value = X86_64.name)]
    arch: &'static Arch,
}

/// Parses a name of any architecture's series.
fn parse_name(name: &str) -> Result<&'static str, String> {
    Ok(find(&SERIES_ARM64, name)?.name)
}

impl KernelOptions {
    /// Returns the selected series. Fails if the architecture has none of that name.
    pub(crate) fn series(self) -> Result<&'static Series> {
        let all = series(self.arch);
        let found = all.iter().find(|series| series.name == self.kernel);
        found.with_context(|| format!("there is no kernel {} for {}", self.kernel, self.arch.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_architectures_are_parsed() {
        for arch in [&X86_64, &ARM64] {
            for series in series(arch) {
                let kernel = parse_name(series.name).unwrap();
                let options = KernelOptions { kernel, arch };
                assert_eq!(options.series().unwrap().folder, series.folder);
            }
        }
        let kernel = parse_name("6.12-16k").unwrap();
        assert!(KernelOptions { kernel, arch: &X86_64 }.series().is_err());
        assert_eq!(find(&SERIES_ARM64, "6.12-16k").unwrap().version(), "6.12");
    }
}
