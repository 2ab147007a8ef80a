//! `cargo xtask try DIR`: builds out-of-tree modules for several kernels, loads them in guests, and checks every seq file
//! that they bring.
//!
//! ```text
//! plan.rs: builds, order, guest ─► xtask/try/run, in the guest ─► protocol.rs ─► results.rs ─► text, json, junit …
//! ```

mod cases;
pub(crate) mod example;
mod github;
mod json;
mod junit;
mod ktap;
mod page;
mod plan;
mod protocol;
mod results;
mod sources;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use self::plan::{Insmod, Task};
use self::protocol::Parser;
use self::results::{KernelResult, Results};
use crate::arch::X86_64;
use crate::guest::GuestEnd;
use crate::kernel::{self, Series};
use crate::lines::LineWriter;
use crate::{guest, modules, program, setup, sh};

/// Exit status if there is no guest, because something is missing on this machine.
pub(crate) const NO_GUEST: u8 = 3;
/// Largest number of guests for a kernel: one that a file or a module ends is followed by one without it.
const MAX_GUESTS: usize = 4;

/// Options of `cargo xtask try`.
#[derive(Debug, Args)]
#[command(
    after_help = "Builds the modules of DIR for each kernel, loads them in a guest, runs `seqtrace check` on each seq \
                  file that appears, and unloads them while files are open and while they are read. The machine's own \
                  kernel is not touched.\n\
                  Exit status: 0 clean; 1 findings, or a module that does not build, load or unload, or a warning in \
                  the kernel's log; 2 usage; 3 no guest; 4 inconclusive; 5 no seq file. docs/try.md explains the output."
)]
pub(crate) struct Options {
    /// Folders of out-of-tree modules, with a Makefile or Kbuild
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Kernels: 5.10, 6.1, 6.12, or all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_kernel, default_value = "6.1,6.12")]
    kernel: Vec<Kernels>,
    /// Load this module with these arguments, as in 'mod.ko size=10', instead of all modules (repeatable)
    #[arg(long, value_name = "MODULE ARGS", value_parser = plan::parse_insmod)]
    insmod: Vec<Insmod>,
    /// Script or static program that changes what the files show; the guest runs it again and again
    #[arg(long, value_name = "SCRIPT")]
    exercise: Option<PathBuf>,
    /// Copy a file or folder to /add in the guest, for the script (repeatable)
    #[arg(long, value_name = "PATH")]
    add: Vec<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the report to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the report of the same run in another format to a file, too, as in junit=try.xml (repeatable)
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_also)]
    also: Vec<(Format, PathBuf)>,
    /// Write pages to this folder: index.html, and what `seqtrace check --html` shows of each kernel
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// List clean files, too, and show the guests' messages
    #[arg(short, long)]
    verbose: bool,
    /// Memory of a guest in MiB
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    mem: u32,
    /// Time limit of a guest in seconds
    #[arg(long, value_name = "S", default_value_t = 1800)]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A matrix, and the details of everything that is wrong
    #[default]
    Text,
    /// An object a line
    Json,
    /// XML for continuous integration
    Junit,
    /// The kernel's test protocol
    Ktap,
    /// Annotations of GitHub Actions
    Github,
}

/// A value of `--kernel`.
#[derive(Clone, Copy, Debug)]
enum Kernels {
    All,
    One(&'static Series),
}

fn parse_kernel(name: &str) -> Result<Kernels, String> {
    if name == "all" {
        return Ok(Kernels::All);
    }
    let series = kernel::parse(name)?;
    if !series.builds_modules {
        return Err(format!("no modules can be built for {name} on this machine"));
    }
    Ok(Kernels::One(series))
}

/// Parses the value of `--also`.
fn parse_also(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("give FORMAT=FILE, as in junit=try.xml")?;
    Ok((Format::from_str(format, false)?, PathBuf::from(file)))
}

/// Returns the kernels that the options name, from the oldest to the newest, each once.
fn kernels(named: &[Kernels]) -> Vec<&'static Series> {
    let all = named.iter().any(|one| matches!(one, Kernels::All));
    let is_named = |series: &Series| {
        named.iter().any(|one| matches!(one, Kernels::One(other) if other.name == series.name))
    };
    let chosen = |series: &&Series| series.builds_modules && (all || is_named(series));
    kernel::series(&X86_64).iter().rev().filter(chosen).collect()
}

/// Tries the modules and returns the exit status.
pub(crate) fn run(options: &Options) -> Result<u8> {
    for folder in &options.folders {
        ensure!(folder.is_dir(), "{} is not a folder", folder.display());
    }
    setup::guests(&X86_64)?;
    // All guests use it, so it is built once, before they start.
    program::build(&X86_64, "seqtrace")?;
    let results = Results { kernels: run_kernels(options, kernels(&options.kernel))? };
    let text = options.format.report(&results, options.verbose);
    match &options.output {
        Some(file) => write(file, &text)?,
        None => io::stdout().write_all(text.as_bytes()).or_else(closed_pipe)?,
    }
    for (format, file) in &options.also {
        write(file, &format.report(&results, options.verbose))?;
    }
    if let Some(folder) = &options.html {
        page::write(folder, &results)?;
    }
    Ok(results.status())
}

