//! A trace that is recorded while it is rendered, and the replay of the recording: the same bytes.

use std::io;

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

use seqtrace_model::testing::simulator::reader::{Act, plans};

use crate::{
    event::{Event, EventKind, FileKind, OpTable, Open, Task},
    recording::{
        Ending, Item, Reader, Recorder,
        testing::{
            events::event,
            live::{Setting, Shared, head, live, replay, sessions, setting},
        },
    },
    render::{Ready, TargetInfo},
    symbol::{SourceLine, Symbol},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn replay_shows_what_attach_showed(plans in vec(plans(), 1..6), setting in setting()) {
        let (shown, recording) = live(&setting, &sessions(plans));
        let (replayed, ending) = replay(&setting, &recording);
        prop_assert_eq!(ending.unwrap().ending, Ending::Whole);
        prop_assert_eq!(String::from_utf8(replayed.data), String::from_utf8(shown.data));
        prop_assert_eq!(String::from_utf8(replayed.status), String::from_utf8(shown.status));
    }

    #[test]
    fn of_any_events(events in vec(event(), 0..60), setting in setting()) {
        let (shown, recording) = live(&setting, &events);
        let (replayed, ending) = replay(&setting, &recording);
        prop_assert_eq!(ending.unwrap().ending, Ending::Whole);
        prop_assert_eq!(String::from_utf8(replayed.data), String::from_utf8(shown.data));
        prop_assert_eq!(String::from_utf8(replayed.status), String::from_utf8(shown.status));
    }
}

#[test]
fn sessions_that_are_not_selected_are_not_recorded() {
    let tree = plans().new_tree(&mut TestRunner::deterministic()).unwrap();
    let mut acts = tree.current();
    acts.acts.extend([Act::Read { want: 10, fault: None }; 200]);
    let events = sessions(vec![acts.clone(), acts]);
    let all = Setting::default();
    let none = Setting { pid: Some(77), ..Setting::default() };
    let one = Setting { pid: Some(2), ..Setting::default() };
    let events_of = |setting: &Setting| {
        let (shown, recording) = live(setting, &events);
        assert_eq!(replay(setting, &recording).0, shown);
        let mut reader = Reader::open(recording.as_slice()).unwrap();
        let mut count = 0;
        while let Some(batch) = reader.batch().unwrap() {
            count += batch.filter(|item| matches!(item, Ok(Item::Event { .. }))).count();
        }
        count
    };
    assert_eq!(events_of(&all), events.len());
    assert_eq!(events_of(&none), 4);
    assert_eq!(events_of(&one), events.len() / 2 + 2);
}

/// Found by fuzzing: the recorder took the failed open for that of the session with the same number.
#[test]
fn a_failed_open_hides_no_session() {
    let table = OpTable { start: 1, next: 2, show: 3, stop: 4 };
    let kind = FileKind::Seq { m: 1, op: 5, table, private: 0, size: 0, inner: 0 };
    let task = |pid| Task { pid, ..Task::default() };
    let open =
        |pid, ret| EventKind::Open(Box::new(Open { task: task(pid), ret, ..Open::new(1, kind) }));
    let write = EventKind::Write { key: 1, task: task(2), pos: 3, want: 3, ret: 3 };
    let events: Vec<Event> = (1..)
        .zip([open(2, 0), open(3, -12), write])
        .map(|(time, body)| Event { time, cpu: 0, body })
        .collect();
    let setting = Setting { pid: Some(2), ..Setting::default() };
    let (shown, recording) = live(&setting, &events);
    assert!(String::from_utf8(shown.data.clone()).unwrap().contains("WRITE"));
    assert_eq!(replay(&setting, &recording).0, shown);
}

#[test]
fn rows_older_than_a_second_are_written() {
    let mut plan = plans().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    plan.acts = vec![Act::Read { want: 10, fault: None }];
    let (setting, shared) = (Setting::default(), Shared::default());
    let (mut pipeline, mut screen) = setting.pipeline(0, true);
    let mut recorder = Recorder::begin(shared.clone(), &head()).unwrap();
    let header = shared.0.borrow().len();
    assert!(header > 0);
    for event in sessions(vec![plan]) {
        let fed = pipeline.feed(&event, &mut screen);
        recorder.event(&event, fed);
    }
    let second = 1_000_000_000;
    for (now, written) in [(5, false), (second, false), (second + 5, true)] {
        recorder.write(now).unwrap();
        assert_eq!(shared.0.borrow().len() > header, written, "{now}");
    }
    let recording = shared.0.borrow().clone();
    let (shown, ending) = replay(&setting, &recording);
    assert_eq!(ending.unwrap().ending, Ending::Cut);
    let shown = String::from_utf8(shown.data).unwrap();
    assert!(shown.contains("CLOSE seq_release"), "{shown}");
}

#[test]
fn a_redacted_recording_has_no_names_of_files() {
    let mut events =
        sessions(vec![plans().new_tree(&mut TestRunner::deterministic()).unwrap().current()]);
    for event in &mut events {
        if let EventKind::Open(open) = &mut event.body {
            open.components = vec![b"secret".to_vec()];
            open.path = b"/proc/secret".to_vec();
        }
    }
    let (setting, shared) = (Setting::default(), Shared::default());
    let (mut pipeline, mut screen) = setting.pipeline(0, true);
    let mut head = head();
    head.header.command = vec![b"secret".to_vec()];
    let mut recorder = Recorder::begin(shared.clone(), &head.redacted()).unwrap();
    recorder.redact();
    let note = Some("leads to secret".to_owned());
    recorder.target(&TargetInfo { word: b"/proc/secret".to_vec(), callbacks: None, note });
    for event in &events {
        let fed = pipeline.feed(event, &mut screen);
        recorder.event(event, fed);
    }
    let function = Symbol { name: Some("f".into()), ..Symbol::unnamed(1) };
    recorder.source(&function, &SourceLine { file: "secret.c".into(), line: 7 });
    recorder.end(1 << 60, 0).unwrap();
    let recording = shared.0.borrow().clone();
    let mut reader = Reader::open(recording.as_slice()).unwrap();
    let mut text = format!("{:?}", reader.head());
    let mut opens = 0;
    while let Some(batch) = reader.batch().unwrap() {
        for item in batch {
            match item.unwrap() {
                Item::Event { event, .. } => {
                    assert!(!matches!(event.body, EventKind::Preview { .. }));
                    if let EventKind::Open(open) = &event.body {
                        opens += 1;
                        text += &String::from_utf8_lossy(&open.path);
                        text += &String::from_utf8_lossy(&open.components.concat());
                    }
                }
                Item::Target { word, note, .. } => {
                    text += &String::from_utf8_lossy(&word);
                    text += &note.unwrap_or_default();
                }
                _ => {}
            }
        }
    }
    assert!(opens > 0);
    assert!(!text.contains("secret"), "{text}");
}

/// A pipe whose reading end is closed after this number of writes.
struct Pipe(usize);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    for writes in [0, 1] {
        let mut recorder = Recorder::begin(Pipe(writes), &head()).unwrap();
        assert_eq!(recorder.write(0).unwrap(), writes > 0);
        let written = recorder.written;
        recorder.ready(&Ready { begin: 1, probes: 26 });
        recorder.write(1).unwrap();
        assert!(!recorder.write(2_000_000_000).unwrap());
        recorder.end(3_000_000_000, 0).unwrap();
        assert_eq!(recorder.written, written);
    }
}
