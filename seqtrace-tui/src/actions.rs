//! The keys and their effects.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::{App, Command, Host, Lower, Pane};
use crate::findings::Entry;
use crate::jump::Move;
use crate::model::Model;
use crate::prompt::{Prompt, Purpose, Typed};
use crate::repro;
use crate::search::Wanted;

/// Number of columns that `<` and `>` scroll.
const SHIFT: usize = 8;

impl App {
    pub(crate) fn key(&mut self, key: KeyEvent, model: &Model, host: &dyn Host) -> Vec<Command> {
        if let Some(prompt) = &mut self.prompt {
            let typed = prompt.key(key);
            return self.typed(typed, model, host);
        }
        self.message = None;
        if self.help.is_some() {
            self.help_key(key);
            return Vec::new();
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.control_key(key.code, model);
        }
        match key.code {
            KeyCode::Char('q') => return vec![Command::Quit],
            KeyCode::Char('y') => return self.copy_reproducer(model, host),
            KeyCode::Char('?') | KeyCode::F(1) => self.help = Some(0),
            KeyCode::Char('/') => self.ask(Purpose::Search, String::new()),
            KeyCode::Char('F') => self.ask(Purpose::Filter, self.list.words.clone()),
            KeyCode::Char('w') => self.ask(Purpose::Save, String::new()),
            KeyCode::Char(c @ ('n' | 'N')) => self.search_again(c == 'n', model),
            KeyCode::Char(' ') => self.toggle_pause(model),
            KeyCode::Char('f') => {
                self.follow = !self.follow;
                self.focus = Pane::Timeline;
            }
            KeyCode::Char(c @ ('x' | 'X')) => self.next_finding(c == 'x', model),
            KeyCode::Char('z') => self.zoom = !self.zoom,
            KeyCode::Char('L') => self.log = !self.log,
            KeyCode::Char('m') => self.show(Lower::Map),
            KeyCode::Char('p') => self.show(Lower::Plot),
            KeyCode::Char('d') => self.show(Lower::Detail),
            KeyCode::Char('i') => self.show(Lower::Findings),
            KeyCode::Char('>') => self.shift += SHIFT,
            KeyCode::Char('<') => self.shift = self.shift.saturating_sub(SHIFT),
            KeyCode::Char(c @ ('E' | 'C')) => self.fold_all(c == 'E', model),
            KeyCode::Tab => self.turn_focus(true),
            KeyCode::BackTab => self.turn_focus(false),
            KeyCode::Esc => self.escape(),
            code => self.move_key(code, model),
        }
        Vec::new()
    }

    fn control_key(&mut self, code: KeyCode, model: &Model) -> Vec<Command> {
        match code {
            KeyCode::Char('c') => return vec![Command::Quit],
            KeyCode::Char('z') => return vec![Command::Suspend],
            KeyCode::Char('d' | 'f') => self.scroll(Move::Lines(self.page), model),
            KeyCode::Char('u' | 'b') => self.scroll(Move::Lines(-self.page), model),
            _ => {}
        }
        Vec::new()
    }

    fn move_key(&mut self, code: KeyCode, model: &Model) {
        let to = match code {
            KeyCode::Down | KeyCode::Char('j') => Move::Lines(1),
            KeyCode::Up | KeyCode::Char('k') => Move::Lines(-1),
            KeyCode::PageDown => Move::Lines(self.page),
            KeyCode::PageUp => Move::Lines(-self.page),
            KeyCode::Home | KeyCode::Char('g') => Move::First,
            KeyCode::End | KeyCode::Char('G') => Move::Last,
            KeyCode::Enter => return self.enter(model),
            KeyCode::Right | KeyCode::Char('l') => return self.sideways(true, model),
            KeyCode::Left | KeyCode::Char('h') => return self.sideways(false, model),
            KeyCode::Char('e') => return self.fold(true, model),
            KeyCode::Char('c') => return self.fold(false, model),
            _ => return,
        };
        self.scroll(to, model);
    }

