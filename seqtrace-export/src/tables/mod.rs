//! The facts of a trace as tables in [Parquet](https://parquet.apache.org), for DuckDB, Polars, Spark and others.
//!
//! ```text
//! OUT/callbacks/host=H/recording=R/part-0.parquet      [`Tables`] writes one such file for each table
//! ```
//!
//! A column has the name of its key in JSON (docs/json.md), and null where JSON has it. Numbers are signed, so that
//! differences can be negative; addresses are not. Foreign bytes are escaped as for a terminal.

mod columns;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};

use bytes::Bytes;
use parquet::data_type::ByteArray;
use rustc_hash::FxHashMap;
use seqtrace_model::event::Role;
use seqtrace_model::session::update::{
    CallbackUpdate, Session, SessionId, Summary, Update, UpdateKind,
};
use seqtrace_model::trace::{Header, Ready, Shown, Sink};

use self::columns::{Address, Table, TableFile, Text, Wall};
use self::schema::{
    CallbackRow, Callbacks, Findings, GapRow, Gaps, HeaderRow, Headers, Reads, Sessions,
};
use crate::names;

/// Writes the tables of one recording.
pub struct Tables<W: Write + Send> {
    sessions: TableFile<Sessions, W>,
    reads: TableFile<Reads, W>,
    callbacks: TableFile<Callbacks, W>,
    findings: TableFile<Findings, W>,
    gaps: TableFile<Gaps, W>,
    headers: TableFile<Headers, W>,
    header: Header,
    ready: Option<Ready>,
    /// Wall clock when CLOCK_MONOTONIC was 0, ns since 1970 (UTC).
    wall_at_boot: i64,
    /// Time of the last update, ns since boot.
    last: u64,
    open: FxHashMap<SessionId, Open>,
    summary: Summary,
    words: Words,
}

impl<W: Write + Send> fmt::Debug for Tables<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("header", &self.header).finish_non_exhaustive()
    }
}

/// An open session: its texts, which its rows share, and its calls in progress.
struct Open {
    path: Text,
    module: Option<Text>,
    /// Callbacks by name, in the order of [`Role`]; `None` for a file that has none.
    functions: Option<[Text; 4]>,
    /// Negative errno of the open; `None`: it was successful.
    errno: Option<i64>,
    /// Begins of reads and lseeks, with the thread of an lseek.
    calls: Vec<Update>,
}

