//! The state of the screen.

use crossterm::event::{KeyEvent, KeyEventKind, MouseEvent};
use ratatui::layout::Rect;
use rustc_hash::FxHashMap;
use seqtrace_model::filter::Filter;
use seqtrace_view::{Compaction, Window};

use crate::findings::FindingList;
use crate::folds::{Folds, Tree};
use crate::list::SessionList;
use crate::model::Model;
use crate::pictures::Pictures;
use crate::prompt::Prompt;
use crate::rate::Rate;
use crate::search::Search;
use crate::text::Texts;
use crate::theme::Theme;

/// Options of the screen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Uses the 16 colors of the terminal.
    pub color: bool,
    /// Uses ASCII characters only.
    pub ascii: bool,
    /// Follows the newest session from the start on.
    pub follow: bool,
}

/// An event that the screen handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was used.
    Mouse(MouseEvent),
    /// Time that has passed without other inputs.
    Tick {
        /// Time since the last tick, ms.
        ms: u32,
    },
    /// A text for the user, e.g. the result of a command.
    Notice(String),
}

/// An act of the edge that an input asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the screen, and the program with it.
    Quit,
    /// Restore the terminal and stop until SIGCONT.
    Suspend,
    /// Copy a text to the clipboard of the terminal.
    Copy(String),
    /// Save the trace as a recording in this file.
    Save(String),
}

/// The program around the screen.
pub trait Host {
    /// Parses the words of a filter, which are those of the command line.
    ///
    /// # Errors
    /// A text for the user if the words are no filter.
    fn filter(&self, words: &str) -> Result<Filter, String>;

    /// Saves the trace as a recording, and returns a text for the user.
    ///
    /// # Errors
    /// A text for the user if that is not possible.
    fn save(&self, path: &str) -> Result<String, String>;

    /// Returns a path as a word of the shell; `None` if it cannot be printed safely.
    fn quote(&self, path: &[u8]) -> Option<String>;

    /// Called once, in the thread of the screen, before it begins.
    fn begin(&self) {}

    /// Called once, in the thread of the screen, when the user has quit.
    fn quit(&self) {}
}

/// The panes that can have the focus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pane {
    #[default]
    Sessions,
    Timeline,
    Lower,
}

/// The content of the lower pane, or of its right half if the screen is wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lower {
    #[default]
    Detail,
    Findings,
    Map,
    Plot,
}

/// The view of a session's rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Viewed {
    /// The selected line of the tree.
    pub(crate) row: u32,
    /// The line at the top of the pane.
    pub(crate) top: u32,
    pub(crate) folds: Folds,
}

/// The state at the time of the pause, beyond which nothing is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paused {
    /// Time of the last update, ns since boot.
    pub(crate) time: u64,
    /// Number of sessions in the trace at that time.
    pub(crate) sessions: usize,
}

/// Scrolling of a list of lines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scroll {
    pub(crate) cursor: usize,
    pub(crate) top: usize,
}

impl Scroll {
    /// Keeps the cursor within `lines` lines, and visible in a pane of this height.
    pub(crate) fn fit(&mut self, lines: usize, height: usize) {
        self.cursor = self.cursor.min(lines.saturating_sub(1));
        let lowest = (self.cursor + 1).saturating_sub(height);
        self.top = self
            .top
            .clamp(lowest, self.cursor.max(lowest))
            .min(lines.saturating_sub(height).max(lowest));
    }

    /// Moves the cursor by a number of lines.
    pub(crate) fn step(&mut self, by: i64) {
        self.cursor = self.cursor.saturating_add_signed(isize::try_from(by).unwrap_or(isize::MAX));
    }
}

/// The areas of the last drawing, for the mouse. A row of an area is that of its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) sessions: Rect,
    pub(crate) timeline: Rect,
    /// The rows that the lines of the timeline show; `None`: a line without a row.
    pub(crate) rows: Vec<Option<u32>>,
    pub(crate) detail: Rect,
    pub(crate) findings: Rect,
    pub(crate) picture: Rect,
    /// Rows of the session at the cells of the picture.
    pub(crate) cells: FxHashMap<(u16, u16), u32>,
}

/// The screen: its state, without the trace.
pub struct App {
    pub(crate) theme: Theme,
    pub(crate) texts: Texts,
    /// Width for which `texts` renders.
    pub(crate) width: u16,
    pub(crate) window: Window,
    pub(crate) focus: Pane,
    pub(crate) lower: Lower,
    /// True if the focused pane fills the screen.
    pub(crate) zoom: bool,
    pub(crate) list: SessionList,
    /// Index of the selected session; `None`: there is none.
    pub(crate) session: Option<usize>,
    pub(crate) viewed: FxHashMap<usize, Viewed>,
    /// Number of columns by which the timeline is scrolled to the right.
    pub(crate) shift: usize,
    /// Number of lines that page keys move.
    pub(crate) page: i64,
    pub(crate) detail: Scroll,
    /// Jumps of the lines of the detail.
    pub(crate) jumps: Vec<Option<crate::detail::Jump>>,
    pub(crate) findings: FindingList,
    pub(crate) pictures: Pictures,
    /// True if the position plot is logarithmic.
    pub(crate) log: bool,
    pub(crate) search: Search,
    pub(crate) prompt: Option<Prompt>,
    /// First line of the help; `None`: it is not shown.
    pub(crate) help: Option<usize>,
    pub(crate) follow: bool,
    pub(crate) paused: Option<Paused>,
    pub(crate) rate: Rate,
    pub(crate) message: Option<String>,
    pub(crate) areas: Areas,
    /// Number of the last compaction of the trace that the indices here follow.
    compaction: u64,
}

