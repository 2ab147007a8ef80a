//! SQ304: hidden error.
//!
//! Trigger: show, next or start failed in a read or lseek that did not return that error. The core
//! returns an error only if it has no bytes to return.

use crate::errno::Errno;
use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::analysis::calls::Failure;
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Context, Hooks};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(304),
    name: "hidden error",
    least: Severity::Warning,
    most: Severity::Error,
    culprit: None,
    what: "A callback failed, and the read that called it returned bytes, or 0, and not the error.",
    why: "The reader hears of the error one read later, or never: if the next start() finds nothing, half \
        of the file looks like all of it.",
    contract: "The core keeps what was rendered before an error and drops the error: of show() until the \
        same record fails as the first of a read, of next() for good. seq_read_iter(), fs/seq_file.c.",
    fix: "Find what can fail before the first record, in open() or start(). If it fails later, let \
        start() return the same error for that position, so that the next read tells it.",
    code: "\tif (foo->error)\n\
        \t\treturn ERR_PTR(foo->error);\t/* in start(), too */",
    seen: &[
        "CVE-2016-7910: start() failed, and stop() ran with what the pass before had freed",
        "sendfile() of a file whose show() fails returned 4050 bytes and no error",
    ],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    fn on_call_end(&mut self, cx: &mut Context<'_>, failure: &Failure, ret: i64) {
        judge(failure, ret, cx.findings);
    }
}

fn judge(failure: &Failure, ret: i64, findings: &mut FindingCollector) {
    let Failure { role, errno, pos, time } = *failure;
    if ret == -i64::from(errno) {
        return;
    }
    let read = findings.read;
    findings.report(&RULE, Severity::Warning, || {
        let fate = match role {
            Role::Next => "the core drops it",
            _ => "the reader hears of it in the next read, if at all",
        };
        let returned = match u64::try_from(ret) {
            Ok(bytes) => bytes.to_string(),
            Err(_) => Errno(ret.unsigned_abs()).to_string(),
        };
        FindingBuilder::new(format!(
            "{}() failed with {} at position {pos}, but the call returned {returned}: {fate}",
            role.name(),
            Errno(errno.into())
        ))
        .blame(role)
        .with("errno", Value::Errno(errno))
        .with("position", Value::Position(pos))
        .with("failed", Value::Event { time, read })
        .with("returned", Value::Delta(ret))
    });
}
