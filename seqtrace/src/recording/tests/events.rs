//! Random events, which must come back from a recording, and rows that are not those of an event.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, RecordBatch, UInt64Array, new_null_array, types::Int8Type,
};
use arrow_schema::Schema;
use proptest::{collection::vec, prelude::*};

use crate::{
    event::{Callback, Event, EventKind, Role},
    recording::{
        Head, Item, ReadError, Reader,
        columns::{Builders, Columns, fields},
        encode::Encoder,
        testing::events::{callback, event},
    },
};

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
