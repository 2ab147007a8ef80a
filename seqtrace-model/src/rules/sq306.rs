//! SQ306: side effect. Reported by `check`: only experiments can distinguish the effect of reading from that of time.

use crate::finding::{Id, Severity};
use crate::rules::hooks::Hooks;
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(306),
    name: "side effect",
    least: Severity::Warning,
    most: Severity::Warning,
    culprit: None,
    what: "The text changes because the file is read: with each rendering or with each pass, and not with time.",
    why: "The core renders a record as often as it likes: again after an overflow, again for each read that \
        resumes, again for each pread and lseek. A counter that show() increments counts buffers, not readers, \
        and what show() takes away is lost where the core throws the rendering away.",
    contract: "show() prints its record and changes nothing that the next call prints; start() and stop() take \
        and drop locks and references. Documentation/filesystems/seq_file.rst; seq_read_iter(), traverse(), \
        fs/seq_file.c.",
    fix: "Count or consume in what is called once for what the user does: open(), release(), a write. If reading \
        itself takes data away, the file is a stream: give it a read() of its own.",
    code: "",
    seen: &[
        "drivers/scsi/snic: show() takes the entry out of the trace",
        "debugfs files that count their readers in show()",
    ],
};

/// Empty state: a trace alone never shows a violation of this rule.
#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {}