impl Format {
    fn report(self, results: &Results, verbose: bool) -> String {
        match self {
            Self::Text => text::report(results, verbose),
            Self::Json => json::report(results),
            Self::Junit => junit::report(results),
            Self::Ktap => ktap::report(results),
            Self::Github => github::report(results),
        }
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Ignores that the reader of the report has closed it.
fn closed_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// Runs the kernels, as many at a time as the machine has cores.
fn run_kernels(options: &Options, kernels: Vec<&'static Series>) -> Result<Vec<KernelResult>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = kernels.len();
    let queue = Mutex::new(kernels.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                while let Some((number, series)) = next() {
                    let result = run_kernel(options, series);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Builds the modules for a kernel and runs guests until all files have a verdict.
fn run_kernel(options: &Options, series: &'static Series) -> Result<KernelResult> {
    let begin = Instant::now();
    let kernel = kernel::get(series)?;
    let mut result = KernelResult {
        name: series.name.to_owned(),
        release: kernel.release.clone(),
        ..KernelResult::default()
    };
    let folders: Vec<PathBuf> = options.folders.iter().map(|folder| shown(folder)).collect();
    let built = match plan::build(&folders, &kernel) {
        Ok(built) => built,
        Err(error) => {
            let Some(compiler) = error.downcast_ref::<modules::CompilerError>() else {
                return Err(error);
            };
            let folder = folders.iter().find(|folder| compiler.is_of(folder));
            result.build_error = folder.map(|folder| compiler.shown(folder));
            result.complete = true;
            return Ok(result);
        }
    };
    let (mut skip, mut without) = (Vec::new(), Vec::new());
    let mut boot_failures = 0;
    for _ in 0..MAX_GUESTS * 2 {
        let order = built.order(&options.insmod, &without)?;
        if order.is_empty() {
            break;
        }
        let task = Task {
            exercise: options.exercise.as_deref(),
            add: &options.add,
            pages: options.html.is_some(),
            skip: &skip,
            mem: options.mem,
            timeout: options.timeout,
        };
        let spec = plan::spec(&kernel, &built, &order, &task)?;
        let mut parser = Parser::new(built.sources.clone());
        let ended = AtomicBool::new(false);
        let lines = LineWriter::new(|line: &str| {
            parser.line(line);
            ended.fetch_or(parser.result.complete, Ordering::Relaxed);
        });
        let mut output = GuestOutput { lines, ended: &ended };
        let name = series.name;
        let mut messages = LineWriter::new(|line: &str| {
            if options.verbose {
                eprintln!("{name}: {line}");
            }
        });
        let end = guest::run(&spec, &mut output, &mut messages)?;
        let failure = match end.end {
            GuestEnd::Exit(_) => None,
            _ if parser.result.complete => None,
            GuestEnd::TimedOut => Some("the guest hung, or ran out of time".to_owned()),
            GuestEnd::NotBooted => {
                // No module is loaded yet. The kernel panics without a timer, which a busy machine may keep from ticking.
                boot_failures += 1;
                ensure!(boot_failures < MAX_GUESTS, "{}", end.failure(&spec).unwrap_or_default());
                continue;
            }
            _ => Some("the guest died".to_owned()),
        };
        let death = failure.map(|what| parser.died(&what, end.last_lines()));
        result.add(parser.result);
        let Some(death) = death else { break };
        sh::progress("Died", &format!("{name}: {} in step `{}`", death.what, death.step));
        match (death.file, death.step.strip_prefix("load ")) {
            (Some(file), _) => skip.push(file),
            (None, Some(module)) => without.push(module.to_owned()),
            (None, None) => break,
        }
    }
    result.seconds = begin.elapsed().as_secs();
    Ok(result)
}

/// Output of a guest. Writing fails behind the last line, which ends the guest: after an oops it may not power off.
struct GuestOutput<'a, W> {
    lines: W,
    ended: &'a AtomicBool,
}

impl<W: io::Write> io::Write for GuestOutput<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.write_all(bytes)?;
        if self.ended.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

/// Returns a path relative to the current folder if it is below it.
fn shown(folder: &Path) -> PathBuf {
    let (Ok(full), Ok(here)) = (folder.canonicalize(), env::current_dir()) else {
        return folder.to_path_buf();
    };
    match full.strip_prefix(&here) {
        Ok(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Ok(below) => below.to_path_buf(),
        Err(_) => folder.to_path_buf(),
    }
}

/// Returns the names of the kernels, as in `6.1, 6.12`.
fn names<'a>(kernels: impl IntoIterator<Item = &'a str>) -> String {
    kernels.into_iter().collect::<Vec<_>>().join(", ")
}

/// Returns all items that occur, each once, sorted.
fn unique<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    items.collect::<BTreeSet<_>>().into_iter().collect()
}
