//! Random events, and that a recording gives them back.

use proptest::{collection::vec, option, prelude::*};
use seqtrace_model::symbol::{Symbol, Unnamed};

use crate::{
    event::{
        Body, Callback, Event, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via, Wrapper,
    },
    recording::{Head, Item, Reader, cells::Word, columns::Row, encode::Encoder, row::Kind},
};

fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(Role::ALL)
}

fn wrapper() -> impl Strategy<Value = Wrapper> {
    proptest::sample::select(Wrapper::ALL)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

/// Few, so that sessions meet their events.
fn key() -> impl Strategy<Value = Key> {
    prop_oneof![9 => 1..6u32, 1 => any::<u32>()]
}

prop_compose! {
    fn task()(pid in any::<u32>(), tid in 1..5u32, uid in any::<u32>(), comm in bytes()) -> Task {
        Task { pid, tid, uid, comm }
    }
}

prop_compose! {
    fn state()(
        size in any::<u64>(), from in any::<u64>(), count in any::<u64>(),
        index in any::<i64>(), read_pos in any::<i64>(),
    ) -> SeqState {
        SeqState { size, from, count, index, read_pos }
    }
}

prop_compose! {
    fn table()(start in 0..3u64, next in any::<u64>(), show in 0..9u64, stop in any::<u64>())
    -> OpTable {
        OpTable { start, next, show, stop }
    }
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        9 => (any::<u64>(), 0..5u64, table(), any::<u64>(), any::<u64>(), 0..3u64).prop_map(
            |(m, op, table, private, size, inner)| {
                FileKind::Seq { m, op, table, private, size, inner }
            }
        ),
        1 => any::<(u64, u64)>().prop_map(|(read, write)| FileKind::Plain { read, write }),
    ]
}

prop_compose! {
    fn open()(
        key in key(), ret in prop_oneof![9 => Just(0), 1 => any::<i32>()], task in task(),
        file in 0..9u64, kind in kind(), flags in any::<[bool; 3]>(), components in vec(bytes(), 0..4),
        (ino, dev, magic, mode) in any::<(u64, u32, u32, u32)>(),
        via in proptest::option::of(wrapper()),
    ) -> Open {
        let [adopted, own, path_cut] = flags;
        let mut open = Open {
            key, ret, task, file, kind, adopted, own: own && path_cut, components, path_cut,
            path: Vec::new(), functions: kind.functions(&mut Unnamed), ino, dev, magic, mode, via,
        };
        open.path = open.joined();
        open
    }
}

prop_compose! {
    fn callback()(
        key in key(), role in role(), ret in any::<u64>(), index in any::<i64>(),
        count in any::<u32>(), full in any::<bool>(), private in option::of(any::<u64>()),
    ) -> Body {
        Body::Callback(Callback { key, role, ret, index, count, full, private })
    }
}

fn body() -> impl Strategy<Value = Body> {
    let tid = || 1..5u32;
    prop_oneof![
        open().prop_map(|open| Body::Open(Box::new(open))),
        (
            key(),
            task(),
            any::<i64>(),
            any::<u64>(),
            state(),
            proptest::option::of(proptest::sample::select(Via::ALL))
        )
            .prop_map(|(key, task, pos, want, state, via)| Body::ReadEnter {
                key,
                task,
                pos,
                want,
                state,
                via
            }),
        (key(), tid(), any::<i64>(), state()).prop_map(|(key, tid, ret, state)| Body::ReadExit {
            key,
            tid,
            ret,
            state
        }),
        (key(), tid(), any::<i64>(), 0..4u32, state()).prop_map(
            |(key, tid, offset, whence, state)| Body::LseekEnter {
                key,
                tid,
                offset,
                whence,
                state
            }
        ),
        (key(), tid(), any::<i64>(), state()).prop_map(|(key, tid, ret, state)| Body::LseekExit {
            key,
            tid,
            ret,
            state
        }),
        (key(), tid(), any::<i64>(), any::<[u32; 3]>()).prop_map(
            |(key, tid, index, [size, count, from])| Body::PassBegin {
                key,
                tid,
                index,
                size,
                count,
                from
            }
        ),
        callback(),
        (key(), bytes()).prop_map(|(key, bytes)| Body::Preview { key, bytes }),
        (key(), tid(), wrapper(), any::<(u64, bool)>()).prop_map(
            |(key, tid, wrapper, (private, removed))| Body::Release {
                key,
                tid,
                wrapper,
                private,
                removed
            }
        ),
        (key(), tid(), any::<i32>()).prop_map(|(key, tid, ret)| Body::OpenFailed { key, tid, ret }),
        (key(), task(), any::<i64>(), any::<u64>(), any::<i64>())
            .prop_map(|(key, task, pos, want, ret)| Body::Write { key, task, pos, want, ret }),
        (key(), task(), any::<i64>(), any::<u64>(), any::<i64>())
            .prop_map(|(key, task, pos, want, ret)| Body::PlainRead { key, task, pos, want, ret }),
        // The model adds them up.
        (0..1u64 << 40).prop_map(|lost| Body::Gap { lost }),
        (any::<u64>(), role(), ".{0,9}").prop_map(|(address, role, reason)| Body::Blind {
            function: Symbol::unnamed(address),
            role,
            reason
        }),
        table().prop_map(|table| Body::TableAttached { table }),
    ]
}

