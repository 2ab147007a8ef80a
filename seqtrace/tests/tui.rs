//! Screens of `replay --tui`, from recordings of real traces and keys. The manual shows some of them.
//!
//! `cargo xtask screens` writes docs/screens/*.txt anew: look at them.
#![cfg(feature = "tui")]
#![expect(clippy::panic, reason = "a test fails by a panic")]

use std::{fs, path::Path};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use expect_test::expect_file;
use ratatui::{Terminal, backend::TestBackend};
use seqtrace::{
    filter::{Filter, Selection},
    pipeline::{Pipeline, Until},
    recording::{self, Ending, ReadError, Reader},
    render::Screen,
};
use seqtrace_tui::{App, Command, Host, Input, Options, Shared};

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

/// A screen without a terminal.
struct Session {
    app: App,
    shared: Shared,
    terminal: Terminal<TestBackend>,
}

/// Plays a recording, as far as it goes, and opens it on a screen.
fn open(bytes: &[u8], (width, height): (u16, u16), options: Options) -> Result<Session, ReadError> {
    let mut reader = Reader::open(bytes)?;
    let shared = Shared::recorded();
    let mut sink = Screen::new(Box::new(shared.feed()));
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let played =
        recording::play(&mut reader, &mut pipeline, &mut sink, |_| Ok::<_, ReadError>(true));
    let whole = played.is_ok_and(|played| played.ending == Ending::Whole);
    shared.end((!whole).then(|| "the recording is cut off here".to_owned()));
    let terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    let mut session = Session { app: App::new(options), shared, terminal };
    session.draw();
    Ok(session)
}

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read(folder.join(format!("{name}.seqtrace"))).expect("a golden recording")
}

impl Session {
    fn draw(&mut self) {
        let Self { app, shared, terminal } = self;
        shared
            .with(|model| terminal.draw(|frame| app.draw(model, frame)))
            .expect("a screen in memory");
    }

    /// Presses keys: letters, and `<Name>`. Draws after each.
    fn press(&mut self, keys: &str) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let (code, length) = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
            {
                Some(("", _)) | None => (KeyCode::Char(first), first.len_utf8()),
                Some((name, _)) => (named(name), name.len() + 2),
            };
            rest = &rest[length..];
            let key = Input::Key(KeyEvent::new(code, KeyModifiers::NONE));
            commands.extend(self.input(key));
        }
        commands
    }

    fn input(&mut self, input: Input) -> Vec<Command> {
        let Self { app, shared, .. } = self;
        let commands = shared.with(|model| app.update(input, model, &Nothing));
        self.draw();
        commands
    }

    /// Lets the app finish what takes long.
    fn work(&mut self) {
        for _ in 0..1000 {
            self.input(Input::Tick { ms: 50 });
            if !self.shared.with(|model| self.app.has_work(model)) {
                return;
            }
        }
    }

    fn text(&self) -> String {
        let buffer = self.terminal.backend().buffer();
        let lines = buffer.content().chunks(usize::from(buffer.area.width));
        let line = |cells: &[ratatui::buffer::Cell]| {
            let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
            format!("{}\n", text.trim_end())
        };
        lines.map(line).collect()
    }

    /// Compares the screen with docs/screens/NAME.txt.
    fn expect(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/screens");
        expect_file![folder.join(format!("{name}.txt"))].assert_eq(&self.text());
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Down" => KeyCode::Down,
        _ => panic!("no key {name}"),
    }
}

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (120, 40);
const COLOR: Options = Options { color: true, ascii: false, follow: false };
const PLAIN: Options = Options { color: false, ascii: true, follow: false };

#[test]
fn the_first_screen() {
    for (name, size, options) in [
        ("sessions-80x24", SMALL, COLOR),
        ("sessions-120x40", LARGE, COLOR),
        ("sessions-ascii", SMALL, PLAIN),
    ] {
        open(&golden("eof-stuck-6.12"), size, options).unwrap().expect(name);
    }
}

#[test]
fn the_double_emit_is_found_by_keys() {
    let mut session = open(&golden("eof-stuck-6.12"), LARGE, COLOR).unwrap();
    // The first finding of each session is the cause, the last one of the second session the double emit.
    session.press("xxx");
    session.work();
    let text = session.text();
    assert!(text.contains("✗✗ SQ201 double emit"), "{text}");
    session.expect("double-emit-120x40");
    // The list of findings, the file map and the position plot of its session.
    for (keys, name) in [("i", "findings-120x40"), ("m", "map-120x40"), ("p", "plot-120x40")] {
        session.press(keys);
        session.work();
        session.draw();
        session.expect(name);
    }
    // Evidence: the bytes that were passed over first.
    session.press("d<Down><Down><Enter>");
    session.work();
    let text = session.text();
    assert!(text.contains("passed over 4..6"), "{text}");
}

/// docs/tui.md quotes a screen between ```screen and ```.
#[test]
fn the_manual_quotes_a_screen() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut session = open(&golden("eof-stuck-6.12"), LARGE, COLOR).unwrap();
    session.press("xxxm");
    session.work();
    session.draw();
    let page = fs::read_to_string(docs.join("tui.md")).unwrap();
    let (before, rest) = page.split_once("```screen\n").expect("the begin of a screen");
    let (quoted, after) = rest.split_once("```").expect("the end of a screen");
    let screen = session.text();
    if quoted != screen && std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(docs.join("tui.md"), format!("{before}```screen\n{screen}```{after}")).unwrap();
        return;
    }
    assert_eq!(quoted, screen);
}

#[test]
fn the_same_on_a_small_screen() {
    let mut session = open(&golden("eof-stuck-6.12"), SMALL, PLAIN).unwrap();
    session.press("xxx");
    session.expect("double-emit-ascii");
    session.press("m");
    session.work();
    session.draw();
    session.expect("map-ascii");
    session.press("?");
    session.expect("help-80x24");
}

#[test]
fn the_reproducer_makes_the_same_calls() {
    let mut session = open(&golden("eof-stuck-6.12"), SMALL, COLOR).unwrap();
    let commands = session.press("xxxy");
    let expected = "python3 -c 'from os import *; lseek(0, 6, 1); write(1, read(0, 6))' </proc/seqbugs/eof_stuck";
    assert_eq!(commands, [Command::Copy(expected.to_owned())]);
}

#[test]
fn texts_are_found_in_all_sessions() {
    let mut session = open(&golden("bugs-6.1"), LARGE, COLOR).unwrap();
    session.press("/private leaked<Enter>");
    session.work();
    let text = session.text();
    assert!(text.contains("SQ402 private leaked"), "{text}");
    session.press("/not anywhere<Enter>");
    session.work();
    assert!(session.text().contains("not found"));
}

#[test]
fn a_gap_is_shown_where_it_happened() {
    let mut session = open(&golden("lost-6.12"), LARGE, COLOR).unwrap();
    session.press("<Tab>EG");
    let mut seen = false;
    for _ in 0..200 {
        seen |= session.text().contains("gap: ");
        session.press("k");
    }
    assert!(seen);
}

#[test]
fn a_recording_cut_at_any_byte_opens_as_far_as_it_goes() {
    let whole = golden("eof-stuck-6.12");
    let (mut opened, mut marked) = (0, 0);
    for end in (0..whole.len()).step_by(61) {
        let Ok(mut session) = open(&whole[..end], SMALL, COLOR) else { continue };
        opened += 1;
        session.press("GmEpx");
        session.work();
        let text = session.text();
        marked += usize::from(text.contains("the recording is cut off here"));
    }
    assert!(opened > 0 && marked == opened, "{opened} opened, {marked} marked");
}
