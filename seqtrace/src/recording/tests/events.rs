//! Random events, which must come back from a recording, and rows that are not those of an event.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, RecordBatch, UInt64Array, new_null_array, types::Int8Type,
};
use arrow_schema::Schema;
use proptest::{collection::vec, option, prelude::*};
use seqtrace_model::symbol::{Symbol, Unnamed};

use crate::{
    event::{
        Callback, Event, EventKind, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via,
        Wrapper,
    },
    recording::{
        Head, Item, ReadError, Reader,
        columns::{Builders, Columns, fields},
        dictionary::DictValue,
        encode::Encoder,
    },
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

/// Few keys, so that sessions meet their events.
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
    ) -> EventKind {
        EventKind::Callback(Callback { key, role, ret, index, count, full, private })
    }
}

fn body() -> impl Strategy<Value = EventKind> {
    let tid = || 1..5u32;
    prop_oneof![
        open().prop_map(|open| EventKind::Open(Box::new(open))),
        (
            key(),
            task(),
            any::<i64>(),
            any::<u64>(),
            state(),
            proptest::option::of(proptest::sample::select(Via::ALL))
        )
            .prop_map(|(key, task, pos, want, state, via)| EventKind::ReadEnter {
                key,
                task,
                pos,
                want,
                state,
                via
            }),
        (key(), tid(), any::<i64>(), state())
            .prop_map(|(key, tid, ret, state)| EventKind::ReadExit { key, tid, ret, state }),
        (key(), tid(), any::<i64>(), 0..4u32, state()).prop_map(
            |(key, tid, offset, whence, state)| EventKind::LseekEnter {
                key,
                tid,
                offset,
                whence,
                state
            }
        ),
        (key(), tid(), any::<i64>(), state())
            .prop_map(|(key, tid, ret, state)| EventKind::LseekExit { key, tid, ret, state }),
        (key(), tid(), any::<i64>(), any::<[u32; 3]>()).prop_map(
            |(key, tid, index, [size, count, from])| EventKind::PassBegin {
                key,
                tid,
                index,
                size,
                count,
                from
            }
        ),
        callback(),
        (key(), bytes()).prop_map(|(key, bytes)| EventKind::Preview { key, bytes }),
        (key(), tid(), wrapper(), any::<(u64, bool)>()).prop_map(
            |(key, tid, wrapper, (private, removed))| EventKind::Release {
                key,
                tid,
                wrapper,
                private,
                removed
            }
        ),
        (key(), tid(), any::<i32>()).prop_map(|(key, tid, ret)| EventKind::OpenFailed {
            key,
            tid,
            ret
        }),
        (key(), task(), any::<i64>(), any::<u64>(), any::<i64>())
            .prop_map(|(key, task, pos, want, ret)| EventKind::Write { key, task, pos, want, ret }),
        (key(), task(), any::<i64>(), any::<u64>(), any::<i64>()).prop_map(
            |(key, task, pos, want, ret)| EventKind::PlainRead { key, task, pos, want, ret }
        ),
        // Small enough for the sum that the model makes.
        (0..1u64 << 40).prop_map(|lost| EventKind::Gap { lost }),
        (any::<u64>(), role(), ".{0,9}").prop_map(|(address, role, reason)| EventKind::Blind {
            function: Symbol::unnamed(address),
            role,
            reason
        }),
        table().prop_map(|table| EventKind::TableAttached { table }),
    ]
}

prop_compose! {
    pub(super) fn event()(time in any::<u64>(), cpu in any::<u16>(), body in body()) -> Event {
        Event { time, cpu, body }
    }
}

/// Records events in batches. `ends`: indices of events before which a batch ends.
pub(super) fn encode(head: &Head, events: &[Event], ends: &[usize]) -> Vec<u8> {
    let mut encoder = Encoder::new(head).unwrap();
    for (index, event) in events.iter().enumerate() {
        if ends.contains(&index) {
            encoder.end_batch().unwrap();
        }
        encoder.push(|builders| builders.event(event, None)).unwrap();
    }
    encoder.finish().unwrap();
    std::mem::take(encoder.bytes())
}

