//! A screen in memory, and traces for it.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use seqtrace_model::filter::Filter;
use seqtrace_model::session::update::{Session, Update, UpdateKind};
use seqtrace_model::trace::Sink;

use crate::app::{App, Command, Host, Input, Options};
use crate::model::{Model, Progress};

/// Replaces names of files, tasks and functions, and previews.
pub(super) fn hostile(updates: &mut [Update], names: &[Vec<u8>]) {
    let script = b"\x1b]52;c;AAAA\x07\x1b[2J<script>\n\xff\xfe".to_vec();
    let name = |at: usize| [script.clone(), names[at].clone()].concat();
    for update in updates {
        if let Some(session) = &update.session {
            let mut session = Session::clone(session);
            session.path = name(0);
            session.opener.comm = name(1);
            let text = String::from_utf8_lossy(&name(2)).into_owned();
            if let Some(callbacks) = &mut session.callbacks {
                callbacks.show.name = Some(text.as_str().into());
                callbacks.show.module = Some(text.as_str().into());
            }
            update.session = Some(Arc::new(session));
        }
        if let UpdateKind::Preview { bytes } = &mut update.what {
            *bytes = name(3);
        }
    }
}

/// Returns an update of a session with another number.
pub(super) fn renamed(update: &Update, id: u32) -> Update {
    let mut update = update.clone();
    if let Some(session) = &update.session {
        let id = seqtrace_model::session::update::SessionId(id);
        update.session = Some(Arc::new(Session { id, ..Session::clone(session) }));
    }
    update
}

/// Returns the model of a trace that has ended.
pub(super) fn model(updates: &[Update]) -> Model {
    let mut model = Model { progress: Progress::Ended, ..Model::default() };
    for update in updates {
        model.push(update);
    }
    model
}

impl Model {
    pub(super) fn push(&mut self, update: &Update) {
        self.trace.update(update);
    }
}

/// A host that accepts no filter.
struct Nothing;

impl Host for Nothing {
    fn filter(&self, _words: &str) -> Result<Filter, String> {
        Err("not in this test".to_owned())
    }

    fn save(&self, _path: &str) -> Result<String, String> {
        Err("not in this test".to_owned())
    }

    fn quote(&self, path: &[u8]) -> Option<String> {
        String::from_utf8(path.to_vec()).ok()
    }
}

/// An app and its terminal.
pub(super) struct Screen {
    pub(super) app: App,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    pub(super) fn new((width, height): (u16, u16), color: bool, ascii: bool) -> Self {
        let app = App::new(Options { color, ascii, follow: false });
        Self { app, terminal: Terminal::new(TestBackend::new(width, height)).unwrap() }
    }

    pub(super) fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
    }

    pub(super) fn draw(&mut self, model: &Model) {
        self.terminal.draw(|frame| self.app.draw(model, frame)).unwrap();
    }

    pub(super) fn input(&mut self, input: Input, model: &Model) -> Vec<Command> {
        self.app.update(input, model, &Nothing)
    }

    pub(super) fn key(&mut self, code: KeyCode, model: &Model) {
        self.input(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)), model);
    }

    /// Presses keys and draws after each; a tab is the key Tab.
    pub(super) fn press(&mut self, keys: &str, model: &Model) {
        self.draw(model);
        for key in keys.chars() {
            self.key(if key == '\t' { KeyCode::Tab } else { KeyCode::Char(key) }, model);
            self.input(Input::Tick { ms: 50 }, model);
            self.draw(model);
        }
    }

    pub(super) fn symbols(&mut self, model: &Model) -> Vec<String> {
        self.draw(model);
        let cells = self.terminal.backend().buffer().content();
        cells.iter().map(|cell| cell.symbol().to_owned()).collect()
    }

    pub(super) fn text(&mut self, model: &Model) -> String {
        let symbols = self.symbols(model);
        let width = usize::from(self.terminal.backend().buffer().area.width);
        symbols.chunks(width).map(|line| line.concat() + "\n").collect()
    }
}
