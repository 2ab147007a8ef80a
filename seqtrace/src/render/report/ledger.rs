//! The ledger of a report: which record the reader got at which file offsets.

use std::collections::BTreeMap;

use super::table::Table;
use crate::event::{Ptr, Role};
use crate::render::{
    line::{LineWriter, Pointer},
    style::{Color, Style},
};
use crate::session::update::{Fate, Range, SessionId, Update, What};

/// The ledgers of all sessions.
#[derive(Default)]
pub(super) struct Ledger(BTreeMap<SessionId, Entries>);

#[derive(Default)]
struct Entries {
    path: Vec<u8>,
    rows: Vec<Entry>,
}

struct Entry {
    range: Range,
    pos: Option<i64>,
    record: Option<Ptr>,
    pass: u32,
    read: Option<u32>,
    /// stop() wrote these bytes, though it should not write any.
    stop: bool,
    passed_over: bool,
}

impl Ledger {
    /// Adds an entry if the update is of a callback whose bytes were emitted or passed over.
    pub(super) fn update(&mut self, update: &Update) {
        let (Some(session), What::Callback(callback)) = (&update.session, &update.what) else {
            return;
        };
        let Some(range) = callback.range else { return };
        let passed_over = match callback.fate {
            Some(Fate::PassedOver) => true,
            Some(Fate::Emitted) => false,
            // Only shows have a fate.
            _ if callback.role == Role::Stop => false,
            _ => return,
        };
        let entries = self.0.entry(session.id).or_default();
        if entries.path.is_empty() {
            entries.path.clone_from(&session.path);
        }
        entries.rows.push(Entry {
            range,
            pos: callback.pos_in,
            record: callback.v,
            pass: callback.pass,
            read: update.read,
            stop: callback.role == Role::Stop,
            passed_over,
        });
    }

    /// Appends one table per session.
    pub(super) fn write(&self, style: Style, out: &mut Vec<u8>) {
        for (id, Entries { path, rows }) in &self.0 {
            out.push(b'\n');
            let mut line = LineWriter::new(out, style);
            line.color(Color::Strong, format_args!("LEDGER s{}", id.0));
            line.put("  ").bytes(path);
            line.end();
            let mut table = Table::new("BYTES", &["LENGTH", "POS", "RECORD", "PASS", "READ", ""]);
            for row in rows {
                let Range { start, end } = row.range;
                let dash = || "-".to_owned();
                let record = match row.record {
                    _ if row.stop => "stop()".to_owned(),
                    Some(record) => Pointer(record).to_string(),
                    None => dash(),
                };
                let what = if row.passed_over { "passed over" } else { "" };
                table.row(
                    format!("{start}..{end}"),
                    vec![
                        end.saturating_sub(start).to_string(),
                        row.pos.map_or_else(dash, |pos| pos.to_string()),
                        record,
                        row.pass.to_string(),
                        row.read.map_or_else(dash, |read| format!("r{read}")),
                        what.to_owned(),
                    ],
                );
            }
            table.write(style, None, out);
        }
    }
}
