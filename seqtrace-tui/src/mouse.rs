//! Clicks and the wheel.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::app::{App, Pane, Scroll};
use crate::jump::Move;
use crate::model::Model;

/// Number of lines that a turn of the wheel moves.
const WHEEL: i64 = 3;

impl App {
    pub(crate) fn mouse(&mut self, mouse: MouseEvent, model: &Model) {
        if self.prompt.is_some() || self.help.is_some() {
            return;
        }
        let at = Position::new(mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(at, model),
            MouseEventKind::ScrollDown => self.wheel(at, WHEEL, model),
            MouseEventKind::ScrollUp => self.wheel(at, -WHEEL, model),
            _ => {}
        }
    }

    fn wheel(&mut self, at: Position, lines: i64, model: &Model) {
        let focus = self.focus;
        if let Some(pane) = self.pane_at(at) {
            self.focus = pane;
            self.scroll(Move::Lines(lines), model);
            self.focus = focus;
        }
    }

    fn pane_at(&self, at: Position) -> Option<Pane> {
        let areas = &self.areas;
        if areas.sessions.contains(at) {
            return Some(Pane::Sessions);
        }
        if areas.timeline.contains(at) {
            return Some(Pane::Timeline);
        }
        [areas.detail, areas.findings, areas.picture]
            .iter()
            .any(|area| area.contains(at))
            .then_some(Pane::Lower)
    }

    fn click(&mut self, at: Position, model: &Model) {
        let Some(pane) = self.pane_at(at) else { return };
        self.focus = pane;
        let areas = &self.areas;
        let line = |area: Rect| usize::from(at.y - area.y);
        match pane {
            Pane::Sessions => {
                self.follow = false;
                self.select_listed(self.list.scroll.top + line(areas.sessions), model);
            }
            Pane::Timeline => {
                let Some(row) = areas.rows.get(line(areas.timeline)).copied().flatten() else {
                    return;
                };
                let Some((session, selected)) = self.selection(model) else { return };
                self.follow = false;
                if row == selected {
                    self.toggle(model);
                } else {
                    self.viewed.entry(session).or_default().row = row;
                    self.detail = Scroll::default();
                }
            }
            Pane::Lower if areas.findings.contains(at) => {
                self.findings.scroll.cursor = self.findings.scroll.top + line(areas.findings);
                self.enter_finding(model);
            }
            Pane::Lower if areas.picture.contains(at) => {
                let row = areas.cells.get(&(at.x, at.y)).copied();
                if let (Some(row), Some(session)) = (row, self.session) {
                    self.go_to(session, row, model);
                }
            }
            Pane::Lower => {
                self.detail.cursor = self.detail.top + line(areas.detail);
                if let Some(jump) = self.jumps.get(self.detail.cursor).copied().flatten() {
                    self.jump(jump, model);
                }
            }
        }
    }
}
