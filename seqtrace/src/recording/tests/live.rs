//! A trace that is recorded while it is rendered, and the replay of the recording: the same bytes.

use std::{cell::RefCell, io, rc::Rc};

use proptest::{collection::vec, option, prelude::*, strategy::ValueTree, test_runner::TestRunner};

use seqtrace_model::testing::simulator::reader::{Act, Plan, plans, run};
use seqtrace_model::{
    symbol::{Resolve, Symbol},
    trace::Sink as _,
};

use super::events;
use crate::{
    event::{Callback, Event, EventKind, FileKind, Functions, OpTable},
    filter::{Filter, Rule, Selection},
    pipeline::{Pipeline, Until, Wanted},
    recording::{Ending, Head, Item, Played, ReadError, Reader, Recorder, play},
    render::{self, Clock, Format, Header, Options, Output, Ready, Screen, TargetInfo, Time},
};

/// Output of a recorder, which the test can read.
#[derive(Clone, Default)]
pub(super) struct Shared(Rc<RefCell<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Names that change or vanish with each file that is opened, so that a replay needs the recorded ones.
#[derive(Default)]
struct Fickle(u64);

impl Fickle {
    fn name(&mut self, event: &mut Event) {
        match &mut event.body {
            EventKind::Open(open) if !open.own => {
                if !open.path_cut {
                    self.0 += 1;
                    open.path = [format!("/proc/{}/", self.0).as_bytes(), b"\xff\x1b"].concat();
                }
                open.functions = open.kind.functions(self);
            }
            EventKind::Blind { function, .. } => *function = self.function(function.address),
            _ => {}
        }
    }
}

impl Resolve for Fickle {
    fn function(&mut self, address: u64) -> Symbol {
        let dice = self.0.wrapping_add(address);
        let name = (!dice.is_multiple_of(5)).then(|| format!("f{}_{address:x}", dice % 3).into());
        let module = (dice % 7 > 2 && name.is_some()).then(|| format!("m{}", dice % 2).into());
        let offset = module.is_some().then_some(dice % 4096);
        Symbol { address, name, module, offset }
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        let name = format!("ops{}", self.0 % 2).into();
        (!self.0.is_multiple_of(3))
            .then_some(Symbol { name: Some(name), ..Symbol::unnamed(address) })
    }
}

/// Options of `attach`.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    format: Format,
    time: Time,
    preview: usize,
    until: Until,
    pid: Option<u32>,
}

impl Default for Setting {
    fn default() -> Self {
        let (format, time) = (Format::Timeline, Time::Delta);
        Self { format, time, preview: 0, until: Until::default(), pid: None }
    }
}

pub(super) fn setting() -> impl Strategy<Value = Setting> {
    let format = prop::sample::select(&[Format::Timeline, Format::Compact, Format::Json][..]);
    let time = prop::sample::select(&[Time::Delta, Time::Boot, Time::Utc, Time::None][..]);
    let limit = || option::weighted(0.2, 1..40u64);
    let finding = prop_oneof![4 => Just(None), 1 => Just(Some(Wanted::Any))];
    let until = (limit(), limit(), finding).prop_map(|(sessions, events, finding)| Until {
        sessions,
        events,
        finding,
    });
    let pid = option::weighted(0.3, 0..3u32);
    (format, time, 0..9usize, until, pid).prop_map(|(format, time, preview, until, pid)| Setting {
        format,
        time,
        preview,
        until,
        pid,
    })
}

impl Setting {
    fn pipeline(&self, wall_at_boot: i64, filtered: bool) -> (Pipeline, Screen) {
        let options = Options {
            format: self.format,
            time: self.time,
            preview: self.preview,
            clock: Clock { wall_at_boot, ..Clock::default() },
            ..Options::default()
        };
        let only = self.pid.filter(|_| filtered).into_iter().collect();
        let filter = Filter { pid: Rule { only, not: Vec::new() }, ..Filter::default() };
        let selection = Selection { targets: Vec::new(), filter };
        let screen = Screen::new(render::renderer(&options).unwrap());
        (Pipeline::new(selection, self.until), screen)
    }
}