/// The names of values, which all rows share.
#[derive(Default)]
struct Words(FxHashMap<&'static str, Text>);

impl Words {
    fn get(&mut self, word: &'static str) -> Text {
        let new = || ByteArray::from(Bytes::from_static(word.as_bytes()));
        self.0.entry(word).or_insert_with(new).clone()
    }
}

impl<W: Write + Send> Tables<W> {
    /// Begins the tables of a recording. `create` creates the file of a table, by the name of the table.
    /// `wall_at_boot`: wall clock when CLOCK_MONOTONIC was 0, ns since 1970 (UTC).
    ///
    /// # Errors
    ///
    /// A file cannot be created or written.
    pub fn begin<E: From<io::Error>>(
        mut create: impl FnMut(&'static str) -> Result<W, E>,
        wall_at_boot: i64,
    ) -> Result<Self, E> {
        Ok(Self {
            sessions: TableFile::begin(create(Sessions::NAME)?)?,
            reads: TableFile::begin(create(Reads::NAME)?)?,
            callbacks: TableFile::begin(create(Callbacks::NAME)?)?,
            findings: TableFile::begin(create(Findings::NAME)?)?,
            gaps: TableFile::begin(create(Gaps::NAME)?)?,
            headers: TableFile::begin(create(Headers::NAME)?)?,
            header: Header::default(),
            ready: None,
            wall_at_boot,
            last: 0,
            open: FxHashMap::default(),
            summary: Summary::default(),
            words: Words::default(),
        })
    }

    /// Writes rows out where there are many.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.callbacks.flush()?;
        self.reads.flush()?;
        self.sessions.flush()?;
        self.findings.flush()?;
        self.gaps.flush()
    }

    /// Writes the rest of the rows, and the ends of the files. `is_cut`: the recording ends before the end of its trace.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn finish(mut self, is_cut: bool) -> io::Result<()> {
        let header = self.header_row(is_cut);
        self.headers.table.push(header);
        self.sessions.finish()?;
        self.reads.finish()?;
        self.callbacks.finish()?;
        self.findings.finish()?;
        self.gaps.finish()?;
        self.headers.finish()
    }

    fn header_row(&self, is_cut: bool) -> HeaderRow {
        let Header { version, kernel, machine, backend, backend_reason, ring_bytes, command } =
            &self.header;
        let Summary { sessions, totals, lost, missed, partial, findings: _ } = &self.summary;
        let foreign = |word: &str| Some(text(word.as_bytes()));
        let command: Vec<String> = command.iter().map(|word| names::text(word)).collect();
        HeaderRow {
            version: foreign(version),
            kernel: foreign(kernel),
            machine: foreign(machine),
            backend: foreign(backend),
            backend_reason: backend_reason.as_deref().and_then(foreign),
            ring_bytes: number(*ring_bytes),
            command: Some(own(command.join(" "))),
            wall_at_boot: Some(self.wall_at_boot),
            began: self.ready.and_then(|ready| number(ready.begin)),
            ended: number(self.last),
            wall: self.ready.and_then(|ready| self.wall(ready.begin)),
            probes: self.ready.map(|ready| ready.probes.into()),
            sessions: number(*sessions),
            partial: number(*partial),
            reads: number(totals.reads),
            bytes: number(totals.bytes),
            callbacks: number(totals.callbacks),
            lost: number(*lost),
            missed: number(*missed),
            cut: Some(is_cut),
        }
    }

    /// Returns the wall clock of a time, ns since boot.
    fn wall(&self, time: u64) -> Option<Wall> {
        let time = i64::try_from(time).ok()?.checked_add(self.wall_at_boot)?;
        Some(Wall(time.div_euclid(1000)))
    }

    fn callback(&mut self, id: SessionId, update: &Update, callback: &CallbackUpdate) {
        let CallbackUpdate {
            role,
            phase,
            pass,
            pos_in,
            pos_out,
            v,
            ret_ptr,
            ret_int,
            bytes,
            count,
            size,
            full,
            duration,
            fate,
            range,
            held,
            fixed_up,
            private,
        } = *callback;
        let Self { open, words, .. } = self;
        let open = open.get(&id);
        let function = open.and_then(|open| {
            let [start, next, show, stop] = open.functions.as_ref()?;
            let function = match role {
                Role::Start => start,
                Role::Next => next,
                Role::Show => show,
                Role::Stop => stop,
            };
            Some(function.clone())
        });
        self.callbacks.table.push(CallbackRow {
            session: Some(id.0.into()),
            read: update.read.map(i64::from),
            pass: Some(pass.into()),
            role: Some(words.get(role.name())),
            phase: Some(words.get(names::phase(phase))),
            function,
            module: open.and_then(|open| open.module.clone()),
            time: number(update.time),
            duration: duration.and_then(number),
            cpu: Some(update.cpu.into()),
            tid: update.task.as_ref().map(|task| task.tid.into()),
            pos_in,
            pos_out: Some(pos_out),
            ptr_in: v.map(|ptr| Address(ptr.0)),
            ptr_out: ret_ptr.map(|ptr| Address(ptr.0)),
            ret: ret_int.map(i64::from),
            bytes: bytes.and_then(number),
            count: number(count),
            size: size.and_then(number),
            full: Some(full),
            fate: fate.map(|fate| words.get(names::fate(fate))),
            range_start: range.map(|range| range.start),
            range_end: range.map(|range| range.end),
            held: held.and_then(number),
            fixed_up: Some(fixed_up),
            private: private.map(Address),
        });
    }

    /// Adds a row for events that were lost or could not be observed.
    fn gap(&mut self, update: &Update) {
        let row = GapRow {
            time: number(update.time),
            wall: self.wall(update.time),
            cpu: Some(update.cpu.into()),
            session: update.session.as_ref().map(|session| session.id.0.into()),
            ..GapRow::default()
        };
        let row = match &update.what {
            UpdateKind::Gap { lost, sessions } => {
                let ids: Vec<String> = sessions.iter().map(|id| id.0.to_string()).collect();
                let (kind, sessions) = (self.words.get("lost"), own(ids.join(" ")));
                GapRow { kind: Some(kind), lost: number(*lost), sessions: Some(sessions), ..row }
            }
            UpdateKind::Blind { function, role, reason } => GapRow {
                kind: Some(self.words.get("blind")),
                function: Some(own(names::function(function))),
                detail: Some(own(format!("{}: {}", role.name(), names::text(reason.as_bytes())))),
                ..row
            },
            UpdateKind::Disagreement { expected, observed } => {
                let detail = format!("expected {expected}, observed {observed}");
                GapRow {
                    kind: Some(self.words.get("disagreement")),
                    detail: Some(text(detail.as_bytes())),
                    ..row
                }
            }
            _ => return,
        };
        self.gaps.table.push(row);
    }
}

impl<W: Write + Send> Sink for Tables<W> {
    fn header(&mut self, header: &Header) {
        self.header = header.clone();
    }

    fn ready(&mut self, ready: &Ready) {
        self.ready = Some(*ready);
    }

    fn update(&mut self, update: &Update) -> Shown {
        self.last = self.last.max(update.time);
        match (&update.what, &update.session) {
            (
                UpdateKind::Gap { .. } | UpdateKind::Blind { .. } | UpdateKind::Disagreement { .. },
                _,
            ) => self.gap(update),
            (UpdateKind::Callback(callback), Some(session)) => {
                self.callback(session.id, update, callback);
            }
            (_, Some(session)) => self.session_update(session, update),
            (_, None) => {}
        }
        Shown::No
    }

    fn end(&mut self, summary: &Summary) {
        self.summary = summary.clone();
    }
}

impl Open {
    fn new(session: &Session) -> Self {
        let functions = session.callbacks.as_ref().map(|callbacks| {
            [Role::Start, Role::Next, Role::Show, Role::Stop]
                .map(|role| own(names::function(callbacks.of(role))))
        });
        Self {
            path: text(&session.path),
            module: names::module(session).map(own),
            functions,
            errno: None,
            calls: Vec::new(),
        }
    }
}

/// Returns foreign bytes as printable text.
fn text(bytes: &[u8]) -> Text {
    own(names::text(bytes))
}

fn own(text: String) -> Text {
    ByteArray::from(text.into_bytes())
}

/// Returns a number as a signed one; `None` for one that no machine has.
fn number(number: u64) -> Option<i64> {
    number.try_into().ok()
}
