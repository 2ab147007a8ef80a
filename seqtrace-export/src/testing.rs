//! Traces for the tests of both formats.

use proptest::prelude::*;
use seqtrace_model::event::{Event, EventKind, Task};
use seqtrace_model::filter::Selection;
use seqtrace_model::pipeline::{Pipeline, Until};
use seqtrace_model::session::update::Summary;
use seqtrace_model::testing::simulator::file::files;
use seqtrace_model::testing::simulator::reader::{acts, crowd};
use seqtrace_model::trace::{Header, Ready, Sink};

/// Generates events of two files that several threads read at the same time. Some events are lost, with or without a
/// gap; the second value is true if none is.
pub(crate) fn events() -> impl Strategy<Value = (Vec<Event>, bool)> {
    let readers = || {
        let threads = prop::collection::vec(prop::collection::vec(acts(), 0..6), 1..4);
        (files(), threads, prop::collection::vec(any::<u8>(), 1..8))
    };
    let lost = prop::collection::btree_set(0_usize..200, 0..4);
    (readers(), readers(), lost, any::<bool>()).prop_map(|(one, two, lost, counted)| {
        let mut events = crowd(1, one.0, one.1, &one.2).events;
        let others = crowd(2, two.0, two.1, &two.2).events;
        events.extend(others.into_iter().map(in_other_threads));
        events.sort_by_key(|event| event.time);
        let is_whole = lost.is_empty();
        for index in lost {
            if let Some(event) = events.get_mut(index) {
                event.body = EventKind::Gap { lost: u64::from(counted) };
            }
        }
        events.retain(|event| event.body != EventKind::Gap { lost: 0 });
        (events, is_whole)
    })
}

/// Any bytes, as a task, a file or a module can have them in its name.
pub(crate) const HOSTILE: &[u8] = b"\x1b[31m<script>\n\xff\xe2\x80\xae";

/// Changes the thread of an event, because a thread is in one read at a time, and the names of its file.
fn in_other_threads(mut event: Event) -> Event {
    match &mut event.body {
        EventKind::Open(open) => {
            open.path.extend_from_slice(HOSTILE);
            open.task = Task { tid: open.task.tid + 100, comm: HOSTILE.to_vec(), ..open.task };
        }
        EventKind::ReadEnter { task, .. } => task.tid += 100,
        EventKind::ReadExit { tid, .. }
        | EventKind::LseekEnter { tid, .. }
        | EventKind::LseekExit { tid, .. }
        | EventKind::PassBegin { tid, .. }
        | EventKind::Release { tid, .. } => *tid += 100,
        _ => {}
    }
    event
}

/// Runs events through the pipeline into a sink.
pub(crate) fn play(events: &[Event], sink: &mut dyn Sink) -> Summary {
    let command = vec![b"seqtrace".to_vec(), HOSTILE.to_vec()];
    sink.header(&Header { kernel: "6.1\x07".to_owned(), command, ..Header::default() });
    sink.ready(&Ready { begin: 1, probes: 3 });
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    for event in events {
        pipeline.feed(event, sink);
    }
    pipeline.finish(events.last().map_or(1, |event| event.time), 0, sink)
}
