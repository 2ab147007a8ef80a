//! The schema of a recording, which other programs read.

use std::fmt::Write;

use arrow_ipc::reader::StreamReader;
use arrow_schema::DataType;
use expect_test::expect;
use seqtrace_model::fixed::FixedRanges;

use super::events::encode;
use crate::{
    event::{Event, EventKind},
    recording::{Head, ReadError, Reader, metadata::FORMAT},
    render::Header,
};

fn head() -> Head {
    let words: [&[u8]; 4] = [b"seqtrace", b"record", b"/proc/\xff", b"\"[1]\""];
    Head {
        header: Header {
            version: "0.1.0".to_owned(),
            kernel: "6.12.117".to_owned(),
            machine: "x86_64".to_owned(),
            backend: "callbacks".to_owned(),
            backend_reason: Some("seq_read_iter is not understood".to_owned()),
            ring_bytes: 8 << 20,
            command: words.map(<[u8]>::to_vec).to_vec(),
        },
        wall_at_boot: -5,
        suspended: Some(7),
        fixed: FixedRanges::new(vec![0xffff_8000_0800_0000..0xffff_8000_0a00_0000, 16..32]),
    }
}

#[test]
fn the_head_comes_back() {
    for head in [head(), Head::default()] {
        let bytes = encode(&head, &[], &[]);
        let mut reader = Reader::open(bytes.as_slice()).unwrap();
        assert_eq!(*reader.head(), head);
        assert!(reader.batch().unwrap().is_none());
    }
}

#[test]
fn metadata_can_be_read_by_people() {
    let mut text = String::new();
    for (key, value) in &head().metadata() {
        writeln!(text, "{key} {value}").unwrap();
    }
    expect![[r#"
        seqtrace.backend callbacks
        seqtrace.backend_reason seq_read_iter is not understood
        seqtrace.command ["seqtrace","record",[47,112,114,111,99,47,255],"\"[1]\""]
        seqtrace.fixed 10-20 ffff800008000000-ffff80000a000000
        seqtrace.format 1
        seqtrace.kernel 6.12.117
        seqtrace.machine x86_64
        seqtrace.ring_bytes 8388608
        seqtrace.suspended 7
        seqtrace.version 0.1.0
        seqtrace.wall_at_boot -5
    "#]]
    .assert_eq(&text);
}

/// A changed column changes the format. Increase [`FORMAT`] if an older seqtrace would misread it.
#[test]
fn columns() {
    let event = Event { time: 1, cpu: 2, body: EventKind::Gap { lost: 3 } };
    let bytes = encode(&head(), &[event], &[]);
    // Arrow's own reader, without this module's checks.
    let mut reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let mut text = format!("{} rows\n", batch.num_rows());
    for field in batch.schema().fields() {
        let data_type = match field.data_type() {
            DataType::Dictionary(..) => "one of some words".to_owned(),
            DataType::List(item) => format!("list of {}", item.data_type()),
            other => other.to_string(),
        };
        writeln!(text, "{} {data_type}", field.name()).unwrap();
    }
    expect![[r"
        1 rows
        time UInt64
        cpu UInt16
        kind one of some words
        session UInt32
        role one of some words
        ret Int64
        pointer UInt64
        index Int64
        count UInt64
        full Boolean
        size UInt64
        from UInt64
        read_pos Int64
        pos Int64
        want UInt64
        pid UInt32
        tid UInt32
        uid UInt32
        comm Binary
        path Binary
        wrapper one of some words
        removed Boolean
        file UInt64
        m UInt64
        op UInt64
        start UInt64
        next UInt64
        show UInt64
        stop UInt64
        private UInt64
        inner UInt64
        read_handler UInt64
        write_handler UInt64
        adopted Boolean
        own Boolean
        shown Boolean
        names list of Binary
        path_cut Boolean
        ino UInt64
        dev UInt32
        magic UInt32
        mode UInt32
        offset Int64
        whence UInt32
        via one of some words
        bytes Binary
        lost UInt64
        missed UInt64
        address UInt64
        name Utf8
        module Utf8
        line UInt32
        reason Utf8
        word Binary
        note Utf8
        probes UInt32
        check UInt32
    "]]
    .assert_eq(&text);
    assert!(reader.next().is_none());
}

#[test]
fn newer_formats_are_refused() {
    let bytes = encode(&head(), &[], &[]);
    // The version is a string of a flatbuffer: its length, then itself.
    let version = [&[1, 0, 0, 0], FORMAT.to_string().as_bytes()].concat();
    let windows = bytes.windows(version.len()).enumerate();
    let refused = windows.filter(|(_, window)| *window == version).any(|(offset, _)| {
        let mut newer = bytes.clone();
        newer[offset + 4] = b'9';
        matches!(Reader::open(newer.as_slice()), Err(ReadError::TooNew(_)))
    });
    assert!(refused);
}

#[test]
fn other_files_are_no_recordings() {
    for (bytes, foreign) in [
        (b"".as_slice(), false),
        (b"PAR1", true),
        (&[0xff; 4], false),
        (b"ARROW1\0\0 and so on", true),
        (b"{\"v\":1,\"type\":\"header\"}\n", true),
        (&[0xff; 64], true),
    ] {
        match Reader::open(bytes) {
            Err(ReadError::Foreign) => assert!(foreign, "{bytes:?}"),
            Err(ReadError::Headless) => assert!(!foreign, "{bytes:?}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{bytes:?} is no recording"),
        }
    }
}
