//! A trace in progress: events from the source go through the pipeline to the sink and to the recorder until something
//! ends it.

use std::{io, process::ExitStatus, time::Duration};

use anyhow::Context;
use seqtrace_model::{
    pipeline::Pipeline,
    session::update::Summary,
    trace::{Located, Ready, Sink, TargetInfo},
};
use tokio::{
    process::Child,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    clock,
    kernel::lines::SourceLines,
    output::{Destinations, background::Background},
    probe::source::{End, Forward, Source},
    recording::Recorder,
    render::Screen,
    signals::Signals,
};

/// Interval at which recorded batches are written and the programs' own diagnostics are printed.
const TICK: Duration = Duration::from_millis(20);
/// Interval at which pending batches are polled. A pending callback is displayed after two or three intervals.
const POLL_INTERVAL: Duration = Duration::from_nanos(STALLED_NS);
/// Time without an event after which a pass is stalled, ns.
const STALLED_NS: u64 = 30_000_000;
/// Interval at which pending batches are polled while other events arrive: then batches fill quickly.
const BUSY_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Interval at which lines that are held back are rendered.
const REFRESH_INTERVAL: Duration = Duration::from_millis(200);
/// Maximum number of polls at the end of a trace, while readers go on.
const END_POLLS: u32 = 20;

/// A live trace: its source, its pipeline, and the consumers of its updates.
pub struct Trace<S> {
    pub(crate) source: Source,
    pipeline: Pipeline,
    /// `None` if the trace is not recorded.
    recorder: Option<Recorder>,
    /// Source lines of the functions that findings blame.
    pub(crate) lines: SourceLines,
    pub(crate) sink: S,
}

/// A trace that has ended.
pub(crate) struct Finished {
    pub(crate) summary: Summary,
    /// It has written the whole recording; `None` if the trace was not recorded.
    pub(crate) recorder: Option<Recorder>,
    /// Remarks about debug files that were not used.
    pub(crate) notes: Vec<String>,
    /// The source. If it still holds probes, dropping it may take ten seconds.
    pub(crate) source: Source,
}

impl<S: Sink> Trace<S> {
    pub(crate) fn new(
        source: Source,
        pipeline: Pipeline,
        recorder: Option<Recorder>,
        lines: SourceLines,
        sink: S,
    ) -> Self {
        Self { source, pipeline, recorder, lines, sink }
    }

    /// Announces that all probes are attached: the trace is complete from here on, and relative times count from here.
    pub(crate) fn announce_ready(&mut self) {
        let ready = Ready { begin: clock::monotonic(), probes: self.source.probes() };
        if let Some(recorder) = &mut self.recorder {
            recorder.ready(&ready);
        }
        self.sink.ready(&ready);
    }

    /// Announces the description of a target.
    pub(crate) fn announce_target(&mut self, target: &TargetInfo) {
        if let Some(recorder) = &mut self.recorder {
            recorder.target(target);
        }
        self.sink.target(target);
    }

    /// Calls `act` with the source and with a closure that feeds events to the pipeline and to the recorder.
    fn feed_from<T>(&mut self, act: impl FnOnce(&mut Source, Forward<'_>) -> T) -> T {
        let Self { source, pipeline, recorder, lines, sink } = self;
        act(source, &mut |event| {
            let fed = pipeline.feed(event, &mut Located { sink: &mut *sink, lines: &mut *lines });
            if let Some(recorder) = recorder {
                // Before the event, so that a replay has the lines when the event proves a finding.
                for (function, line) in lines.take_fresh() {
                    recorder.source(&function, &line);
                }
                recorder.event(event, fed);
            }
        })
    }

    /// Fetches the next records from the ring and feeds their events. Returns false if there were none.
    pub(crate) fn fetch(&mut self) -> bool {
        self.feed_from(Source::fetch)
    }

    /// Examines whether the probes fire. Returns a description of the silence if they do not.
    ///
    /// # Errors
    /// A map cannot be read or written.
    pub(crate) fn heartbeat(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.feed_from(Source::heartbeat_now)?)
    }