impl App {
    /// Creates the screen of an empty trace.
    pub fn new(options: Options) -> Self {
        let theme = Theme::new(options.color, options.ascii);
        Self {
            theme,
            texts: Texts::new(theme, 80),
            width: 80,
            window: Window::default(),
            focus: Pane::default(),
            lower: Lower::default(),
            zoom: false,
            list: SessionList::default(),
            session: None,
            viewed: FxHashMap::default(),
            shift: 0,
            page: 10,
            detail: Scroll::default(),
            jumps: Vec::new(),
            findings: FindingList::default(),
            pictures: Pictures::default(),
            log: false,
            search: Search::default(),
            prompt: None,
            help: None,
            follow: options.follow,
            paused: None,
            rate: Rate::default(),
            message: None,
            areas: Areas::default(),
            compaction: 0,
        }
    }

    /// Handles an input. Returns the commands for the edge.
    pub fn update(&mut self, input: Input, model: &Model, host: &dyn Host) -> Vec<Command> {
        self.sync(model);
        match input {
            Input::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
            Input::Key(key) => self.key(key, model, host),
            Input::Mouse(mouse) => {
                self.mouse(mouse, model);
                Vec::new()
            }
            Input::Tick { ms } => {
                self.rate.tick(model.trace.updates, ms);
                self.work(model);
                Vec::new()
            }
            Input::Notice(text) => {
                self.message = Some(text);
                Vec::new()
            }
        }
    }

    /// Returns true if a tick would go on with a search or a picture.
    pub fn has_work(&self, model: &Model) -> bool {
        self.search.is_running()
            || self.list.is_behind(self.shown_sessions(model))
            || (matches!(self.lower, Lower::Map | Lower::Plot)
                && self.pictures.is_behind(model, self.session))
    }

    /// Does a bounded part of the work that takes long.
    fn work(&mut self, model: &Model) {
        if matches!(self.lower, Lower::Map | Lower::Plot) {
            self.pictures.advance(model, self.session);
        }
        self.continue_search(model);
    }

    /// Brings the lists up to the trace.
    pub(crate) fn sync(&mut self, model: &Model) {
        if let Some(compaction) = &model.trace.compaction
            && compaction.number != self.compaction
        {
            self.follow_compaction(compaction);
        }
        let sessions = self.shown_sessions(model);
        self.list.extend(&model.trace.sessions[..sessions]);
        let until = self.paused.map_or(u64::MAX, |paused| paused.time);
        self.findings.extend(&model.trace, until, &self.list);
        if self.follow && self.paused.is_none() {
            self.follow_newest(model);
        }
        if self.session.is_none() {
            self.select_listed(0, model);
        }
    }

    /// Replaces the indices of sessions, because the trace has dropped some.
    fn follow_compaction(&mut self, compaction: &Compaction) {
        let Compaction { number, moved, .. } = compaction;
        // After several compactions the indices are unknown: the lists are made anew.
        let known = *number == self.compaction + 1;
        let new = |at: usize| {
            let new = moved.get(at).copied().flatten().filter(|_| known);
            new.and_then(|new| usize::try_from(new).ok())
        };
        self.session = self.session.and_then(new);
        let viewed = std::mem::take(&mut self.viewed).into_iter();
        self.viewed = viewed.filter_map(|(at, viewed)| Some((new(at)?, viewed))).collect();
        if known {
            self.list.renumber(new);
        } else {
            let (filter, words) = (self.list.filter.take(), std::mem::take(&mut self.list.words));
            self.list.set_filter(filter, words);
        }
        if let Some(paused) = &mut self.paused {
            paused.sessions = (0..paused.sessions).filter(|at| new(*at).is_some()).count();
        }
        self.findings.clear();
        self.search.cancel();
        self.pictures = Pictures::default();
        self.compaction = *number;
    }

    /// Returns the number of sessions that are shown.
    pub(crate) fn shown_sessions(&self, model: &Model) -> usize {
        let all = model.trace.sessions.len();
        self.paused.map_or(all, |paused| paused.sessions.min(all))
    }

    /// Returns the row behind the last one of a session that is shown.
    pub(crate) fn end_of(&mut self, session: usize, model: &Model) -> u32 {
        let rows = &model.trace.sessions[session].rows;
        match self.paused {
            Some(paused) => rows.after(paused.time, &mut self.window),
            None => rows.end(),
        }
    }

    /// Calls a function with the tree of a session and the view of it.
    pub(crate) fn with_tree<T>(
        &mut self,
        session: usize,
        model: &Model,
        act: impl FnOnce(Tree<'_>, &mut u32, &mut u32) -> T,
    ) -> T {
        let end = self.end_of(session, model);
        let Viewed { row, top, folds } = self.viewed.entry(session).or_default();
        let tree = Tree { session: &model.trace.sessions[session], folds, end };
        *row = tree.head((*row).max(tree.session.rows.first()));
        *top = tree.head((*top).max(tree.session.rows.first()));
        act(tree, row, top)
    }

    /// Returns the selected session and row; `None` if there is no session.
    pub(crate) fn selection(&mut self, model: &Model) -> Option<(usize, u32)> {
        let session = self.session?;
        Some((session, self.with_tree(session, model, |_, row, _| *row)))
    }
}
