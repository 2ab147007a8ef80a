//! SQ301: buffer storms.
//!
//! Trigger, when the buffer is doubled or the session ends: three doublings; twice as many bytes
//! discarded as delivered; or ten times as many records passed over as emitted.

use crate::event::Role;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::FindingBuilder;
use crate::rules::hooks::{Closed, Context, Hooks};
use crate::rules::rule::Rule;
use crate::session::update::{CallbackUpdate, Fate};

pub(super) static RULE: Rule = Rule {
    id: Id(301),
    name: "buffer storms",
    least: Severity::Info,
    most: Severity::Info,
    culprit: None,
    what: "Much was rendered in vain: the buffer was doubled again and again, or records were rendered \
        to be passed over.",
    why: "show() runs several times for what the reader gets once, with the file's locks held. A reader \
        that goes line by line and seeks back (`while read` of a shell) renders the file once for each \
        of its lines.",
    contract: "A record that does not fit into an empty buffer is thrown away, the buffer is doubled, and \
        the pass begins again; a read at another offset renders everything before it. seq_read_iter(), \
        traverse(), fs/seq_file.c.",
    fix: "Print smaller records: one a line. If the whole file is one record, say how large it will be. A \
        shell reads with mapfile or $(<file).",
    code: "\treturn single_open_size(file, foo_show, inode->i_private, foo_size());",
    seen: &[
        "/proc/stat uses single_open_size() since it outgrew its buffer",
        "fs/seq_file: fallback to vmalloc allocation; CVE-2021-33909",
        "/proc/vmallocinfo, 6.12: show() runs four times for one read",
    ],
};

/// Minimum number of doublings that is reported.
const DOUBLINGS: u32 = 3;
/// Maximum number of discarded bytes that is never reported.
const LITTLE: u64 = 16 << 10;
/// Maximum number of records passed over that is never reported.
const FEW: u64 = 256;

/// Label of the evidence of a reader that seeks: the number of records passed over.
pub const PASSED_OVER: &str = "passed over";

/// State of a session.
#[derive(Debug, Default)]
pub(super) struct State {
    doublings: u32,
    rejected: u64,
}

impl Hooks for State {
    #[inline]
    fn on_show(&mut self, _: &mut Context<'_>, callback: &CallbackUpdate) {
        if matches!(callback.fate, Some(Fate::DiscardedOverflow | Fate::DiscardedTail)) {
            self.rejected = self.rejected.saturating_add(callback.bytes.unwrap_or(0));
        }
    }

    fn on_grow(&mut self, cx: &mut Context<'_>, to: u64) {
        self.doublings += 1;
        if self.doublings != DOUBLINGS {
            return;
        }
        cx.findings.report(&RULE, Severity::Info, || {
            FindingBuilder::new(format!(
                "the buffer was doubled {DOUBLINGS} times, to {to} bytes, and the record rendered again \
                 each time: smaller records, or single_open_size()"
            ))
            .blame(Role::Show)
            .with("size", Value::Count(to))
        });
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed<'_>) {
        let (rejected, totals) = (self.rejected, closed.totals);
        if rejected > LITTLE && rejected / 2 > totals.bytes {
            cx.findings.report(&RULE, Severity::Info, || {
                FindingBuilder::new(format!(
                    "{rejected} bytes were rendered and thrown away, {} delivered: smaller records, \
                     or single_open_size()",
                    totals.bytes
                ))
                .blame(Role::Show)
                .with("rejected", Value::Count(rejected))
                .with("delivered", Value::Count(totals.bytes))
            });
        } else if totals.passed_over > FEW && totals.passed_over / 10 > totals.emitted {
            cx.findings.report(&RULE, Severity::Info, || {
                FindingBuilder::new(format!(
                    "{} records were rendered only to be passed over, {} emitted: the reader seeks back \
                     and forth (`while read`?)",
                    totals.passed_over, totals.emitted
                ))
                .blame(Role::Show)
                .with(PASSED_OVER, Value::Count(totals.passed_over))
                .with("emitted", Value::Count(totals.emitted))
            });
        }
    }
}
