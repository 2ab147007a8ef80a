//! Makes a long recording from a short one by repeating its events at later times. docs/performance.md uses it to measure
//! how time and memory grow.
//!
//! `cargo run --example longer -- SHORT.seqtrace TIMES LONG.seqtrace`
#![forbid(unsafe_code)]

use std::{env, fs::File, io::BufReader};

use anyhow::{Context as _, bail};
use seqtrace::{
    event::EventKind,
    pipeline::Fed,
    recording::{KnownNames, Reader, Recorder},
};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().collect();
    let [_, short, times, long] = words.as_slice() else { bail!("SHORT TIMES LONG") };
    let mut reader = Reader::open(BufReader::new(File::open(short)?))?;
    let (mut names, mut events) = (KnownNames::default(), Vec::new());
    while let Some(batch) = reader.batch()? {
        for item in batch {
            if let Some(event) = names.event(item?) {
                events.push(event);
            }
        }
    }
    let first = events.first().context("nothing was recorded")?.time;
    let last = events.last().map_or(first, |event| event.time);

    let mut recorder = Recorder::begin(File::create(long)?, reader.head())?;
    let mut time = last;
    for round in 0..times.parse()? {
        let later = round * (last - first + 1);
        for event in &events {
            let mut event = event.clone();
            event.time += later;
            time = event.time;
            let fed = match &event.body {
                EventKind::Open(_) => Fed::Opened { shown: true },
                _ => Fed::Followed,
            };
            recorder.event(&event, fed);
            recorder.write(time)?;
        }
    }
    recorder.end(time, 0)?;
    Ok(())
}