prop_compose! {
    pub(super) fn event()(time in any::<u64>(), cpu in any::<u16>(), body in body()) -> Event {
        Event { time, cpu, body }
    }
}

/// A recording of these events, in batches that end behind the rows named.
pub(super) fn encode(head: &Head, events: &[Event], ends: &[usize]) -> Vec<u8> {
    let mut encoder = Encoder::new(head).unwrap();
    for (index, event) in events.iter().enumerate() {
        if ends.contains(&index) {
            encoder.end_batch().unwrap();
        }
        encoder.push(Row::of(event)).unwrap();
    }
    encoder.finish().unwrap();
    std::mem::take(encoder.bytes())
}

fn decode(bytes: &[u8]) -> Vec<Event> {
    let mut reader = Reader::open(bytes).unwrap();
    let mut events = Vec::new();
    while let Some(mut batch) = reader.batch().unwrap() {
        loop {
            batch.callbacks(|event| events.push(event));
            match batch.next().transpose().unwrap() {
                Some(Item::Event { event, hidden: false }) => events.push(event),
                None => break,
                other => panic!("{other:?}"),
            }
        }
    }
    events
}

/// A callback's row with something missing that belongs there, or there that does not.
fn damage(row: &mut Row, what: u8) {
    match what {
        0 => row.time = None,
        1 => row.cpu = None,
        2 => row.kind = None,
        3 => row.session = None,
        4 => row.role = None,
        5 => row.index = None,
        6 => row.count = None,
        7 => row.full = None,
        8 => row.ret = None,
        9 => row.pointer = None,
        10 => row.count = Some(1 << 32),
        11 => row.path = Some(b"/proc".to_vec()),
        12 => row.shown = Some(false),
        13 => row.kind = Some(Kind::Gap),
        _ => {}
    }
}

proptest! {
    #[test]
    fn come_back(events in vec(event(), 0..60), ends in vec(0..60usize, 0..4)) {
        let bytes = encode(&Head::default(), &events, &ends);
        prop_assert_eq!(decode(&bytes), events);
    }

    #[test]
    fn a_callback_is_recorded_the_same_both_ways(events in vec((0..4u64, callback()), 1..200)) {
        let event = |(time, body): &(u64, Body)| Event { time: *time, cpu: 1, body: body.clone() };
        let events: Vec<_> = events.iter().map(event).collect();
        let mut encoder = Encoder::new(&Head::default()).unwrap();
        for (index, event) in events.iter().enumerate() {
            if index % 7 == 3 {
                encoder.push(Row::of(event)).unwrap();
            } else {
                prop_assert!(encoder.push_callback(event).unwrap());
            }
        }
        encoder.finish().unwrap();
        prop_assert_eq!(encoder.bytes(), &encode(&Head::default(), &events, &[]));
    }

    /// Rows that are taken the short way are those, and only those, that are callbacks the long way.
    #[test]
    fn a_callback_is_the_same_both_ways(
        rows in vec((prop_oneof![9 => callback(), 1 => body()], 0..60u8), 1..200),
    ) {
        let mut encoder = Encoder::new(&Head::default()).unwrap();
        for (body, what) in &rows {
            let mut row = Row::of(&Event { time: 5, cpu: 1, body: body.clone() });
            damage(&mut row, *what);
            encoder.push(row).unwrap();
        }
        encoder.finish().unwrap();
        let bytes = std::mem::take(encoder.bytes());
        let read = || Reader::open(bytes.as_slice()).unwrap().batch().unwrap().unwrap();
        let long = read().map(|item| match item {
            Ok(Item::Event { event, hidden: false })
                if matches!(event.body, Body::Callback(_)) => Some(event),
            _ => None,
        });
        let (mut batch, mut short) = (read(), Vec::new());
        loop {
            batch.callbacks(|event| short.push(Some(event)));
            if batch.next().is_none() {
                break;
            }
            short.push(None);
        }
        prop_assert_eq!(short, long.collect::<Vec<_>>());
    }
}

#[test]
fn a_full_batch_is_written_by_itself() {
    let event = |index: i64| Event {
        time: 7,
        cpu: 1,
        body: Body::Callback(Callback {
            key: 1,
            role: Role::Next,
            ret: 0,
            index,
            count: 0,
            full: false,
            private: None,
        }),
    };
    let events: Vec<_> = (0..20_000).map(event).collect();
    let bytes = encode(&Head::default(), &events, &[]);
    let mut reader = Reader::open(bytes.as_slice()).unwrap();
    let mut sizes = Vec::new();
    while let Some(batch) = reader.batch().unwrap() {
        sizes.push(batch.count());
    }
    assert_eq!(sizes, [8192, 8192, 3616]);
    assert_eq!(decode(&bytes), events);
}
