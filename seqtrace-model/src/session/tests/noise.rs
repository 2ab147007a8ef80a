//! Events in any order and with any values, which no kernel emits. Extreme values are frequent.

use proptest::prelude::*;

use crate::event::{Callback, Event, EventKind, FileKind, OpTable, Open, Role, SeqState, Wrapper};
use crate::symbol::Symbol;
use crate::testing::resolve;
use crate::testing::simulator::reader::task;

fn int() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -2..6_i64,
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
        1 => Just(-14),
        1 => any::<i64>(),
    ]
}

fn natural() -> impl Strategy<Value = u64> {
    int().prop_map(i64::cast_unsigned)
}

fn narrow() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..4_u32, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

fn state() -> impl Strategy<Value = SeqState> {
    (natural(), natural(), natural(), int(), int()).prop_map(
        |(size, from, count, index, read_pos)| SeqState { size, from, count, index, read_pos },
    )
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![Role::Start, Role::Next, Role::Show, Role::Stop])
}

fn wrapper() -> impl Strategy<Value = Wrapper> {
    prop::sample::select(vec![Wrapper::SingleOpen, Wrapper::SeqOpen, Wrapper::SeqRelease])
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        4 => Just(1_u64),
        1 => Just(0),
    ]
    .prop_flat_map(|op| {
        natural().prop_map(move |size| FileKind::Seq {
            m: 1,
            op,
            table: OpTable { start: 1, next: 2, show: 3, stop: 4 },
            private: 0,
            size,
            inner: 0,
        })
    })
}

fn open() -> impl Strategy<Value = EventKind> {
    (1..3_u32, 1..4_u32, any::<(bool, bool)>(), kind(), prop::option::of(wrapper())).prop_map(
        |(key, tid, (adopted, failed), kind, via)| {
            EventKind::Open(Box::new(Open {
                ret: if failed { -12 } else { 0 },
                file: u64::from(key),
                adopted,
                via,
                ..resolve::open(key, task(tid), kind, &[])
            }))
        },
    )
}

fn callback() -> impl Strategy<Value = EventKind> {
    (1..3_u32, role(), natural(), int(), narrow(), any::<bool>()).prop_map(
        |(key, role, ret, index, count, full)| {
            EventKind::Callback(Callback { index, count, full, ..Callback::new(key, role, ret) })
        },
    )
}

fn body() -> impl Strategy<Value = EventKind> {
    let key = 1..3_u32;
    let tid = 1..4_u32;
    prop_oneof![
        2 => open(),
        8 => callback(),
        3 => (key.clone(), tid.clone(), int(), natural(), state()).prop_map(
            |(key, tid, pos, want, state)| EventKind::ReadEnter {
                key, task: task(tid), pos, want, state, via: None,
            }
        ),
        3 => (key.clone(), tid.clone(), int(), state())
            .prop_map(|(key, tid, ret, state)| EventKind::ReadExit { key, tid, ret, state }),
        2 => (key.clone(), tid.clone(), int(), 0..3_u32, state()).prop_map(
            |(key, tid, offset, whence, state)| EventKind::LseekEnter { key, tid, offset, whence, state }
        ),
        2 => (key.clone(), tid.clone(), int(), state())
            .prop_map(|(key, tid, ret, state)| EventKind::LseekExit { key, tid, ret, state }),
        4 => (key.clone(), tid.clone(), int(), narrow(), prop::bool::weighted(0.1), narrow())
            .prop_map(|(key, tid, index, size, used, count)| EventKind::PassBegin {
                key, tid, index, size, count: if used { count } else { 0 }, from: 0,
            }),
        1 => (key.clone(), tid.clone(), wrapper())
            .prop_map(|(key, tid, wrapper)| EventKind::Release { key, tid, wrapper, private: 0, removed: false }),
        1 => (key.clone(), tid.clone(), -4095..0_i32)
            .prop_map(|(key, tid, ret)| EventKind::OpenFailed { key, tid, ret }),
        1 => (key.clone(), tid.clone(), int(), natural(), int()).prop_map(
            |(key, tid, pos, want, ret)| EventKind::Write { key, task: task(tid), pos, want, ret }
        ),
        1 => (key.clone(), tid, int(), natural(), int()).prop_map(
            |(key, tid, pos, want, ret)| EventKind::PlainRead { key, task: task(tid), pos, want, ret }
        ),
        1 => key.prop_map(|key| EventKind::Preview { key, bytes: vec![1] }),
        1 => natural().prop_map(|lost| EventKind::Gap { lost }),
        1 => (1..5_u64, role())
            .prop_map(|(address, role)| EventKind::Blind { function: Symbol::unnamed(address), role, reason: String::new() }),
        1 => Just(EventKind::TableAttached {
            table: OpTable { start: 1, next: 2, show: 3, stop: 4 },
        }),
    ]
}

/// Generates an arbitrary event.
pub(crate) fn events() -> impl Strategy<Value = Event> {
    (natural(), body()).prop_map(|(time, body)| Event { time, cpu: 0, body })
}
