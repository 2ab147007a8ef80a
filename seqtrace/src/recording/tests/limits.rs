//! Recordings that nothing but malice would write: they are refused before they cost memory or time.

use seqtrace_model::{
    symbol::Symbol,
    trace::{Shown, Sink},
};

use super::events::encode;
use crate::{
    event::{Event, EventKind, FileKind, OpTable, Open, Role, Task},
    filter::Selection,
    pipeline::{Pipeline, Until},
    recording::{
        Head, Item, Played, ReadError, Reader, columns::Builders, dictionary::Kind,
        encode::Encoder, limits, play,
    },
    session::update::{Update, UpdateKind},
};

/// Sink that counts the opens.
#[derive(Default)]
struct Opens(usize);

impl Sink for Opens {
    fn update(&mut self, update: &Update) -> Shown {
        self.0 += usize::from(matches!(update.what, UpdateKind::Open));
        Shown::No
    }
}

fn replay(recording: &[u8]) -> (usize, Result<Played, ReadError>) {
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let (mut reader, mut opens) = (Reader::open(recording).unwrap(), Opens::default());
    let played = play(&mut reader, &mut pipeline, &mut opens, |_| Ok::<_, ReadError>(true));
    (opens.0, played)
}

/// Asserts that a recording is refused. Returns the number of opens before that.
fn refused(recording: &[u8], why: &str) -> usize {
    match replay(recording) {
        (opens, Err(error @ ReadError::TooLarge(_))) => {
            assert_eq!(error.to_string(), why);
            opens
        }
        other => panic!("{why}: {other:?}"),
    }
}

fn event(body: EventKind) -> Event {
    Event { time: 5, cpu: 1, body }
}

fn open(key: u32) -> Open {
    let table = OpTable { start: 1, next: 2, show: 3, stop: 4 };
    let m = u64::from(key) << 8;
    Open::new(key, FileKind::Seq { m, op: 5, table, private: 0, size: 0, inner: 0 })
}

fn of(events: &[Event]) -> Vec<u8> {
    encode(&Head::default(), events, &[])
}

#[test]
fn a_value_that_is_longer_than_the_kernels() {
    let task = |length| Task { comm: vec![b'x'; length], ..Task::default() };
    let named = |components| Open { components, path_cut: true, ..open(1) };
    let preview = |length| EventKind::Preview { key: 1, bytes: vec![b'x'; length] };
    let cases = [
        (
            EventKind::Open(Box::new(Open { task: task(16), ..open(1) })),
            EventKind::Open(Box::new(Open { task: task(17), ..open(1) })),
            "comm",
        ),
        (
            EventKind::Open(Box::new(named(vec![vec![b'x'; 31]; 256]))),
            EventKind::Open(Box::new(named(vec![vec![b'x'; 31]; 257]))),
            "names",
        ),
        (
            EventKind::Open(Box::new(named(vec![Vec::new(); limits::PATH]))),
            EventKind::Open(Box::new(named(vec![Vec::new(); limits::PATH + 1]))),
            "names",
        ),
        (preview(256), preview(257), "bytes"),
    ];
    for (longest, longer, column) in cases {
        assert!(replay(&of(&[event(longest)])).1.is_ok(), "{column}");
        let why = format!("exceeds a limit: column {column} has a value that is too long");
        refused(&of(&[event(longer)]), &why);
    }
}

#[test]
fn a_path_that_is_too_long_is_not_recorded() {
    let components = vec![b"proc".to_vec(), b"foo".to_vec()];
    for (length, expected) in [(limits::PATH, limits::PATH), (limits::PATH + 1, "/proc/foo".len())]
    {
        let open = Open { path: vec![b'/'; length], components: components.clone(), ..open(1) };
        let recording = of(&[event(EventKind::Open(Box::new(open)))]);
        let mut reader = Reader::open(recording.as_slice()).unwrap();
        let mut batch = reader.batch().unwrap().unwrap();
        let Some(Ok(Item::Event { event, .. })) = batch.next() else { panic!("an event") };
        let EventKind::Open(open) = event.body else { panic!("an open") };
        assert_eq!(open.path.len(), expected);
    }
}

#[test]
fn more_open_sessions_than_programs_follow() {
    let keys = 1..=u32::try_from(limits::SESSIONS).unwrap() + 9;
    let opens: Vec<Event> = keys.map(|key| event(EventKind::Open(Box::new(open(key))))).collect();
    let why = "exceeds a limit: too many sessions are open at once";
    assert_eq!(refused(&of(&opens), why), limits::SESSIONS + 1);
}

#[test]
fn more_late_callbacks_than_programs_probe() {
    let blind = |address| EventKind::Blind {
        function: Symbol::unnamed(address),
        role: Role::Show,
        reason: String::new(),
    };
    let blinds: Vec<Event> =
        (0..=u64::from(limits::NOTICES)).map(|address| event(blind(address))).collect();
    refused(&of(&blinds), "exceeds a limit: too many callbacks are attached late");
}

#[test]
fn more_names_than_a_kernel_has() {
    let mut encoder = Encoder::new(&Head::default()).unwrap();
    for address in 0..=limits::NAMES as u64 {
        let name = Some("f".into());
        let symbol = Symbol { name, ..Symbol::unnamed(address) };
        encoder.push(|builders: &mut Builders| builders.name(0, Kind::Function, &symbol)).unwrap();
    }
    encoder.finish().unwrap();
    refused(encoder.bytes(), "exceeds a limit: too many functions have names");
}
