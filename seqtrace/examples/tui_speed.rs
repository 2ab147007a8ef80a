//! Measures `replay --tui` without a terminal: the time until a recording is open, the memory, and the time of each key.
//! docs/performance.md has its figures.
//!
//! `cargo run --release --example tui_speed -- LONG.seqtrace`
#![forbid(unsafe_code)]

use std::{
    env,
    fs::{self, File},
    io::BufReader,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend};
use seqtrace::{
    filter::{Filter, Selection},
    pipeline::{Pipeline, Until},
    recording::{self, ReadError, Reader},
    render::Screen,
};
use seqtrace_tui::{App, Host, Input, Options, Shared};

/// Keys in the order of their presses: all motions, folds, jumps, pictures and a search.
const KEYS: &str = "jjGkg\tjelllcEGgjjjkECGxXxdimp\t\tfG f/nowhere\rnN";

/// A host that offers nothing.
struct Nothing;

impl Host for Nothing {
    fn filter(&self, _words: &str) -> Result<Filter, String> {
        Err(String::new())
    }

    fn save(&self, _path: &str) -> Result<String, String> {
        Err(String::new())
    }

    fn quote(&self, path: &[u8]) -> Option<String> {
        String::from_utf8(path.to_vec()).ok()
    }
}

/// Returns a line of /proc/self/status as KiB.
fn memory(name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    Ok(line.trim_matches(|c: char| !c.is_ascii_digit()).parse()?)
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().collect();
    let [_, path] = words.as_slice() else { bail!("LONG.seqtrace") };
    let before = memory("VmRSS:")?;
    let begin = Instant::now();
    let mut reader = Reader::open(BufReader::new(File::open(path)?))?;
    let shared = Shared::recorded();
    let mut terminal = Terminal::new(TestBackend::new(120, 40))?;
    let mut app = App::new(Options { color: true, ..Options::default() });
    shared.with(|model| terminal.draw(|frame| app.draw(model, frame)).map(drop))?;
    println!("first screen after {:?}", begin.elapsed());

    let mut sink = Screen::new(Box::new(shared.feed()));
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let played =
        recording::play(&mut reader, &mut pipeline, &mut sink, |_| Ok::<_, ReadError>(true))?;
    shared.end(None);
    let callbacks = played.summary.totals.callbacks;
    let grown = (memory("VmRSS:")?.saturating_sub(before)) * 1024;
    println!(
        "{callbacks} callbacks in {} sessions loaded after {:?}",
        played.summary.sessions,
        begin.elapsed()
    );
    println!("resident: {} bytes a callback", grown.div_ceil(callbacks.max(1)));

    let mut slowest = (Duration::ZERO, ' ');
    for key in KEYS.chars() {
        let code = match key {
            '\t' => KeyCode::Tab,
            '\r' => KeyCode::Enter,
            key => KeyCode::Char(key),
        };
        let input = Input::Key(KeyEvent::new(code, KeyModifiers::NONE));
        slowest = slowest.max((press(&mut app, &shared, &mut terminal, input)?, key));
    }
    println!("slowest key: {:?} ({})", slowest.0, slowest.1.escape_default());

    let (begin, mut slices, mut longest) = (Instant::now(), 0_u32, Duration::ZERO);
    while shared.with(|model| app.has_work(model)) {
        let tick = Input::Tick { ms: 50 };
        longest = longest.max(press(&mut app, &shared, &mut terminal, tick)?);
        slices += 1;
    }
    println!(
        "search of all rows, and pictures: {:?} in {slices} slices, the longest {longest:?}",
        begin.elapsed()
    );
    println!("peak: {} MiB", memory("VmHWM:")? / 1024);
    Ok(())
}

/// Returns the time of an input and of the frame after it.
fn press(
    app: &mut App,
    shared: &Shared,
    terminal: &mut Terminal<TestBackend>,
    input: Input,
) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    shared.with(|model| app.update(input, model, &Nothing));
    shared.with(|model| terminal.draw(|frame| app.draw(model, frame)).map(drop))?;
    Ok(begin.elapsed())
}
