//! The findings of a report, one entry per rule, file and function.

use crate::render::{line::LineWriter, style::Style, wording};
use crate::rules::Finding;
use crate::session::update::SessionId;

/// All findings of a trace.
#[derive(Default)]
pub(super) struct Findings(Vec<Entry>);

struct Entry {
    path: Vec<u8>,
    /// First finding of the greatest severity.
    finding: Finding,
    /// Session of the last finding.
    last: SessionId,
    /// Number of sessions with such a finding.
    sessions: u64,
}

impl Findings {
    /// Adds a finding of the file at `path`.
    pub(super) fn add(&mut self, path: &[u8], finding: &Finding) {
        let known = self.0.iter_mut().find(|known| {
            known.path == path
                && known.finding.id == finding.id
                && known.finding.blame == finding.blame
        });
        let Some(known) = known else {
            self.0.push(Entry {
                path: path.to_vec(),
                finding: finding.clone(),
                last: finding.session,
                sessions: 1,
            });
            return;
        };
        // A second finding in a session has a greater severity: it replaces the first, and the session counts once.
        known.sessions += u64::from(known.last != finding.session);
        known.last = finding.session;
        if finding.severity > known.finding.severity {
            known.finding = finding.clone();
        }
    }

    /// Appends the findings: by severity, and causes before their effects.
    pub(super) fn write(&self, style: Style, out: &mut Vec<u8>) {
        let mut all: Vec<&Entry> = self.0.iter().collect();
        all.sort_by_key(|entry| {
            let finding = &entry.finding;
            (std::cmp::Reverse(finding.severity), finding.cause.is_some(), finding.id)
        });
        for Entry { path, finding, sessions, .. } in all {
            out.push(b'\n');
            let mut line = LineWriter::new(out, style);
            wording::finding(&mut line, finding);
            line.end();
            let mut line = LineWriter::new(out, style);
            line.pad(9, 0).bytes(path);
            let (first, read) = (finding.session, finding.read);
            line.put("   ");
            if *sessions > 1 {
                line.put(format_args!("{sessions} sessions, first "));
            }
            line.put(format_args!("s{}", first.0));
            if let Some(read) = read {
                line.put(format_args!(".r{read}"));
            }
            line.put("   ");
            wording::explanation(&mut line, finding);
            line.end();
        }
    }
}
