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
    fix: "Do what can fail in open(), which can return the error. Then next() and start() have every record: a start() \
        that stops where next() used to fail still cuts the file off. next() never returns an error. What only show() can \
        find out it prints, as a part of its record. An error behind the first record reaches the reader one read late \
        at best, if start() or show() returns it again for that position, and is still reported.",
    code: "static int foo_open(struct inode *inode, struct file *file)\n\
        {\n\
        \tint err = foo_prepare();\t/* what can fail */\n\
        \n\
        \treturn err ? err : seq_open(file, &foo_ops);\n\
        }",
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
