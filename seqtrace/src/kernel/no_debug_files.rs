//! Stands for `debug_files` in a build without the feature `source`: no function has a line.

use std::path::PathBuf;

use crate::symbol::{SourceLine, Symbol};

#[derive(Debug, Default)]
pub(super) struct DebugFiles;

impl DebugFiles {
    pub(super) fn new(_folders: &[PathBuf], _text: Option<u64>) -> (Self, Vec<String>) {
        (Self, Vec::new())
    }

    #[expect(clippy::unused_self, reason = "it stands for a method that uses it")]
    pub(super) fn is_another_build(&mut self, _module: Option<&str>) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "it stands for a method that uses it")]
    pub(super) fn lines(
        &self,
        _module: Option<&str>,
        functions: &[&Symbol],
        _notes: &mut Vec<String>,
    ) -> Vec<Option<SourceLine>> {
        vec![None; functions.len()]
    }
}
