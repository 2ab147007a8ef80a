//! Source lines of functions of the running kernel and its modules.
//!
//! They are looked up when a finding or a list needs them, never for an event: nothing is opened before, but for the
//! folders of `--debug-dir`.

use std::{collections::HashMap, path::PathBuf};

use super::debug_files::DebugFiles;
use crate::symbol::{Locate, SourceLine, Symbol};

/// Looks up source lines, each once.
#[derive(Debug, Default)]
pub(crate) struct SourceLines {
    files: DebugFiles,
    /// Results by function; `None`: the function has no known line.
    known: HashMap<Symbol, Option<SourceLine>>,
    /// Functions whose lines were found since the last [`Self::take_fresh`].
    fresh: Vec<(Symbol, SourceLine)>,
    /// Remarks for the user, each once.
    notes: Vec<String>,
    /// Number of remarks that were taken.
    taken: usize,
}

impl SourceLines {
    /// Creates the lookup. `folders`: folders of the user with debug files; `text`: address of the kernel's symbol
    /// `_text`, `None` if it is unknown.
    pub(crate) fn new(folders: &[PathBuf], text: Option<u64>) -> Self {
        let (files, notes) = DebugFiles::new(folders, text);
        Self { files, notes, ..Self::default() }
    }

    /// Looks up functions at once, which is faster than one by one.
    pub(crate) fn look_up(&mut self, functions: &[Symbol]) {
        let mut modules: Vec<_> =
            functions.iter().map(|function| function.module.clone()).collect();
        modules.sort();
        modules.dedup();
        for module in modules {
            if self.files.is_another_build(module.as_deref()) {
                self.known.retain(|function, _| function.module != module);
            }
            let mut new: Vec<&Symbol> = functions.iter().collect();
            new.retain(|function| {
                function.module == module
                    && function.name.is_some()
                    && !self.known.contains_key(*function)
            });
            if new.is_empty() {
                continue;
            }
            let mut notes = Vec::new();
            let lines = self.files.lines(module.as_deref(), &new, &mut notes);
            notes.retain(|note| !self.notes.contains(note));
            self.notes.append(&mut notes);
            for (function, line) in new.into_iter().zip(lines) {
                self.fresh.extend(line.clone().map(|line| (function.clone(), line)));
                self.known.insert(function.clone(), line);
            }
        }
    }

    /// Returns the functions whose lines were found since the last call.
    pub(crate) fn take_fresh(&mut self) -> Vec<(Symbol, SourceLine)> {
        std::mem::take(&mut self.fresh)
    }

    /// Returns the remarks for the user since the last call: debug files that were not used, and the reasons.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        let new = self.notes.get(self.taken..).unwrap_or_default().to_vec();
        self.taken = self.notes.len();
        new
    }
}

impl Locate for SourceLines {
    fn line_of(&mut self, function: &Symbol) -> Option<SourceLine> {
        self.look_up(std::slice::from_ref(function));
        self.known.get(function).cloned().flatten()
    }
}