fn decode(bytes: &[u8]) -> Vec<Event> {
    let mut reader = Reader::open(bytes).unwrap();
    let mut events = Vec::new();
    while let Some(batch) = reader.batch().unwrap() {
        for item in batch {
            match item.unwrap() {
                Item::Event { event, hidden: false } => events.push(event),
                other => panic!("{other:?}"),
            }
        }
    }
    events
}

/// Reads the row of an event with another value in one column; null if `value` is `None`.
fn read_with(event: &Event, column: &str, value: Option<ArrayRef>) -> Result<Item, String> {
    let (fields, mut builders) = (fields(), Builders::default());
    builders.event(event, None);
    let mut arrays = builders.finish();
    let index = fields.iter().position(|field| field.name() == column).unwrap();
    arrays[index] = value.unwrap_or_else(|| new_null_array(fields[index].data_type(), 1));
    let batch = RecordBatch::try_new(Schema::new(fields).into(), arrays).unwrap();
    let columns = Columns::new(&batch).map_err(ReadError::from);
    columns.and_then(|columns| columns.item(0).unwrap()).map_err(|error| error.to_string())
}

/// Columns without which a row of some kind still is an event.
const OPTIONAL: [&str; 7] = ["inner", "path", "private", "removed", "shown", "via", "wrapper"];

proptest! {
    #[test]
    fn come_back(events in vec(event(), 0..60), ends in vec(0..60usize, 0..4)) {
        let bytes = encode(&Head::default(), &events, &ends);
        prop_assert_eq!(decode(&bytes), events);
    }

    #[test]
    fn a_row_without_a_value_that_it_needs_is_refused(
        event in event(), column in any::<prop::sample::Index>(),
    ) {
        let fields = fields();
        let column = column.get(&fields).name().as_str();
        match read_with(&event, column, None) {
            Ok(Item::Event { event: read, hidden: false }) => {
                prop_assert!(read == event || OPTIONAL.contains(&column), "{column}: {read:?}");
            }
            Ok(other) => panic!("{other:?}"),
            // Without its read handler, a plain file is taken for a seq_file.
            Err(error) => {
                let named = error.ends_with(&format!(" has no {column}"));
                let plain = column == "read_handler" && error.ends_with(" has no m");
                prop_assert!(named || plain, "{column}: {error}");
            }
        }
    }

    #[test]
    fn a_callback_without_a_value_that_it_needs_is_refused(body in callback()) {
        let EventKind::Callback(Callback { role, .. }) = body else { panic!("{body:?}") };
        let event = Event { time: 5, cpu: 1, body };
        let (ret, other) = match role {
            Role::Start | Role::Next => ("pointer", "ret"),
            Role::Show | Role::Stop => ("ret", "pointer"),
        };
        for column in ["time", "cpu", "session", "role", "index", "count", "full", ret] {
            let missing = format!("is damaged: a row of kind callback has no {column}");
            prop_assert_eq!(read_with(&event, column, None), Err(missing));
        }
        let unchanged = Ok(Item::Event { event: event.clone(), hidden: false });
        prop_assert_eq!(read_with(&event, other, None), unchanged);
        let count: ArrayRef = Arc::new(UInt64Array::from(vec![1 << 32]));
        let range = "is damaged: count is out of range in a row of kind callback";
        prop_assert_eq!(read_with(&event, "count", Some(count)), Err(range.to_owned()));
    }
}

#[test]
fn an_unknown_kind_is_one_of_a_newer_version() {
    let event = Event { time: 5, cpu: 1, body: EventKind::Gap { lost: 1 } };
    let kind = ["teleport"].into_iter().collect::<DictionaryArray<Int8Type>>();
    assert_eq!(
        read_with(&event, "kind", Some(Arc::new(kind))).unwrap_err(),
        "was made by a newer seqtrace: column kind has the unknown value `teleport`"
    );
}

#[test]
fn a_full_batch_is_written_by_itself() {
    let event = |index: i64| Event {
        time: 7,
        cpu: 1,
        body: EventKind::Callback(Callback { index, ..Callback::new(1, Role::Next, 0) }),
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
