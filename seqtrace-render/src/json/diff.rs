//! A comparison of two traces as JSON.

mod object;

use schemars::{Schema, SchemaGenerator};
use seqtrace_diff::{
    CallbackRow, DurationPair, Item, Outcome, Recording, Row, Rows, SessionPair, Verdict,
};
use serde::Serialize as _;
use serde_json::Serializer;

use self::object::{
    Answer, At, Begin, Duration, End, File, Kind, Line, Object, Only, SIDES, Session, Side, Trace,
};
use super::object::{Of, Role, Severity};
use super::text::{RuleName, Safe, SessionName, Version, raw, text};
use crate::Output;
use crate::diff::{DiffRenderer, words};

/// Returns the schema of a line. Its parts are added to the definitions of the generator.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Object<'_>>()
}

/// Renders a comparison as JSON.
pub struct Json {
    names: [String; 2],
    ascii: bool,
}

impl Json {
    /// Creates a renderer. `names`: names of the recordings, escaped.
    pub fn new(names: [String; 2], ascii: bool) -> Self {
        Self { names, ascii }
    }

    fn write(&self, object: &Object<'_>, out: &mut Vec<u8>) {
        let length = out.len();
        let mut serializer = Serializer::with_formatter(&mut *out, Safe { ascii: self.ascii });
        // Cannot fail: writing to a Vec succeeds, and all keys are strings.
        if object.serialize(&mut serializer).is_ok() {
            out.push(b'\n');
        } else {
            out.truncate(length);
        }
    }
}

impl DiffRenderer for Json {
    fn begin(&mut self, traces: [&Recording; 2], out: &mut Output) {
        let [a, b] = [0, 1].map(|index| {
            let Recording { header, lost, missed, cut, files: _ } = traces[index];
            Trace {
                recording: &self.names[index],
                version: &header.version,
                kernel: &header.kernel,
                machine: &header.machine,
                backend: &header.backend,
                lost: *lost,
                missed: *missed,
                cut: *cut,
            }
        });
        self.write(&Object::Begin(Begin { v: Version, a, b }), &mut out.data);
    }

    fn item(&mut self, rows: &Rows, item: &Item<'_>, out: &mut Output) {
        let pair = match item {
            Item::Session(pair) => pair,
            Item::File { side, file } => {
                let (path, path_bytes) = (text(&file.path), raw(&file.path));
                let (only, sessions) = (SIDES[*side], file.sessions.len());
                let file = File { v: Version, only, path, path_bytes, sessions };
                return self.write(&Object::File(file), &mut out.data);
            }
        };
        let at = at(pair);
        let missing = pair.sessions.iter().position(Option::is_none);
        let [partial_a, partial_b] = pair
            .sessions
            .map(|session| session.map(|session| Vec::of(&session.partial)).unwrap_or_default());
        let [removed, added] =
            [0, 1].map(|side| pair.edits.iter().map(|edit| edit.rows[side].len()).sum());
        let only = missing.map(|missing| SIDES[1 - missing]);
        let session =
            Session { v: Version, at: at.clone(), only, partial_a, partial_b, removed, added };
        self.write(&Object::Session(session), &mut out.data);
        for edit in &pair.edits {
            for (side, (range, session)) in edit.rows.iter().zip(pair.sessions).enumerate() {
                let Some(session) = session else { continue };
                for (number, row) in (range.start + 1..).zip(rows.range(session, range.clone())) {
                    let line = self::line(at.clone(), SIDES[side], number, row, self.ascii);
                    self.write(&Object::Line(line), &mut out.data);
                }
            }
        }
    }

