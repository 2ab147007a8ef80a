//! `cargo xtask test`: lints, unit tests, and end-to-end tests in guests.
//!
//! Every test has a name: `lint/fmt`, `unit`, `e2e/6.1/story/echo`. FILTER selects tests by a part of the name.

use std::mem;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::arch::{self, ARM64, Arch, X86_64};
use crate::e2e::{self, GuestTests};
use crate::kernel::{self, Series};
use crate::tally::Tally;
use crate::{browser, interop, lint, matrix, setup, sh};

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
#[command(after_help = "Names: lint/fmt lint/clippy lint/doc lint/ebpf lint/tidy unit/…\n       \
                        interop/pyarrow interop/perfetto interop/tables interop/chromium\n       \
                        e2e/KERNEL/SCRIPT (xtask/e2e/*.sh).\n\
                        Without FILTER and --all-kernels, a script with the line `# once` runs on 6.12 only, one with `# once on 6.1`\n\
                        on 6.1 only.\n\
                        On arm64, scripts without the line `# arm64` run only if FILTER has a part of their names.\n\
                        Ends with one line `N passed, N failed, N skipped`; exit status 1 if any failed.")]
pub(crate) struct Options {
    /// Run lints and unit tests only, no guests
    #[arg(long)]
    quick: bool,
    /// Print the output of end-to-end tests even if they pass
    #[arg(short, long)]
    verbose: bool,
    /// Run the end-to-end tests on 5.10 and on the newest kernel, too
    #[arg(long)]
    all_kernels: bool,
    /// Run the end-to-end tests of an architecture and no others: x86_64, or arm64 (e2e/arm64-KERNEL/SCRIPT)
    #[arg(long, value_parser = arch::parse, conflicts_with = "quick")]
    arch: Option<&'static Arch>,
    /// Run only tests whose names contain this: `lint`, `unit`, `e2e/6.1/`, `story`
    filter: Option<String>,
}

impl Options {
    /// Returns options that select the tests whose names contain `filter` and print their output.
    pub(crate) fn only(filter: &str) -> Self {
        let filter = Some(filter.to_owned());
        Self { quick: false, verbose: true, all_kernels: false, arch: None, filter }
    }
}

/// Series of arm64 on which scripts with the line `# arm64: ci` run without `--arch`, too.
const ARM64_BY_DEFAULT: &[&str] = &[];

/// Scripts that also run on variants of a guest: kernels without mitigations, whose code of the seq_file core is different,
/// and CPUs with pointer authentication, which changes return addresses and code.
const VARIANTS: &[&str] = &["backends", "boot", "doctor", "reads", "story"];

/// Runs the tests and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let mut tally = Tally::default();
    let filter = options.filter.as_deref().unwrap_or_default();
    if options.quick {
        setup::toolchain()?;
    } else {
        setup::guests(options.arch.unwrap_or(&X86_64))?;
    }
    if options.arch.is_none() {
        on_this_machine(options, &mut tally)?;
    }

    let guests = select(all_guests(options)?, options, &mut tally)?;
    let guests = split(guests, e2e::is_alone)?;
    if options.quick {
        for GuestTests { name, scripts, .. } in guests {
            for script in scripts {
                tally.skipped.push(format!("e2e/{name}/{script}: --quick"));
            }
        }
    } else {
        if guests.iter().any(|guest| guest.series.arch.is_foreign()) {
            setup::guests(&ARM64)?;
        }
        tally.add(run_guests(guests, options.verbose));
        if options.all_kernels {
            // A filtered run replaces only its own cells of the table.
            let arch = options.arch.unwrap_or(&X86_64);
            matrix::write(arch, &tally.scripts, filter.is_empty())?;
        }
    }

    if tally.is_empty() {
        tally.failed.push(format!("no test has `{filter}` in its name"));
    }
    Ok(u8::from(!tally.print()))
}

/// Runs the tests that need no guest.
fn on_this_machine(options: &Options, tally: &mut Tally) -> Result<()> {
    let filter = options.filter.as_deref().unwrap_or_default();
    let wants = |name: &str| name.contains(filter);
    lint::run(tally, wants);
    if wants("unit") {
        unit_tests(tally)?;
    }
    interop::run(tally, wants, options.quick)?;
    if wants("interop/chromium") {
        if options.quick {
            tally.skipped.push("interop/chromium: --quick".to_owned());
        } else {
            tally.add(browser::pages()?);
        }
    }
    Ok(())
}

/// Returns a guest with its scripts for each kernel that is tested by default, or for all kernels.
fn all_guests(options: &Options) -> Result<Vec<GuestTests>> {
    let arch = options.arch.unwrap_or(&X86_64);
    let mut scripts = e2e::scripts()?;
    if arch.is_foreign() {
        let marked = e2e::scripts_with(&["# arm64", "# arm64: ci"])?;
        // `story` of the filter `6.12/story`.
        let filter = options.filter.as_deref().unwrap_or_default();
        let named = filter.rsplit('/').next().filter(|name| !name.is_empty());
        let is_named = |script: &String| named.is_some_and(|name| script.contains(name));
        scripts.retain(|script| marked.contains(script) || is_named(script));
    }
    let mut guests = Vec::new();
    for series in kernel::series(arch) {
        if series.tested_by_default || options.all_kernels {
            guests.push(guest(series, scripts.clone()));
        }
        if options.all_kernels {
            guests.extend(variant(series));
        }
    }
    if options.arch.is_none() {
        let scripts = e2e::scripts_with(&["# arm64: ci"])?;
        let series = kernel::series(&ARM64).iter();
        let by_default = series.filter(|series| ARM64_BY_DEFAULT.contains(&series.name));
        guests.extend(by_default.map(|series| guest(series, scripts.clone())));
    }
    Ok(guests)
}

/// Returns a guest with the usual boot options.
fn guest(series: &'static Series, scripts: Vec<String>) -> GuestTests {
    let prefix = if series.arch.is_foreign() { "arm64-" } else { "" };
    let name = format!("{prefix}{}", series.name);
    GuestTests { name, series, append: "", cpu: None, scripts }
}

/// Returns another guest with the same kernel, in which different code runs; `None` if the series has none.
fn variant(series: &'static Series) -> Option<GuestTests> {
    let scripts = VARIANTS.iter().map(|&script| script.to_owned()).collect();
    let usual = guest(series, scripts);
    let name = &usual.name;
    if !series.arch.is_foreign() {
        // The code of the core differs: calls through pointers are plain instructions, not calls of thunks.
        let name = format!("{name}-unmitigated");
        return Some(GuestTests { name, append: "mitigations=off", ..usual });
    }
    // One is enough for slow guests.
    let name = format!("{name}-pauth");
    (series.name == kernel::DEFAULT).then_some(GuestTests { name, cpu: Some(arch::PAUTH), ..usual })
}

/// Removes scripts that the options exclude from each guest.
fn select(
    mut guests: Vec<GuestTests>,
    options: &Options,
    tally: &mut Tally,
) -> Result<Vec<GuestTests>> {
    let filter = options.filter.as_deref().unwrap_or_default();
    for GuestTests { name, series, scripts, .. } in &mut guests {
        scripts.retain(|script| format!("e2e/{name}/{script}").contains(filter));
        // With a filter, all tests that it names run.
        if !options.all_kernels && filter.is_empty() {
            for script in mem::take(scripts) {
                if let Some(only) = e2e::only_series(&script)?.filter(|only| only != series.name) {
                    tally.skipped.push(format!(
                        "e2e/{name}/{script}: does not depend on the kernel, runs on {only} only"
                    ));
                } else {
                    scripts.push(script);
                }
            }
        }
    }
    Ok(guests)
}

/// Largest number of scripts that one guest runs.
const SCRIPTS_PER_GUEST: usize = 7;

/// Distributes the scripts of each guest over several guests, so that guests which run at the same time end at about
/// the same time. Scripts for which `is_alone` is true get guests of their own.
fn split(
    guests: Vec<GuestTests>,
    is_alone: impl Fn(&str) -> Result<bool>,
) -> Result<Vec<GuestTests>> {
    let mut parts = Vec::new();
    for guest in guests {
        let (mut alone, mut common) = (Vec::new(), Vec::new());
        for script in guest.scripts {
            if is_alone(&script)? {
                alone.push(script);
            } else {
                common.push(script);
            }
        }
        let chunks = common.chunks(SCRIPTS_PER_GUEST).chain(alone.chunks(1));
        for (number, scripts) in chunks.enumerate() {
            let (name, scripts) = (guest.name.clone(), scripts.to_vec());
            parts.push((number, GuestTests { name, scripts, ..guest }));
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    Ok(parts.into_iter().map(|(_, guest)| guest).collect())
}

/// Runs the guests, one on each core.
fn run_guests(guests: Vec<GuestTests>, verbose: bool) -> Tally {
    let run_one = |guest: &GuestTests| {
        e2e::run(guest, verbose).unwrap_or_else(|error| {
            let mut tally = Tally::default();
            tally.failed.push(format!("e2e/{}: {error:#}", guest.name));
            tally
        })
    };
    // A guest uses one core, and is idle during grace periods.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(guests.into_iter());
    let tally = Mutex::new(Tally::default());
    // A closure, because the lock in a loop's condition would be held while the guest runs.
    let next = || locked(&queue).next();
    thread::scope(|scope| {
        for _ in 0..cores.min(4) {
            scope.spawn(|| {
                while let Some(guest) = next() {
                    let result = run_one(&guest);
                    locked(&tally).add(result);
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a mutex. Ignores poisoning by a panic of another thread: the panic has printed its message, and it cannot
/// interrupt an operation on these values.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unit_tests(tally: &mut Tally) -> Result<()> {
    sh::progress("Testing", "unit");
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast", "--color=never"];
    let output =
        lint::cargo(&arguments).stdin(Stdio::null()).output().context("cannot run cargo test")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counted = unit_results(&text);
    if !output.status.success() {
        eprintln!("{text}\n{}", sh::last_lines(&String::from_utf8_lossy(&output.stderr)));
        if counted.failed.is_empty() {
            tally.failed.push(format!("unit: cargo test: {}", output.status));
        }
    }
    sh::progress("", &format!("{} passed, {} failed", counted.passed, counted.failed.len()));
    tally.add(counted);
    Ok(())
}

/// Parses the output of cargo test: `test a::b ... FAILED`, `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn unit_results(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        if let Some(result) = line.strip_prefix("test result: ") {
            let (before, _) = result.split_once(" passed").unwrap_or_default();
            let number = before.rsplit([' ', ';', '.']).find_map(|word| word.parse().ok());
            tally.passed += number.unwrap_or(0);
        } else if let Some(test) = line.strip_prefix("test ") {
            if let Some(name) = test.strip_suffix(" ... FAILED") {
                tally.failed.push(format!("unit/{name}"));
            } else if let Some((name, reason)) = test.split_once(" ... ignored") {
                tally.skipped.push(format!("unit/{name}{reason}"));
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_in_one_guest() {
        let scripts = |range: std::ops::Range<usize>| range.map(|i| i.to_string()).collect();
        let series = &kernel::series(&X86_64)[0];
        let guest = |name: &str, count| {
            let (name, scripts) = (name.to_owned(), scripts(0..count));
            GuestTests { name, series, append: "", cpu: None, scripts }
        };
        let guests = vec![guest("a", SCRIPTS_PER_GUEST + 2), guest("b", 0), guest("c", 2)];
        let last = (SCRIPTS_PER_GUEST + 1).to_string();
        let parts = split(guests, |script| Ok(script == last)).unwrap();
        let parts: Vec<_> =
            parts.into_iter().map(|GuestTests { name, scripts, .. }| (name, scripts)).collect();
        let (rest, alone) = (SCRIPTS_PER_GUEST, SCRIPTS_PER_GUEST + 1);
        let expected =
            [("a", 0..rest), ("c", 0..2), ("a", rest..rest + 1), ("a", alone..alone + 1)];
        assert_eq!(parts, expected.map(|(name, range)| (name.to_owned(), scripts(range))));
    }

    #[test]
    fn cargo_test_is_counted() {
        let tally = unit_results(
            "running 3 tests\n\
             test a::b ... ok\n\
             test a::c ... FAILED\n\
             test a::d ... ignored, needs root\n\
             test result: FAILED. 12 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(tally.passed, 15);
        assert_eq!(tally.failed, ["unit/a::c"]);
        assert_eq!(tally.skipped, ["unit/a::d, needs root"]);
    }
}
