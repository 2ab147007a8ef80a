//! SQ305: output in start.
//!
//! Trigger: `m->count` grows while start runs. At position 0 the output is a header that appears once, as in some files
//! of the kernel: information. At any other position, each read that resumes there prints the output again.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks, Returned};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(305),
    name: "output in start",
    least: Severity::Info,
    most: Severity::Error,
    culprit: Some(Role::Start),
    what: "start() wrote into the buffer.",
    why: "start() runs at the beginning of every pass, and a file that is longer than one buffer has a pass \
        for each read. What start() writes comes once for each of them, in the middle of the file: the content \
        depends on the reader's buffer. If start() writes at position 0 only, the reader sees it once; that \
        is information.",
    contract: "Only show() writes. start() finds the record for *pos and takes the locks. \
        Documentation/filesystems/seq_file.rst; seq_read_iter(), fs/seq_file.c, takes what start() wrote for a \
        part of the first record.",
    fix: "Make the header a record: SEQ_START_TOKEN at position 0, which show() renders. Record n is then at \
        position n + 1, in start() and in next().",
    code: "\tif (*pos == 0)\n\
        \t\treturn SEQ_START_TOKEN;\t/* show() prints the header */\n\
        \treturn foo_at(*pos - 1);",
    seen: &["sctp_eps_seq_start(), net/sctp/proc.c: at position 0 only, so that it shows once"],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
        judge(cx, start);
    }
}

fn judge(cx: &mut Context<'_>, start: &Returned<'_>) {
    let callback = start.callback;
    let Some(bytes) = callback.bytes.filter(|bytes| *bytes > 0) else { return };
    let first = callback.pos_in == Some(0);
    let severity = if first { Severity::Info } else { Severity::Error };
    cx.findings.report(&RULE, severity, || {
        let pos = callback.pos_in.unwrap_or(callback.pos_out);
        let often = if first { "" } else { ": each read that begins there gets them again" };
        FindingBuilder::new(format!("start() wrote {bytes} bytes at position {pos}{often}"))
            .blame(Role::Start)
            .with("bytes", Value::Count(bytes))
            .with("position", Value::Position(pos))
    });
}
