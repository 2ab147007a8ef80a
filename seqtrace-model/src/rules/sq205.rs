//! SQ205: a header that is not at position 0.
//!
//! Trigger: start returns `SEQ_START_TOKEN` for a position other than 0, and next had not handed it out (otherwise this
//! iterator uses 1 as an ordinary number).

use crate::event::{PtrKind, Role};
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks, Returned};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(205),
    name: "header not at 0",
    least: Severity::Warning,
    most: Severity::Error,
    culprit: Some(Role::Start),
    what: "start() returned SEQ_START_TOKEN for a position other than 0.",
    why: "The header is printed again by each read, in the place of the record that belongs there. With \
        a large buffer it shows once in a page, with a small one there is nothing but headers.",
    contract: "SEQ_START_TOKEN stands for a header that is shown before the first record, at position \
        0. Documentation/filesystems/seq_file.rst; seq_list_start_head(), single_start(), \
        fs/seq_file.c.",
    fix: "Return the token for position 0 only, and count it: record n is at position n + 1.",
    code: "\tif (*pos == 0)\n\
        \t\treturn SEQ_START_TOKEN;\n\
        \treturn foo_at(*pos - 1);",
    seen: &["the pattern of a start() that takes a pass for a file"],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    fn before_start(&mut self, cx: &mut Context<'_>, start: &Returned<'_>) {
        if judge(cx, start) {
            cx.ledger.blame(RULE.id, true);
        }
    }
}

/// Reports a start that broke the rule. Returns true if it did.
fn judge(cx: &mut Context<'_>, start: &Returned<'_>) -> bool {
    let (callback, returned, promised) = (start.callback, start.ptr, cx.ledger.promised);
    let header = returned.kind() == PtrKind::Token;
    let agrees = promised.is_some_and(|promised| promised.ptr == returned);
    let (true, false, Some(pos)) = (header, agrees, callback.pos_in.filter(|pos| *pos != 0)) else {
        return false;
    };
    cx.findings.report(&RULE, Severity::Warning, || {
        let draft = FindingBuilder::new(format!(
            "start() returned SEQ_START_TOKEN for position {pos}: the header is printed again"
        ))
        .blame(Role::Start)
        .with("position", Value::Position(pos));
        match promised {
            Some(promised) => draft.with("handed out", Value::Pointer(promised.ptr)),
            None => draft,
        }
    });
    true
}
