//! Text format: a matrix of files and kernels, and then the details of everything that is wrong.

use std::fmt::Write as _;

use indexmap::{IndexMap, IndexSet};

use super::names;
use super::results::{Death, FileResult, KernelResult, Results, Root, Source, Verdict};

/// Largest number of clean files that the matrix lists without `--verbose`.
const MAX_CLEAN: usize = 12;
/// Largest number of files that a finding lists.
const MAX_FILES: usize = 4;

/// Returns the matrix, the findings and everything else that is wrong, and a line of sums.
pub(super) fn report(results: &Results, verbose: bool) -> String {
    let mut out = String::new();
    matrix(results, verbose, &mut out);
    for root in results.roots() {
        finding(&root, &mut out);
    }
    for kernel in &results.kernels {
        details(kernel, verbose, &mut out);
    }
    out.push('\n');
    out.push_str(&summary(results));
    out.push('\n');
    out
}

/// Appends a row for each module, below it one for each of its files, and a column for each kernel.
fn matrix(results: &Results, verbose: bool, out: &mut String) {
    let kernels = &results.kernels;
    // Owners of the files by path.
    let mut owners: IndexMap<&str, Option<&str>> = IndexMap::new();
    for (path, file) in kernels.iter().flat_map(|kernel| &kernel.files) {
        let owner = owners.entry(path).or_default();
        *owner = owner.or(file.module.as_deref());
    }
    let is_clean = |path: &str| {
        let mut files = kernels.iter().filter_map(|kernel| kernel.files.get(path));
        files.all(|file| file.verdict() == Verdict::Clean)
    };
    let clean = owners.keys().filter(|path| is_clean(path)).count();
    let hidden: Vec<&str> = owners
        .iter()
        .filter(|(path, owner)| {
            !verbose && (clean > MAX_CLEAN || owner.is_none()) && is_clean(path)
        })
        .map(|(path, _)| *path)
        .collect();
    let mut rows = vec![row("", kernels, |kernel| kernel.name.clone())];
    if kernels.iter().any(|kernel| kernel.build_error.is_some()) {
        rows.push(row("build", kernels, |kernel| {
            if kernel.build_error.is_some() { "✗✗ does not compile" } else { "ok" }.to_owned()
        }));
    }
    let modules: IndexSet<&str> =
        kernels.iter().flat_map(|kernel| kernel.modules.keys().map(String::as_str)).collect();
    for owner in modules.into_iter().map(Some).chain([None]) {
        if let Some(name) = owner {
            rows.push(row(&format!("{name}.ko"), kernels, |kernel| module_cell(kernel, name)));
        }
        let files = owners.iter().filter(|(path, of)| **of == owner && !hidden.contains(path));
        rows.extend(files.map(|(path, _)| {
            let cell = |kernel: &KernelResult| kernel.files.get(*path).map(file_cell);
            row(&format!("  {path}"), kernels, |kernel| cell(kernel).unwrap_or_else(absent))
        }));
    }
    if !hidden.is_empty() {
        rows.push(row("  other files (-v lists them)", kernels, |kernel| {
            let count = hidden.iter().filter(|path| kernel.files.contains_key(**path)).count();
            format!("{count} clean")
        }));
    }
    align(&rows, out);
}

/// A row of the matrix: its name and a cell for each kernel.
type Row = (String, Vec<String>);

fn row(name: &str, kernels: &[KernelResult], cell: impl Fn(&KernelResult) -> String) -> Row {
    (name.to_owned(), kernels.iter().map(cell).collect())
}

fn absent() -> String {
    "-".to_owned()
}

