//! Results of a try as data, from which all formats are made.

use std::collections::BTreeSet;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Results for all kernels.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) kernels: Vec<KernelResult>,
}

/// Results on one kernel.
#[derive(Debug, Default)]
pub(super) struct KernelResult {
    /// Name of the series, such as `6.12`.
    pub(super) name: String,
    /// Output of `uname -r`; empty if the kernel is not available.
    pub(super) release: String,
    /// Output of the compiler if the modules do not build.
    pub(super) build_error: Option<String>,
    /// Modules by name, in the order of loading.
    pub(super) modules: IndexMap<String, ModuleResult>,
    /// Seq files by path, in the order in which they were found.
    pub(super) files: IndexMap<String, FileResult>,
    /// Paths of new files that are not seq files, and the reasons.
    pub(super) others: IndexMap<String, String>,
    /// Warnings, and worse, in the kernel's log.
    pub(super) logs: Vec<LogExcerpt>,
    pub(super) notes: Vec<String>,
    /// Guests that died or hung.
    pub(super) deaths: Vec<Death>,
    /// Pages of `seqtrace check --html`: name and HTML.
    pub(super) pages: Vec<(String, String)>,
    /// True if the last guest ran to its end.
    pub(super) complete: bool,
    /// Time that the builds and guests took.
    pub(super) seconds: u64,
}

/// Result of loading and unloading a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleResult {
    pub(super) loaded: bool,
    /// Message of insmod when the module was refused; empty: it never was.
    pub(super) refusal: String,
    /// Defects of loading and unloading.
    pub(super) problems: IndexSet<String>,
    /// Unloads that succeeded, such as `while open`.
    pub(super) unloaded: IndexSet<&'static str>,
    /// File systems whose open files keep the module loaded.
    pub(super) kept: IndexSet<String>,
}

/// Result of the checks of a file.
#[derive(Debug, Default)]
pub(super) struct FileResult {
    /// Module with the file's show(); `None` if it is the kernel's or unknown.
    pub(super) module: Option<String>,
    /// Results of the phases `idle`, `busy` and `after`.
    pub(super) checks: IndexMap<String, Checked>,
    /// Description of the guest's end; `None` if the file did not end it.
    pub(super) died: Option<String>,
}

/// Object of `seqtrace check --format json` for a file.
#[derive(Debug, Deserialize)]
pub(super) struct Checked {
    pub(super) path: String,
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) findings: Vec<Finding>,
    pub(super) reproduce: Option<Reproducer>,
    /// The whole object, with sources as the user knows them.
    #[serde(skip)]
    pub(super) raw: Value,
}

/// Verdict on a file, from the best to the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    #[default]
    Refused,
    Clean,
    Inconclusive,
    Findings,
    /// The guest died or hung during the check.
    Died,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) id: String,
    pub(super) name: String,
    /// `error`, `warning` or `info`.
    pub(super) severity: String,
    pub(super) message: String,
    pub(super) blame: Option<String>,
    pub(super) cause: Option<String>,
    #[serde(default)]
    pub(super) source: Option<Source>,
}

/// Line of the function at fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub(super) struct Source {
    pub(super) file: String,
    /// 1-based number of the line.
    pub(super) line: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Reproducer {
    pub(super) command: String,
    pub(super) shows: String,
}

/// Excerpt of the kernel's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogExcerpt {
    /// Step during which the kernel logged it.
    pub(super) step: String,
    pub(super) lines: Vec<String>,
}

/// End of a guest before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Death {
    /// Step during which the guest ended.
    pub(super) step: String,
    /// The file that was being checked.
    pub(super) file: Option<String>,
    /// Description, such as `the guest died`.
    pub(super) what: String,
    /// Last lines of the guest's console.
    pub(super) console: String,
}

impl Finding {
    /// Returns true if the finding makes a check fail. Rules SQ9xx describe the trace, not the file.
    pub(super) fn is_bad(&self) -> bool {
        self.severity != "info" && !self.id.starts_with("SQ9")
    }

    /// Returns true if no other finding explains this one.
    pub(super) fn is_root(&self) -> bool {
        self.cause.is_none()
    }

    pub(super) fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// Returns the function at fault without its offset: `eof_next [seqbugs]`; `None` if there is none.
    pub(super) fn function(&self) -> Option<String> {
        self.blame.as_deref().map(without_offset)
    }
}

/// Removes offsets from `eof_next [seqbugs+0x250]`.
fn without_offset(symbol: &str) -> String {
    let mut words = symbol.split(' ');
    let name = |word: &str| word.split('+').next().unwrap_or_default().to_owned();
    let function = words.next().map(name).unwrap_or_default();
    match words.next() {
        Some(module) => format!("{function} [{}]", name(module).trim_matches(['[', ']'])),
        None => function,
    }
}

impl FileResult {
    /// Returns the worst verdict of all phases. A file that changes too fast to be judged during the exercise has the
    /// verdict of the other phases.
    pub(super) fn verdict(&self) -> Verdict {
        if self.died.is_some() {
            return Verdict::Died;
        }
        let mut all: Vec<Verdict> = self.checks.values().map(|check| check.verdict).collect();
        let unsure = |phase: &str, check: &Checked| {
            phase == "busy" && check.verdict == Verdict::Inconclusive
        };
        if all.contains(&Verdict::Clean)
            && self.checks.iter().any(|(phase, check)| unsure(phase, check))
        {
            let judged = self.checks.iter().filter(|(phase, check)| !unsure(phase, check));
            all = judged.map(|(_, check)| check.verdict).collect();
        }
        all.into_iter().max().unwrap_or(Verdict::Inconclusive)
    }

