//! `cargo xtask load`: measures seqtrace under load in a guest and writes a table into docs/load.md.
//!
//! xtask/e2e/load.parts has the workloads, called parts, and xtask/load/play.sh runs them. This module parses the script's output.

use std::fmt::Write as _;
use std::io;

use anyhow::{Result, bail};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::kernel::{self, Series};
use crate::lines::LineWriter;
use crate::section::Section;
use crate::vm::{self, GuestOptions};
use crate::{git, guest, paths, program, setup};

const SCRIPT: &str = include_str!("../load/play.sh");

const SECTION: Section = Section::new("docs/load.md", "cargo xtask load");

/// Size of the events that seqtrace may buffer, in KiB, as in seqtrace/src/probe/ring.rs.
const BACKLOG: u64 = 128 << 10;

/// Options of `cargo xtask load`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Debian kernel series to boot: 5.10, 6.1, 6.12 or 7
    #[arg(long, value_parser = kernel::parse, default_value = kernel::DEFAULT)]
    kernel: &'static Series,
    /// Duration of the soak in seconds: all parts run at once while seqtrace's memory is sampled; 0: no soak
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    soak: u64,
    /// Run a fifth of each part and one minute of soak; do not write docs/load.md
    #[arg(long, conflicts_with = "soak")]
    quick: bool,
}

/// Runs the parts and returns the exit status: 0 if nothing failed.
pub(crate) fn run(options: &Options) -> Result<u8> {
    let arch = options.kernel.arch;
    setup::guests(arch)?;
    let helper = program::build(arch, "e2e-helper")?;
    let (size, soak) = if options.quick { ("short", 60) } else { ("full", options.soak) };
    let guest = GuestOptions {
        mem: 4096,
        // The parts before the soak take some minutes.
        timeout: 3600 + 2 * soak,
        ..GuestOptions::default()
    };
    let script = format!("export SIZE={size} SOAK={soak}\n{SCRIPT}");
    let files = [("bin/e2e-helper", helper), ("e2e", paths::root().join("xtask/e2e"))];
    let spec = vm::spec(options.kernel, &guest, &script, &files)?;
    // Not after the run, which takes long enough for the checkout to change.
    let commit = git::commit()?;
    let mut results = LoadResults::default();
    let mut lines = LineWriter::new(|line: &str| results.line(line.trim_end()));
    let result = guest::run(&spec, &mut lines, &mut io::stderr())?;
    if let Some(failure) = result.failure(&spec) {
        bail!("{failure}");
    }
    results.check(soak);
    let table = results.table();
    println!("{table}");
    if !options.quick {
        let heading = format!(
            "Commit {commit}, Linux {}, `cargo xtask load --kernel {} --soak {soak}`:\n\n",
            spec.kernel.release, options.kernel.name
        );
        SECTION.write(&format!("{heading}{table}"))?;
    }
    for failure in &results.failures {
        println!("FAILED: {failure}");
    }
    Ok(u8::from(!results.failures.is_empty()))
}

/// Results of all parts and of the soak.
#[derive(Debug, Default)]
struct LoadResults {
    parts: Vec<PartResult>,
    /// Samples of seqtrace's memory in the soak: seconds since the beginning of the soak, and KiB.
    memory: Vec<(f64, u64)>,
    failures: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct PartResult {
    name: String,
    /// Number of JSON objects that seqtrace wrote.
    objects: u64,
    /// Number of records that were emitted.
    emitted: u64,
    lost: u64,
    missed: u64,
    /// seqtrace's CPU time in seconds.
    cpu: f64,
    /// seqtrace's largest memory in KiB.
    rss: u64,
    /// Duration in seconds, until seqtrace has ended.
    seconds: f64,
}

/// Parses fields of JSON that are separated by tabs.
fn fields<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(&format!("[{}]", text.replace('\t', ","))).ok()
}

impl LoadResults {
    fn line(&mut self, line: &str) {
        let parsed = if let Some(part) = line.strip_prefix("%% part ") {
            let quoted = part.split_once('\t').map(|(name, rest)| format!("\"{name}\"\t{rest}"));
            quoted.and_then(|part| fields(&part)).map(|result| self.parts.push(result))
        } else if let Some(sample) = line.strip_prefix("%% soak ") {
            fields(sample).map(|sample| self.memory.push(sample))
        } else if let Some(failure) = line.strip_prefix("%% not ok ") {
            self.failures.push(failure.to_owned());
            Some(())
        } else {
            eprintln!("{line}");
            Some(())
        };
        if parsed.is_none() {
            self.failures.push(format!("not understood: {line}"));
        }
    }

