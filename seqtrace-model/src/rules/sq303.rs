//! SQ303: output in stop.
//!
//! Trigger: `m->count` grows while stop runs.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks, Returned};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(303),
    name: "output in stop",
    least: Severity::Error,
    most: Severity::Error,
    culprit: Some(Role::Stop),
    what: "stop() wrote into the buffer.",
    why: "stop() runs at the end of every pass, that is of every read, not at the end of the file. What \
        it writes comes once for each read that has room for it and is lost in others: the content of \
        the file depends on the reader's buffer.",
    contract: "Only show() writes. stop() undoes what start() did. \
        Documentation/filesystems/seq_file.rst; seq_read_iter(), fs/seq_file.c, calls stop() before it \
        copies the buffer out. (BPF iterators have a loop of their own, bpf_seq_read(), and may.)",
    fix: "Make the footer a record: a position behind the last one that show() renders.",
    code: "\treturn *pos == nr ? FOOTER : foo_at(*pos); /* start(), next() */",
    seen: &["an old example module whose stop() printed [end]"],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    fn on_stop(&mut self, cx: &mut Context<'_>, stop: &Returned<'_>) {
        judge(cx, stop);
    }
}

fn judge(cx: &mut Context<'_>, stop: &Returned<'_>) {
    let callback = stop.callback;
    let Some(bytes) = callback.bytes.filter(|bytes| *bytes > 0) else { return };
    cx.findings.report(&RULE, Severity::Error, || {
        let what = format!("stop() wrote {bytes} bytes");
        let draft = match callback.range {
            Some(range) => FindingBuilder::new(format!(
                "{what}, which the reader gets as bytes {}..{}, once for each read",
                range.start, range.end
            ))
            .with("kept", Value::Range(range)),
            None => FindingBuilder::new(format!(
                "{what}, which are dropped here and kept in other reads"
            )),
        };
        draft
            .blame(Role::Stop)
            .with("bytes", Value::Count(bytes))
            .with("position", Value::Position(callback.pos_out))
    });
}
