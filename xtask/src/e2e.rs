//! The end-to-end tests: xtask/e2e/*.sh, run in one guest for each kernel by xtask/e2e/run.
//!
//! The guest's stdout is a protocol of lines: `%% begin SCRIPT`, then from the script `%% ok NAME`,
//! `%% not ok NAME: why`, `%% skip NAME: why`, then `%% end SCRIPT STATUS`. Anything else is a comment: no
//! program's output can pass for a result. A guest that dies fails the script it was in; the scripts
//! behind it run in a new one.

use std::fs;
use std::io::{self, Write};
use std::mem;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::guest::{self, End};
use crate::kernel::Series;
use crate::test::Tally;
use crate::vm::{self, Machine};
use crate::{paths, program, sh};

/// What one script may take if it does not say otherwise, and the most that any may.
const PER_SCRIPT: Duration = Duration::from_mins(10);
/// How many of a script's comments are shown when it fails.
const COMMENTS: usize = 40;

fn folder() -> PathBuf {
    paths::root().join("xtask/e2e")
}

/// The names of the scripts, in the order in which they run.
pub(crate) fn scripts() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder()).context("cannot read xtask/e2e")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(".sh").filter(|stem| *stem != "lib") {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Those of the scripts that say `# once`: what they test is seqtrace's alone, the command line say.
pub(crate) fn once(scripts: &[String]) -> Result<Vec<String>> {
    let mut once = Vec::new();
    for script in scripts {
        let file = folder().join(format!("{script}.sh"));
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        if text.lines().any(|line| line == "# once") {
            once.push(script.clone());
        }
    }
    Ok(once)
}

/// A kernel, how it is booted, and what is run on it.
#[derive(Debug)]
pub(crate) struct Guest {
    /// What the tests are called by: `6.12`, `6.12-unmitigated`.
    pub(crate) name: String,
    pub(crate) series: &'static Series,
    /// Kernel arguments.
    pub(crate) append: &'static str,
    pub(crate) scripts: Vec<String>,
}

/// What one script came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) guest: String,
    /// `uname -r`
    pub(crate) release: String,
    pub(crate) script: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// Runs a guest's scripts.
pub(crate) fn run(guest: &Guest, verbose: bool) -> Result<Tally> {
    let Guest { name, series, append, scripts } = guest;
    let helper = program::build("e2e-helper")?;
    // It knows how to make BPF iterators.
    let bench = program::build("bench-helper")?;
    let append = (*append).to_owned();
    let machine = Machine { kernel: series, append, ..Machine::default() };
    let mut tally = Tally::default();
    let mut rest = scripts.as_slice();
    while !rest.is_empty() {
        let script =
            format!("export KERNEL={}\nexec sh /e2e/run {}\n", series.name, rest.join(" "));
        let table = paths::root().join("module/seqbugs/table.h");
        let files = [
            ("bin/e2e-helper", helper.clone()),
            ("bin/bench-helper", bench.clone()),
            ("e2e", folder()),
            ("e2e/seqbugs.table", table),
        ];
        let mut spec = vm::spec(&machine, &script, &files)?;
        spec.timeout = PER_SCRIPT * u32::try_from(rest.len())?;
        sh::say("Booting", &format!("a guest with Linux {}", spec.kernel.release));
        let mut results = Results::new(name, &spec.kernel.release, verbose);
        let result = guest::run(&spec, &mut results, &mut io::stderr())?;
        let complaint = result.complaint(&spec);
        if let Some(complaint) = &complaint {
            eprintln!("{complaint}");
        }
        let begun = results.begun;
        let died = !matches!(result.end, End::Exit(0));
        if died {
            results.interrupted(result.end);
        }
        ensure!(
            begun > 0 || !died,
            "the guest ended before the first test: {}",
            complaint.unwrap_or_else(|| format!("{:?}", result.end))
        );
        tally.add(results.tally);
        rest = rest.get(begun..).unwrap_or_default();
        if !died {
            for script in rest {
                tally.fail(format!("e2e/{name}/{script}: it was not run"));
            }
            break;
        }
    }
    Ok(tally)
}

/// What a guest's output says, read as it comes.
struct Results {
    guest: String,
    release: String,
    verbose: bool,
    tally: Tally,
    /// The beginning of a line.
    partial: Vec<u8>,
    /// How many scripts have begun.
    begun: usize,
    script: Option<Script>,
}

struct Script {
    name: String,
    begin: Instant,
    passed: usize,
    failed: usize,
    skipped: usize,
    comments: Vec<String>,
}

impl Results {
    fn new(guest: &str, release: &str, verbose: bool) -> Self {
        Self {
            guest: guest.to_owned(),
            release: release.to_owned(),
            verbose,
            tally: Tally::default(),
            partial: Vec::new(),
            begun: 0,
            script: None,
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("%% begin ") {
            self.begun += 1;
            self.script = Some(Script {
                name: name.to_owned(),
                begin: Instant::now(),
                passed: 0,
                failed: 0,
                skipped: 0,
                comments: Vec::new(),
            });
            return;
        }
        if self.verbose {
            eprintln!("  | {line}");
        }
        let Some(script) = &mut self.script else { return };
        let full = |test: &str| format!("e2e/{}/{}/{test}", self.guest, script.name);
        if let Some(status) = line.strip_prefix("%% end ") {
            let status = status.rsplit(' ').next().unwrap_or_default().to_owned();
            self.finish(&status);
        } else if line.starts_with("%% ok ") {
            script.passed += 1;
            self.tally.pass();
        } else if let Some(test) = line.strip_prefix("%% not ok ") {
            self.tally.fail(full(test));
            script.failed += 1;
            script.comments.push(format!("not ok {test}"));
        } else if let Some(test) = line.strip_prefix("%% skip ") {
            self.tally.skip(full(test));
            script.skipped += 1;
        } else {
            script.comments.push(line.to_owned());
        }
    }

    fn finish(&mut self, status: &str) {
        let Some(mut script) = self.script.take() else { return };
        let name = format!("e2e/{}/{}", self.guest, script.name);
        let unsaid = match status {
            "137" => Some("it took too long and was killed".to_owned()),
            "0" if script.passed + script.failed + script.skipped == 0 => {
                Some("it tested nothing".to_owned())
            }
            "0" => None,
            // A script that said what failed may end as it likes.
            _ if script.failed > 0 => None,
            status => Some(format!("it ended with status {status}")),
        };
        if let Some(why) = unsaid {
            self.tally.fail(format!("{name}: {why}"));
            script.failed += 1;
        }
        self.outcome(&script, 0);
        sh::say(
            if script.failed == 0 { "Passed" } else { "FAILED" },
            &format!(
                "{name}: {} passed, {} failed, {} skipped in {:.1} s",
                script.passed,
                script.failed,
                script.skipped,
                script.begin.elapsed().as_secs_f64()
            ),
        );
        if script.failed > 0 && !self.verbose {
            let skip = script.comments.len().saturating_sub(COMMENTS);
            for line in script.comments.iter().skip(skip) {
                eprintln!("  | {line}");
            }
        }
    }

    /// What a script came to; `more` of its tests failed without a word.
    fn outcome(&mut self, script: &Script, more: usize) {
        self.tally.outcome(Outcome {
            guest: self.guest.clone(),
            release: self.release.clone(),
            script: script.name.clone(),
            passed: script.passed,
            failed: script.failed + more,
            skipped: script.skipped,
        });
    }

    /// The guest ended in the middle.
    fn interrupted(&mut self, end: End) {
        let Some(script) = self.script.take() else { return };
        self.outcome(&script, 1);
        for line in script.comments.iter().rev().take(COMMENTS).rev() {
            eprintln!("  | {line}");
        }
        let why = match end {
            End::TimedOut => "the guest ran out of time in it",
            _ => "the guest died in it",
        };
        self.tally.fail(format!("e2e/{}/{}: {why}", self.guest, script.name));
    }
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let rest = self.partial.split_off(end + 1);
            let line = mem::replace(&mut self.partial, rest);
            let line = String::from_utf8_lossy(&line);
            // Nothing that a terminal would obey.
            let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
            self.line(&line);
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
    fn results(text: &str) -> Results {
        let mut results = Results::new("6.12", "6.12.1", false);
        // Pieces as they may come from a socket.
        for piece in text.as_bytes().chunks(7) {
            results.write_all(piece).unwrap();
        }
        results
    }

    #[test]
    fn what_is_seqtraces_alone_says_so() {
        let names = ["input", "reads"].map(str::to_owned);
        assert_eq!(once(&names).unwrap(), ["input"]);
    }

    #[test]
    fn lines_are_counted() {
        let text = "%% begin a\n%% ok one\nok comment\n%% not ok two: broken\n%% skip three: later\n\
                    %% end a 1\n%% begin b\n%% ok one\n%% end b 0\n";
        let results = results(text);
        assert_eq!(results.begun, 2);
        assert!(format!("{:?}", results.tally).starts_with(
            "Tally { passed: 2, failed: [\"e2e/6.12/a/two: broken\"], \
             skipped: [\"e2e/6.12/a/three: later\"], outcomes: [Outcome { guest: \"6.12\", "
        ));
    }

    #[test]
    fn silence_is_not_success() {
        for (end, why) in [
            ("0", "it tested nothing"),
            ("2", "it ended with status 2"),
            ("137", "it took too long and was killed"),
        ] {
            let results = results(&format!("%% begin a\n%% end a {end}\n"));
            let expected = format!("e2e/6.12/a: {why}");
            assert!(format!("{:?}", results.tally).contains(&expected), "{end}");
        }
        let mut results = results("%% begin a\n%% ok one\n");
        results.interrupted(End::Died);
        assert!(format!("{:?}", results.tally).contains("the guest died in it"));
    }
}
