//! The lower pane: detail, findings, or one of the pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use seqtrace_render::Blamed;

use super::{Layout, grouped};
use crate::app::{App, Lower, Pane};
use crate::detail::Detail;
use crate::findings::Entry;
use crate::model::Model;
use crate::text::escaped;
use crate::theme::{dim, selected};

impl App {
    pub(super) fn draw_lower(&mut self, model: &Model, layout: Layout, buffer: &mut Buffer) {
        let Layout { lower, detail, .. } = layout;
        if lower.is_empty() {
            return;
        }
        if !detail.is_empty() {
            self.draw_detail(model, detail, false, buffer);
        }
        let focused = self.focus == Pane::Lower;
        match self.lower {
            Lower::Detail => self.draw_detail(model, lower, focused, buffer),
            Lower::Findings => self.draw_findings(model, lower, focused, buffer),
            Lower::Map => {
                let area =
                    self.title(&self.picture_title("File map", model), focused, lower, buffer);
                self.areas.picture = area;
                self.draw_map(model, area, buffer);
            }
            Lower::Plot => {
                let scale = if self.log { "Positions (logarithmic)" } else { "Positions" };
                let area = self.title(&self.picture_title(scale, model), focused, lower, buffer);
                self.areas.picture = area;
                self.draw_plot(model, area, buffer);
            }
        }
    }

    /// Returns a title with the progress of the picture.
    fn picture_title(&self, name: &str, model: &Model) -> String {
        let Some(session) = self.session.map(|session| &model.trace.sessions[session]) else {
            return name.to_owned();
        };
        let mut title = format!("{name} of s{}", session.facts.id.0);
        if self.pictures.is_behind(model, self.session) {
            let (done, all) = (self.pictures.next.into(), session.rows.end().into());
            title = format!("{title}, {} of {} rows", grouped(done), grouped(all));
        }
        let left_out = self.pictures.map.left_out.max(self.pictures.plot.left_out);
        if left_out > 0 {
            title = format!("{title}, {} marks left out", grouped(left_out));
        }
        title
    }

    fn draw_detail(&mut self, model: &Model, area: Rect, focused: bool, buffer: &mut Buffer) {
        let area = self.title("Detail", focused, area, buffer);
        self.areas.detail = area;
        let Some((session, row)) = self.selection(model) else { return };
        let detail = Detail {
            session: &model.trace.sessions[session],
            window: &mut self.window,
            theme: self.theme,
            begin: model.begin(),
            width: usize::from(area.width),
        };
        let lines = detail.lines(row);
        let height = usize::from(area.height);
        if focused {
            self.page = i64::from(area.height);
        }
        self.detail.fit(lines.len(), height);
        for (y, (at, line)) in
            (area.y..area.bottom()).zip(lines.iter().enumerate().skip(self.detail.top))
        {
            buffer.set_line(area.x, y, &line.line, area.width);
            if focused && at == self.detail.cursor {
                buffer.set_style(Rect { y, height: 1, ..area }, selected(true));
            }
        }
        self.jumps = lines.into_iter().map(|line| line.jump).collect();
    }

    fn draw_findings(&mut self, model: &Model, area: Rect, focused: bool, buffer: &mut Buffer) {
        let lines = self.findings.lines();
        let title = format!("Findings by root cause, {} groups", self.findings.groups.len());
        let area = self.title(&title, focused, area, buffer);
        self.areas.findings = area;
        let height = usize::from(area.height);
        if focused {
            self.page = i64::from(area.height);
        } else if let Some(line) =
            self.selected_finding(model).and_then(|at| self.findings.line_of(at))
        {
            self.findings.scroll.cursor = line;
        }
        self.findings.scroll.fit(lines, height);
        let top = self.findings.scroll.top;
        for (y, at) in (area.y..area.bottom()).zip(top..lines) {
            let Some(entry) = self.findings.entry(at) else { break };
            let line = self.finding_line(entry, model);
            buffer.set_line(area.x, y, &line, area.width);
            if at == self.findings.scroll.cursor {
                buffer.set_style(Rect { y, height: 1, ..area }, selected(focused));
            }
        }
        if lines == 0 {
            buffer.set_stringn(area.x + 1, area.y, "no findings", usize::from(area.width), dim());
        }
    }

    /// Returns the index of the finding in the selected row.
    fn selected_finding(&mut self, model: &Model) -> Option<usize> {
        let here = self.selection(model)?;
        model.trace.findings.iter().position(|found| (found.session, found.row) == here)
    }

    fn finding_line(&self, entry: Entry, model: &Model) -> Line<'static> {
        match entry {
            Entry::Group(group) => {
                let group = &self.findings.groups[group];
                let fold =
                    if group.open { self.theme.glyphs.open } else { self.theme.glyphs.closed };
                let place = group.blame.as_ref().map_or(String::new(), |blame| {
                    format!("  in {}", Blamed { blame, ascii: self.theme.ascii })
                });
                let title = format!("{} {} {}", self.theme.mark(group.worst), group.id, group.name);
                let count = format!("{place}  {}{}", self.theme.glyphs.times, group.members.len());
                Line::from(vec![
                    Span::raw(format!("{fold} ")),
                    Span::styled(title, self.theme.severity(group.worst)),
                    Span::raw(count),
                ])
            }
            Entry::Finding(index) => {
                let found = &model.trace.findings[index];
                let finding = &found.finding;
                let session = model.trace.sessions[found.session].facts.id.0;
                let read = finding.read.map_or(String::new(), |read| format!(".r{read}"));
                let at = format!("s{session}{read}");
                let mark = format!(
                    "{} {} {}",
                    self.theme.mark(finding.severity),
                    finding.id,
                    finding.name
                );
                let message = escaped(finding.message.as_bytes(), self.theme);
                Line::from(vec![
                    Span::raw(format!("    {at:<9} ")),
                    Span::styled(mark, self.theme.severity(finding.severity)),
                    Span::styled(format!(": {message}"), Style::new()),
                ])
            }
        }
    }
}