    /// Returns the reason for the worst verdict.
    pub(super) fn reason(&self) -> Option<&str> {
        if let Some(what) = &self.died {
            return Some(what);
        }
        if self.checks.is_empty() {
            return Some("the guest ended before the file was checked");
        }
        let worst = self.verdict();
        let check = self.checks.values().find(|check| check.verdict == worst)?;
        check.reason.as_deref()
    }

    /// Returns the findings that make the check fail, each once, with the phases in which they were found.
    pub(super) fn bad(&self) -> Vec<(&Finding, Vec<&str>)> {
        let mut found = IndexMap::new();
        for (phase, check) in &self.checks {
            for finding in check.findings.iter().filter(|finding| finding.is_bad()) {
                let entry = found.entry((finding.id.as_str(), finding.function()));
                entry.or_insert_with(|| (finding, Vec::new())).1.push(phase.as_str());
            }
        }
        found.into_values().collect()
    }

    pub(super) fn reproducer(&self) -> Option<&Reproducer> {
        self.checks.values().find_map(|check| check.reproduce.as_ref())
    }
}

impl ModuleResult {
    /// Describes the module's defects; empty if there are none.
    pub(super) fn defects(&self) -> Vec<String> {
        let refused = (!self.loaded && !self.refusal.is_empty())
            .then(|| format!("insmod fails: {}", self.refusal));
        refused.into_iter().chain(self.problems.iter().cloned()).collect()
    }
}

impl KernelResult {
    /// Adds the results of another guest, which did not repeat what ended the last one.
    pub(super) fn add(&mut self, guest: Self) {
        for (path, file) in guest.files {
            self.files.insert(path, file);
        }
        for (name, module) in guest.modules {
            self.modules.insert(name, module);
        }
        self.others.extend(guest.others);
        self.deaths.extend(guest.deaths);
        self.logs = guest.logs;
        self.notes = guest.notes;
        self.pages = guest.pages;
        self.complete = guest.complete;
        for death in &self.deaths {
            if let Some(path) = &death.file {
                self.files.entry(path.clone()).or_default().died = Some(death.what.clone());
            }
        }
    }

    /// Returns true if something is wrong with the modules.
    pub(super) fn has_findings(&self) -> bool {
        self.build_error.is_some()
            || !self.deaths.is_empty()
            || !self.logs.is_empty()
            || self.modules.values().any(|module| !module.defects().is_empty())
            || self.files.values().any(|file| file.verdict() >= Verdict::Findings)
    }
}

/// A root cause, with everything that it explains on all kernels.
#[derive(Debug)]
pub(super) struct Root<'a> {
    pub(super) finding: &'a Finding,
    /// Files in which it was found: path, and names of the kernels.
    pub(super) files: IndexMap<&'a str, IndexSet<&'a str>>,
    /// Rules that are broken as a consequence.
    pub(super) consequences: BTreeSet<&'a str>,
    /// Phases in which it was found.
    pub(super) phases: IndexSet<&'a str>,
    pub(super) reproducer: Option<&'a Reproducer>,
}

impl Results {
    /// Returns the root causes of all findings: one for each rule and function, or file if no function is at fault.
    pub(super) fn roots(&self) -> Vec<Root<'_>> {
        let mut roots: IndexMap<(&str, String), Root<'_>> = IndexMap::new();
        for kernel in &self.kernels {
            for (path, file) in &kernel.files {
                let bad = file.bad();
                let has_root = bad.iter().any(|(finding, _)| finding.is_root());
                let mut reproducer = file.reproducer();
                for (finding, phases) in &bad {
                    if has_root && !finding.is_root() {
                        continue;
                    }
                    let key = (finding.id.as_str(), finding.function().unwrap_or(path.clone()));
                    let root = roots.entry(key).or_insert_with(|| Root {
                        finding,
                        files: IndexMap::new(),
                        consequences: BTreeSet::new(),
                        phases: IndexSet::new(),
                        reproducer: None,
                    });
                    root.files.entry(path).or_default().insert(kernel.name.as_str());
                    root.phases.extend(phases.iter().copied());
                    let cause = |other: &Finding| {
                        other
                            .cause
                            .as_deref()
                            .and_then(|text| text.split(' ').next().map(str::to_owned))
                    };
                    let explained = bad
                        .iter()
                        .filter(|(other, _)| cause(other).as_deref() == Some(&finding.id));
                    root.consequences.extend(explained.map(|(other, _)| other.id.as_str()));
                    // The reproducer of a file belongs to its first root cause.
                    root.reproducer = root.reproducer.or(reproducer.take());
                }
            }
        }
        roots.into_values().collect()
    }

    /// Returns the number of files by verdict, over all kernels.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        let files = self.kernels.iter().flat_map(|kernel| kernel.files.values());
        files.filter(|file| file.verdict() == verdict).count()
    }

    /// Returns the exit status, with the meaning that those of `seqtrace check` have.
    pub(super) fn status(&self) -> u8 {
        const FINDINGS: u8 = 1;
        const INCONCLUSIVE: u8 = 4;
        const NO_FILE: u8 = 5;
        if self.kernels.iter().any(KernelResult::has_findings) {
            FINDINGS
        } else if self.count(Verdict::Inconclusive) > 0
            || self.kernels.iter().any(|kernel| !kernel.complete)
        {
            INCONCLUSIVE
        } else if self.count(Verdict::Clean) == 0 {
            NO_FILE
        } else {
            0
        }
    }
}
