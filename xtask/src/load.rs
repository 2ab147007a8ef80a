//! `cargo xtask load`: seqtrace under load in a guest, as a table in docs/load.md.
//!
//! What is played is in xtask/e2e/load.parts, how in xtask/load/play.sh; this reads its lines.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::kernel::{self, Series};
use crate::vm::{self, Machine};
use crate::{guest, matrix, paths, program, setup, sh};

const PLAY: &str = include_str!("../load/play.sh");

/// Options of `cargo xtask load`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Debian's kernel: 6.1 or 6.12
    #[arg(long, value_parser = kernel::parse, default_value = kernel::DEFAULT)]
    kernel: &'static Series,
    /// Seconds of everything at once, while seqtrace's memory is watched; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    soak: u64,
    /// A fifth of everything and a minute of soak; docs/load.md is left as it is
    #[arg(long, conflicts_with = "soak")]
    quick: bool,
}

/// Plays the load and returns 0 if everything was as it should be.
pub(crate) fn run(options: &Options) -> Result<u8> {
    setup::all()?;
    let helper = program::build("e2e-helper")?;
    let (size, soak) = if options.quick { ("short", 60) } else { ("full", options.soak) };
    let machine = Machine {
        kernel: options.kernel,
        mem: 4096,
        // The parts take some minutes.
        timeout: 3600 + 2 * soak,
        ..Machine::default()
    };
    let script = format!("export SIZE={size} SOAK={soak}\n{PLAY}");
    let files = [("bin/e2e-helper", helper), ("e2e", paths::root().join("xtask/e2e"))];
    let spec = vm::spec(&machine, &script, &files)?;
    sh::say("Booting", &format!("a guest with Linux {}", spec.kernel.release));
    // Before somebody changes something.
    let commit = commit()?;
    let mut played = Played::default();
    let result = guest::run(&spec, &mut played, &mut io::stderr())?;
    if let Some(complaint) = result.complaint(&spec) {
        bail!("{complaint}");
    }
    played.judge(soak);
    let table = played.table();
    println!("{table}");
    if !options.quick {
        let head = format!(
            "Commit {commit}, Linux {}, `cargo xtask load --kernel {} --soak {soak}`:\n\n",
            spec.kernel.release, options.kernel.name
        );
        matrix::between_marks("docs/load.md", BEGIN, &format!("{head}{table}"))?;
    }
    for wrong in &played.wrong {
        println!("FAILED: {wrong}");
    }
    Ok(u8::from(!played.wrong.is_empty()))
}

const BEGIN: &str = "<!-- written by cargo xtask load -->\n";

/// KiB that may wait in seqtrace's memory: `ROOM` in seqtrace/src/probe/spool.rs.
const BACKLOG: u64 = 128 << 10;

/// The commit that was measured; a star if files differ from it.
fn commit() -> Result<String> {
    let git = |arguments: &[&str]| {
        sh::output(Command::new("git").args(arguments).current_dir(paths::root()))
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty();
    let hash = git(&["rev-parse", "--short", "HEAD"])?;
    Ok(format!("{}{}", hash.trim(), if changed { "*" } else { "" }))
}

/// What came of the load.
#[derive(Debug, Default)]
struct Played {
    /// The beginning of a line.
    partial: Vec<u8>,
    parts: Vec<Part>,
    /// Seconds since the soak's beginning, KiB.
    memory: Vec<(f64, u64)>,
    wrong: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct Part {
    name: String,
    objects: u64,
    emitted: u64,
    lost: u64,
    missed: u64,
    cpu: f64,
    rss: u64,
    seconds: f64,
}

impl Part {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, objects, emitted, lost, missed, cpu, rss, seconds] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            name: (*name).to_owned(),
            objects: objects.parse().ok()?,
            emitted: emitted.parse().ok()?,
            lost: lost.parse().ok()?,
            missed: missed.parse().ok()?,
            cpu: cpu.parse().ok()?,
            rss: rss.parse().ok()?,
            seconds: seconds.parse().ok()?,
        })
    }
}