fn head() -> Head {
    let header =
        Header { kernel: "6.12".to_owned(), backend: "core".to_owned(), ..Header::default() };
    Head { header, wall_at_boot: 1_700_000_000_000_000_000 }
}

/// Traces and records the events. Returns the output of the trace, and the recording.
pub(super) fn live(setting: &Setting, events: &[Event]) -> (Output, Vec<u8>) {
    let (head, shared) = (head(), Shared::default());
    let (mut pipeline, mut screen) = setting.pipeline(head.wall_at_boot, true);
    let mut names = Fickle::default();
    let mut recorder = Recorder::begin(shared.clone(), &head).unwrap();
    screen.header(&head.header);
    let table = OpTable { start: 1, next: 2, show: 3, stop: 4 };
    let kind = FileKind::Seq { m: 1, op: 5, table, private: 0, size: 0, inner: 0 };
    for note in [None, Some("special".to_owned())] {
        let callbacks = match kind.functions(&mut names) {
            Functions::Callbacks(callbacks) if note.is_none() => Some(callbacks),
            _ => None,
        };
        let target = TargetInfo { word: b"/proc/\xff".to_vec(), callbacks, note };
        recorder.target(&target);
        screen.target(&target);
    }
    for (index, event) in events.iter().enumerate() {
        if index == 3 {
            let ready = Ready { begin: 1000, probes: 26 };
            recorder.ready(&ready);
            screen.ready(&ready);
        }
        let mut event = event.clone();
        names.name(&mut event);
        let fed = pipeline.feed(&event, &mut screen);
        recorder.event(&event, fed);
        if index % 10 == 9 {
            // Ten events a second.
            assert!(recorder.write(index as u64 * 100_000_000).unwrap());
        }
    }
    let end = events.iter().map(|event| event.time).max().unwrap_or(0).saturating_add(5);
    pipeline.finish(end, 2, &mut screen);
    recorder.end(end, 2).unwrap();
    let recording = shared.0.borrow().clone();
    (screen.output, recording)
}

/// Replays a recording. Returns the output.
pub(super) fn replay(setting: &Setting, recording: &[u8]) -> (Output, Result<Played, ReadError>) {
    let mut reader = match Reader::open(recording) {
        Ok(reader) => reader,
        Err(error) => return (Output::default(), Err(error)),
    };
    let wall_at_boot = reader.head().wall_at_boot;
    let (mut pipeline, mut screen) = setting.pipeline(wall_at_boot, false);
    let ending = play(&mut reader, &mut pipeline, &mut screen, |_| Ok::<_, ReadError>(true));
    (screen.output, ending)
}

/// Returns the events of concurrent sessions of several tasks.
pub(super) fn sessions(plans: Vec<Plan>) -> Vec<Event> {
    let mut all = Vec::new();
    for (key, plan) in (1..).zip(plans) {
        for mut event in run(key, plan).events {
            match &mut event.body {
                EventKind::Open(open) => open.task.pid = key % 3,
                // The simulator emits no previews.
                EventKind::Callback(Callback { index, .. }) if *index % 5 == 4 => {
                    let preview = EventKind::Preview { key, bytes: vec![b'x', 0x1b, 0xff] };
                    all.push(Event { time: event.time + 1, cpu: 1, body: preview });
                }
                _ => {}
            }
            all.push(event);
        }
    }
    all.sort_by_key(|event| event.time);
    let lost = all.len() / 3;
    if lost % 4 == 3 {
        let gap = EventKind::Gap { lost: 1 };
        all[lost] = Event { time: all[lost].time, cpu: 0, body: gap };
    }
    all
}

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
    fn of_any_events(events in vec(events::event(), 0..60), setting in setting()) {
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
