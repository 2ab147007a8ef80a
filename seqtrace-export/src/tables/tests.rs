use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use proptest::prelude::*;
use seqtrace_model::event::Event;
use seqtrace_model::session::update::Summary;

use super::Tables;
use crate::testing::{events, play};

/// A file in memory.
#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test has failed with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the tables of a trace, and reads their rows.
fn written(events: &[Event]) -> (BTreeMap<&'static str, Vec<Row>>, Summary) {
    let mut files = BTreeMap::new();
    let create = |name| io::Result::Ok(files.entry(name).or_insert_with(File::default).clone());
    let mut tables = Tables::begin(create, 1_700_000_000_000_000_000).expect("files in memory");
    let summary = play(events, &mut tables);
    tables.flush().expect("files in memory");
    tables.finish(false).expect("files in memory");
    let rows = |file: File| {
        let bytes = std::mem::take(&mut *file.0.lock().expect("written"));
        let reader = SerializedFileReader::new(Bytes::from(bytes)).expect("a Parquet file");
        let rows = reader.get_row_iter(None).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    };
    (files.into_iter().map(|(name, file)| (name, rows(file))).collect(), summary)
}

fn field<'a>(row: &'a Row, column: &str) -> &'a Field {
    row.get_column_iter().find(|(name, _)| *name == column).expect("a column of the table").1
}

fn number(row: &Row, column: &str) -> i64 {
    match field(row, column) {
        Field::Long(number) => *number,
        Field::Null => 0,
        other => panic!("{column} is {other:?}"),
    }
}

fn sum(rows: &[Row], column: &str) -> u64 {
    rows.iter().map(|row| number(row, column).cast_unsigned()).sum()
}

proptest! {
    // Without optimisation, the encoders of Parquet take a while.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tables_have_what_the_summary_has((events, is_whole) in events()) {
        let (tables, summary) = written(&events);
        let [callbacks, findings, gaps, headers, reads, sessions] =
            ["callbacks", "findings", "gaps", "headers", "reads", "sessions"]
                .map(|name| tables[name].as_slice());
        let totals = summary.totals;
        prop_assert_eq!(callbacks.len() as u64, totals.callbacks);
        prop_assert_eq!(sum(sessions, "callbacks"), totals.callbacks);
        prop_assert_eq!(sum(sessions, "bytes"), totals.bytes);
        prop_assert_eq!(sessions.len() as u64, summary.sessions);
        let is_read = |row: &&Row| *field(row, "call") == Field::Str("read".to_owned());
        let real: Vec<Row> = reads.iter().filter(is_read).cloned().collect();
        if is_whole {
            prop_assert_eq!(real.len() as u64, totals.reads);
            prop_assert_eq!(sum(&real, "bytes"), totals.bytes);
        }
        let emitted = callbacks.iter().filter(|row| {
            *field(row, "fate") == Field::Str("emitted".to_owned())
        });
        prop_assert_eq!(emitted.count() as u64, totals.emitted);
        prop_assert_eq!(sum(gaps, "lost"), summary.lost);
        let counted = summary.findings.iter().map(|count| count.times).sum::<u64>();
        prop_assert_eq!(sum(sessions, "findings"), counted);
        // A rule is reported again at a greater severity.
        prop_assert!(findings.len() >= summary.findings.len());
        prop_assert_eq!(headers.len(), 1);
        prop_assert_eq!(sum(headers, "callbacks"), totals.callbacks);
        let command = Field::Str(r"seqtrace \x1b[31m<script>\n\xff\u{202e}".to_owned());
        prop_assert_eq!(field(&headers[0], "command"), &command);
        for (_, value) in tables.values().flatten().flat_map(Row::get_column_iter) {
            if let Field::Str(text) = value {
                prop_assert!(!text.contains(char::is_control), "{text:?}");
            }
        }
    }
}

#[test]
fn tables_without_rows_can_be_read() {
    let (tables, _) = written(&[]);
    let rows: Vec<_> = tables.iter().map(|(name, rows)| (*name, rows.len())).collect();
    let expected = [
        ("callbacks", 0),
        ("findings", 0),
        ("gaps", 0),
        ("headers", 1),
        ("reads", 0),
        ("sessions", 0),
    ];
    assert_eq!(rows, expected);
}
