//! The source of a live trace: yields the events of the running kernel in order.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::Path,
    time::Duration,
};

use aya_log::EbpfLogger;
use seqtrace_model::{
    event::{Event, EventKind, FileKind, OpTable, Open},
    symbol::Resolve,
};
use tokio::sync::futures::Notified;

use super::{
    backend::ChosenBackend,
    decode::Decoder,
    error::ProbeError,
    heartbeat::Heartbeat,
    loader::{Probes, Untraceable},
    log::{self, ToStderr},
    module_generation,
    names::KernelNames,
    opens::is_iterator,
    pending::PendingBatchPoller,
    reorder::ReorderBuffer,
    ring::RingReader,
};
use crate::clock;

/// Reorder window, ns: the longest time between taking an event's timestamp and submitting the event to the ring.
pub(super) const REORDER_WINDOW_NS: u64 = 20_000_000;

/// Closure that receives the events.
pub(crate) type Forward<'a> = &'a mut dyn FnMut(&Event);

/// Yields the events of the running kernel, in order and with the names of files and functions.
pub(crate) struct Source {
    pub(super) probes: Probes,
    pub(super) heartbeat: Heartbeat,
    names: KernelNames,
    ring: RingReader,
    decoder: Decoder,
    reorder: ReorderBuffer,
    /// `None` if the programs emit no diagnostics.
    log: Option<EbpfLogger<ToStderr>>,
    /// True for the `callbacks` backend: probes are attached to the callbacks of a table when the first file with this
    /// table is opened.
    by_callback: bool,
    /// True if the trace has ended: no more probes are attached.
    detached: bool,
    /// Name of the file that [`inspect_file`](Self::inspect_file) opens.
    inspected_name: Option<Vec<u8>>,
    /// The open that [`inspect_file`](Self::inspect_file) caused.
    seen: Option<Open>,
    /// Reports that wait for older events that were still in the ring.
    attached: AttachReports,
    /// Timestamp of the last decoded record, ns since boot.
    last: u64,
    pending: PendingBatchPoller,
    /// Number of records that could not be decoded.
    undecodable: u64,
    /// Events that arrived while a file was inspected. They are forwarded by the next [`fetch`](Self::fetch).
    pub(super) queue: Vec<Event>,
}

/// Events that report the attaching of probes to the callbacks of tables, each with the time of attaching (ns since
/// boot).
#[derive(Default)]
struct AttachReports(VecDeque<(u64, Vec<EventKind>)>);

impl AttachReports {
    /// Forwards an event, behind the reports of tables to which probes were attached before it.
    #[inline]
    fn forward(&mut self, event: &Event, out: Forward<'_>) {
        while let Some((_, reports)) = self.0.pop_front_if(|(time, _)| *time <= event.time) {
            for body in reports {
                out(&Event { time: event.time, cpu: event.cpu, body });
            }
        }
        out(event);
    }
}

/// Facts about the end of a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Time of the end by CLOCK_MONOTONIC, ns since boot.
    pub(crate) time: u64,
    /// Number of probe hits and files without events, except those that are in gaps.
    pub(crate) missed: u64,
}

impl Source {
    /// Attaches the probes that begin sessions, and creates the source that reads the ring.
    ///
    /// # Errors
    /// The kernel refuses a required probe, or the probes do not fire.
    pub(super) fn begin(
        mut probes: Probes,
        backend: &ChosenBackend,
        names: KernelNames,
        log: bool,
    ) -> Result<Self, ProbeError> {
        let log = if log { Some(log::open(&mut probes.ebpf)?) } else { None };
        let ring = RingReader::new(probes.take_ring()?);
        let core = matches!(backend, ChosenBackend::Core(sites) if !sites.is_empty());
        let by_callback = matches!(backend, ChosenBackend::Callbacks(_));
        if by_callback {
            probes.load_callback_programs()?;
        }
        probes.attach_openers()?;
        let mut source = Self {
            probes,
            heartbeat: Heartbeat::new(core),
            names,
            ring,
            decoder: Decoder::default(),
            reorder: ReorderBuffer::default(),
            log,
            by_callback,
            detached: false,
            inspected_name: None,
            seen: None,
            attached: AttachReports::default(),
            last: 0,
            pending: PendingBatchPoller::default(),
            undecodable: 0,
            queue: Vec::new(),
        };
        source.first_heartbeat()?;
        Ok(source)
    }

