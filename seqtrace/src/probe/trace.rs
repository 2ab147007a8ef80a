//! A trace under way: the ring is emptied into the pipeline until something ends it.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::Path,
    process::ExitStatus,
    time::Duration,
};

use anyhow::Context;
use aya_log::EbpfLogger;
use tokio::{
    process::Child,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    backend::Plan,
    decode::Decoder,
    error::ProbeError,
    live::Live,
    loader::{Probes, Untraceable},
    loads,
    log::{self, ToStderr},
    order::Order,
    spool::Spool,
    waiting::Waiting,
};
use crate::{
    clock,
    event::{Body, Event, FileKind, OpTable, Open},
    exit::UserError,
    output::Writer,
    pipeline::Pipeline,
    recording::{Noting, Recorder},
    render::{Ready, TargetInfo},
    session::{Resolve, update::Summary},
    signals::Signals,
};

/// How often what was recorded is written, and the programs' own diagnostics are looked for.
const TICK: Duration = Duration::from_millis(20);

/// How often one looks for callbacks that the programs hold back: what waits is shown after two or three times that.
const PATIENCE: Duration = Duration::from_nanos(PATIENCE_NS);
/// The same in ns: so long a pass must have kept still.
const PATIENCE_NS: u64 = 30_000_000;
/// [`PATIENCE`] while other things happen.
const BUSY_PATIENCE: Duration = Duration::from_millis(200);
/// ns for which a record may be in the making. What is seen before is in the ring, or has been told.
const LATE: u64 = 20_000_000;
/// How often it is tried at the end to see what a reader does that goes on.
const ATTEMPTS: u32 = 20;

/// Everything that a running trace consists of.
pub struct Trace {
    /// Where events go.
    pub pipeline: Pipeline<Noting<Live>>,
    /// Where they are recorded.
    recorder: Option<Recorder>,
    probes: Probes,
    spool: Spool,
    decoder: Decoder,
    order: Order,
    log: Option<EbpfLogger<ToStderr>>,
    /// The `callbacks` backend: tables are attached as they are met.
    by_callback: bool,
    /// The name of the file that is being looked at, and what it turned out to be.
    looking_at: Option<Vec<u8>>,
    seen: Option<Open>,
    /// Tables attached to while events from before were still in the ring: when (ns since boot), and
    /// what the model is told once it has come so far.
    attached: VecDeque<(u64, Vec<Body>)>,
    /// When the last event happened, ns since boot.
    last: u64,
    /// What the programs hold back.
    waiting: Waiting,
    /// Records that could not be decoded.
    undecodable: u64,
    /// How often the ring is emptied: a fault made to order.
    pub pause: Option<Duration>,
}

