//! The thread that reads the terminal's events and draws the screen.
//!
//! It shares the trace with the thread that makes it, and holds the lock only while it draws into memory. A terminal that
//! blocks does not block the trace.

use std::fs::File;
use std::io::{self, BufWriter};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{self, Event};
use crossterm::execute;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::app::{App, Command, Host, Input, Options};
use crate::model::Shared;
use crate::terminal::{self, Requests, Signals};

/// Shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(50);
/// Time between two frames if nothing happens.
const IDLE: Duration = Duration::from_millis(500);

/// The screen in a terminal. It ends when the user quits, or when it is dropped.
#[derive(Debug)]
pub struct Ui {
    /// `None` after the end.
    thread: Option<JoinHandle<io::Result<()>>>,
    /// True if the screen must end.
    end: Arc<AtomicBool>,
    _signals: Signals,
}

impl Ui {
    /// Starts the screen. `ends_elsewhere`: true if another part of the program handles SIGHUP, SIGINT and SIGTERM.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(
        shared: Shared,
        options: Options,
        host: impl Host + Send + 'static,
        ends_elsewhere: bool,
    ) -> io::Result<Self> {
        terminal::restore_on_panic();
        let requests = Requests::default();
        let end = Arc::clone(&requests.quit);
        let signals = Signals::handle(requests.clone(), ends_elsewhere)?;
        let thread = thread::Builder::new().name("seqtrace-tui".to_owned()).spawn(move || {
            host.begin();
            let end = End { host: Rc::new(host), shared: shared.clone() };
            Screen::open(shared, options, Rc::clone(&end.host), requests)?.run()
        })?;
        Ok(Self { thread: Some(thread), end, _signals: signals })
    }

    /// Waits until the user quits.
    ///
    /// # Errors
    /// The terminal cannot be read or written.
    pub fn wait(mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            // The panic hook has printed the reason.
            Some(Err(_)) => Err(io::Error::other("the terminal UI has failed")),
            None => Ok(()),
        }
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _failed = thread.join();
        }
    }
}

/// Restores the terminal and reports the end when the thread ends in any way.
struct End<H: Host> {
    host: Rc<H>,
    shared: Shared,
}

impl<H: Host> Drop for End<H> {
    fn drop(&mut self) {
        terminal::restore();
        self.shared.quit();
        self.host.quit();
    }
}

/// The state of the thread.
struct Screen<H> {
    app: App,
    shared: Shared,
    host: Rc<H>,
    requests: Requests,
    terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
    /// Time of the last frame.
    drawn: Instant,
    /// Time of the last tick.
    ticked: Instant,
    /// Number of updates in the last frame, and whether the trace had ended.
    seen: (u64, bool),
    /// True if something changed besides the trace.
    changed: bool,
}

impl<H: Host> Screen<H> {
    fn open(shared: Shared, options: Options, host: Rc<H>, requests: Requests) -> io::Result<Self> {
        terminal::prepare()?;
        let backend = CrosstermBackend::new(BufWriter::new(terminal::output()?));
        let mut terminal = Terminal::new(backend)?;
        terminal.clear()?;
        let now = Instant::now();
        let app = App::new(options);
        Ok(Self {
            app,
            shared,
            host,
            requests,
            terminal,
            drawn: now,
            ticked: now,
            seen: (0, false),
            changed: true,
        })
    }

    /// Runs until the user quits or a signal asks for the end.
    fn run(&mut self) -> io::Result<()> {
        self.draw()?;
        loop {
            if self.requests.quit.load(Ordering::SeqCst) {
                return Ok(());
            }
            if self.requests.suspend.swap(false, Ordering::SeqCst) {
                self.suspend()?;
            }
            if self.requests.resume.swap(false, Ordering::SeqCst) {
                self.resume()?;
            }
            if self.events()? {
                return Ok(());
            }
            if self.tick() || self.changed {
                self.draw()?;
            }
        }
    }

    /// Waits for events up to the next frame, and handles them. Returns true if the user quits.
    fn events(&mut self) -> io::Result<bool> {
        let works = self.app.has_work(&self.shared.lock());
        let mut wait =
            if works { Duration::ZERO } else { FRAME.saturating_sub(self.ticked.elapsed()) };
        while event::poll(wait)? {
            let input = match event::read()? {
                Event::Key(key) => Some(Input::Key(key)),
                Event::Mouse(mouse) => Some(Input::Mouse(mouse)),
                _ => None,
            };
            self.changed = true;
            if let Some(input) = input
                && self.act(input)?
            {
                return Ok(true);
            }
            wait = Duration::ZERO;
        }
        Ok(false)
    }

    /// Handles an input. Returns true if the user quits.
    fn act(&mut self, input: Input) -> io::Result<bool> {
        let commands = self.app.update(input, &self.shared.lock(), &*self.host);
        for command in commands {
            match command {
                Command::Quit => return Ok(true),
                Command::Suspend => self.suspend()?,
                Command::Copy(text) => execute!(
                    BufWriter::new(terminal::output()?),
                    CopyToClipboard::to_clipboard_from(text)
                )?,
                Command::Save(path) => {
                    let notice = self.host.save(&path).unwrap_or_else(|error| error);
                    self.app.update(Input::Notice(notice), &self.shared.lock(), &*self.host);
                }
            }
        }
        Ok(false)
    }

    /// Lets the app work. Returns true if it is time for a frame that shows something new.
    fn tick(&mut self) -> bool {
        let elapsed = self.ticked.elapsed();
        let model = self.shared.lock();
        let works = self.app.has_work(&model);
        if works || elapsed >= FRAME {
            self.ticked = Instant::now();
            let ms = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
            self.app.update(Input::Tick { ms }, &model, &*self.host);
        }
        let new = works || self.seen != (model.trace.updates, model.has_ended());
        // A frame for each slice of work would take longer than the slices.
        let since = self.drawn.elapsed();
        (new && since >= FRAME) || since >= IDLE
    }

    fn draw(&mut self) -> io::Result<()> {
        let Self { app, shared, terminal, .. } = self;
        terminal.autoresize()?;
        let model = shared.lock();
        app.draw(&model, &mut terminal.get_frame());
        self.seen = (model.trace.updates, model.has_ended());
        // Before the terminal is written, which may block.
        drop(model);
        terminal.flush()?;
        terminal.swap_buffers();
        ratatui::backend::Backend::flush(terminal.backend_mut())?;
        (self.drawn, self.changed) = (Instant::now(), false);
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        terminal::restore();
        terminal::stop();
        self.resume()
    }

    /// Prepares the terminal anew: a shell may have used it meanwhile.
    fn resume(&mut self) -> io::Result<()> {
        self.requests.resume.store(false, Ordering::SeqCst);
        terminal::restore();
        terminal::prepare()?;
        self.terminal.clear()?;
        self.changed = true;
        Ok(())
    }
}