    /// Starts the thread that empties the ring. `fault`: fixed poll interval, for fault-injection tests.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(&mut self, fault: Option<Duration>) -> io::Result<()> {
        self.ring.start(fault)
    }

    /// Completes when records were fetched from the ring.
    pub(crate) fn filled(&self) -> Notified<'_> {
        self.ring.filled()
    }

    /// Fetches the next records and forwards their events. Returns false if there were none.
    pub(crate) fn fetch(&mut self, out: Forward<'_>) -> bool {
        for event in std::mem::take(&mut self.queue) {
            out(&event);
        }
        let Some(chunk) = self.ring.take() else {
            self.flush_until(clock::monotonic().saturating_sub(REORDER_WINDOW_NS), out);
            return false;
        };
        for record in chunk.records() {
            self.record(record, out);
        }
        self.ring.recycle(chunk);
        true
    }

    /// Fetches all records of events up to now. Later records stay in the ring, so that the call returns even if events
    /// arrive faster than they are decoded.
    pub(crate) fn catch_up(&mut self, out: Forward<'_>) {
        let now = clock::monotonic();
        while self.fetch(out) && self.last <= now {}
        self.flush_until(u64::MAX, out);
    }

    /// Forwards the batches that programs have not submitted and that did not change since the previous call. The ring
    /// must be empty. Returns true if a batch that began before `end` (ns since boot) has changed, and may still have to
    /// be fetched.
    ///
    /// Polling has a cost: it copies the whole slot table, and no program runs on this CPU meanwhile
    /// (bpf_map_copy_value(), kernel/bpf/syscall.c). If the scheduler of a preemptible kernel gives the CPU to a reader
    /// in between, the reader's callbacks are missed.
    ///
    /// # Errors
    /// The slot table cannot be read.
    pub(crate) fn poll_pending(&mut self, end: u64, out: Forward<'_>) -> Result<bool, ProbeError> {
        let unchanged = self.pending.poll(&self.probes.ebpf)?;
        let Self { decoder, reorder, attached, .. } = self;
        for slot in &unchanged {
            decoder.decode_pending(slot, |event| {
                reorder.process(event, |event| attached.forward(event, out));
            });
        }
        Ok(self.pending.has_changed(&unchanged, end))
    }

    /// Opens a file once, to get its kind and, for the `callbacks` backend, to attach to its callbacks before another task
    /// opens it. Returns `None` if it is neither a seq file nor a plain procfs file.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn inspect_file(&mut self, path: &Path) -> io::Result<Option<Open>> {
        const NONBLOCK_NOCTTY: i32 = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        // To attach a probe, this process reads other files: opens of other names are ignored.
        self.inspected_name = path.file_name().map(|name| name.as_bytes().to_vec());
        self.seen = None;
        let file = OpenOptions::new().read(true).custom_flags(NONBLOCK_NOCTTY).open(path);
        let mut queue = std::mem::take(&mut self.queue);
        self.catch_up(&mut |event| queue.push(event.clone()));
        self.queue = queue;
        self.inspected_name = None;
        if let Some(open) = &mut self.seen {
            self.names.name(open);
        }
        drop(file?);
        Ok(self.seen.take())
    }

    /// Returns the open of the file that the last [`inspect_file`](Self::inspect_file) failed to open, if its `seq_open()`
    /// succeeded.
    pub(crate) fn failed_open(&mut self) -> Option<Open> {
        self.seen.take().filter(|open| open.ret == 0 && matches!(open.kind, FileKind::Seq { .. }))
    }

    /// Traces one more process, if the filter contains process ids.
    ///
    /// # Errors
    /// The filter is full.
    pub(crate) fn allow_pid(&mut self, pid: u32) -> Result<(), ProbeError> {
        self.probes.allow_pid(pid)
    }

    /// Returns the number of events that were lost and of probe hits that were missed, so far.
    ///
    /// # Errors
    /// A counter cannot be read.
    pub(crate) fn lost(&self) -> Result<u64, ProbeError> {
        let counts = self.probes.counts()?;
        Ok(counts.lost.iter().sum::<u64>() + counts.missed + self.unseen())
    }

    /// Returns the number of attached probes.
    pub(crate) fn probes(&self) -> u32 {
        u32::try_from(self.probes.attached()).unwrap_or(u32::MAX)
    }

    /// Attaches to a file's callbacks. Returns the reason why one of them cannot be traced; `None` if all can.
    pub(crate) fn try_callbacks(&mut self, kind: &FileKind) -> Option<String> {
        let FileKind::Seq { table, .. } = kind else { return None };
        let generation = self.generation_of(table);
        let untraceable = self.probes.attach_callbacks(table, generation);
        untraceable.first().map(|first| format!("{}: {}", first.role.name(), first.reason))
    }

    /// Traces plain procfs files from now on. Returns true if they were not traced before.
    ///
    /// # Errors
    /// The kernel refuses a required probe.
    pub(crate) fn watch_plain(&mut self) -> Result<bool, ProbeError> {
        let new = !self.probes.procfs;
        self.probes.attach_procfs()?;
        Ok(new)
    }

    /// Returns true if the backend is `callbacks`.
    pub(crate) fn by_callback(&self) -> bool {
        self.by_callback
    }

    /// Prints the programs' own diagnostics.
    pub(crate) fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// Ignores events after `end` (ns since boot): the trace has ended.
    pub(crate) fn end_at(&mut self, end: u64) {
        self.decoder.end_at(end);
    }

    /// Returns the time of the last record, ns since boot.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Forwards the remaining events: buffered events and the gaps behind the last event. `end`: end of the trace, ns
    /// since boot.
    ///
    /// # Errors
    /// A counter cannot be read.
    pub(crate) fn end(&mut self, end: u64, out: Forward<'_>) -> Result<End, ProbeError> {
        self.flush_until(u64::MAX, out);
        let counts = self.probes.counts()?;
        self.decoder.finish(&counts.lost, self.pending.slots(), end, out);
        Ok(End { time: end, missed: counts.missed + self.unseen() })
    }

    /// Returns the number of records that could not be decoded, and of times that the probes were silent.
    fn unseen(&self) -> u64 {
        self.undecodable + self.silences()
    }

    /// Forwards a gap of unknown size at `time`, ns since boot.
    pub(super) fn forward_silence(&mut self, time: u64, out: Forward<'_>) {
        self.flush_until(time, out);
        let gap = Event { time, cpu: 0, body: EventKind::Gap { lost: 0 } };
        self.attached.forward(&gap, out);
    }

    /// Returns the time, ns since boot.
    pub(super) fn now() -> u64 {
        clock::monotonic()
    }

    /// Detaches all probes. Events that are in the ring or pending can still be fetched. If detaching would damage the
    /// kernel now, the probes stay attached until the source is dropped.
    pub(crate) fn detach(&mut self) {
        self.detached = true;
        self.probes.detach();
    }

    /// Flushes buffered events with a timestamp up to `time`, ns since boot.
    fn flush_until(&mut self, time: u64, out: Forward<'_>) {
        let Self { reorder, attached, .. } = self;
        reorder.flush_until(time, |event| attached.forward(event, out));
    }

    fn record(&mut self, record: &[u8], out: Forward<'_>) {
        self.last = Decoder::time(record).unwrap_or(self.last);
        let Self {
            names,
            decoder,
            reorder,
            by_callback,
            inspected_name,
            seen,
            attached,
            heartbeat,
            ..
        } = self;
        let beats = Decoder::is_heartbeat(record);
        let mut opened = None;
        let result = decoder.decode(record, |event| {
            if beats && !matches!(event.body, EventKind::Gap { .. }) {
                return heartbeat.observe(&event.body);
            }
            let EventKind::Open(open) = &event.body else {
                return reorder.process(event, |event| attached.forward(event, out));
            };
            let inspected =
                inspected_name.is_some() && open.components.last() == inspected_name.as_ref();
            if let FileKind::Seq { table, .. } = &open.kind
                && (*by_callback || is_iterator(open))
                && (inspected || !open.own)
            {
                opened = Some((*table, is_iterator(open)));
            }
            // No part of the trace. The ring may have had no space for others, which are not counted as lost.
            if open.own {
                if inspected {
                    *seen = Some(Open::clone(open));
                }
                return;
            }
            let mut open = open.clone();
            names.name(&mut open);
            let event = Event { body: EventKind::Open(open), ..*event };
            reorder.process(&event, |event| attached.forward(event, out));
        });
        self.undecodable += u64::from(result.is_err());
        if let Some((table, iterator)) = opened.filter(|_| !self.detached) {
            if iterator && let Err(error) = self.probes.attach_iterators() {
                eprintln!("warning: BPF iterators are not traced: {error}");
            }
            self.attach_table(&table);
        }
    }

    /// Returns the generation of the module to which a table belongs; 0 for the kernel itself.
    fn generation_of(&mut self, table: &OpTable) -> u64 {
        let show = self.names.function(table.show);
        show.module.and_then(|module| module_generation::of(&module)).unwrap_or(0)
    }

    /// Attaches to the callbacks of a table, unless that was attempted before. The events that report the attaching
    /// follow those that are in the ring now, which are older.
    fn attach_table(&mut self, table: &OpTable) {
        let generation = self.generation_of(table);
        if self.probes.has_attempted(table, generation) {
            return;
        }
        let untraceable = self.probes.attach_callbacks(table, generation);
        let mut reports = vec![EventKind::TableAttached { table: *table }];
        for Untraceable { address, role, reason } in untraceable {
            reports.push(EventKind::Blind { function: self.names.function(address), role, reason });
        }
        self.attached.0.push_back((clock::monotonic(), reports));
    }
}
