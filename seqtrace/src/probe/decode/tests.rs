use proptest::prelude::*;
use seqtrace_common::{slots::SessionState, wire::via};
use zerocopy::{FromZeros, IntoBytes};

use super::*;
use crate::event::Wrapper;

fn callback_record(cpu: u16, lost: u32) -> wire::Callback {
    wire::Callback {
        head: Head { time: 5, lost, cpu, kind: Kind::Next as u8, flags: 0 },
        session: 7,
        count: 3,
        index: 4,
        ..FromZeros::new_zeroed()
    }
}

fn decode_all(decoder: &mut Decoder, record: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    decoder.decode(record, |event| events.push(event.clone())).unwrap();
    events
}

#[test]
fn a_callback_is_decoded() {
    let events = decode_all(&mut Decoder::default(), callback_record(0, 0).as_bytes());
    assert_eq!(
        events,
        [Event {
            time: 5,
            cpu: 0,
            body: EventKind::Callback(Callback {
                index: 4,
                count: 3,
                ..Callback::new(7, Role::Next, 0)
            })
        }]
    );
}

#[test]
fn records_of_heartbeats_are_recognised_by_the_number_of_the_session() {
    let mut record = callback_record(0, 0);
    assert!(!Decoder::is_heartbeat(record.as_bytes()));
    record.session |= heartbeat::SESSION;
    assert!(Decoder::is_heartbeat(record.as_bytes()));
    assert!(!Decoder::is_heartbeat(&record.as_bytes()[..size_of::<Head>()]));
}

#[test]
fn a_gap_stands_before_the_event_that_reveals_it_and_counts_by_cpu() {
    let mut decoder = Decoder::default();
    decode_all(&mut decoder, callback_record(1, 0).as_bytes());
    let events = decode_all(&mut decoder, callback_record(1, 37).as_bytes());
    assert_eq!(events[0].body, EventKind::Gap { lost: 37 });
    assert_eq!(events.len(), 2);
    // The other CPU has lost nothing, this one nothing more.
    assert_eq!(decode_all(&mut decoder, callback_record(0, 0).as_bytes()).len(), 1);
    assert_eq!(decode_all(&mut decoder, callback_record(1, 37).as_bytes()).len(), 1);
    // What was lost at the very end is found from the counters.
    let mut tail = Vec::new();
    decoder.finish(&[0, 40], &[], 9, |event| tail.push(event.clone()));
    assert_eq!(tail, [Event { time: 9, cpu: 1, body: EventKind::Gap { lost: 3 } }]);
}

#[test]
fn a_loss_counter_may_wrap() {
    let mut decoder = Decoder::default();
    decode_all(&mut decoder, callback_record(0, u32::MAX).as_bytes());
    let events = decode_all(&mut decoder, callback_record(0, 1).as_bytes());
    assert_eq!(events[0].body, EventKind::Gap { lost: 2 });
}

#[test]
fn an_open_that_fails_after_seq_open() {
    let head = Head { time: 5, lost: 0, cpu: 0, kind: Kind::OpenFailed as u8, flags: 0 };
    let open = wire::OpenFailed { head, session: 7, tid: 3, ret: -22, pad: 0 };
    let events = decode_all(&mut Decoder::default(), open.as_bytes());
    let body = EventKind::OpenFailed { key: 7, tid: 3, ret: -22 };
    assert_eq!(events, [Event { time: 5, cpu: 0, body }]);
}

#[test]
fn names_come_out_root_first() {
    let open = wire::Open {
        head: Head { time: 0, lost: 0, cpu: 0, kind: Kind::Open as u8, flags: 0 },
        session: 1,
        ret: 0,
        task: wire::Task {
            pid: 1,
            tid: 1,
            uid: 0,
            pad: 0,
            comm: *b"cat\0\0\0\0\0\0\0\0\0\0\0\0\0",
        },
        file: 0,
        m: 1,
        op: 2,
        start: 3,
        stop: 4,
        next: 5,
        show: 6,
        private: 0,
        ino: 0,
        dev: 0,
        mode: 0,
        magic: 0,
        path_len: 8,
        size: 0,
        inner: 0,
        via: u32::from(via::SINGLE_OPEN),
        pad: 0,
    };
    let mut record = open.as_bytes().to_vec();
    record.extend_from_slice(b"tcp\0net\0rubbish");
    let events = decode_all(&mut Decoder::default(), &record);
    let EventKind::Open(open) = &events[0].body else { panic!("{events:?}") };
    assert_eq!(open.components, [b"net".to_vec(), b"tcp".to_vec()]);
    assert_eq!(open.task.comm, b"cat");
    assert_eq!(open.via, Some(Wrapper::SingleOpen));
}