/// Appends the rows as a table.
fn align(rows: &[Row], out: &mut String) {
    let columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let width = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let names = width(&mut rows.iter().map(|(name, _)| name));
    let widths: Vec<usize> = (0..columns)
        .map(|at| width(&mut rows.iter().filter_map(|(_, cells)| cells.get(at))))
        .collect();
    for (name, cells) in rows {
        let mut line = format!("{name:names$}");
        for (cell, width) in cells.iter().zip(&widths) {
            write!(line, "  {cell:width$}").ok();
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

pub(super) fn file_cell(file: &FileResult) -> String {
    let verdict = file.verdict();
    match verdict {
        Verdict::Died => "✗✗ guest died".to_owned(),
        Verdict::Findings => {
            let bad = file.bad();
            let roots: IndexSet<&str> = bad
                .iter()
                .filter(|(finding, _)| finding.is_root())
                .map(|(finding, _)| finding.id.as_str())
                .collect();
            let error = bad.iter().any(|(finding, _)| finding.is_error());
            let mark = if error || bad.is_empty() { "✗✗" } else { "✗" };
            if roots.is_empty() {
                return format!("{mark} bytes differ");
            }
            format!("{mark} {}", roots.into_iter().collect::<Vec<_>>().join(" "))
        }
        Verdict::Inconclusive => "inconclusive".to_owned(),
        Verdict::Clean => "clean".to_owned(),
        Verdict::Refused => "not judged".to_owned(),
    }
}

fn module_cell(kernel: &KernelResult, name: &str) -> String {
    let ended =
        |death: &&Death| death.file.is_none() && death.step.split(' ').any(|word| word == name);
    if let Some(death) = kernel.deaths.iter().find(ended) {
        return format!("✗✗ {}", death.what);
    }
    let Some(module) = kernel.modules.get(name) else { return absent() };
    if !module.loaded {
        return "✗✗ not loaded".to_owned();
    }
    if !module.problems.is_empty() {
        return "✗✗ unload".to_owned();
    }
    if kernel.logs.iter().any(|log| log.step.split(' ').any(|word| word == name)) {
        return "✗✗ kernel log".to_owned();
    }
    let in_use: Vec<&str> =
        module.unloaded.iter().copied().filter(|case| *case != "idle").collect();
    match (module.unloaded.is_empty(), in_use.is_empty()) {
        (true, _) => "loads".to_owned(),
        (false, true) => "loads, unloads".to_owned(),
        (false, false) => format!("loads, unloads {}", in_use.join(", ")),
    }
}

fn finding(root: &Root<'_>, out: &mut String) {
    let finding = root.finding;
    let mark = if finding.is_error() { "✗✗" } else { "✗" };
    writeln!(out, "\n{mark} {} {}", finding.id, finding.name).ok();
    let function = finding.function().map(|function| format!("in {function}"));
    let source = finding.source.as_ref().map(Source::text);
    let at: Vec<String> = source.into_iter().chain(function).collect();
    if !at.is_empty() {
        writeln!(out, "   {}", at.join(" ")).ok();
    }
    writeln!(out, "   {}", finding.message).ok();
    for (path, kernels) in root.files.iter().take(MAX_FILES) {
        writeln!(out, "   {path}  ({})", names(kernels.iter().copied())).ok();
    }
    if root.files.len() > MAX_FILES {
        writeln!(out, "   and {} other files", root.files.len() - MAX_FILES).ok();
    }
    if !root.phases.contains("idle") {
        let phases = names(root.phases.iter().copied());
        writeln!(out, "   only with the exercise: {phases}").ok();
    }
    if !root.consequences.is_empty() {
        writeln!(out, "   consequences: {}", names(root.consequences.iter().copied())).ok();
    }
    if let Some(reproducer) = root.reproducer {
        writeln!(out, "   reproduce: {}\n     {}", reproducer.command, reproducer.shows).ok();
    }
}

/// Appends what is wrong on a kernel other than findings, and its notes.
fn details(kernel: &KernelResult, verbose: bool, out: &mut String) {
    let name = &kernel.name;
    if let Some(error) = &kernel.build_error {
        writeln!(out, "\n✗✗ does not compile for {} ({name})", kernel.release).ok();
        indent(error, out);
    }
    for death in &kernel.deaths {
        let file = death.file.as_ref().map(|file| format!(", file {file}")).unwrap_or_default();
        writeln!(out, "\n✗✗ {}: {} in step `{}`{file}", name, death.what, death.step).ok();
        out.push_str(&death.console);
        out.push('\n');
    }
    for (module, result) in &kernel.modules {
        for defect in result.defects() {
            writeln!(out, "\n✗✗ {name}: {module}.ko: {defect}").ok();
        }
    }
    for log in &kernel.logs {
        writeln!(out, "\n✗✗ {name}: the kernel complained in step `{}`", log.step).ok();
        indent(&log.lines.join("\n"), out);
    }
    let reasons = kernel
        .files
        .iter()
        .filter(|(_, file)| matches!(file.verdict(), Verdict::Inconclusive | Verdict::Refused));
    for (path, file) in reasons {
        let reason = file.reason().unwrap_or_default();
        writeln!(out, "\n{name}: {path}: {}: {reason}", file_cell(file)).ok();
    }
    for note in &kernel.notes {
        writeln!(out, "\n{name}: note: {note}").ok();
    }
    if verbose {
        for (path, kind) in &kernel.others {
            writeln!(out, "{name}: not a seq file: {path}: {kind}").ok();
        }
        for (module, result) in &kernel.modules {
            for folder in &result.kept {
                writeln!(out, "{name}: {module}.ko: an open file in {folder} keeps it loaded").ok();
            }
        }
    }
}

fn indent(text: &str, out: &mut String) {
    for line in text.lines() {
        writeln!(out, "  | {line}").ok();
    }
}

/// Returns the last line: `3 files on 2 kernels: 4 clean, 2 with findings …`.
fn summary(results: &Results) -> String {
    let count = |verdict| results.count(verdict);
    let logs: usize = results.kernels.iter().map(|kernel| kernel.logs.len()).sum();
    let seconds: Vec<String> = results
        .kernels
        .iter()
        .map(|kernel| format!("{} in {} s", kernel.name, kernel.seconds))
        .collect();
    format!(
        "{} clean, {} with findings, {} inconclusive, {} not judged; warnings in the log: {logs}; {}",
        count(Verdict::Clean),
        count(Verdict::Findings) + count(Verdict::Died),
        count(Verdict::Inconclusive),
        count(Verdict::Refused),
        seconds.join(", ")
    )
}