impl Trace {
    /// Attaches what begins sessions and takes over the ring.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn begin(
        mut probes: Probes,
        plan: &Plan,
        pipeline: Pipeline<Noting<Live>>,
        recorder: Option<Recorder>,
        log: bool,
    ) -> anyhow::Result<Self> {
        let log = if log { Some(log::open(probes.ebpf_mut())?) } else { None };
        let spool = Spool::new(probes.take_ring()?);
        let by_callback = matches!(plan, Plan::Callbacks(_));
        if by_callback {
            probes.prepare_tables().map_err(UserError::from)?;
        }
        probes.begin().map_err(UserError::from)?;
        Ok(Self {
            pipeline,
            recorder,
            probes,
            spool,
            decoder: Decoder::new(),
            order: Order::default(),
            log,
            by_callback,
            looking_at: None,
            seen: None,
            attached: VecDeque::new(),
            last: 0,
            waiting: Waiting::default(),
            undecodable: 0,
            pause: None,
        })
    }

    /// Says that nothing is missed from here on: the zero of relative times.
    pub fn announce_ready(&mut self) {
        let begin = clock::monotonic();
        let probes = u32::try_from(self.probes.attached()).unwrap_or(u32::MAX);
        let ready = Ready { begin, probes };
        if let Some(recorder) = &mut self.recorder {
            recorder.ready(&ready);
        }
        self.pipeline.announce(|sink, output| sink.ready(&ready, output));
    }

    /// Says what a target is.
    pub fn announce_target(&mut self, target: &TargetInfo) {
        if let Some(recorder) = &mut self.recorder {
            recorder.target(target);
        }
        self.pipeline.announce(|sink, output| sink.target(target, output));
    }

    /// Opens a file once, to learn what it is and, for the `callbacks` backend, to attach to its
    /// callbacks before anybody else opens it. `None` if it is neither a seq file nor plain procfs.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn look_at(&mut self, path: &Path) -> io::Result<Option<Open>> {
        const NONBLOCK_NOCTTY: i32 = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        // Setting a probe makes us read other files: only this one counts.
        self.looking_at = path.file_name().map(|name| name.as_bytes().to_vec());
        self.seen = None;
        let file = OpenOptions::new().read(true).custom_flags(NONBLOCK_NOCTTY).open(path);
        self.catch_up();
        self.looking_at = None;
        drop(file?);
        Ok(self.seen.take())
    }

    /// The file that the last [`look_at`](Self::look_at) returned an error for, if `seq_open()` had succeeded in that open.
    pub fn failed_open(&mut self) -> Option<Open> {
        self.seen.take().filter(|open| open.ret == 0 && matches!(open.kind, FileKind::Seq { .. }))
    }

    /// Waits for `work`, and empties the ring meanwhile; behind it, nothing is in it from before its end.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        const OFTEN: Duration = Duration::from_millis(4);
        let mut work = std::pin::pin!(work);
        let mut tick = interval(OFTEN);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = std::future::poll_fn(|context| {
            while tick.poll_tick(context).is_ready() {}
            self.drain();
            work.as_mut().poll(context)
        })
        .await;
        self.catch_up();
        done
    }

    /// Traces one more process, if only some are traced.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn allow_pid(&mut self, pid: u32) -> Result<(), ProbeError> {
        self.probes.allow_pid(pid)
    }

    /// Events that were not delivered and calls that were missed, so far.
    ///
    /// # Errors
    /// A counter cannot be read.
    pub fn lost(&self) -> Result<u64, ProbeError> {
        let counts = self.probes.counts()?;
        Ok(counts.lost.iter().sum::<u64>() + counts.missed + self.undecodable)
    }

    /// Whether probes can be set on a file's callbacks: `None` if so, else why not. They stay set.
    pub fn try_table(&mut self, kind: &FileKind) -> Option<String> {
        let FileKind::Seq { table, .. } = kind else { return None };
        let load = self.load_of(table);
        let untraceable = self.probes.table(table, load);
        untraceable.first().map(|first| format!("{}: {}", first.role.name(), first.reason))
    }

    /// Sees plain procfs files from now on; true if it did not before.
    ///
    /// # Errors
    /// The kernel refuses a probe.
    pub fn watch_plain(&mut self) -> Result<bool, ProbeError> {
        let new = !self.probes.is_plain();
        self.probes.plain()?;
        Ok(new)
    }

    /// True if callbacks are probed file by file.
    pub fn by_callback(&self) -> bool {
        self.by_callback
    }

    /// Takes all that happened up to now. What goes on happening on a busy machine is for later.
    fn catch_up(&mut self) {
        let now = clock::monotonic();
        while self.drain() && self.last <= now {}
        self.in_order_before(u64::MAX);
    }

    /// Takes the next records. False if there were none.
    fn drain(&mut self) -> bool {
        let Some(chunk) = self.spool.take() else {
            self.in_order_before(clock::monotonic().saturating_sub(LATE));
            return false;
        };
        for record in chunk.records() {
            self.record(record);
        }
        self.spool.recycle(chunk);
        true
    }

    /// Tells what waits for later events (ns since boot).
    fn in_order_before(&mut self, time: u64) {
        let Self { pipeline, recorder, order, attached, .. } = self;
        order.before(time, |event| feed(pipeline, recorder.as_mut(), attached, event));
    }

    /// Tells what the programs have been holding back since this was called last, if a pass keeps still. The ring is
    /// empty.
    fn tell_waiting(&mut self) -> Result<(), ProbeError> {
        // To look is not for nothing: it copies all the places, and while the kernel does that, no program runs on
        // this CPU (bpf_map_copy_value(), kernel/bpf/syscall.c). Should the scheduler of a preemptible kernel give
        // the CPU to a reader meanwhile, none of its callbacks is seen until we go on.
        let still = clock::monotonic().saturating_sub(PATIENCE_NS);
        if self.pipeline.has_quiet_pass(still) {
            self.tell_waiting_until(u64::MAX)?;
        }
        Ok(())
    }

    /// True if there may be more from before `end` (ns since boot).
    fn tell_waiting_until(&mut self, end: u64) -> Result<bool, ProbeError> {
        let settled = self.waiting.settled(self.probes.ebpf())?;
        let Self { pipeline, recorder, decoder, order, attached, .. } = self;
        for slot in &settled {
            decoder.waiting(slot, |event| {
                order.take(event, |event| feed(pipeline, recorder.as_mut(), attached, event));
            });
        }
        Ok(self.waiting.is_unsettled(&settled, end))
    }

    fn record(&mut self, record: &[u8]) {
        let Self {
            pipeline,
            recorder,
            decoder,
            order,
            by_callback,
            looking_at,
            seen,
            attached,
            last,
            ..
        } = self;
        *last = Decoder::time(record).unwrap_or(*last);
        let mut met = None;
        let result = decoder.decode(record, |event| {
            if let Body::Open(open) = &event.body {
                let looked_at = looking_at.is_some() && open.names.last() == looking_at.as_ref();
                if let FileKind::Seq { table, .. } = &open.kind
                    && (*by_callback || is_iterator(open))
                    && (looked_at || !open.own)
                {
                    met = Some((*table, is_iterator(open)));
                }
                if open.own && looked_at {
                    *seen = Some(Open::clone(open));
                }
            }
            order.take(event, |event| feed(pipeline, recorder.as_mut(), attached, event));
        });
        self.undecodable += u64::from(result.is_err());
        if let Some((table, iterator)) = met {
            if iterator && let Err(error) = self.probes.iterators() {
                eprintln!("warning: BPF iterators are not traced: {error}");
            }
            self.attach_table(&table);
        }
    }

    /// Which load of its module a table belongs to; 0 for the kernel's own.
    fn load_of(&mut self, table: &OpTable) -> u64 {
        let show = self.pipeline.resolver().function(table.show);
        show.module.and_then(|module| loads::of(&module)).unwrap_or(0)
    }

    /// Attaches to a table's callbacks, if that has not been done. The model is told behind the events
    /// that are in the ring by now: those are from before.
    fn attach_table(&mut self, table: &OpTable) {
        let load = self.load_of(table);
        if self.probes.has_table(table, load) {
            return;
        }
        let untraceable = self.probes.table(table, load);
        let mut news = vec![Body::TableAttached { table: *table }];
        for Untraceable { address, role, reason } in untraceable {
            news.push(Body::Blind { address, role, reason });
        }
        self.attached.push_back((clock::monotonic(), news));
    }

    /// Runs until a signal, the deadline, the end of the child, a limit, or a closed pipe. The
    /// child's status, if that was it.
    ///
    /// # Errors
    /// Data cannot be written.
    pub async fn run(
        &mut self,
        writer: &mut Writer,
        signals: &mut Signals,
        mut child: Option<&mut Child>,
        deadline: Option<Instant>,
    ) -> anyhow::Result<Option<ExitStatus>> {
        self.spool.start(self.pause).context("cannot start a thread")?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut more = false;
        let (mut looked, mut busy) = (Instant::now(), false);
        loop {
            tokio::select! {
                biased;
                () = signals.any() => return Ok(None),
                () = until(deadline) => return Ok(None),
                status = wait(&mut child) => {
                    return Ok(Some(status.context("cannot wait for the command")?));
                }
                () = tokio::task::yield_now(), if more => {}
                () = self.spool.filled(), if !more => {}
                _ = tick.tick() => {}
            }
            more = self.drain();
            busy |= more;
            // Where much happens, little waits, and to look is not for nothing.
            let patience = if busy { BUSY_PATIENCE } else { PATIENCE };
            if !more && looked.elapsed() >= patience {
                (looked, busy) = (Instant::now(), false);
                self.tell_waiting()?;
            }
            if !self.write(writer)? || self.pipeline.is_done() {
                return Ok(None);
            }
        }
    }

    /// Writes what has been rendered and recorded. False if nobody reads it any more.
    ///
    /// # Errors
    /// Data cannot be written.
    pub fn write(&mut self, writer: &mut Writer) -> anyhow::Result<bool> {
        if let Some(log) = &mut self.log {
            log.flush();
        }
        let mut recorded = true;
        if let Some(recorder) = &mut self.recorder {
            recorded = recorder.write(clock::monotonic()).context("cannot write the recording")?;
        }
        let written = writer.write(&mut self.pipeline.output).context("cannot write the output")?;
        Ok(recorded && written)
    }

    /// Says the last word and detaches: what was seen in all, and the recorder, if there was one, which
    /// has written everything.
    ///
    /// # Errors
    /// A counter cannot be read, or data not written.
    pub fn finish(mut self, writer: &mut Writer) -> anyhow::Result<(Summary, Option<Recorder>)> {
        let end = clock::monotonic();
        self.decoder.end_at(end);
        // Readers go on: what one has told since does not wait.
        for _ in 0..ATTEMPTS {
            while self.drain() && self.last <= end {
                self.write(writer)?;
            }
            if !self.tell_waiting_until(end)? {
                break;
            }
        }
        self.in_order_before(u64::MAX);
        let counts = self.probes.counts()?;
        let Self { pipeline, recorder, decoder, .. } = &mut self;
        // What was attached and never used is no news.
        let mut attached = VecDeque::new();
        decoder.finish(&counts.lost, end, |event| {
            feed(pipeline, recorder.as_mut(), &mut attached, event);
        });
        let missed = counts.missed + self.undecodable;
        let summary = self.pipeline.finish(end, missed);
        if let Some(recorder) = &mut self.recorder {
            recorder.end(end, missed).context("cannot write the recording")?;
        }
        self.write(writer)?;
        self.probes.detach();
        Ok((summary, self.recorder))
    }
}