#[test]
fn every_prefix_of_a_record_and_every_kind_is_an_error_not_a_panic() {
    let mut decoder = Decoder::default();
    for kind in 0..=u8::MAX {
        for len in 0..200 {
            let mut record = vec![0xff_u8; len];
            if let Some(byte) = record.get_mut(14) {
                *byte = kind;
            }
            let _ = decoder.decode(&record, |_| {});
        }
    }
    let error = Decoder::default().decode(&[0; 10], |_| {}).unwrap_err();
    assert_eq!(error, DecodeError::Short { what: "an event", len: 10 });
}

/// Model of the programs: which callbacks are pending, and when they are submitted (`iterate.rs` in seqtrace-ebpf).
#[derive(Default)]
struct Programs {
    slot: Option<Slot>,
    time: u64,
    /// All callbacks so far, with their times.
    happened: Vec<(u64, Role)>,
    /// Records in the ring.
    ring: Vec<Vec<u8>>,
    /// True if the ring has no space.
    full: bool,
    /// Value of the loss counter.
    lost: u32,
}

impl Programs {
    const KEY: u32 = 7;

    fn slot(&mut self) -> &mut Slot {
        self.slot.get_or_insert_with(|| Slot {
            id: 8,
            collisions: 0,
            pad: 0,
            state: SessionState::new(Self::KEY),
            batch: PendingBatch::EMPTY,
        })
    }

    fn head(&self, kind: Kind, time: u64) -> Head {
        Head { time, lost: self.lost, cpu: 0, kind: kind as u8, flags: 0 }
    }

    fn alone(&mut self, kind: Kind, time: u64) {
        let head = self.head(kind, time);
        let callback = wire::Callback { head, session: Self::KEY, ..FromZeros::new_zeroed() };
        self.submit(1, callback.as_bytes().to_vec());
    }

    fn submit(&mut self, events: u32, record: Vec<u8>) {
        if self.full {
            self.lost += events;
        } else {
            self.ring.push(record);
        }
    }

    fn flush(&mut self) {
        let time = self.time;
        let batch = std::mem::replace(&mut self.slot().batch, PendingBatch::EMPTY);
        if batch.pairs > 0 {
            let head = self.head(Kind::Batch, time);
            let (session, pairs) = (Self::KEY, u16::try_from(batch.pairs).unwrap());
            let header = wire::Batch { head, session, pairs, cpu: 0, time: batch.time };
            self.submit(batch.pairs * 2, [header.as_bytes(), batch.pair.as_bytes()].concat());
        }
        if let Some(at) = usize::try_from(batch.pending_next).unwrap().checked_sub(1) {
            self.alone(Kind::Next, batch.time + u64::from(batch.pair[at].next_after));
        }
    }

    fn next(&mut self) {
        self.time += 10;
        let time = self.time;
        self.happened.push((time, Role::Next));
        if self.slot().batch.pending_next != 0 {
            self.flush();
        }
        let batch = &mut self.slot().batch;
        if batch.pairs == 0 {
            batch.time = time;
        }
        let pair = &mut batch.pair[usize::try_from(batch.pairs).unwrap()];
        pair.next_after = u32::try_from(time - batch.time).unwrap();
        batch.pending_next = batch.pairs + 1;
    }

    fn show(&mut self) {
        self.time += 10;
        let time = self.time;
        self.happened.push((time, Role::Show));
        let batch = &mut self.slot().batch;
        if batch.pending_next == 0 {
            self.flush();
            self.alone(Kind::Show, time);
            return;
        }
        let pair = &mut batch.pair[usize::try_from(batch.pairs).unwrap()];
        pair.show_after = u32::try_from(time - batch.time).unwrap();
        batch.pairs = std::mem::take(&mut batch.pending_next);
        if usize::try_from(batch.pairs).unwrap() == wire::PAIRS {
            self.flush();
        }
    }

