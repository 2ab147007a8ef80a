//! Runs the end-to-end tests: the scripts xtask/e2e/*.sh, which xtask/e2e/run starts in guests.
//!
//! The guest's stdout is a protocol of lines: `%% begin SCRIPT`, then from the script `%% ok NAME`,
//! `%% not ok NAME: reason`, `%% skip NAME: reason`, then `%% end SCRIPT STATUS`. All other lines are comments, so the
//! output of a program is not mistaken for a result. If the guest dies, the script that was running has failed, and a
//! new guest runs the remaining scripts.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use walkdir::WalkDir;

use crate::btf;
use crate::guest::{self, GuestEnd};
use crate::kernel::{self, Series};
use crate::lines::LineWriter;
use crate::tally::{ScriptResult, Tally};
use crate::vm::{self, GuestOptions};
use crate::{paths, program, sh};

/// Time limit of a guest in seconds, multiplied by the number of its scripts. `# timeout:` in a script sets the limit of that
/// script.
const SECONDS_PER_SCRIPT: u64 = 600;
/// Number of comment lines of a failed script that are printed.
const SHOWN_COMMENTS: usize = 40;

fn folder() -> PathBuf {
    paths::root().join("xtask/e2e")
}

/// Returns the names of the scripts, in the order in which they run.
pub(crate) fn scripts() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in WalkDir::new(folder()).max_depth(1) {
        let entry = entry?;
        let stem = entry.file_name().to_str().and_then(|name| name.strip_suffix(".sh"));
        names.extend(stem.filter(|stem| *stem != "lib").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Returns the names of the scripts that have one of these lines, in the order in which they run.
pub(crate) fn scripts_with(marks: &[&str]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for name in scripts()? {
        if text(&name)?.lines().any(|line| marks.contains(&line)) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Returns true if the script has the line `# alone`: no other script can run after it in the same guest.
pub(crate) fn is_alone(script: &str) -> Result<bool> {
    Ok(text(script)?.lines().any(|line| line == "# alone"))
}

/// Returns the kernel series on which a script runs unless all are asked for. The script has the line `# once` or
/// `# once on SERIES` if its results do not depend on the kernel. `None`: it runs on each series.
pub(crate) fn only_series(script: &str) -> Result<Option<String>> {
    let text = text(script)?;
    let mut marks = text.lines().filter_map(|line| line.strip_prefix("# once"));
    Ok(marks.find_map(|rest| match rest.strip_prefix(" on ") {
        Some(series) => Some(series.to_owned()),
        None => rest.is_empty().then(|| kernel::DEFAULT.to_owned()),
    }))
}

fn text(script: &str) -> Result<String> {
    paths::read(&folder().join(format!("{script}.sh")))
}

/// A guest and the scripts that it runs.
#[derive(Debug)]
pub(crate) struct GuestTests {
    /// Part of the tests' names: `6.12`, `6.12-unmitigated`, `arm64-6.12`.
    pub(crate) name: String,
    pub(crate) series: &'static Series,
    /// Additional kernel arguments, separated by blanks.
    pub(crate) append: &'static str,
    /// CPU that QEMU emulates; `None`: the default of the architecture.
    pub(crate) cpu: Option<&'static str>,
    pub(crate) scripts: Vec<String>,
}

/// Returns this machine's tmux, its libraries, its terminals' descriptions and its character set: the paths in the guest, and the sources.
/// Without tmux, there are none, and a script that needs a terminal is skipped.
fn terminal() -> Result<Vec<(String, PathBuf)>> {
    let tmux = Path::new("/usr/bin/tmux");
    if !tmux.exists() {
        return Ok(Vec::new());
    }
    let libraries = sh::output(Command::new("ldd").arg(tmux))?;
    // `libtinfo.so.6 => /lib/… (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`.
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    let terminals = ["/lib/terminfo/s/screen", "/lib/terminfo/l/linux", "/usr/lib/locale/C.utf8"];
    let files = libraries.chain(terminals).map(Path::new).chain([tmux]);
    files
        .map(|file| {
            let source = file.canonicalize().with_context(|| file.display().to_string())?;
            Ok((file.to_string_lossy().trim_start_matches('/').to_owned(), source))
        })
        .collect()
}

/// Runs the scripts of a guest. Boots another guest for the remaining scripts if one dies.
pub(crate) fn run(guest: &GuestTests, verbose: bool) -> Result<Tally> {
    let GuestTests { name, series, append, cpu, scripts } = guest;
    let (append, cpu) = ((*append).to_owned(), cpu.map(str::to_owned));
    let arch = series.arch;
    // Linux for arm64 has no live patches.
    let builds = kernel::get(series)?.headers.is_some() && !arch.is_foreign();
    let kmod = if builds { vec![folder().join("livepatch")] } else { Vec::new() };
    let mut options = GuestOptions { cpu, kmod, append, ..GuestOptions::default() };
    let mut files = vec![
        ("bin/e2e-helper", program::build(arch, "e2e-helper")?),
        // `bench-helper iterate` creates BPF iterators.
        ("bin/bench-helper", program::build(arch, "bench-helper")?),
        ("e2e", folder()),
        ("e2e/seqbugs.table", paths::root().join("module/seqbugs/table.h")),
    ];
    // tmux is this machine's program.
    let terminal = if arch.is_foreign() { Vec::new() } else { terminal()? };
    files.extend(terminal.iter().map(|(name, from)| (name.as_str(), from.clone())));
    if scripts.iter().any(|script| script == "nobtf") {
        files.extend(btf::for_guest(series)?);
    }
    let mut tally = Tally::default();
    let mut rest = scripts.as_slice();
    while !rest.is_empty() {
        let script =
            format!("export KERNEL={}\nexec sh /e2e/run {}\n", series.version(), rest.join(" "));
        options.timeout = SECONDS_PER_SCRIPT * u64::try_from(rest.len())?;
        let spec = vm::spec(series, &options, &script, &files)?;
        let mut parser = ResultParser::new(name, &spec.kernel.release, verbose);
        let mut lines = LineWriter::new(|line: &str| parser.line(line));
        let result = guest::run(&spec, &mut lines, &mut io::stderr())?;
        let failure = result.failure(&spec);
        if let Some(failure) = &failure {
            eprintln!("{failure}");
        }
        let begun = parser.begun;
        let died = !matches!(result.end, GuestEnd::Exit(0));
        if died {
            parser.interrupted(result.end);
        }
        ensure!(
            begun > 0 || !died,
            "the guest ended before the first test: {}",
            failure.unwrap_or_else(|| format!("{:?}", result.end))
        );
        tally.add(parser.tally);
        rest = rest.get(begun..).unwrap_or_default();
        if !died {
            for script in rest {
                tally.failed.push(format!("e2e/{name}/{script}: it was not run"));
            }
            break;
        }
    }
    Ok(tally)
}

/// Parser of the guest's output.
#[derive(Default)]
struct ResultParser {
    guest: String,
    release: String,
    /// If true, prints every line.
    verbose: bool,
    tally: Tally,
    /// Number of scripts that have begun.
    begun: usize,
    /// The script that is running; `None` before the first script and between two scripts.
    script: Option<RunningScript>,
}

struct RunningScript {
    result: ScriptResult,
    begin: Instant,
    comments: Vec<String>,
}

impl ResultParser {
    fn new(guest: &str, release: &str, verbose: bool) -> Self {
        let (guest, release) = (guest.to_owned(), release.to_owned());
        Self { guest, release, verbose, ..Self::default() }
    }

    fn line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("%% begin ") {
            self.begun += 1;
            let (guest, release, script) =
                (self.guest.clone(), self.release.clone(), name.to_owned());
            let result = ScriptResult { guest, release, script, passed: 0, failed: 0, skipped: 0 };
            self.script =
                Some(RunningScript { result, begin: Instant::now(), comments: Vec::new() });
            return;
        }
        if self.verbose {
            eprintln!("  | {line}");
        }
        let Some(script) = &mut self.script else { return };
        let name = script.name();
        let result = &mut script.result;
        if let Some(status) = line.strip_prefix("%% end ") {
            let status = status.rsplit(' ').next().unwrap_or_default().to_owned();
            self.finish(&status);
        } else if line.starts_with("%% ok ") {
            result.passed += 1;
            self.tally.passed += 1;
        } else if let Some(test) = line.strip_prefix("%% not ok ") {
            self.tally.failed.push(format!("{name}/{test}"));
            result.failed += 1;
            script.comments.push(format!("not ok {test}"));
        } else if let Some(test) = line.strip_prefix("%% skip ") {
            self.tally.skipped.push(format!("{name}/{test}"));
            result.skipped += 1;
        } else {
            script.comments.push(line.to_owned());
        }
    }

    /// Counts and reports a script that has ended with `status`.
    fn finish(&mut self, status: &str) {
        let Some(mut script) = self.script.take() else { return };
        let name = script.name();
        let result = &mut script.result;
        let reason = match status {
            "137" => Some("it took too long and was killed".to_owned()),
            "0" if result.passed + result.failed + result.skipped == 0 => {
                Some("it tested nothing".to_owned())
            }
            "0" => None,
            // The script has reported its failures; its status adds nothing.
            _ if result.failed > 0 => None,
            status => Some(format!("it ended with status {status}")),
        };
        if let Some(reason) = reason {
            self.tally.failed.push(format!("{name}: {reason}"));
            result.failed += 1;
        }
        let ScriptResult { passed, failed, skipped, .. } = *result;
        let seconds = script.begin.elapsed().as_secs_f64();
        sh::progress(
            if failed == 0 { "Passed" } else { "FAILED" },
            &format!(
                "{name}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s"
            ),
        );
        if failed > 0 && !self.verbose {
            script.print_comments();
        }
        self.tally.scripts.push(script.result);
    }

    /// Counts the script that was running when the guest ended as failed.
    fn interrupted(&mut self, end: GuestEnd) {
        let Some(mut script) = self.script.take() else { return };
        script.result.failed += 1;
        script.print_comments();
        let reason = match end {
            GuestEnd::TimedOut => "the guest ran out of time in it",
            _ => "the guest died in it",
        };
        self.tally.failed.push(format!("{}: {reason}", script.name()));
        self.tally.scripts.push(script.result);
    }
}

impl RunningScript {
    /// Returns the common part of the names of the script's tests.
    fn name(&self) -> String {
        format!("e2e/{}/{}", self.result.guest, self.result.script)
    }

    fn print_comments(&self) {
        let skip = self.comments.len().saturating_sub(SHOWN_COMMENTS);
        for line in self.comments.iter().skip(skip) {
            eprintln!("  | {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ResultParser {
        let mut parser = ResultParser::new("6.12", "6.12.1", false);
        text.lines().for_each(|line| parser.line(line));
        parser
    }

    #[test]
    fn scripts_with_marks_are_found() {
        let series = |script: &str| only_series(script).unwrap();
        assert_eq!(series("input").as_deref(), Some(kernel::DEFAULT));
        assert_eq!((series("check-plain").as_deref(), series("reads")), (Some("6.1"), None));
        for script in scripts().unwrap() {
            let known = |name: &str| kernel::parse(name).is_ok();
            assert!(series(&script).is_none_or(|name| known(&name)), "{script}");
        }
    }

    #[test]
    fn lines_are_counted() {
        let text = "%% begin a\n%% ok one\nok comment\n%% not ok two: broken\n%% skip three: later\n\
                    %% end a 1\n%% begin b\n%% ok one\n%% end b 0\n";
        let parser = parsed(text);
        assert_eq!(parser.begun, 2);
        assert!(format!("{:?}", parser.tally).starts_with(
            "Tally { passed: 2, failed: [\"e2e/6.12/a/two: broken\"], \
             skipped: [\"e2e/6.12/a/three: later\"], scripts: [ScriptResult { guest: \"6.12\", "
        ));
    }

    #[test]
    fn silence_is_not_success() {
        for (status, reason) in [
            ("0", "it tested nothing"),
            ("2", "it ended with status 2"),
            ("137", "it took too long and was killed"),
        ] {
            let parser = parsed(&format!("%% begin a\n%% end a {status}\n"));
            let expected = format!("e2e/6.12/a: {reason}");
            assert!(format!("{:?}", parser.tally).contains(&expected), "{status}");
        }
        let mut parser = parsed("%% begin a\n%% ok one\n");
        parser.interrupted(GuestEnd::Died);
        assert!(format!("{:?}", parser.tally).contains("the guest died in it"));
    }
}