/// Feeds an event, behind what was attached before it happened.
fn feed(
    pipeline: &mut Pipeline<Noting<Live>>,
    mut recorder: Option<&mut Recorder>,
    attached: &mut VecDeque<(u64, Vec<Body>)>,
    event: Event,
) {
    let mut feed = |event| match &mut recorder {
        Some(recorder) => recorder.feed(pipeline, event),
        None => {
            pipeline.feed(event);
        }
    };
    while attached.front().is_some_and(|(time, _)| *time <= event.time) {
        for body in attached.pop_front().into_iter().flat_map(|(_, news)| news) {
            feed(Event { time: event.time, cpu: event.cpu, body });
        }
    }
    feed(event);
}

/// A file of seq_file that is read through bpf_seq_read(), or may be: an iterator's descriptor
/// (bpf_iter_new_fd(), kernel/bpf/bpf_iter.c), or a file of bpffs, where iterators are pinned.
fn is_iterator(open: &Open) -> bool {
    /// `BPF_FS_MAGIC`, `ANON_INODE_FS_MAGIC` (include/uapi/linux/magic.h).
    const BPF_FS: u32 = 0xcafe_4a11;
    const ANON_INODE_FS: u32 = 0x0904_1934;
    match open.magic {
        BPF_FS => true,
        ANON_INODE_FS => open.names.last().is_some_and(|name| name.ends_with(b"bpf_iter")),
        _ => false,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn wait(child: &mut Option<&mut Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}
