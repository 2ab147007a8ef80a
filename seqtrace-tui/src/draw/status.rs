//! The first line: backend, rate, losses, findings, and the state of the view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::UpdateKind;

use super::grouped;
use crate::app::App;
use crate::model::{Model, Progress};
use crate::text::escaped;
use crate::theme::bold;

impl App {
    pub(super) fn draw_status(&self, model: &Model, area: Rect, buffer: &mut Buffer) {
        let separator = format!(" {} ", self.theme.glyphs.separator);
        let mut line = Vec::new();
        for part in self.parts(model) {
            if !line.is_empty() {
                line.push(Span::raw(separator.clone()));
            }
            line.extend(part);
        }
        buffer.set_line(area.x, area.y, &Line::from(line), area.width);
    }

    /// Returns the parts of the line, the most important ones first.
    fn parts(&self, model: &Model) -> Vec<Vec<Span<'static>>> {
        let trace = &model.trace;
        let backend = escaped(trace.header.backend.as_bytes(), self.theme);
        let mut parts =
            vec![vec![Span::styled("seqtrace", bold()), Span::raw(format!(" {backend}"))]];
        if self.paused.is_some() {
            parts.push(vec![Span::styled("PAUSED", self.theme.severity(Severity::Warning))]);
        }
        match &model.progress {
            Progress::Broken(reason) => {
                let reason = escaped(reason.as_bytes(), self.theme);
                parts.push(vec![Span::styled(reason, self.theme.severity(Severity::Error))]);
            }
            Progress::Ended => parts.push(vec![Span::raw("ended")]),
            Progress::Loading => {
                parts.push(vec![Span::raw(format!("loading {}", grouped(trace.updates)))]);
            }
            // Nothing moves during a pause.
            Progress::Live if self.paused.is_some() => {}
            Progress::Live => parts.push(vec![Span::raw(self.rate_text())]),
        }
        parts.push(self.losses(model));
        let (errors, warnings) = self.findings.counts(trace);
        let count = |severity: Severity, count: usize| {
            let style = if count > 0 { self.theme.severity(severity) } else { Style::new() };
            Span::styled(format!("{} {count}", self.theme.mark(severity)), style)
        };
        let (errors, warnings) =
            (count(Severity::Error, errors), count(Severity::Warning, warnings));
        parts.push(vec![errors, Span::raw(" "), warnings]);
        if self.follow {
            parts.push(vec![Span::raw("follow")]);
        }
        if self.list.filter.is_some() {
            let words = escaped(self.list.words.as_bytes(), self.theme);
            parts.push(vec![Span::styled(format!("filter {words}"), self.theme.warning())]);
        }
        if trace.dropped > 0 {
            let sessions = trace.compaction.as_ref().map_or(0, |compaction| compaction.dropped);
            let sessions = if sessions > 0 {
                format!(" and {} sessions", grouped(sessions))
            } else {
                String::new()
            };
            let dropped =
                format!("{} oldest rows{sessions} dropped from view", grouped(trace.dropped));
            parts.push(vec![Span::styled(dropped, self.theme.warning())]);
        }
        parts
    }

    /// Returns the rate as a number and a sparkline.
    fn rate_text(&self) -> String {
        let samples = &self.rate.samples;
        let most = samples.iter().max().copied().unwrap_or_default().max(1);
        let bars = &self.theme.glyphs.bars;
        let bar = |sample: &u64| {
            let height = sample.saturating_mul(bars.len() as u64 - 1).div_ceil(most);
            bars[usize::try_from(height).unwrap_or_default().min(bars.len() - 1)]
        };
        let line: String = samples.iter().map(bar).collect();
        format!("{}/s {line}", grouped(self.rate.now()))
    }

    fn losses(&self, model: &Model) -> Vec<Span<'static>> {
        let trace = &model.trace;
        let (lost, missed) = if let Some(summary) = &trace.summary {
            (summary.lost, Some(summary.missed))
        } else {
            let gaps = trace.loose.iter().map(|update| match update.what {
                UpdateKind::Gap { lost, .. } => lost,
                _ => 0,
            });
            (gaps.fold(0, u64::saturating_add), None)
        };
        let count = |name: &str, count: u64| {
            let style =
                if count > 0 { self.theme.severity(Severity::Warning) } else { Style::new() };
            Span::styled(format!("{name} {}", grouped(count)), style)
        };
        let mut spans = vec![count("lost", lost)];
        if let Some(missed) = missed {
            spans.extend([Span::raw(" "), count("missed", missed)]);
        }
        spans
    }
}