    /// Checks that parts ran, and that memory did not grow in the soak. It must be about the same in both halves, or
    /// within [`bound`](Self::bound), because seqtrace buffers events that arrive faster than it can render them.
    fn check(&mut self, soak: u64) {
        if self.parts.is_empty() {
            self.failures.push("no part ran".to_owned());
        }
        match self.halves() {
            _ if soak == 0 => {}
            // Tolerates a tenth, and 4 MiB that an allocator may retain after a burst.
            Some((first, second)) if second > (first + first / 10 + 4096).max(self.bound()) => {
                self.failures.push(format!(
                    "seqtrace's memory grew in the soak: at most {first} KiB in the first half, \
                     {second} KiB in the second"
                ));
            }
            Some(_) => {}
            None => self.failures.push("seqtrace's memory was not sampled".to_owned()),
        }
    }

    /// Returns the limit of seqtrace's memory in KiB: the memory of an idle tracer, the backlog, and a quarter of the
    /// backlog that an allocator may retain.
    fn bound(&self) -> u64 {
        let idle = self.parts.iter().find(|part| part.name == "nothing");
        idle.map_or(0, |idle| idle.rss + BACKLOG + BACKLOG / 4)
    }

    /// Returns the largest memory, in KiB, in the first and in the second half of the soak; `None` if a half has no
    /// samples.
    fn halves(&self) -> Option<(u64, u64)> {
        let (first, second) = self.memory.split_at(self.memory.len() / 2);
        let most = |half: &[(f64, u64)]| half.iter().map(|sample| sample.1).max();
        Some((most(first)?, most(second)?))
    }

    fn table(&self) -> String {
        let mut text = String::from(
            "| part | objects | records emitted | lost | missed | seqtrace's CPU, s | most memory, MiB | seconds |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for PartResult { name, objects, emitted, lost, missed, cpu, rss, seconds } in &self.parts {
            let name = name.replace('_', " ");
            let _infallible = writeln!(
                text,
                "| {name} | {objects} | {emitted} | {lost} | {missed} | {cpu:.1} | {} | {seconds:.0} |",
                mib(*rss)
            );
        }
        if let Some((first, second)) = self.halves() {
            let at = |share: usize| self.memory.get(self.memory.len() * share / 4).copied();
            let points: Vec<String> = (0..4)
                .filter_map(at)
                .chain(self.memory.last().copied())
                .map(|(seconds, rss)| format!("{} at {seconds:.0} s", mib(rss)))
                .collect();
            let _infallible = writeln!(
                text,
                "\nMemory in the soak (VmRSS, MiB): {}; at most {} in its first half, {} in its second.",
                points.join(", "),
                mib(first),
                mib(second)
            );
        }
        text
    }
}

/// Converts KiB to MiB with one decimal digit.
fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(text: &str, soak: u64) -> LoadResults {
        let mut results = LoadResults::default();
        text.lines().for_each(|line| results.line(line));
        results.check(soak);
        results
    }

    const PART: &str = "%% part one_reader\t2000123\t1000000\t0\t0\t61.2\t95000\t70.9\n";

    #[test]
    fn a_part_is_a_row() {
        let results = results(PART, 0);
        assert_eq!(results.failures, Vec::<String>::new());
        let row = "| one reader | 2000123 | 1000000 | 0 | 0 | 61.2 | 92.7 | 71 |\n";
        assert!(results.table().ends_with(row), "{}", results.table());
    }

    #[test]
    fn growing_memory_is_a_failure() {
        let soak = |last: u64| {
            let samples = [90_000, 95_000, 95_000, last].map(|rss| format!("%% soak 5.0\t{rss}\n"));
            results(&format!("{PART}{}", samples.concat()), 20).failures
        };
        assert_eq!(soak(97_000), Vec::<String>::new());
        assert_eq!(soak(195_000).len(), 1);
        // A backlog is not a leak.
        let idle = "%% part nothing\t70\t7\t0\t0\t0.1\t60000\t4\n";
        let most = |rss: u64| {
            let samples = [90_000, rss].map(|rss| format!("%% soak 5.0\t{rss}\n")).concat();
            results(&format!("{idle}{samples}"), 20).failures
        };
        assert_eq!(most(60_000 + 163_840), Vec::<String>::new());
        assert_eq!(most(60_000 + 163_841).len(), 1);
        assert_eq!(results(PART, 20).failures, ["seqtrace's memory was not sampled"]);
    }

    #[test]
    fn missing_and_malformed_lines_are_failures() {
        assert_eq!(results("", 0).failures, ["no part ran"]);
        let results = results(&format!("{PART}%% not ok left: 3 kprobes\n%% part x\n"), 0);
        assert_eq!(results.failures, ["left: 3 kprobes", "not understood: %% part x"]);
    }
}
