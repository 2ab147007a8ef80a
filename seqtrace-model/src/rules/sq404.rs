//! SQ404: reader died.
//!
//! Trigger: a task releases the file while its own read or lseek is in flight and inside a callback. A task in the
//! kernel ends there only if the kernel kills it because of an oops.

use crate::event::Role;
use crate::finding::{Id, Severity, Value};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Context, Hooks};
use crate::rules::rule::Rule;

pub(super) static RULE: Rule = Rule {
    id: Id(404),
    name: "reader died",
    least: Severity::Error,
    most: Severity::Error,
    culprit: None,
    what: "A task died inside a callback: the kernel killed it in the middle of its read.",
    why: "After an oops nothing is cleaned up: m->lock and each lock that start() took stay locked, references stay \
        held, and the next reader may hang or die as well.",
    contract: "A callback returns. The kernel ends the task in which an invalid access happened (oops_end(), \
        arch/x86/kernel/dumpstack.c); its exit closes its files (exit_files(), kernel/exit.c).",
    fix: "Read the oops in dmesg: its RIP is the instruction that failed, and the first line of its call trace in the \
        module is the callback or a function that it called. Restart the machine before the next test.",
    code: "",
    seen: &[
        "every NULL pointer that show() follows: an entry without the optional part that all others have",
    ],
};

#[derive(Debug, Default)]
pub(super) struct State;

impl Hooks for State {
    fn on_reader_died(&mut self, cx: &mut Context<'_>, role: Option<Role>, pos: i64) {
        cx.findings.report(&RULE, Severity::Error, || {
            let callback = role.map_or("show() or stop()".to_owned(), |role| format!("{}()", role.name()));
            let finding = FindingBuilder::new(format!(
                "the task died inside {callback} at position {pos}, and its read never returned: look for an oops in \
                 dmesg"
            ))
            .with("position", Value::Position(pos));
            match role {
                Some(role) => finding.blame(role),
                None => finding,
            }
        });
    }
}
