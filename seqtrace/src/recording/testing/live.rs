//! A trace that is recorded while it is rendered, and the replay of the recording.

use std::{cell::RefCell, io, rc::Rc};

use proptest::{option, prelude::*};

use seqtrace_model::testing::simulator::reader::{Plan, run};
use seqtrace_model::{
    symbol::{Locate, Resolve, SourceLine, Symbol},
    trace::{Located, Sink as _},
};

use crate::{
    event::{Callback, Event, EventKind, FileKind, Functions, OpTable},
    filter::{Filter, Rule, Selection},
    pipeline::{Pipeline, Until, Wanted},
    recording::{Head, Played, ReadError, Reader, Recorder, play},
    render::{self, Clock, Format, Header, Options, Output, Ready, Screen, TargetInfo, Time},
};

/// Output of a recorder, which the test can read.
#[derive(Clone, Default)]
pub(in crate::recording) struct Shared(pub(in crate::recording) Rc<RefCell<Vec<u8>>>);

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
struct Fickle {
    /// Number of files that were opened.
    files: u64,
    /// Functions whose lines were found.
    fresh: Vec<(Symbol, SourceLine)>,
}

impl Fickle {
    fn name(&mut self, event: &mut Event) {
        match &mut event.body {
            EventKind::Open(open) if !open.own => {
                if !open.path_cut {
                    self.files += 1;
                    open.path = [format!("/proc/{}/", self.files).as_bytes(), b"\xff\x1b"].concat();
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
        let dice = self.files.wrapping_add(address);
        let name = (!dice.is_multiple_of(5)).then(|| format!("f{}_{address:x}", dice % 3).into());
        let module = (dice % 7 > 2 && name.is_some()).then(|| format!("m{}", dice % 2).into());
        let offset = module.is_some().then_some(dice % 4096);
        Symbol { address, name, module, offset }
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        let name = format!("ops{}", self.files % 2).into();
        (!self.files.is_multiple_of(3))
            .then_some(Symbol { name: Some(name), ..Symbol::unnamed(address) })
    }
}

impl Locate for Fickle {
    fn line_of(&mut self, function: &Symbol) -> Option<SourceLine> {
        let name = function.name.as_ref().filter(|_| !function.address.is_multiple_of(4))?;
        let source = SourceLine { file: format!("{name}.c").into(), line: 7 };
        self.fresh.push((function.clone(), source.clone()));
        Some(source)
    }
}

/// Options of `attach`.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) format: Format,
    pub(in crate::recording) time: Time,
    pub(in crate::recording) preview: usize,
    pub(in crate::recording) until: Until,
    pub(in crate::recording) pid: Option<u32>,
}

impl Default for Setting {
    fn default() -> Self {
        let (format, time) = (Format::Timeline, Time::Delta);
        Self { format, time, preview: 0, until: Until::default(), pid: None }
    }
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
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
    pub(in crate::recording) fn pipeline(
        &self,
        wall_at_boot: i64,
        filtered: bool,
    ) -> (Pipeline, Screen) {
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

pub(in crate::recording) fn head() -> Head {
    let header =
        Header { kernel: "6.12".to_owned(), backend: "core".to_owned(), ..Header::default() };
    let wall_at_boot = 1_700_000_000_000_000_000;
    Head { header, wall_at_boot, suspended: Some(7), ..Head::default() }
}

/// Traces and records the events. Returns the output of the trace, and the recording.
pub(crate) fn live(setting: &Setting, events: &[Event]) -> (Output, Vec<u8>) {
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
        let fed = pipeline.feed(&event, &mut Located { sink: &mut screen, lines: &mut names });
        record_lines(&mut recorder, &mut names);
        recorder.event(&event, fed);
        if index % 10 == 9 {
            // Ten events a second.
            assert!(recorder.write(index as u64 * 100_000_000).unwrap());
        }
    }
    let end = events.iter().map(|event| event.time).max().unwrap_or(0).saturating_add(5);
    pipeline.finish(end, 2, &mut Located { sink: &mut screen, lines: &mut names });
    record_lines(&mut recorder, &mut names);
    recorder.end(end, 2).unwrap();
    let recording = shared.0.borrow().clone();
    (screen.output, recording)
}

fn record_lines(recorder: &mut Recorder, names: &mut Fickle) {
    for (function, source) in names.fresh.drain(..) {
        recorder.source(&function, &source);
    }
}

/// Replays a recording. Returns the output.
pub(crate) fn replay(setting: &Setting, recording: &[u8]) -> (Output, Result<Played, ReadError>) {
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
pub(crate) fn sessions(plans: Vec<Plan>) -> Vec<Event> {
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
