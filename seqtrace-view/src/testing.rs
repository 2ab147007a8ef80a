//! Traces of simulated readers.

use seqtrace_model::event::Wrapper;
use seqtrace_model::filter::Selection;
use seqtrace_model::pipeline::{Pipeline, Until};
use seqtrace_model::session::update::Update;
use seqtrace_model::testing::files::{Memory, Shared, seqbug};
use seqtrace_model::testing::machine::{Fd, World};
use seqtrace_model::testing::simulator::reader::{Plan, run};
use seqtrace_model::trace::{Shown, Sink};

use crate::map::FileMap;
use crate::plot::PositionPlot;
use crate::{Trace, Window};

/// Consumer that keeps all updates.
#[derive(Default)]
pub(crate) struct All(pub(crate) Vec<Update>);

impl Sink for All {
    fn update(&mut self, update: &Update) -> Shown {
        self.0.push(update.clone());
        Shown::Yes
    }
}

/// Runs plans one after the other and returns all updates.
pub(crate) fn updates(plans: Vec<Plan>) -> Vec<Update> {
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let mut all = All::default();
    let mut time = 0;
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

/// Makes a trace of updates.
pub(crate) fn trace(updates: &[Update]) -> Trace {
    let mut trace = Trace::default();
    for update in updates {
        trace.update(update);
    }
    trace
}

/// Traces reads of `want` bytes of a file of module/seqbugs, up to its end or 200 reads.
pub(crate) fn buggy(name: &str, want: usize) -> Trace {
    let mut world = World::default();
    let file = seqbug(name, Memory::Image, &Shared::default()).unwrap();
    let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
    fd.drain(&mut world, want, 200);
    fd.release(&mut world, Wrapper::SeqRelease);
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let mut trace = Trace::default();
    for event in &world.events {
        pipeline.feed(event, &mut trace);
    }
    pipeline.finish(u64::MAX, 0, &mut trace);
    trace
}

/// Returns the file map of the first session.
pub(crate) fn map_of(trace: &Trace) -> FileMap {
    let (mut map, rows) = (FileMap::default(), &trace.sessions[0].rows);
    rows.visit(0..rows.end(), &mut Window::default(), |row, update| map.add(row, update));
    map
}

/// Returns the position plot of the first session.
pub(crate) fn plot_of(trace: &Trace) -> PositionPlot {
    let (mut plot, rows) = (PositionPlot::default(), &trace.sessions[0].rows);
    rows.visit(0..rows.end(), &mut Window::default(), |row, update| plot.add(row, update));
    plot
}
