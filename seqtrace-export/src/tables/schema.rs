//! The tables. docs/export.md has the meaning of their columns.

use std::sync::Arc;

use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::{Type, TypePtr};

use super::columns::{Address, Column, Table, Text, Wall, table};

table! { "sessions",
    /// One row per session, and one per open that failed.
    Sessions of SessionRow {
        session: i64,
        path: Text,
        path_cut: bool,
        module: Text,
        start: Text,
        next: Text,
        show: Text,
        stop: Text,
        pid: i64,
        tid: i64,
        uid: i64,
        comm: Text,
        kind: Text,
        opened_by: Text,
        closed_by: Text,
        adopted: bool,
        errno: i64,
        opened: i64,
        closed: i64,
        wall: Wall,
        lifetime: i64,
        reads: i64,
        bytes: i64,
        emitted: i64,
        discarded: i64,
        passed_over: i64,
        callbacks: i64,
        passes: i64,
        restarts: i64,
        writes: i64,
        written: i64,
        undelivered: i64,
        partial: Text,
        removed: bool,
        findings: i64,
        severity: Text,
        dev: i64,
        ino: i64,
    }
}

table! { "reads",
    /// One row per read, lseek and write that returned.
    Reads of ReadRow {
        session: i64,
        read: i64,
        call: Text,
        path: Text,
        module: Text,
        pid: i64,
        tid: i64,
        comm: Text,
        cpu: i64,
        began: i64,
        time: i64,
        wall: Wall,
        duration: i64,
        pos: i64,
        want: i64,
        whence: i64,
        via: Text,
        rewind: bool,
        traverse_from: i64,
        ret: i64,
        bytes: i64,
        range_start: i64,
        range_end: i64,
        emitted: i64,
        discarded: i64,
        passed_over: i64,
        callbacks: i64,
        passes: i64,
        restarts: i64,
        leftover: i64,
        from_leftover: i64,
        eof: bool,
        partial: Text,
    }
}

table! { "callbacks",
    /// One row per callback.
    Callbacks of CallbackRow {
        session: i64,
        read: i64,
        pass: i64,
        role: Text,
        phase: Text,
        function: Text,
        module: Text,
        time: i64,
        duration: i64,
        cpu: i64,
        tid: i64,
        pos_in: i64,
        pos_out: i64,
        ptr_in: Address,
        ptr_out: Address,
        ret: i64,
        bytes: i64,
        count: i64,
        size: i64,
        full: bool,
        fate: Text,
        range_start: i64,
        range_end: i64,
        held: i64,
        fixed_up: bool,
        private: Address,
    }
}

table! { "findings",
    /// One row per finding.
    Findings of FindingRow {
        session: i64,
        read: i64,
        time: i64,
        wall: Wall,
        rule: Text,
        name: Text,
        severity: Text,
        path: Text,
        module: Text,
        role: Text,
        function: Text,
        message: Text,
        evidence: Text,
        cause: Text,
        cause_function: Text,
        times: i64,
        source_file: Text,
        source_line: i64,
    }
}

table! { "gaps",
    /// One row per observation that was lost or could not be made.
    Gaps of GapRow {
        kind: Text,
        time: i64,
        wall: Wall,
        cpu: i64,
        lost: i64,
        session: i64,
        sessions: Text,
        function: Text,
        detail: Text,
    }
}

table! { "headers",
    /// One row: the circumstances of the recording, and its sums.
    Headers of HeaderRow {
        version: Text,
        kernel: Text,
        machine: Text,
        backend: Text,
        backend_reason: Text,
        ring_bytes: i64,
        command: Text,
        wall_at_boot: i64,
        began: i64,
        ended: i64,
        wall: Wall,
        probes: i64,
        sessions: i64,
        partial: i64,
        reads: i64,
        bytes: i64,
        callbacks: i64,
        lost: i64,
        missed: i64,
        cut: bool,
    }
}