    /// Moves the cursor of the focused pane.
    pub(crate) fn scroll(&mut self, to: Move, model: &Model) {
        if self.focus != Pane::Lower {
            self.follow = false;
        }
        match (self.focus, self.lower) {
            (Pane::Sessions, _) => {
                let mut scroll = self.list.scroll;
                step(&mut scroll, to);
                self.select_listed(scroll.cursor, model);
            }
            (Pane::Timeline, _) | (Pane::Lower, Lower::Map | Lower::Plot) => {
                self.move_in_tree(to, model);
            }
            (Pane::Lower, Lower::Detail) => step(&mut self.detail, to),
            (Pane::Lower, Lower::Findings) => step(&mut self.findings.scroll, to),
        }
    }

    fn enter(&mut self, model: &Model) {
        match (self.focus, self.lower) {
            (Pane::Timeline, _) => self.toggle(model),
            (Pane::Lower, Lower::Detail) => {
                if let Some(jump) = self.jumps.get(self.detail.cursor).copied().flatten() {
                    self.jump(jump, model);
                }
            }
            (Pane::Lower, Lower::Findings) => self.enter_finding(model),
            (Pane::Sessions, _) | (Pane::Lower, Lower::Map | Lower::Plot) => {
                self.focus = Pane::Timeline;
            }
        }
    }

    pub(crate) fn enter_finding(&mut self, model: &Model) {
        match self.findings.entry(self.findings.scroll.cursor) {
            Some(Entry::Group(group)) => {
                let open = &mut self.findings.groups[group].open;
                *open = !*open;
            }
            Some(Entry::Finding(finding)) => {
                let found = &model.trace.findings[finding];
                self.go_to(found.session, found.row, model);
                self.focus = Pane::Timeline;
            }
            None => {}
        }
    }

    /// Opens or closes the branch of the selected line, or moves along the segments of a picture.
    fn sideways(&mut self, right: bool, model: &Model) {
        match (self.focus, self.lower) {
            (Pane::Timeline, _) => self.fold(right, model),
            (Pane::Lower, Lower::Map) => {
                let marks = &self.pictures.map.segments;
                let rows: Vec<u32> = marks.iter().map(|segment| segment.row).collect();
                self.next_mark(&rows, right, model);
            }
            (Pane::Lower, Lower::Plot) => {
                let marks = &self.pictures.plot.points;
                let rows: Vec<u32> = marks.iter().map(|point| point.row).collect();
                self.next_mark(&rows, right, model);
            }
            (Pane::Sessions, _) if right => self.focus = Pane::Timeline,
            _ => {}
        }
    }

    /// Selects the row of the next mark of a picture, or of the previous one. `rows`: rows of the marks, ascending.
    fn next_mark(&mut self, rows: &[u32], forward: bool, model: &Model) {
        let Some((session, row)) = self.selection(model) else { return };
        let next = if forward {
            rows.get(rows.partition_point(|mark| *mark <= row))
        } else {
            rows.partition_point(|mark| *mark < row).checked_sub(1).and_then(|at| rows.get(at))
        };
        if let Some(next) = next {
            self.go_to(session, *next, model);
        }
    }

    /// Opens or closes the branch of the selected line. If there is nothing to close, selects the branch around it.
    fn fold(&mut self, open: bool, model: &Model) {
        let Some((session, row)) = self.selection(model) else { return };
        self.follow = false;
        let (branch, parent) = self.with_tree(session, model, |tree, _, _| {
            let branch = tree.branch(row).filter(|branch| tree.folds.is_open(*branch) != open);
            (branch, tree.parent(row))
        });
        let viewed = self.viewed.entry(session).or_default();
        match (branch, parent) {
            (Some(branch), _) => viewed.folds.set(branch, open),
            (None, Some(parent)) if !open => viewed.row = parent,
            _ => {}
        }
    }

    /// Opens the branch of the selected line if it is closed, and closes it if it is open.
    pub(crate) fn toggle(&mut self, model: &Model) {
        let Some((session, row)) = self.selection(model) else { return };
        self.follow = false;
        let branch = self.with_tree(session, model, |tree, _, _| {
            tree.branch(row).map(|branch| (branch, tree.folds.is_open(branch)))
        });
        if let Some((branch, open)) = branch {
            self.viewed.entry(session).or_default().folds.set(branch, !open);
        } else {
            (self.focus, self.lower) = (Pane::Lower, Lower::Detail);
        }
    }

    fn fold_all(&mut self, open: bool, model: &Model) {
        if let Some((session, _)) = self.selection(model) {
            self.viewed.entry(session).or_default().folds.set_all(open);
        }
    }

