//! Updates of simulated readers.

use super::files::{Memory, Shared, seqbug};
use super::machine::{Fd, World};
use super::simulator::reader::{Plan, run};
use crate::event::Wrapper;
use crate::filter::Selection;
use crate::pipeline::{Pipeline, Until};
use crate::session::update::Update;
use crate::trace::{Shown, Sink};

/// Consumer that keeps all updates.
#[derive(Debug, Default)]
pub struct All(pub Vec<Update>);

impl Sink for All {
    fn update(&mut self, update: &Update) -> Shown {
        self.0.push(update.clone());
        Shown::Yes
    }
}

/// Runs plans one after the other and returns all updates.
pub fn of_plans(plans: Vec<Plan>) -> Vec<Update> {
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let (mut all, mut time) = (All::default(), 0);
    for (key, plan) in (1..).zip(plans) {
        for mut event in run(key, plan).events {
            time = time.max(event.time);
            event.time = time;
            pipeline.feed(&event, &mut all);
        }
    }
    pipeline.finish(time, 0, &mut all);
    all.0
}

/// Returns the updates of reads of `want` bytes of a file of module/seqbugs, up to its end or 200 reads.
pub fn of_seqbug(name: &str, want: usize) -> Vec<Update> {
    let mut world = World::default();
    let file = seqbug(name, Memory::Image, &Shared::default()).unwrap();
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    fd.drain(&mut world, want, 200);
    fd.release(&mut world, Wrapper::SeqRelease);
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let mut all = All::default();
    for event in &world.events {
        pipeline.feed(event, &mut all);
    }
    pipeline.finish(u64::MAX, 0, &mut all);
    all.0
}
