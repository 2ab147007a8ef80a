//! A lab without a kernel: it carries plans out on a simulated file, and feeds the real tracker, rules and collector.

use std::{cell::Cell, collections::HashMap, pin::pin, rc::Rc, task, time::Duration};

use seqtrace_model::testing::machine::{Fd, File, World};

use crate::{
    check::{
        call::{Call, Syscall},
        inquiry::{Answer, Bounds, Lab, inquire},
        plan::{Plan, Step},
        process::Ended,
        seen::Collector,
        verdict::Report,
    },
    event::Wrapper,
    filter::Selection,
    pipeline::{Pipeline, Until},
    session::update::{Callbacks, Symbol},
};

/// Simulated time, in an arbitrary unit.
pub(super) type Clock = Rc<Cell<u64>>;

/// Creates the callbacks for an open.
pub(super) type Make = Box<dyn Fn(&Clock) -> File>;

pub(super) struct Simulated {
    make: Make,
    /// The file has read_iter: a readv() is one read, and there is splice().
    iter: bool,
    pub(super) clock: Clock,
    world: World,
    /// Number of events that the pipeline has got.
    fed: usize,
    pipeline: Pipeline,
    seen: Collector,
    open: HashMap<(usize, u8), Fd>,
    pub(super) plans: usize,
}

const ESPIPE: i64 = -29;
const EINVAL: i64 = -22;

impl Simulated {
    pub(super) fn new(make: Make, iter: bool) -> Self {
        let (selection, until) = (Selection::default(), Until::default());
        Self {
            make,
            iter,
            clock: Clock::default(),
            world: World { previews: true, ..World::default() },
            fed: 0,
            pipeline: Pipeline::new(selection, until),
            seen: Collector::default(),
            open: HashMap::new(),
            plans: 0,
        }
    }

    /// Inquires into the file.
    pub(super) fn report(&mut self) -> Report {
        let symbol = |name: &str| Symbol { name: Some(name.into()), ..Symbol::unnamed(1) };
        let callbacks = Callbacks {
            table: None,
            start: symbol("start"),
            next: symbol("next"),
            show: symbol("show"),
            stop: symbol("stop"),
        };
        let report =
            Report { callbacks: Some(callbacks), ..Report::new(b"/proc/simulated".to_vec()) };
        let bounds = Bounds { bytes: 1 << 20, force: true };
        let inquiry = pin!(inquire(self, bounds, report));
        let mut context = task::Context::from_waker(task::Waker::noop());
        match inquiry.poll(&mut context) {
            task::Poll::Ready(report) => report.unwrap(),
            task::Poll::Pending => panic!("nothing to wait for"),
        }
    }

    fn step(&mut self, process: usize, step: &Step, calls: &mut Vec<Call>) {
        let slot = step.slot();
        let key = (process, slot);
        let call = |syscall, at: i64, want, result: Result<Vec<u8>, i64>| {
            let (ret, bytes) = match result {
                Ok(bytes) => (i64::try_from(bytes.len()).unwrap(), bytes),
                Err(error) => (error, Vec::new()),
            };
            Call { process, slot, syscall, at: at.cast_unsigned(), want, ret, bytes }
        };
        self.clock.set(self.clock.get() + 1);
        let Self { make, iter, clock, world, open, .. } = self;
        if let Step::Open { .. } = step {
            let fd = Fd::open(world, 1, make(clock), Wrapper::SeqOpen);
            open.insert(key, fd);
            calls.push(call(Syscall::Open, 0, 0, Ok(Vec::new())));
            return;
        }
        if let Step::Close { .. } = step {
            if let Some(fd) = open.remove(&key) {
                fd.release(world, Wrapper::SeqRelease);
            }
            return;
        }
        let Some(fd) = open.get_mut(&key) else { return };
        let mut read = |fd: &mut Fd, syscall, want: u64| {
            clock.set(clock.get() + 1);
            let at = fd.f_pos;
            let result = fd.read(world, usize::try_from(want).unwrap());
            calls.push(call(syscall, at, want, result));
            calls.last().is_some_and(|call| call.ret > 0)
        };
        match *step {
            Step::Open { .. } | Step::Close { .. } => {}
            Step::Read { want, .. } => {
                read(fd, Syscall::Read, want);
            }
            Step::Sizes { ref wants, .. } => {
                let _ended = wants.iter().all(|want| read(fd, Syscall::Read, *want));
            }
            Step::Until { block_bytes, to, .. } => {
                while let Some(left) = left(fd, to)
                    && read(fd, Syscall::Read, block_bytes.min(left))
                {}
            }
            Step::Splice { block_bytes, to, .. } if *iter => {
                while let Some(left) = left(fd, to)
                    && read(fd, Syscall::Splice, block_bytes.min(left))
                {}
            }
            Step::Splice { block_bytes, .. } => {
                calls.push(call(Syscall::Splice, fd.f_pos, block_bytes, Err(EINVAL)));
            }
            Step::Vectored { ref wants, .. } => {
                let (at, want) = (fd.f_pos, wants.iter().sum());
                let pieces = if *iter { vec![want] } else { wants.clone() };
                let mut got = Vec::new();
                for piece in pieces {
                    let bytes = fd.read(world, usize::try_from(piece).unwrap()).unwrap_or_default();
                    let short = (bytes.len() as u64) < piece;
                    got.extend(bytes);
                    if short {
                        break;
                    }
                }
                calls.push(call(Syscall::Readv, at, want, Ok(got)));
            }
            Step::Pread { at, want, .. } => {
                let at = at.cast_signed();
                let result = fd.pread(world, at, usize::try_from(want).unwrap());
                calls.push(call(Syscall::Pread, at, want, result));
            }
            Step::Seek { to, .. } => seek(fd, world, to.cast_signed(), &call, calls),
            Step::Skip { by, .. } => {
                let to = fd.f_pos + by;
                seek(fd, world, to, &call, calls);
            }
        }
    }

    fn feed(&mut self) {
        for event in self.world.events.get(self.fed..).unwrap_or_default() {
            self.pipeline.feed(event, &mut self.seen);
        }
        self.fed = self.world.events.len();
    }
}

fn left(fd: &Fd, to: u64) -> Option<u64> {
    let left = to.saturating_sub(fd.f_pos.cast_unsigned());
    (left > 0).then_some(left)
}

fn seek(
    fd: &mut Fd,
    world: &mut World,
    to: i64,
    call: &impl Fn(Syscall, i64, u64, Result<Vec<u8>, i64>) -> Call,
    calls: &mut Vec<Call>,
) {
    let ret = if to < 0 { ESPIPE } else { fd.lseek(world, to) };
    calls.push(Call { ret, ..call(Syscall::Lseek, to, 0, Ok(Vec::new())) });
}

impl Lab for Simulated {
    async fn carry(&mut self, plan: &Plan) -> anyhow::Result<Answer> {
        let mut calls = Vec::new();
        self.plans += 1;
        for act in &plan.acts {
            self.step(act.process, &act.step, &mut calls);
        }
        self.feed();
        Ok(Answer { calls, ended: Ended::Done, seen: self.seen.take() })
    }

    async fn idle(&mut self, time: Duration) -> anyhow::Result<()> {
        self.clock.set(self.clock.get() + u64::try_from(time.as_micros()).unwrap());
        Ok(())
    }

    fn is_over(&self) -> Option<&'static str> {
        None
    }

    fn extend(&mut self) {}

    fn lost(&mut self) -> anyhow::Result<u64> {
        Ok(0)
    }
}