    fn stop(&mut self) {
        self.flush();
        self.time += 10;
        self.happened.push((self.time, Role::Stop));
        self.alone(Kind::Stop, self.time);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Next,
    Show,
    Stop,
    /// User space empties the ring.
    Drain,
    /// User space empties the ring and polls the slot.
    Poll,
    /// The ring becomes full, or has space again.
    Toggle,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::{Drain, Next, Poll, Show, Stop};
    let one = prop_oneof![
        8 => Just(vec![Next, Show]),
        1 => Just(vec![Next]),
        1 => Just(vec![Show]),
        2 => Just(vec![Stop]),
        2 => Just(vec![Drain]),
        2 => Just(vec![Poll]),
        2 => Just(vec![Next, Poll, Show]),
    ];
    proptest::collection::vec(one, 0..60).prop_map(|steps| steps.concat())
}

/// Like [`steps`], with a ring that is full at times.
fn lossy_steps() -> impl Strategy<Value = Vec<Step>> {
    let toggles = proptest::collection::vec(any::<proptest::sample::Index>(), 0..20);
    (steps(), toggles).prop_map(|(mut steps, toggles)| {
        for at in toggles {
            steps.insert(at.index(steps.len() + 1), Step::Toggle);
        }
        steps
    })
}

fn time_and_role(event: &Event) -> (u64, Role) {
    match event.body {
        EventKind::Callback(Callback { role, .. }) => (event.time, role),
        ref other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn pending_callbacks_are_forwarded_once_and_in_order(steps in steps(), cut in 0_u64..700) {
        let (mut programs, mut decoder, mut got) =
            (Programs::default(), Decoder::default(), Vec::new());
        let end = (cut < 600).then_some(cut);
        if let Some(end) = end {
            decoder.end_at(end);
        }
        let mut drain = |programs: &mut Programs, decoder: &mut Decoder, poll: bool| {
            for record in programs.ring.drain(..) {
                decoder.decode(&record, |event| got.push(time_and_role(event))).unwrap();
            }
            if poll && programs.slot().batch.is_pending() {
                let slot = *programs.slot();
                decoder.decode_pending(&slot, |event| got.push(time_and_role(event)));
            }
        };
        for step in steps {
            match step {
                Step::Next => programs.next(),
                Step::Show => programs.show(),
                Step::Stop => programs.stop(),
                Step::Drain => drain(&mut programs, &mut decoder, false),
                Step::Poll => drain(&mut programs, &mut decoder, true),
                Step::Toggle => unreachable!("the ring has space"),
            }
        }
        drain(&mut programs, &mut decoder, true);
        let mut all = programs.happened;
        all.retain(|(time, _)| end.is_none_or(|end| *time <= end));
        prop_assert_eq!(got, all);
    }
}

proptest! {
    #[test]
    fn forwarded_and_lost_callbacks_are_all_callbacks(steps in lossy_steps()) {
        let (mut programs, mut decoder, mut got) =
            (Programs::default(), Decoder::default(), Vec::new());
        let mut lost = 0;
        let mut take = |event: &Event| match event.body {
            EventKind::Gap { lost: more } => lost += more,
            _ => got.push(time_and_role(event)),
        };
        for step in steps.into_iter().chain([Step::Poll]) {
            match step {
                Step::Next => programs.next(),
                Step::Show => programs.show(),
                Step::Stop => programs.stop(),
                Step::Toggle => programs.full = !programs.full,
                Step::Drain | Step::Poll => {
                    for record in programs.ring.drain(..) {
                        decoder.decode(&record, &mut take).unwrap();
                    }
                    if matches!(step, Step::Poll) && programs.slot().batch.is_pending() {
                        decoder.decode_pending(&programs.slot().clone(), &mut take);
                    }
                }
            }
        }
        let slot = *programs.slot();
        let pending = if slot.batch.is_pending() { vec![slot] } else { vec![] };
        decoder.finish(&[u64::from(programs.lost)], &pending, 1 << 40, &mut take);
        let happened = programs.happened.len() as u64;
        prop_assert!(got.is_sorted_by(|a, b| a.0 < b.0), "{:?}", got);
        prop_assert_eq!(got.len() as u64 + lost, happened);
    }
}

#[test]
fn a_batch_that_is_cut_short_is_an_error() {
    let mut programs = Programs::default();
    programs.next();
    programs.show();
    programs.flush();
    let record = &programs.ring[0];
    let mut events = Vec::new();
    let mut decode =
        |record: &[u8]| Decoder::default().decode(record, |event| events.push(event.clone()));
    decode(record).unwrap();
    assert_eq!(
        decode(&record[..40]),
        Err(DecodeError::Short { what: "a pair of a batch", len: 8 })
    );
    assert_eq!(decode(&record[..20]), Err(DecodeError::Short { what: "a batch", len: 20 }));
    assert_eq!(events.len(), 2);
}

#[test]
fn the_entry_of_a_session_is_removed_with_it() {
    let (mut programs, mut decoder) = (Programs::default(), Decoder::default());
    programs.next();
    let mut events = 0;
    decoder.decode_pending(&programs.slot().clone(), |_| events += 1);
    programs.flush();
    decoder.decode(&programs.ring[0], |_| events += 1).unwrap();
    assert_eq!((events, decoder.forwarded.len()), (1, 1));
    let head = Head { flags: via::SEQ_RELEASE, ..programs.head(Kind::Release, 99) };
    let release = wire::Release { head, session: Programs::KEY, tid: 1, private: 0 };
    assert_eq!(decode_all(&mut decoder, release.as_bytes()).len(), 1);
    assert!(decoder.forwarded.is_empty());
}
