//! The list of sessions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use seqtrace_view::Session;

use super::{grouped, shortened};
use crate::app::{App, Pane};
use crate::model::Model;
use crate::text::escaped;
use crate::theme::{dim, selected};

/// Number of columns besides the path.
const FIXED: usize = 3 + 8 + 15 + 8 + 9 + 10 + 7;

impl App {
    pub(super) fn draw_sessions(&mut self, model: &Model, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let focused = self.focus == Pane::Sessions;
        let (listed, all) = (self.list.listed.len(), self.list.seen);
        let count = if self.list.filter.is_some() {
            format!("Sessions {} of {}", grouped(listed as u64), grouped(all as u64))
        } else {
            format!("Sessions {}", grouped(listed as u64))
        };
        let area = self.title(&count, focused, area, buffer);
        self.areas.sessions = area;
        let height = usize::from(area.height);
        if focused {
            self.page = i64::from(area.height);
        }
        self.list.scroll.fit(listed, height);
        let top = self.list.scroll.top;
        for (y, index) in (area.y..area.bottom()).zip(self.list.listed.iter().skip(top)) {
            let line = self.session_line(&model.trace.sessions[*index], usize::from(area.width));
            buffer.set_line(area.x, y, &line, area.width);
            if Some(*index) == self.session {
                buffer.set_style(Rect { y, height: 1, ..area }, selected(focused));
            }
        }
        if listed == 0 && height > 0 {
            let text =
                if all == 0 { "no sessions yet" } else { "no session passes the filter (F)" };
            buffer.set_stringn(area.x + 1, area.y, text, usize::from(area.width) - 1, dim());
        }
    }

    fn session_line(&self, session: &Session, width: usize) -> Line<'static> {
        let facts = &session.facts;
        let more = self.theme.glyphs.more;
        let mut path = escaped(&facts.path, self.theme);
        if facts.path_cut {
            path.insert_str(0, more);
        }
        let room = width.saturating_sub(FIXED).max(8);
        let path = shortened(&path, room, more);
        let pad = " ".repeat(room.saturating_sub(path.chars().count()));
        let task = format!("{}/{}", escaped(&facts.opener.comm, self.theme), facts.opener.pid);
        let task = shortened(&task, 14, more);
        let totals = &session.totals;
        let mark = session.worst.map_or("", |worst| self.theme.mark(worst));
        let style = session.worst.map_or(Style::new(), |worst| self.theme.severity(worst));
        let until = self.paused.map_or(u64::MAX, |paused| paused.time);
        let state = match (session.closed.filter(|closed| *closed <= until), session.partial) {
            (None, _) => "open",
            (Some(_), true) => "partial",
            (Some(_), false) => "closed",
        };
        Line::from(vec![
            Span::styled(format!("{mark:<3}"), style),
            Span::raw(format!("{:<8}{path}{pad} {task:<14}", format!("s{}", facts.id.0))),
            Span::raw(format!("{:>6} r", grouped(totals.reads))),
            Span::raw(
                format!("{:>7} ×", grouped(totals.emitted)).replace('×', self.theme.glyphs.times),
            ),
            Span::raw(format!("{:>8} B", grouped(totals.bytes))),
            Span::styled(format!(" {state}"), dim()),
        ])
    }
}
