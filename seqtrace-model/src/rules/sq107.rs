//! SQ107: wrong lseek. Reported by `check`: only the reader knows the offset that it requested.

use crate::finding::{Id, Severity};
use crate::rules::hooks::Hooks;
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(107),
    name: "wrong lseek",
    least: Severity::Error,
    most: Severity::Error,
    culprit: None,
    what: "lseek() returned another offset than the one that was asked for.",
    why: "The reader goes on at another place than it believes. tail, dd skip= and a shell's `while read` \
        print the wrong bytes, although the four callbacks are right.",
    contract: "lseek(SEEK_SET) returns the offset that it was given, or an error. seq_lseek(), fs/seq_file.c, \
        does so and renders up to that offset. Another llseek moves file->f_pos without the seq_file.",
    fix: "Name seq_lseek() itself. A file that cannot seek leaves .proc_lseek out or names no_llseek(), so that \
        lseek() fails with ESPIPE.",
    code: "\t.proc_lseek\t= seq_lseek,",
    seen: &["drivers whose own llseek rounds the offset, or takes SEEK_CUR for SEEK_SET"],
};

/// Empty state: a trace alone never shows a violation of this rule.
#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {}