    fn durations(&mut self, pairs: &[DurationPair<'_>], out: &mut Output) {
        for pair in pairs {
            let ([a, b], [p50_a, p50_b]) = (pair.callbacks, pair.medians());
            let duration = Duration {
                v: Version,
                path: text(pair.paths[0]),
                path_bytes: raw(pair.paths[0]),
                role: Role::of(&pair.role),
                function_a: &a.function,
                function_b: &b.function,
                count_a: a.durations.count(),
                count_b: b.durations.count(),
                p50_a,
                p50_b,
                ratio: pair.ratio(),
            };
            self.write(&Object::Duration(duration), &mut out.data);
        }
    }

    fn end(&mut self, outcome: &Outcome, out: &mut Output) {
        let Outcome { files, sessions, different, only_files, only_sessions, .. } = *outcome;
        let Outcome { only_rows, partial: [partial_a, partial_b], .. } = *outcome;
        let [only_a, only_b] = [0, 1].map(|side| Only {
            files: only_files[side],
            sessions: only_sessions[side],
            lines: only_rows[side],
        });
        let verdict = match outcome.verdict() {
            Verdict::Same => Answer::Same,
            Verdict::Different => Answer::Different,
            Verdict::Inconclusive => Answer::Inconclusive,
        };
        let end = End {
            v: Version,
            verdict,
            files,
            sessions,
            different,
            only_a,
            only_b,
            partial_a,
            partial_b,
        };
        self.write(&Object::End(end), &mut out.data);
    }
}

fn at<'a>(pair: &SessionPair<'a>) -> At<'a> {
    let [a, b] = pair.files.map(|file| file.path.as_slice());
    let [session_a, session_b] =
        pair.sessions.map(|session| session.map(|session| SessionName(session.id)));
    At {
        path: text(a),
        path_bytes: raw(a),
        path_b: text(b),
        path_b_bytes: raw(b),
        number: pair.number,
        session_a,
        session_b,
    }
}

fn line<'a>(at: At<'a>, only: Side, number: usize, row: &'a Row, ascii: bool) -> Line<'a> {
    let kind = match row {
        Row::Open { .. } | Row::OpenFailed { .. } => Kind::Open,
        Row::Read { .. } => Kind::Read,
        Row::ReadEnd { .. } => Kind::ReadEnd,
        Row::Callback(_) => Kind::Callback,
        Row::Grow { .. } => Kind::Grow,
        Row::LseekBegin { .. } => Kind::Lseek,
        Row::LseekEnd { .. } => Kind::LseekEnd,
        Row::Write { .. } => Kind::Write,
        Row::PlainRead { .. } => Kind::PlainRead,
        Row::Close { .. } => Kind::Close,
        Row::Cut => Kind::Cut,
        Row::Finding { .. } => Kind::Finding,
        Row::ReaderDied { .. } => Kind::ReaderDied,
    };
    let mut object = Line {
        v: Version,
        at,
        only,
        row: number,
        kind,
        text: words::text(row, ascii),
        role: None,
        pos_in: None,
        pos_out: None,
        bytes: None,
        fate: None,
        ret: None,
        id: None,
        severity: None,
        blame: None,
    };
    match row {
        Row::Callback(callback) => {
            let CallbackRow { role, pos_in, pos_out, ret, bytes, fate, .. } = callback;
            object.role = Some(Role::of(role));
            (object.pos_in, object.pos_out) = (*pos_in, Some(*pos_out));
            object.bytes = *bytes;
            object.fate = Option::of(fate);
            object.ret = ret.map(i64::from);
        }
        Row::OpenFailed { ret, .. } => object.ret = Some((*ret).into()),
        Row::ReadEnd { ret, .. } | Row::PlainRead { ret, .. } => object.ret = *ret,
        Row::LseekEnd { ret } | Row::Write { ret, .. } => object.ret = Some(*ret),
        Row::Finding { id, severity, blame, .. } => {
            object.id = Some(RuleName(*id));
            object.severity = Some(Severity::of(severity));
            object.blame = blame.as_deref();
        }
        Row::ReaderDied { role, pos } => {
            object.role = Option::of(role);
            object.pos_out = Some(*pos);
        }
        _ => {}
    }
    object
}
