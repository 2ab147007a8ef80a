//! SQ101, SQ102: next did not advance.
//!
//! Trigger: a next that the core called (with the position pointer `&m->index`) returns and has not changed `*pos`. One
//! event is sufficient proof.

use crate::event::{PtrKind, Role};
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks, Returned};
use crate::rules::ledger::pass::during;
use crate::rules::rule::Rule;

const CONTRACT: &str = "next() must move *pos to the position of the record it returns, and to one \
    that was not used before even when it returns NULL: start() is given that position when the next \
    read begins. Documentation/filesystems/seq_file.rst, \"The iterator interface\"; the fill loop of \
    seq_read_iter(), fs/seq_file.c.";

/// next returned a record and did not change the position.
pub(super) static RECORD: Rule = Rule {
    id: Id(101),
    name: "next did not advance",
    least: Severity::Error,
    most: Severity::Error,
    culprit: Some(Role::Next),
    what: "next() returned a record and left *pos where it was.",
    why: "While the core fills its buffer it adds the 1 itself and prints \"buggy .next function\" \
        (rate limited), so cat looks right. Where it looks for the first record that prints \
        something, and in the traversal of every pread, lseek and `while read`, it does not: the \
        position falls behind, and records are emitted again.",
    contract: CONTRACT,
    fix: "Advance *pos in next(), always and before anything can return. Then check that start() counts in the same \
        way: where a header has position 0, record n has position n + 1 in both. A start() that was written for a \
        next() that skips the header has to be repaired too, or SQ104 follows.",
    code: "static void *foo_next(struct seq_file *m, void *v, loff_t *pos)\n\
        {\n\
        \t++*pos;\n\
        \treturn foo_after(v);\n\
        }",
    seen: &[
        "89163f93c6f9, 5e698222c702 ipc: sysvipc_find_ipc() and its position",
        "fs/ocfs2 lockres_seq_next, nst_seq_next, sc_seq_next: still so in 6.12",
        "datto/dattobd issue 158: next() counted only when it was not at the header",
    ],
};

/// next returned NULL and did not change the position.
pub(super) static END: Rule = Rule {
    id: Id(102),
    name: "next did not advance at the end",
    least: Severity::Error,
    most: Severity::Error,
    culprit: Some(Role::Next),
    what: "next() returned NULL behind the last record and left *pos at it.",
    why: "*pos still names the last record, so start() finds that one again where the file should \
        end. cat does not show it: the core adds the 1 while it fills its buffer. A pread or lseek to \
        the end, `dd skip=`, and a `while read` loop of a shell emit the last record twice, or for \
        ever.",
    contract: CONTRACT,
    fix: "Advance *pos before looking whether there is another record, not only if there is one. Then return \
        the record that start() returns for that position, and NULL only behind the last one. A start() that goes on \
        from a cursor of its own has to look at *pos first, or SQ104 follows.",
    code: "\t++*pos;\t\t\t/* also behind the last one */\n\
        \tif (*pos >= nr)\n\
        \t\treturn NULL;\n\
        \treturn foo_at(*pos);\t/* the look-up of start() */",
    seen: &[
        "8d269a8e2a8f selinux: sel_avc_get_stat_idx should increase position index",
        "6722b23e7a2a tracing: trigger_next should increase position index",
        "a3ea86739f1b rt_cpu_seq_next, 8b101a5e14f2 cio_ignore (the series of bugzilla 206283)",
        "92c48950b43f dlm, gfs2: table_seq_next; 0d5ab144429e xtensa: c_next",
    ],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    #[inline]
    fn before_next(&mut self, cx: &mut Context<'_>, next: &Returned<'_>) {
        if next.callback.fixed_up || next.callback.pos_in == Some(next.callback.pos_out) {
            stuck(cx, next);
        }
    }
}

/// Checks a next that did not change the position.
fn stuck(cx: &mut Context<'_>, next: &Returned<'_>) {
    // A violation by start at the beginning of the pass explains what next does after it.
    let cause = cx.ledger.misled_by_start();
    let stuck = judge(next, cause, cx);
    if next.callback.fixed_up {
        cx.ledger.corrected = cx.ledger.corrected.or(cause).or(stuck);
    } else if let Some(stuck) = stuck {
        cx.ledger.blame(stuck, true);
    }
}

/// Returns the rule that next broke; `None` if it broke none.
fn judge(next: &Returned<'_>, cause: Option<Id>, cx: &mut Context<'_>) -> Option<Id> {
    let (callback, returned) = (next.callback, next.ptr);
    if callback.pos_in != Some(callback.pos_out) {
        return None;
    }
    let rule = match returned.kind() {
        PtrKind::Null => &END,
        PtrKind::Err(_) => return None,
        PtrKind::Token | PtrKind::Record(_) => &RECORD,
    };
    // A next that never advances does not advance at the end either: one bug.
    let cause = cause.or((cx.findings.times(RECORD.id) > 0).then_some(RECORD.id));
    cx.findings.report(rule, Severity::Error, || {
        let pos = callback.pos_out;
        let what = match returned.kind() {
            PtrKind::Null => "NULL".to_owned(),
            _ => format!("a record ({returned:?})"),
        };
        let message = format!("next() returned {what} and left *pos at {pos}");
        FindingBuilder::new(if callback.fixed_up {
            format!(
                "{message}; the core adds the 1 while it fills its buffer, a traversal (pread, lseek) does not"
            )
        } else {
            let phase = during(callback.phase);
            format!("{message}, {phase}: the core does not add the 1 there")
        })
        .blame(Role::Next)
        .with("position", Value::Position(pos))
        .with("given", Value::Pointer(callback.v.unwrap_or_default()))
        .with("returned", Value::Pointer(returned))
        .because(cause)
    });
    Some(rule.id)
}
