//! SQ302: show's return value.
//!
//! Trigger: show wrote bytes and returned a number above 1, or returned a negative number for a
//! record that filled an otherwise empty buffer. `SEQ_SKIP` is 1; a positive number without bytes
//! does no harm.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Context, Hooks};
use crate::rules::rule::Rule;
use crate::session::update::{CallbackUpdate, Phase};

pub(super) static RULE: Rule = Rule {
    id: Id(302),
    name: "show's return value",
    least: Severity::Info,
    most: Severity::Error,
    culprit: Some(Role::Show),
    what: "show() returned a positive number and had written bytes, or a negative one because its \
        record did not fit.",
    why: "Any positive number means SEQ_SKIP: what was written is thrown away, and the file reads as \
        empty. A negative one is an error: the read fails, and the core never learns that the buffer \
        has to grow, so that the record can never be read.",
    contract: "show() returns 0, SEQ_SKIP or a negative errno. An overflow is not an error: the core sees \
        it by itself and calls show() again with a larger buffer. seq_read_iter(), fs/seq_file.c; \
        SEQ_SKIP, include/linux/seq_file.h.",
    fix: "Return 0. Do not return what a function that prints returns, nor test for overflow.",
    code: "\tseq_printf(m, \"%s\\n\", foo->name);\n\
        \treturn 0;",
    seen: &[
        "the series of 2014 that made seq_printf() return void",
        "debugfs ras/daemon_active, 6.1: returns a count, and prints nothing",
    ],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    #[inline]
    fn on_show(&mut self, cx: &mut Context<'_>, callback: &CallbackUpdate) {
        if let Some(ret) = callback.ret_int.filter(|ret| *ret != 0) {
            unusual(callback, ret, cx.findings);
        }
    }
}

/// Checks a show that returned a number other than 0.
fn unusual(callback: &CallbackUpdate, ret: i32, findings: &mut FindingCollector) {
    let bytes = callback.bytes.unwrap_or(0);
    let alone = matches!(callback.phase, Phase::First | Phase::Traverse);
    let severity = if ret > 1 && bytes > 0 || ret < 0 && callback.full && alone {
        Severity::Error
    } else if ret < 0 && callback.full {
        // The fill loop discards the record and begins the next read with it: it may fit there.
        Severity::Info
    } else {
        return;
    };
    findings.report(&RULE, severity, || {
        let message = if ret > 0 {
            format!(
                "show() wrote {bytes} bytes and returned {ret}, which throws them away (SEQ_SKIP)"
            )
        } else if alone {
            format!("show() returned {ret} for a record that did not fit: the buffer never grows")
        } else {
            format!("show() returned {ret} for a record that did not fit; here the core ignores it")
        };
        let draft = FindingBuilder::new(message)
            .blame(Role::Show)
            .with("position", Value::Position(callback.pos_out))
            .with("bytes", Value::Count(bytes));
        if ret < 0 {
            draft.with("errno", Value::Errno(ret.unsigned_abs()))
        } else {
            draft.with("returned", Value::Delta(ret.into()))
        }
    });
}
