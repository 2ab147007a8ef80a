//! Text on standard error: header, targets, progress and summary.

use super::line::{self, Count};
use super::style::{Color, Style};
use super::wording;
use super::{Header, Options, Ready, TargetInfo};
use crate::rules::FindingCount;
use crate::session::update::Summary;

/// Renders the lines on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    style: Style,
}

impl Status {
    /// Makes a renderer in the style of `options.color_status` and `options.ascii`.
    pub fn new(options: &Options) -> Self {
        Self { style: Style::new(options.color_status, options.ascii) }
    }

    pub(super) fn of(style: Style) -> Self {
        Self { style }
    }

    /// `seqtrace 0.1.0  Linux 6.12.117 x86_64  backend core  ring 8 MiB`
    pub fn header(self, header: &Header, out: &mut Vec<u8>) {
        // The user knows the command line. Only JSON has it.
        let Header { version, kernel, machine, backend, backend_reason, ring_bytes, command: _ } =
            header;
        line::write(out, self.style, |line| {
            line.put("seqtrace ").bytes(version.as_bytes());
            line.put("  Linux ").bytes(kernel.as_bytes()).put(" ").bytes(machine.as_bytes());
            line.put("  backend ").bytes(backend.as_bytes());
            if let Some(reason) = backend_reason {
                line.put(" (").bytes(reason.as_bytes()).put(")");
            }
            line.put("  ring ").put(Bytes(*ring_bytes));
        });
    }

    /// `target /proc/net/tcp  tcp4_seq_ops  start tcp_seq_start …`
    pub fn target(self, target: &TargetInfo, out: &mut Vec<u8>) {
        let TargetInfo { word, callbacks, note } = target;
        line::write(out, self.style, |line| {
            line.put("target ").bytes(word);
            if let Some(callbacks) = callbacks {
                if let Some(table) = &callbacks.table {
                    line.put("  ");
                    wording::symbol(line, table);
                }
                line.put("  ");
                wording::callbacks(line, callbacks);
            }
            if let Some(note) = note {
                line.put("  ")
                    .color(Color::Warn, crate::escape::text(note.as_bytes(), self.style.ascii));
            }
        });
    }

    /// `attached: 26 probes   (Ctrl-C stops)`
    pub fn ready(self, ready: Ready, out: &mut Vec<u8>) {
        line::write(out, self.style, |line| {
            line.put(format_args!(
                "attached: {}   (Ctrl-C stops)",
                Count(ready.probes.into(), "probe")
            ));
        });
    }

    /// `2 sessions  3 reads  8 B  4 records emitted  0 discarded  22 callbacks   lost 0  missed 0  partial 0`
    pub fn summary(self, summary: &Summary, out: &mut Vec<u8>) {
        let Summary { sessions, totals, lost, missed, partial, findings } = summary;
        line::write(out, self.style, |line| {
            line.put(format_args!(
                "{}  {}  {} B  {} emitted  {} discarded",
                Count(*sessions, "session"),
                Count(totals.reads, "read"),
                totals.bytes,
                Count(totals.emitted, "record"),
                totals.discarded,
            ));
            if totals.passed_over > 0 {
                line.put(format_args!("  {} passed over", totals.passed_over));
            }
            line.put(format_args!("  {}", Count(totals.callbacks, "callback")));
            if totals.writes > 0 {
                line.put(format_args!(
                    "  {}  {} B written",
                    Count(totals.writes, "write"),
                    totals.written
                ));
            }
            line.put(" ");
            for (name, count) in [("lost", *lost), ("missed", *missed), ("partial", *partial)] {
                line.put("  ");
                if count == 0 {
                    line.put(format_args!("{name} 0"));
                } else {
                    line.color(Color::Warn, format_args!("{name} {count}"));
                }
            }
        });
        if !findings.is_empty() {
            self.findings(findings, out);
        }
    }

    /// `findings: ✗✗ SQ102 next did not advance at the end 2   ✗✗ SQ201 double emit 1 (×3)`
    fn findings(self, findings: &[FindingCount], out: &mut Vec<u8>) {
        line::write(out, self.style, |line| {
            line.put("findings:");
            for (index, count) in findings.iter().enumerate() {
                let FindingCount { id, name, severity, sessions, times } = count;
                line.put(if index == 0 { " " } else { "   " });
                wording::mark(line, *severity, *id);
                line.put(format_args!(" {name} {sessions}"));
                if times > sessions {
                    let sign = line.style.glyphs.times;
                    line.put(format_args!(" ({sign}{times})"));
                }
            }
        });
    }
}

/// Displays a number of bytes, in a multiple of 1024 if it is a whole one: `8 MiB`.
struct Bytes(u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{} {name}", self.0 / unit);
            }
        }
        write!(f, "{} B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::session::update::Totals;

    fn shown(write: impl FnOnce(Status, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(Status::new(&Options::default()), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn header_and_ready() {
        let mut header = Header {
            version: "0.1.0".to_owned(),
            kernel: "6.12.117".to_owned(),
            machine: "x86_64".to_owned(),
            backend: "core".to_owned(),
            backend_reason: None,
            ring_bytes: 8 << 20,
            command: Vec::new(),
        };
        expect![[r"
            seqtrace 0.1.0  Linux 6.12.117 x86_64  backend core  ring 8 MiB
        "]]
        .assert_eq(&shown(|status, out| status.header(&header, out)));
        header.backend = "callbacks".to_owned();
        header.backend_reason = Some("seq_read_iter is not understood".to_owned());
        header.ring_bytes = 12345;
        expect![[r"
            seqtrace 0.1.0  Linux 6.12.117 x86_64  backend callbacks (seq_read_iter is not understood)  ring 12345 B
        "]]
        .assert_eq(&shown(|status, out| status.header(&header, out)));
        expect![[r"
            attached: 26 probes   (Ctrl-C stops)
        "]]
        .assert_eq(&shown(|status, out| status.ready(Ready { begin: 0, probes: 26 }, out)));
    }

    #[test]
    fn summary() {
        let totals = Totals { reads: 3, bytes: 8, emitted: 4, callbacks: 22, ..Totals::default() };
        let mut summary = Summary { sessions: 2, totals, ..Summary::default() };
        expect![[r"
            2 sessions  3 reads  8 B  4 records emitted  0 discarded  22 callbacks   lost 0  missed 0  partial 0
        "]]
        .assert_eq(&shown(|status, out| status.summary(&summary, out)));
        summary.totals = Totals { passed_over: 3, writes: 1, written: 6, ..totals };
        summary.lost = 37;
        summary.sessions = 1;
        expect![[r"
            1 session  3 reads  8 B  4 records emitted  0 discarded  3 passed over  22 callbacks  1 write  6 B written   lost 37  missed 0  partial 0
        "]]
        .assert_eq(&shown(|status, out| status.summary(&summary, out)));
    }
}
