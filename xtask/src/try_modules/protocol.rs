//! Parses the output of xtask/try/run: lines that begin with `%% `, and the lines that belong to them.
//!
//! ```text
//! %% step STEP               begins a step; `check PHASE`: the objects of `seqtrace check` follow
//! %% loaded MODULE           %% refused MODULE REASON
//! %% list                    the objects of `seqtrace list --json` for new files follow
//! %% checked PHASE           ends a check; its messages follow
//! %% log                     an excerpt of the kernel's log follows
//! %% page PHASE ROUND        a page of `seqtrace check --html` follows
//! %% unloaded USE MODULE …   %% kept USE MODULE FOLDER      USE: idle, hold (open), repeat (being read)
//! %% stays MODULE REASON     %% reload-failed MODULE REASON     %% left PATH
//! %% note TEXT               %% hang                        %% end
//! ```

use serde::Deserialize;

use super::results::{Checked, Death, FileResult, KernelResult, LogExcerpt, Source};
use super::sources::Sources;

/// Parser of the output of one guest.
#[derive(Debug, Default)]
pub(super) struct Parser {
    pub(super) result: KernelResult,
    sources: Sources,
    step: String,
    section: Section,
    /// True if a step did not return, and the script ended the guest.
    hung: bool,
}

/// Meaning of the lines that do not begin with `%% `.
#[derive(Debug, Default)]
enum Section {
    #[default]
    Other,
    List,
    Check(String),
    Log,
    Messages,
    Page,
}

/// A line of `seqtrace list --json`.
#[derive(Deserialize)]
struct Listed {
    path: String,
    kind: String,
    module: Option<String>,
    note: Option<String>,
}

impl Parser {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources, ..Self::default() }
    }

    /// Takes a line of the guest's output.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(order) = line.strip_prefix("%% ") {
            let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
            self.section = Section::Other;
            self.order(verb, rest.trim());
            return;
        }
        let text = line.strip_prefix("| ");
        match (&self.section, text) {
            (Section::List, _) => self.listed(line),
            (Section::Check(phase), _) => {
                let phase = phase.clone();
                self.checked(&phase, line);
            }
            (Section::Log, Some(text)) => {
                if let Some(log) = self.result.logs.last_mut() {
                    log.lines.push(text.to_owned());
                }
            }
            (Section::Messages, Some(text)) => {
                self.result.notes.push(format!("seqtrace check: {text}"));
            }
            (Section::Page, Some(text)) => {
                if let Some((_, html)) = self.result.pages.last_mut() {
                    html.push_str(text);
                    html.push('\n');
                }
            }
            _ => {}
        }
    }

    fn order(&mut self, verb: &str, rest: &str) {
        let (name, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "step" => {
                rest.clone_into(&mut self.step);
                if name == "check" {
                    self.section = Section::Check(more.to_owned());
                }
            }
            "list" => self.section = Section::List,
            "log" => {
                let step = self.step.clone();
                self.result.logs.push(LogExcerpt { step, lines: Vec::new() });
                self.section = Section::Log;
            }
            "checked" => self.section = Section::Messages,
            "page" => {
                let name = rest.replace(' ', "-");
                self.result.pages.push((name, String::new()));
                self.section = Section::Page;
            }
            "note" => self.result.notes.push(rest.to_owned()),
            "left" => {
                let owner = self.result.files.get(rest).and_then(|file| file.module.clone());
                let name = owner.unwrap_or_else(|| self.step_module());
                let problem = format!("{rest} is left after unloading");
                self.module(&name).problems.insert(problem);
            }
            "hang" => self.hung = true,
            "end" => self.result.complete = true,
            "loaded" | "refused" | "unloaded" | "kept" | "stays" | "reload-failed" => {
                self.module_order(verb, name, more);
            }
            _ => {}
        }
    }

    fn module_order(&mut self, verb: &str, name: &str, more: &str) {
        match verb {
            "loaded" => {
                self.module(name).loaded = true;
                // The module had refused to be loaded beside others, and may have caused warnings by that.
                let step = format!("load {name}");
                if !self.module(name).refusal.is_empty() {
                    self.result.logs.retain(|log| log.step != step);
                }
            }
            "refused" => more.clone_into(&mut self.module(name).refusal),
            "stays" => {
                let problem = format!("rmmod fails though its files are closed: {more}");
                self.module(name).problems.insert(problem);
            }
            "reload-failed" => {
                let problem = format!("insmod fails after rmmod: {more}");
                self.module(name).problems.insert(problem);
            }
            "unloaded" => {
                let module = more.split(' ').next().unwrap_or_default();
                self.module(module).unloaded.insert(match name {
                    "hold" => "while open",
                    "repeat" => "while read",
                    _ => "idle",
                });
            }
            _ => {
                let (module, folder) = more.split_once(' ').unwrap_or((more, ""));
                self.module(module).kept.insert(folder.to_owned());
            }
        }
    }

    fn module(&mut self, name: &str) -> &mut super::results::ModuleResult {
        self.result.modules.entry(name.to_owned()).or_default()
    }

    /// Returns the last word of the step, which is the module that it unloads.
    fn step_module(&self) -> String {
        self.step.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    fn listed(&mut self, line: &str) {
        let Ok(Listed { path, kind, module, note }) = serde_json::from_str(line) else { return };
        if kind == "seq" || kind == "unknown" {
            self.result
                .files
                .entry(path)
                .or_insert_with(|| FileResult { module, ..FileResult::default() });
        } else {
            self.result.others.insert(path, note.unwrap_or(kind));
        }
    }

    fn checked(&mut self, phase: &str, line: &str) {
        let Ok(mut raw) = serde_json::from_str::<serde_json::Value>(line) else { return };
        for finding in
            raw.get_mut("findings").and_then(|all| all.as_array_mut()).into_iter().flatten()
        {
            let blame = finding.get("blame").and_then(|blame| blame.as_str()).map(str::to_owned);
            let Some(file) = finding.pointer_mut("/source/file") else { continue };
            let blame = blame.unwrap_or_default();
            let shown = file.as_str().map(|file| self.sources.path(file, &blame));
            *file = shown.into();
        }
        let Ok(check) = serde_json::from_value::<Checked>(raw.clone()) else { return };
        let file = self.result.files.entry(check.path.clone()).or_default();
        file.checks.insert(phase.to_owned(), Checked { raw, ..check });
    }

    /// Adds the end of a guest that did not end by itself, and returns it.
    pub(super) fn died(&mut self, what: &str, console: String) -> Death {
        let mut file = None;
        if let Some(phase) = self.step.strip_prefix("check ") {
            // seqtrace reads the files in the order of the list.
            let next = self.result.files.iter().find(|(_, file)| !file.checks.contains_key(phase));
            file = next.map(|(path, _)| path.clone());
        }
        let what = if self.hung { "the step did not return" } else { what };
        let death = Death { step: self.step.clone(), file, what: what.to_owned(), console };
        self.result.deaths.push(death.clone());
        death
    }
}

impl Source {
    /// Returns the line as `file:line`.
    pub(super) fn text(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}