    /// Waits for `work` and feeds events to the pipeline meanwhile. On return, all events from before the end of `work`
    /// were fed.
    pub(crate) async fn pump_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        const OFTEN: Duration = Duration::from_millis(4);
        let mut work = std::pin::pin!(work);
        let mut tick = interval(OFTEN);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = std::future::poll_fn(|context| {
            while tick.poll_tick(context).is_ready() {}
            self.fetch();
            work.as_mut().poll(context)
        })
        .await;
        self.feed_from(Source::catch_up);
        done
    }

    /// Detaches all probes, and ends the trace. `write`: writes the sink's output so far, and may block.
    ///
    /// # Errors
    /// A counter cannot be read, or data cannot be written.
    pub(crate) fn finish(
        mut self,
        mut write: impl FnMut(&mut Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Finished> {
        let end = clock::monotonic();
        self.source.end_at(end);
        // Before anything is written: the reader of the output may block that.
        self.source.detach();
        // A program that has not returned yet may change its slot once more.
        for _ in 0..END_POLLS {
            while self.fetch() && self.source.last() <= end {
                write(&mut self)?;
            }
            if !self.feed_from(|source, out| source.poll_pending(end, out))? {
                break;
            }
        }
        let End { time, missed } = self.feed_from(|source, out| source.end(end, out))?;
        let Self { pipeline, recorder, lines, sink, .. } = &mut self;
        let summary = pipeline.finish(time, missed, &mut Located { sink, lines: &mut *lines });
        if let Some(recorder) = recorder {
            for (function, line) in lines.take_fresh() {
                recorder.source(&function, &line);
            }
            recorder.end(time, missed).context("cannot write the recording")?;
        }
        write(&mut self)?;
        let Self { source, recorder, mut lines, .. } = self;
        Ok(Finished { summary, recorder, notes: lines.take_notes(), source })
    }
}

impl Trace<Screen> {
    /// Runs until a signal, the deadline, the end of the child, a limit, or a closed pipe. Returns the child's status if
    /// the trace ended with the child. `fault`: fixed poll interval of the ring, for fault-injection tests.
    ///
    /// # Errors
    /// Data cannot be written.
    pub(crate) async fn run(
        &mut self,
        to: &mut Destinations,
        signals: &Signals,
        mut child: Option<&mut Child>,
        deadline: Option<Instant>,
        fault: Option<Duration>,
    ) -> anyhow::Result<Option<ExitStatus>> {
        self.source.start(fault).context("cannot start a thread")?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut more = false;
        let (mut polled, mut busy) = (Instant::now(), false);
        let mut refreshed = Instant::now();
        loop {
            let full = to.are_full();
            tokio::select! {
                biased;
                () = signals.any() => return Ok(None),
                () = until(deadline) => return Ok(None),
                status = wait(&mut child) => {
                    return Ok(Some(status.context("cannot wait for the command")?));
                }
                // Until then events stay in the ring and its backlog.
                () = to.space(), if full => continue,
                () = tokio::task::yield_now(), if more && !full => {}
                () = self.source.filled(), if !more && !full => {}
                _ = tick.tick(), if !full => {}
            }
            if let Some(size) = to.writer.changed_size() {
                self.sink.resize(size);
            }
            more = self.fetch();
            busy |= more;
            let interval = if busy { BUSY_POLL_INTERVAL } else { POLL_INTERVAL };
            if !more && polled.elapsed() >= interval {
                (polled, busy) = (Instant::now(), false);
                self.poll_stalled()?;
            }
            if refreshed.elapsed() >= REFRESH_INTERVAL {
                refreshed = Instant::now();
                self.sink.refresh();
            }
            self.supervise(!more)?;
            if !self.write(to)? || self.pipeline.is_done() {
                return Ok(None);
            }
        }
    }

    /// Examines a last time whether the probes fire. Returns false if they were silent at any time of the trace.
    ///
    /// # Errors
    /// A map cannot be read, or data cannot be written.
    pub(crate) fn last_heartbeat(&mut self, to: &mut Destinations) -> anyhow::Result<bool> {
        self.source.request_heartbeat();
        while self.source.is_heartbeat_pending() {
            let more = self.fetch();
            self.supervise(!more)?;
            self.write(to)?;
            if !more {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(self.source.silences() == 0)
    }

    /// Examines at intervals whether the probes fire, and warns if they do not. `drained`: true if the ring was empty.
    fn supervise(&mut self, drained: bool) -> anyhow::Result<()> {
        let silence = self.feed_from(|source, out| source.supervise(drained, out))?;
        if let Some(silence) = silence {
            eprintln!("warning: the probes do not fire, the trace is incomplete: {silence}");
        }
        Ok(())
    }

    /// Feeds pending callbacks if a pass is stalled. The ring must be empty.
    fn poll_stalled(&mut self) -> anyhow::Result<()> {
        if self.pipeline.has_quiet_pass(clock::monotonic().saturating_sub(STALLED_NS)) {
            self.feed_from(|source, out| source.poll_pending(u64::MAX, out))?;
        }
        Ok(())
    }

    /// Appends the rendered output and the recording so far to their queues. Returns false if the reader of either has
    /// closed its pipe.
    ///
    /// # Errors
    /// Earlier data cannot be written.
    pub(crate) fn write(&mut self, to: &mut Destinations) -> anyhow::Result<bool> {
        self.source.flush_log();
        if let Some(recorder) = &mut self.recorder {
            recorder.write(clock::monotonic()).context("cannot write the recording")?;
        }
        let recorded = to.recording.as_ref().map_or(Ok(true), Background::is_open);
        let recorded = recorded.context("cannot write the recording")?;
        let written = to.writer.write(&mut self.sink.output).context("cannot write the output")?;
        Ok(recorded && written)
    }
}

/// Waits for the deadline; for ever if there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits for the end of the child; for ever if there is none.
async fn wait(child: &mut Option<&mut Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}
