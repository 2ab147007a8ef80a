//! Time that grows faster than the number of events.

use std::io;

use nix::time::{ClockId, clock_gettime};
use seqtrace_export::perfetto::Perfetto;
use seqtrace_model::{summary::TraceSummary, symbol::Unnamed};

use super::{bytes::Bytes, pipeline_of_all, screen};
use crate::{
    event::{Event, EventKind, FileKind, Task},
    render::Format,
};

/// Numbers of repetitions that are compared.
const FEW: u32 = 256;
const MANY: u32 = 16 * FEW;
/// Greatest ratio of their times.
const RATIO: u64 = 64;
/// Time below which the ratio is not measured, ns. Most patterns take 20 to 150 ms.
const SHORT: u64 = 200_000_000;

/// Values that differ from one repetition to the next.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent choice")]
struct Varies {
    key: bool,
    tid: bool,
    file: bool,
    functions: bool,
}

/// A few events that are repeated with other sessions, tasks, files or functions.
pub fn growth(data: &[u8]) {
    let mut bytes = Bytes(data);
    let flags = bytes.byte();
    let [key, tid, file, functions] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
    let varies = Varies { key, tid, file, functions };
    let mut pattern = Vec::new();
    while !bytes.0.is_empty() && pattern.len() < 6 {
        pattern.push(bytes.event());
    }
    // A recording has few of these: they may visit all sessions.
    let notice = |event: &Event| {
        matches!(event.body, EventKind::Blind { .. } | EventKind::TableAttached { .. })
    };
    if pattern.iter().any(notice) {
        return;
    }
    let many = cost(&pattern, varies, MANY);
    if many < SHORT {
        return;
    }
    // The shortest of several times is the least disturbed.
    let times = |count| (0..3).map(|_| cost(&pattern, varies, count)).min().unwrap_or_default();
    let (few, many) = (times(FEW), times(MANY));
    assert!(many / few.max(1) <= RATIO, "{few} ns, {many} ns: {varies:?} {pattern:#?}");
}

/// Returns the time that some repetitions take, ns of this thread.
fn cost(pattern: &[Event], varies: Varies, count: u32) -> u64 {
    let now = || {
        let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of Linux");
        u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_nsec()).unwrap_or_default()
    };
    let begin = now();
    let mut sinks = (screen(Format::Compact), TraceSummary::with_ledgers(), Perfetto::new(0, None));
    let mut pipelines = [pipeline_of_all(), pipeline_of_all(), pipeline_of_all()];
    for number in 0..count {
        for event in pattern {
            let event = varied(event, varies, number);
            pipelines[0].feed(&event, &mut sinks.0);
            pipelines[1].feed(&event, &mut sinks.1);
            pipelines[2].feed(&event, &mut sinks.2);
        }
        sinks.2.flush(&mut io::sink()).expect("a sink can be written");
        sinks.0.output.data.clear();
    }
    let [one, other, third] = &mut pipelines;
    one.finish(u64::MAX, 0, &mut sinks.0);
    other.finish(u64::MAX, 0, &mut sinks.1);
    third.finish(u64::MAX, 0, &mut sinks.2);
    now() - begin
}

fn varied(event: &Event, varies: Varies, number: u32) -> Event {
    let mut event = event.clone();
    event.time = event.time.saturating_add(number.into());
    let (key, tid, task): (Option<&mut u32>, Option<&mut u32>, Option<&mut Task>) =
        match &mut event.body {
            EventKind::Open(open) => {
                let number = u64::from(number);
                if varies.file {
                    open.path.extend_from_slice(&number.to_le_bytes());
                    open.file = open.file.wrapping_add(number);
                    open.ino = open.ino.wrapping_add(number);
                }
                if let FileKind::Seq { m, op, table, .. } = &mut open.kind {
                    *m = m.wrapping_add(if varies.key { number << 8 } else { 0 });
                    if varies.functions {
                        *op = op.wrapping_add(number);
                        table.show = table.show.wrapping_add(number);
                        table.next = table.next.wrapping_add(number);
                    }
                }
                open.functions = open.kind.functions(&mut Unnamed);
                (Some(&mut open.key), None, Some(&mut open.task))
            }
            EventKind::ReadEnter { key, task, .. }
            | EventKind::Write { key, task, .. }
            | EventKind::PlainRead { key, task, .. } => (Some(key), None, Some(task)),
            EventKind::ReadExit { key, tid, .. }
            | EventKind::LseekEnter { key, tid, .. }
            | EventKind::LseekExit { key, tid, .. }
            | EventKind::PassBegin { key, tid, .. }
            | EventKind::Release { key, tid, .. }
            | EventKind::OpenFailed { key, tid, .. } => (Some(key), Some(tid), None),
            EventKind::Callback(callback) => (Some(&mut callback.key), None, None),
            EventKind::Preview { key, .. } => (Some(key), None, None),
            EventKind::Gap { .. } | EventKind::Blind { .. } | EventKind::TableAttached { .. } => {
                (None, None, None)
            }
        };
    if let Some(key) = key.filter(|_| varies.key) {
        *key = key.wrapping_add(number);
    }
    if let Some(tid) = tid.or(task.map(|task| &mut task.tid)).filter(|_| varies.tid) {
        *tid = tid.wrapping_add(number);
    }
    event
}
