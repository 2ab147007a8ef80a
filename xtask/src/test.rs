//! `cargo xtask test`: lints, unit tests and the end-to-end tests in guests, and an honest count.
//!
//! Every test has a name: `lint/fmt`, `unit`, `e2e/6.1/story/echo`. FILTER selects by part of it.

use std::env;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::e2e;
use crate::kernel;
use crate::{interop, paths, setup, sh};

/// How many lines of a failed step are shown.
const SHOWN: usize = 60;

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Names: lint/fmt lint/clippy lint/ebpf unit/… interop/pyarrow e2e/KERNEL/SCRIPT (xtask/e2e/*.sh).\n\
                        Ends with one line `N passed, N failed, N skipped`; exit status 1 if any failed."
)]
pub(crate) struct Options {
    /// No guests: lints and unit tests
    #[arg(long)]
    quick: bool,
    /// Show what the end-to-end tests print, also if they pass
    #[arg(short, long)]
    verbose: bool,
    /// Only tests whose name contains this: `lint`, `unit`, `e2e/6.1/`, `story`
    filter: Option<String>,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
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

    /// Nothing was tested.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed.len() + self.skipped.len() == 0
    }

    /// Takes in another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
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
    if wants("lint/fmt") {
        lint(
            &mut tally,
            "lint/fmt",
            [cargo(&["fmt", "--all", "--check"]), ebpf(&["fmt", "--check"])],
        );
    }
    if wants("lint/clippy") {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked"];
        lint(&mut tally, "lint/clippy", [deny(cargo(&arguments))]);
    }
    if wants("lint/ebpf") {
        lint(&mut tally, "lint/ebpf", [deny(ebpf_clippy())]);
    }
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
    let plan: Vec<_> = kernel::SERIES
        .iter()
        .map(|series| {
            let wanted: Vec<String> = scripts
                .iter()
                .filter(|script| wants(&format!("e2e/{}/{script}", series.name)))
                .cloned()
                .collect();
            (series, wanted)
        })
        .filter(|(_, wanted)| !wanted.is_empty())
        .collect();
    if options.quick {
        for (series, wanted) in plan {
            for script in wanted {
                tally.skip(format!("e2e/{}/{script}: --quick", series.name));
            }
        }
    } else {
        // A guest waits for grace periods most of the time: two find room on two cores.
        let together = thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2);
        for tallied in in_guests(&plan, together, options.verbose) {
            tally.add(tallied);
        }
    }

    if tally.is_empty() {
        tally.fail(format!("no test has `{filter}` in its name"));
    }
    Ok(u8::from(!tally.conclude()))
}

fn in_guests(
    plan: &[(&'static kernel::Series, Vec<String>)],
    together: bool,
    verbose: bool,
) -> Vec<Tally> {
    let one = |(series, scripts): &(&'static kernel::Series, Vec<String>)| {
        e2e::run(series, scripts, verbose).unwrap_or_else(|error| {
            let mut tally = Tally::default();
            tally.fail(format!("e2e/{}: {error:#}", series.name));
            tally
        })
    };
    if !together {
        return plan.iter().map(one).collect();
    }
    thread::scope(|scope| {
        let running: Vec<_> = plan.iter().map(|item| scope.spawn(move || one(item))).collect();
        running
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    let mut tally = Tally::default();
                    tally.fail("e2e: a thread of xtask panicked".to_owned());
                    tally
                })
            })
            .collect()
    })
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