impl Played {
    fn line(&mut self, line: &str) {
        let known = if let Some(part) = line.strip_prefix("%% part ") {
            Part::parse(part).map(|part| self.parts.push(part))
        } else if let Some(sample) = line.strip_prefix("%% soak ") {
            let sample = sample.split_once('\t');
            sample
                .and_then(|(at, rss)| Some((at.parse().ok()?, rss.parse().ok()?)))
                .map(|sample| self.memory.push(sample))
        } else if let Some(wrong) = line.strip_prefix("%% not ok ") {
            self.wrong.push(wrong.to_owned());
            Some(())
        } else {
            eprintln!("{line}");
            Some(())
        };
        if known.is_none() {
            self.wrong.push(format!("not understood: {line}"));
        }
    }

    /// What the script cannot see: is the memory that the soak needs the same in its middle and at its
    /// end, or bounded at least? What seqtrace is told faster than it can show waits, up to [`BACKLOG`].
    fn judge(&mut self, soak: u64) {
        if self.parts.is_empty() {
            self.wrong.push("nothing was played".to_owned());
        }
        if soak == 0 {
            return;
        }
        match self.halves() {
            // A tenth, and what an allocator keeps of one flood.
            Some((first, second)) if second > (first + first / 10 + 4096).max(self.bound()) => {
                self.wrong.push(format!(
                    "seqtrace's memory grew in the soak: {first} KiB at most in the first half of \
                     it, {second} KiB in the second"
                ));
            }
            Some(_) => {}
            None => self.wrong.push("seqtrace's memory was not seen".to_owned()),
        }
    }

    /// The most memory that may be needed, in KiB: that of a tracer that sees nothing, and the backlog with a
    /// quarter for what an allocator keeps.
    fn bound(&self) -> u64 {
        let idle = self.parts.iter().find(|part| part.name == "nothing");
        idle.map_or(0, |part| part.rss + BACKLOG + BACKLOG / 4)
    }

    /// The most memory, in KiB, in the first and in the second half of the soak.
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
        for Part { name, objects, emitted, lost, missed, cpu, rss, seconds } in &self.parts {
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

/// MiB with a decimal.
fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}

impl Write for Played {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            self.line(line.trim_end());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(text: &str, soak: u64) -> Played {
        let mut played = Played::default();
        // Pieces as they may come from a socket.
        for piece in text.as_bytes().chunks(7) {
            played.write_all(piece).unwrap();
        }
        played.judge(soak);
        played
    }

    const PART: &str = "%% part one_reader\t2000123\t1000000\t0\t0\t61.2\t95000\t70.9\n";

    #[test]
    fn a_part_is_a_row() {
        let played = played(PART, 0);
        assert_eq!(played.wrong, Vec::<String>::new());
        let row = "| one reader | 2000123 | 1000000 | 0 | 0 | 61.2 | 92.7 | 71 |\n";
        assert!(played.table().ends_with(row), "{}", played.table());
    }

    #[test]
    fn memory_that_grows_is_wrong() {
        let soak = |last: u64| {
            let samples = [90_000, 95_000, 95_000, last].map(|rss| format!("%% soak 5.0\t{rss}\n"));
            played(&format!("{PART}{}", samples.concat()), 20).wrong
        };
        assert_eq!(soak(97_000), Vec::<String>::new());
        assert_eq!(soak(195_000).len(), 1);
        // A backlog is no leak.
        let idle = "%% part nothing\t70\t7\t0\t0\t0.1\t60000\t4\n";
        let most = |rss: u64| {
            let samples = [90_000, rss].map(|rss| format!("%% soak 5.0\t{rss}\n")).concat();
            played(&format!("{idle}{samples}"), 20).wrong
        };
        assert_eq!(most(60_000 + 163_840), Vec::<String>::new());
        assert_eq!(most(60_000 + 163_841).len(), 1);
        assert_eq!(played(PART, 20).wrong, ["seqtrace's memory was not seen"]);
    }

    #[test]
    fn nothing_passes_unseen() {
        assert_eq!(played("", 0).wrong, ["nothing was played"]);
        let played = played(&format!("{PART}%% not ok left: 3 kprobes\n%% part x\n"), 0);
        assert_eq!(played.wrong, ["left: 3 kprobes", "not understood: %% part x"]);
    }
}