    fn show(&mut self, lower: Lower) {
        let again = self.lower == lower && lower != Lower::Detail;
        self.lower = if again { Lower::Detail } else { lower };
        if self.focus == Pane::Lower || !again {
            self.focus = Pane::Lower;
        }
    }

    const fn turn_focus(&mut self, forward: bool) {
        self.focus = match (self.focus, forward) {
            (Pane::Sessions, true) | (Pane::Lower, false) => Pane::Timeline,
            (Pane::Timeline, true) | (Pane::Sessions, false) => Pane::Lower,
            (Pane::Lower, true) | (Pane::Timeline, false) => Pane::Sessions,
        };
    }

    fn escape(&mut self) {
        if self.search.is_running() {
            self.search.cancel();
        } else if self.zoom {
            self.zoom = false;
        } else {
            self.focus = match self.focus {
                Pane::Lower => Pane::Timeline,
                Pane::Timeline | Pane::Sessions => Pane::Sessions,
            };
        }
    }

    fn help_key(&mut self, key: KeyEvent) {
        self.help = match (key.code, self.help.unwrap_or_default()) {
            (KeyCode::Down | KeyCode::Char('j'), line) => Some(line + 1),
            (KeyCode::Up | KeyCode::Char('k'), line) => Some(line.saturating_sub(1)),
            (KeyCode::PageDown, line) => Some(line + 10),
            (KeyCode::PageUp, line) => Some(line.saturating_sub(10)),
            _ => None,
        };
    }

    fn ask(&mut self, purpose: Purpose, text: String) {
        self.prompt = Some(Prompt { purpose, text });
    }

    fn typed(&mut self, typed: Typed, model: &Model, host: &dyn Host) -> Vec<Command> {
        if typed == Typed::More {
            return Vec::new();
        }
        let Some(Prompt { purpose, text }) = self.prompt.take() else { return Vec::new() };
        if typed == Typed::Cancelled {
            return Vec::new();
        }
        match purpose {
            Purpose::Save if !text.is_empty() => return vec![Command::Save(text)],
            Purpose::Save => {}
            Purpose::Search => {
                if !text.is_empty() {
                    self.search.text = text;
                }
                self.search_again(true, model);
            }
            Purpose::Filter => self.filter(text, model, host),
        }
        Vec::new()
    }

    fn filter(&mut self, words: String, model: &Model, host: &dyn Host) {
        let filter = if words.trim().is_empty() { Ok(None) } else { host.filter(&words).map(Some) };
        match filter {
            Ok(filter) => {
                let selected = self.session.take();
                self.search.cancel();
                self.list.set_filter(filter, words);
                self.findings.clear();
                self.sync(model);
                if let Some(at) = selected.and_then(|session| self.list.position(session)) {
                    self.select_listed(at, model);
                }
                let (listed, all) = (self.list.listed.len(), self.list.seen);
                self.message = Some(format!("{listed} of {all} sessions"));
            }
            Err(error) => {
                self.message = Some(error);
                self.ask(Purpose::Filter, words);
            }
        }
    }

    fn search_again(&mut self, forward: bool, model: &Model) {
        if self.search.text.is_empty() {
            self.message = Some("search for a text first: /".to_owned());
            return;
        }
        let wanted = Wanted::Text(self.search.text.clone());
        self.begin_search(wanted, forward, false, model);
        self.focus = Pane::Timeline;
    }

    fn copy_reproducer(&mut self, model: &Model, host: &dyn Host) -> Vec<Command> {
        let Some((session, row)) = self.selection(model) else { return Vec::new() };
        let session = &model.trace.sessions[session];
        match repro::command(session, row, &mut self.window, host) {
            Ok(command) => {
                self.message = Some(format!("copied: {command}"));
                vec![Command::Copy(command)]
            }
            Err(error) => {
                self.message = Some(error.to_owned());
                Vec::new()
            }
        }
    }
}

/// Moves the cursor of a list.
fn step(scroll: &mut crate::app::Scroll, to: Move) {
    match to {
        Move::Lines(by) => scroll.step(by),
        Move::First => scroll.cursor = 0,
        Move::Last => scroll.cursor = usize::MAX - 1,
    }
}
