//! Makes a long recording from a short one by repeating its events with later timestamps. For measuring
//! how time and memory grow (docs/performance.md).
//!
//! `cargo run --example longer -- SHORT.seqtrace TIMES LONG.seqtrace`
#![forbid(unsafe_code)]

use std::{collections::HashMap, env, fs::File, io::BufReader};

use anyhow::{Context as _, bail};
use seqtrace::{
    event::Task,
    filter::Selection,
    pipeline::{Pipeline, Until},
    recording::{Item, Noting, Reader, Recorder},
    render,
    session::{Resolve, Tracker, update::Symbol},
};

/// Names from the short recording. All files get the same path.
#[derive(Default)]
struct Known {
    functions: HashMap<u64, Symbol>,
    tables: HashMap<u64, Symbol>,
    path: Vec<u8>,
}

impl Resolve for Known {
    fn function(&mut self, address: u64) -> Symbol {
        self.functions.get(&address).cloned().unwrap_or(Symbol::unnamed(address))
    }

    fn table(&mut self, address: u64) -> Option<Symbol> {
        self.tables.get(&address).cloned()
    }

    fn path(&mut self, _names: &[Vec<u8>], _dev: u32, _magic: u32, _opener: &Task) -> Vec<u8> {
        self.path.clone()
    }
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().collect();
    let [_, short, times, long] = words.as_slice() else { bail!("SHORT TIMES LONG") };
    let mut reader = Reader::open(BufReader::new(File::open(short)?))?;
    let (mut known, mut events) = (Known::default(), Vec::new());
    while let Some(batch) = reader.batch()? {
        for item in batch {
            match item? {
                Item::Function(symbol) => {
                    known.functions.insert(symbol.address, symbol);
                }
                Item::Table(symbol) => {
                    known.tables.insert(symbol.address, symbol);
                }
                Item::Event { event, path, .. } => {
                    known.path = path.unwrap_or(known.path);
                    events.push(event);
                }
                Item::Target { .. } | Item::Ready(_) | Item::End { .. } => {}
            }
        }
    }
    let first = events.first().context("nothing was recorded")?.time;
    let last = events.last().map_or(first, |event| event.time);

    let mut pipeline = Pipeline::new(
        Tracker::new(Noting::new(known)),
        Selection::default(),
        Until::default(),
        render::sink(&render::Options::default())?,
    );
    let mut recorder = Recorder::begin(File::create(long)?, reader.head(), &mut pipeline)?;
    let mut time = last;
    for round in 0..times.parse()? {
        let later = round * (last - first + 1);
        for event in &events {
            let mut event = event.clone();
            event.time += later;
            time = event.time;
            recorder.feed(&mut pipeline, event);
            recorder.write(time)?;
            pipeline.output.data.clear();
        }
    }
    recorder.end(time, 0)?;
    Ok(())
}
