//! SQ401, SQ402, SQ403: leaks of what an open allocated.
//!
//! Trigger: the functions that opened and released the file do not belong together; a new open has the `struct file` of
//! an open session, so the old one was freed and no release ran; or open() failed after seq_open() had succeeded, and
//! no release ran.

use crate::errno::Errno;
use crate::event::Wrapper;
use crate::finding::Value;
use crate::finding::{Id, Severity};
use crate::rules::collector::{FindingBuilder, FindingCollector};
use crate::rules::hooks::{Closed, Context, Hooks, Returned};
use crate::rules::rule::Rule;

pub(super) static SINGLE: Rule = Rule {
    id: Id(401),
    name: "single_open leaked",
    least: Severity::Error,
    most: Severity::Error,
    culprit: None,
    what: "A file made by single_open() was released by seq_release().",
    why: "single_open() allocates the table of callbacks, and only single_release() frees it: each open \
        leaks 32 bytes, and anybody who may open the file can do so without end.",
    contract: "single_open() goes with single_release(). Documentation/filesystems/seq_file.rst, \"The \
        extra-simple version\"; fs/seq_file.c.",
    fix: "Release with single_release(), or take DEFINE_SHOW_ATTRIBUTE() or proc_create_single().",
    code: "\t.proc_release\t= single_release,",
    seen: &[
        "c552ffb5c93d crypto: cavium zip",
        "gpio-mockup, nouveau, hisilicon, rtw88, rtlwifi (2019)",
        "drivers/net/wireless/rsi/rsi_91x_debugfs.c: no release at all, 6.1 and 6.12",
    ],
};

pub(super) static PRIVATE: Rule = Rule {
    id: Id(402),
    name: "private leaked",
    least: Severity::Error,
    most: Severity::Error,
    culprit: None,
    what: "A file made by seq_open_private() was released by seq_release(), with m->private still set.",
    why: "The private data is allocated for each open, and only seq_release_private() frees it.",
    contract: "seq_open_private() goes with seq_release_private(). fs/seq_file.c.",
    fix: "Release with seq_release_private(), or free m->private and clear it before seq_release().",
    code: "\t.proc_release\t= seq_release_private,",
    seen: &["the pattern; no file of the kernel is known to do it"],
};

pub(super) static NEVER: Rule = Rule {
    id: Id(403),
    name: "never released",
    least: Severity::Error,
    most: Severity::Error,
    culprit: None,
    what: "The file was closed for good, or open() failed after seq_open() had succeeded, and no release function of \
        seq_file ran.",
    why: "The seq_file and its buffer, 4 KiB and often much more, are leaked by each open.",
    contract: "Whatever seq_open() made is freed by seq_release(): every file_operations or proc_ops that \
        opens has to name a release. Documentation/filesystems/seq_file.rst. Of a file whose open() failed the kernel \
        calls no release (do_dentry_open(), fs/open.c; __fput(), fs/file_table.c).",
    fix: "Name seq_release(), single_release() or seq_release_private(). In an open() that can fail after seq_open(), \
        call it on the error path, or do first what can fail.",
    code: "\t.proc_release\t= seq_release,",
    seen: &["drivers/net/wireless/rsi/rsi_91x_debugfs.c, 6.1 and 6.12"],
};

/// Value of `m->private` when the last start returned.
#[derive(Debug, Default)]
pub(super) struct State {
    private: Option<u64>,
}

impl Hooks for State {
    fn before_start(&mut self, _: &mut Context<'_>, start: &Returned<'_>) {
        self.private = start.callback.private.or(self.private);
    }

    fn on_open_failed(&mut self, cx: &mut Context<'_>, ret: i32) {
        open_failed(cx.session.opened_by, ret, cx.findings);
    }

    fn on_reused(&mut self, cx: &mut Context<'_>, time: u64) {
        if cx.session.callbacks.is_some() && !cx.session.adopted {
            reused(cx.session.file, time, cx.findings);
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed<'_>) {
        if let Some(by) = closed.by.filter(|_| !cx.session.adopted) {
            released(cx.session.opened_by, by, closed.private, self.private, cx.findings);
        }
    }
}

/// Checks a release. `private`: `m->private` at the release; `known`: its value when the last start returned.
fn released(
    opened: Wrapper,
    by: Wrapper,
    private: Option<u64>,
    known: Option<u64>,
    findings: &mut FindingCollector,
) {
    if by != Wrapper::SeqRelease {
        return;
    }
    match opened {
        Wrapper::SingleOpen | Wrapper::SingleOpenSize => {
            findings.report(&SINGLE, Severity::Error, || {
                FindingBuilder::new(format!(
                    "opened by {}(), released by seq_release(): its table of callbacks is leaked",
                    opened.name()
                ))
            });
        }
        Wrapper::SeqOpenPrivate | Wrapper::SeqOpenPrivateRaw => {
            // If it was cleared or changed, it may have been freed.
            let Some(private) = private.filter(|private| *private != 0) else { return };
            if known.is_some_and(|known| known != private) {
                return;
            }
            findings.report(&PRIVATE, Severity::Error, || {
                FindingBuilder::new(format!(
                    "opened by {}(), released by seq_release(): m->private ({private:016x}) is leaked",
                    opened.name()
                ))
                .with("private", Value::Pointer(crate::event::Ptr(private)))
            });
        }
        _ => {}
    }
}

/// Reports that the `struct file` of a session belongs to another open.
fn reused(file: u64, time: u64, findings: &mut FindingCollector) {
    findings.report(&NEVER, Severity::Error, || {
        FindingBuilder::new(format!(
            "closed for good (its struct file {file:016x} was given to another open), and no release \
             ran: the seq_file and its buffer are leaked"
        ))
        .with("file", Value::Pointer(crate::event::Ptr(file)))
        .with("opened again", Value::Event { time, read: None })
    });
}

/// Reports that open() returned the negative errno `ret` after `opened` had succeeded.
fn open_failed(opened: Wrapper, ret: i32, findings: &mut FindingCollector) {
    let leaked = match opened {
        Wrapper::SingleOpen | Wrapper::SingleOpenSize => {
            "the seq_file and its table of callbacks are leaked"
        }
        Wrapper::SeqOpenPrivate | Wrapper::SeqOpenPrivateRaw => {
            "the seq_file and its private data are leaked"
        }
        _ => "the seq_file is leaked",
    };
    findings.report(&NEVER, Severity::Error, || {
        FindingBuilder::new(format!(
            "open() failed with {} after {}() had succeeded: {leaked}",
            Errno(ret.unsigned_abs().into()),
            opened.name()
        ))
        .with("open() returned", Value::Errno(ret.unsigned_abs()))
    });
}
