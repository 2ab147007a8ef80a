//! The findings of a report: each once for each file and function, and how often.

use crate::render::{line::LineWriter, style::Style, wording};
use crate::rules::Finding;
use crate::session::update::SessionId;

/// What was found.
#[derive(Default)]
pub(super) struct Broken(Vec<One>);

struct One {
    path: Vec<u8>,
    /// The worst of them, of these the first.
    finding: Finding,
    /// The session that told it last.
    last: SessionId,
    sessions: u64,
}

impl Broken {
    /// One more.
    pub(super) fn add(&mut self, path: &[u8], finding: &Finding) {
        let known = self.0.iter_mut().find(|known| {
            known.path == path
                && known.finding.id == finding.id
                && known.finding.blame == finding.blame
        });
        let Some(known) = known else {
            self.0.push(One {
                path: path.to_vec(),
                finding: finding.clone(),
                last: finding.session,
                sessions: 1,
            });
            return;
        };
        // Told twice in a session means that it has become worse.
        known.sessions += u64::from(known.last != finding.session);
        known.last = finding.session;
        if finding.severity > known.finding.severity {
            known.finding = finding.clone();
        }
    }

    /// The worst first; roots before what they explain.
    pub(super) fn write(&self, style: Style, out: &mut Vec<u8>) {
        let mut all: Vec<&One> = self.0.iter().collect();
        all.sort_by_key(|one| {
            let finding = &one.finding;
            (std::cmp::Reverse(finding.severity), finding.cause.is_some(), finding.id)
        });
        for One { path, finding, sessions, .. } in all {
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
