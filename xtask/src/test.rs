//! `cargo xtask test`: lints, unit tests and the end-to-end tests in guests, and an honest count.
//!
//! Every test has a name: `lint/fmt`, `unit`, `e2e/6.1/story/echo`. FILTER selects by part of it.

use std::collections::VecDeque;
use std::env;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::e2e::{self, Guest, Outcome};
use crate::kernel;
use crate::{interop, matrix, paths, setup, sh, tidy};

/// How many lines of a failed step are shown.
const SHOWN: usize = 60;

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Names: lint/fmt lint/clippy lint/doc lint/ebpf lint/tidy unit/… interop/pyarrow\n       \
                        e2e/KERNEL/SCRIPT (xtask/e2e/*.sh).\n\
                        Without FILTER and --all-kernels, a script that says `# once` is run on one kernel only.\n\
                        Ends with one line `N passed, N failed, N skipped`; exit status 1 if any failed."
)]
pub(crate) struct Options {
    /// No guests: lints and unit tests
    #[arg(long)]
    quick: bool,
    /// Show what the end-to-end tests print, also if they pass
    #[arg(short, long)]
    verbose: bool,
    /// In guests with 5.10 and the newest kernel, too
    #[arg(long)]
    all_kernels: bool,
    /// Only tests whose name contains this: `lint`, `unit`, `e2e/6.1/`, `story`
    filter: Option<String>,
}

impl Options {
    /// Only the tests whose names contain `filter`, and what they print.
    pub(crate) fn only(filter: &str) -> Self {
        let filter = Some(filter.to_owned());
        Self { quick: false, verbose: true, all_kernels: false, filter }
    }
}

/// What is run on kernels without mitigations, of which only the core's text is another.
const UNMITIGATED: &[&str] = &["backends", "boot", "doctor", "reads", "story"];

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
    /// Script by script, what was run in guests.
    outcomes: Vec<Outcome>,
}

impl Tally {
    /// A test passed.
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// A test failed; `name` may say why.
    pub(crate) fn fail(&mut self, name: String) {
        self.failed.push(name);
    }

    /// A test was not run; `name` may say why.
    pub(crate) fn skip(&mut self, name: String) {
        self.skipped.push(name);
    }

    /// A script was run in a guest; its tests have been counted.
    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Nothing was tested.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed.len() + self.skipped.len() == 0
    }

    /// Takes in another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
        self.outcomes.extend(other.outcomes);
    }

    /// The last lines: what failed, what was skipped, the count. True if nothing failed.
    fn conclude(&self) -> bool {
        for name in &self.skipped {
            println!("skipped: {name}");
        }
        for name in &self.failed {
            println!("FAILED: {name}");
        }
        println!(
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failed.len(),
            self.skipped.len()
        );
        self.failed.is_empty()
    }
}

/// Runs the tests and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let mut tally = Tally::default();
    let filter = options.filter.as_deref().unwrap_or_default();
    let wants = |name: &str| name.contains(filter);

    let set_up = if options.quick { setup::toolchain } else { setup::all };
    set_up()?;
    lints(&mut tally, wants);
    if wants("unit") {
        unit(&mut tally)?;
    }
    if wants("interop/pyarrow") {
        if options.quick {
            tally.skip("interop/pyarrow: --quick".to_owned());
        } else {
            tally.add(interop::recordings()?);
        }
    }

    let scripts = e2e::scripts()?;
    let mut guests = Vec::new();
    for series in kernel::SERIES.iter().filter(|series| series.usual || options.all_kernels) {
        let name = series.name.to_owned();
        guests.push(Guest { name, series, append: "", scripts: scripts.clone() });
        if options.all_kernels {
            // Other text: calls through pointers are plain instructions instead of calls of thunks.
            guests.push(Guest {
                name: format!("{}-unmitigated", series.name),
                series,
                append: "mitigations=off",
                scripts: UNMITIGATED.iter().map(|&script| script.to_owned()).collect(),
            });
        }
    }
    for Guest { name, series, scripts, .. } in &mut guests {
        scripts.retain(|script| wants(&format!("e2e/{name}/{script}")));
        // Who asks for tests by their names gets them.
        if series.name != kernel::DEFAULT && !options.all_kernels && filter.is_empty() {
            let once = e2e::once(scripts)?;
            scripts.retain(|script| !once.contains(script));
            for script in once {
                let only = kernel::DEFAULT;
                tally.skip(format!(
                    "e2e/{name}/{script}: no kernel makes a difference to it, it is for {only} alone"
                ));
            }
        }
    }
    let guests = portions(guests);
    if options.quick {
        for Guest { name, scripts, .. } in guests {
            for script in scripts {
                tally.skip(format!("e2e/{name}/{script}: --quick"));
            }
        }
    } else {
        tally.add(in_guests(guests, options.verbose));
        if options.all_kernels {
            // A part of it replaces its part of the table.
            let write = if filter.is_empty() { matrix::write } else { matrix::update };
            write(&tally.outcomes)?;
        }
    }

    if tally.is_empty() {
        tally.fail(format!("no test has `{filter}` in its name"));
    }
    Ok(u8::from(!tally.conclude()))
}

/// Runs the lints that are wanted.
fn lints(tally: &mut Tally, wants: impl Fn(&str) -> bool) {
    if wants("lint/fmt") {
        lint(tally, "lint/fmt", [cargo(&["fmt", "--all", "--check"]), ebpf(&["fmt", "--check"])]);
    }
    if wants("lint/clippy") {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked"];
        lint(tally, "lint/clippy", [deny(cargo(&arguments))]);
    }
    if wants("lint/doc") {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        lint(tally, "lint/doc", [doc]);
    }
    if wants("lint/ebpf") {
        lint(tally, "lint/ebpf", [deny(ebpf_clippy())]);
    }
    if wants("lint/tidy") {
        sh::say("Checking", "lint/tidy");
        match tidy::run(&tidy::Options::default()) {
            Ok(0) => tally.pass(),
            Ok(_) => tally.fail("lint/tidy".to_owned()),
            Err(error) => tally.fail(format!("lint/tidy: {error:#}")),
        }
    }
}

/// How many scripts a guest runs, at most.
const PORTION: usize = 7;

/// The same in more guests, each with a few of the scripts: they end at about the same time, whatever a kernel or a
/// script takes.
fn portions(guests: Vec<Guest>) -> Vec<Guest> {
    let mut portions = Vec::new();
    for guest in guests {
        for (turn, scripts) in guest.scripts.chunks(PORTION).enumerate() {
            let (name, scripts) = (guest.name.clone(), scripts.to_vec());
            portions.push((turn, Guest { name, scripts, ..guest }));
        }
    }
    portions.sort_by_key(|(turn, _)| *turn);
    portions.into_iter().map(|(_, guest)| guest).collect()
}

/// Runs guests, some at a time.
fn in_guests(guests: Vec<Guest>, verbose: bool) -> Tally {
    let one = |guest: &Guest| {
        e2e::run(guest, verbose).unwrap_or_else(|error| {
            let mut tally = Tally::default();
            tally.fail(format!("e2e/{}: {error:#}", guest.name));
            tally
        })
    };
    // A guest waits for grace periods most of the time: two find room on two cores.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let together = cores.min(4);
    let waiting = Mutex::new(VecDeque::from(guests));
    let tally = Mutex::new(Tally::default());
    // By itself: in the condition of the loop, the lock would be held while the guest runs.
    let next = || locked(&waiting).pop_front();
    thread::scope(|scope| {
        for _ in 0..together {
            scope.spawn(|| {
                while let Some(guest) = next() {
                    let result = one(&guest);
                    locked(&tally).add(result);
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that panicked has said so; what it left is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = setup::outer_cargo();
    command.args(arguments).current_dir(paths::root());
    command
}

fn ebpf(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.current_dir(paths::root().join("seqtrace-ebpf"));
    command
}

/// clippy for the eBPF programs. There is none for their target, but nothing that it looks at depends on
/// it: they are checked as a program of this machine.
fn ebpf_clippy() -> Command {
    let mut command = ebpf(&["clippy", "--release", "--locked", "--target-dir"]);
    command.arg(paths::target().join("ebpf/clippy"));
    // The unstable feature that aya-ebpf uses.
    command.env("RUSTC_BOOTSTRAP", "1");
    let flag = format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH);
    command.env("CARGO_ENCODED_RUSTFLAGS", flag);
    command
}

fn deny(mut command: Command) -> Command {
    command.args(["--", "-D", "warnings"]);
    command
}

fn lint<const N: usize>(tally: &mut Tally, name: &str, commands: [Command; N]) {
    sh::say("Checking", name);
    for mut command in commands {
        if let Err(error) = sh::output(&mut command) {
            eprintln!("{}", tail(&format!("{error:#}")));
            tally.fail(name.to_owned());
            return;
        }
    }
    tally.pass();
}

fn unit(tally: &mut Tally) -> Result<()> {
    sh::say("Testing", "unit");
    let output = cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--color=never"])
        .stdin(Stdio::null())
        .output()
        .context("cannot run cargo test")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let counted = unit_results(&text);
    if !output.status.success() {
        eprintln!("{text}\n{}", tail(&String::from_utf8_lossy(&output.stderr)));
        if counted.failed.is_empty() {
            tally.fail(format!("unit: cargo test: {}", output.status));
        }
    }
    sh::say("", &format!("{} passed, {} failed", counted.passed, counted.failed.len()));
    tally.add(counted);
    Ok(())
}

/// What cargo test says: `test a::b ... FAILED`, `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn unit_results(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        if let Some(result) = line.strip_prefix("test result: ") {
            let number = |what: &str| -> usize {
                let (before, _) = result.split_once(what).unwrap_or_default();
                before.rsplit([' ', ';', '.']).find_map(|word| word.parse().ok()).unwrap_or(0)
            };
            tally.passed += number(" passed");
        } else if let Some(test) = line.strip_prefix("test ") {
            if let Some(name) = test.strip_suffix(" ... FAILED") {
                tally.fail(format!("unit/{name}"));
            } else if let Some((name, why)) = test.split_once(" ... ignored") {
                tally.skip(format!("unit/{name}{why}"));
            }
        }
    }
    tally
}

/// The end of what a failed step said.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skip = lines.len().saturating_sub(SHOWN);
    lines.get(skip..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_in_one_portion() {
        let scripts = |range: std::ops::Range<usize>| range.map(|i| i.to_string()).collect();
        let series = &kernel::SERIES[0];
        let guest = |name: &str, count| {
            let (name, scripts) = (name.to_owned(), scripts(0..count));
            Guest { name, series, append: "", scripts }
        };
        let parts = portions(vec![guest("a", PORTION + 1), guest("b", 0), guest("c", 2)]);
        let parts: Vec<_> =
            parts.into_iter().map(|Guest { name, scripts, .. }| (name, scripts)).collect();
        let expected = [("a", 0..PORTION), ("c", 0..2), ("a", PORTION..PORTION + 1)];
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
