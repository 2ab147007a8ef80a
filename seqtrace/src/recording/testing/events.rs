//! Strategies for random events of all kinds.

use proptest::{collection::vec, option, prelude::*};
use seqtrace_model::symbol::{Symbol, Unnamed};

use crate::{
    event::{
        Callback, Event, EventKind, FileKind, Key, OpTable, Open, Role, SeqState, Task, Via,
        Wrapper,
    },
    recording::dictionary::DictValue,
};

fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(Role::ALL)
}

fn wrapper() -> impl Strategy<Value = Wrapper> {
    proptest::sample::select(super::WRAPPERS)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

/// Few keys, so that sessions meet their events.
fn key() -> impl Strategy<Value = Key> {
    prop_oneof![9 => 1..6u32, 1 => any::<u32>()]
}

prop_compose! {
    fn task()(pid in any::<u32>(), tid in 1..5u32, uid in any::<u32>(), comm in vec(any::<u8>(), 0..16)) -> Task {
        Task { pid, tid, uid, comm }
    }
}

prop_compose! {
    fn state()(
        size in any::<u64>(), from in any::<u64>(), count in any::<u64>(),
        index in any::<i64>(), read_pos in any::<i64>(),
    ) -> SeqState {
        SeqState { size, from, count, index, read_pos }
    }
}

prop_compose! {
    fn table()(start in 0..3u64, next in any::<u64>(), show in 0..9u64, stop in any::<u64>())
    -> OpTable {
        OpTable { start, next, show, stop }
    }
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        9 => (any::<u64>(), 0..5u64, table(), any::<u64>(), any::<u64>(), 0..3u64).prop_map(
            |(m, op, table, private, size, inner)| {
                FileKind::Seq { m, op, table, private, size, inner }
            }
        ),
        1 => any::<(u64, u64)>().prop_map(|(read, write)| FileKind::Plain { read, write }),
    ]
}

prop_compose! {
    fn open()(
        key in key(), ret in prop_oneof![9 => Just(0), 1 => any::<i32>()], task in task(),
        file in 0..9u64, kind in kind(), flags in any::<[bool; 3]>(), components in vec(bytes(), 0..4),
        (ino, dev, magic, mode) in any::<(u64, u32, u32, u32)>(),
        via in proptest::option::of(wrapper()),
    ) -> Open {
        let [adopted, own, path_cut] = flags;
        let mut open = Open {
            key, ret, task, file, kind, adopted, own: own && path_cut, components, path_cut,
            path: Vec::new(), functions: kind.functions(&mut Unnamed), ino, dev, magic, mode, via,
        };
        open.path = open.joined();
        open
    }
}

prop_compose! {
    pub(in crate::recording) fn callback()(
        key in key(), role in role(), ret in any::<u64>(), index in any::<i64>(),
        count in any::<u32>(), full in any::<bool>(), private in option::of(any::<u64>()),
    ) -> EventKind {
        EventKind::Callback(Callback { key, role, ret, index, count, full, private })
    }
}

fn body() -> impl Strategy<Value = EventKind> {
    let tid = || 1..5u32;
    prop_oneof![
        open().prop_map(|open| EventKind::Open(Box::new(open))),
        (
            key(),
            task(),
            any::<i64>(),
            any::<u64>(),
            state(),
            proptest::option::of(proptest::sample::select(Via::ALL))
        )
            .prop_map(|(key, task, pos, want, state, via)| EventKind::ReadEnter {
                key,
                task,
                pos,
                want,
                state,
                via
            }),
        (key(), tid(), any::<i64>(), state())
            .prop_map(|(key, tid, ret, state)| EventKind::ReadExit { key, tid, ret, state }),
        (key(), tid(), any::<i64>(), 0..4u32, state()).prop_map(
            |(key, tid, offset, whence, state)| EventKind::LseekEnter {
                key,
                tid,
                offset,
                whence,
                state
            }
        ),
        (key(), tid(), any::<i64>(), state())
            .prop_map(|(key, tid, ret, state)| EventKind::LseekExit { key, tid, ret, state }),
        (key(), tid(), any::<i64>(), any::<[u32; 3]>()).prop_map(
            |(key, tid, index, [size, count, from])| EventKind::PassBegin {
                key,
                tid,
                index,
                size,
                count,
                from
            }
        ),
        callback(),
        (key(), bytes()).prop_map(|(key, bytes)| EventKind::Preview { key, bytes }),
        (key(), tid(), wrapper(), any::<(u64, bool)>()).prop_map(
            |(key, tid, wrapper, (private, removed))| EventKind::Release {
                key,
                tid,
                wrapper,
                private,
                removed
            }
        ),
        (key(), tid(), any::<i32>()).prop_map(|(key, tid, ret)| EventKind::OpenFailed {
            key,
            tid,
            ret
        }),
        (key(), task(), any::<i64>(), any::<u64>(), any::<i64>())
            .prop_map(|(key, task, pos, want, ret)| EventKind::Write { key, task, pos, want, ret }),
        (key(), task(), any::<i64>(), any::<u64>(), any::<i64>()).prop_map(
            |(key, task, pos, want, ret)| EventKind::PlainRead { key, task, pos, want, ret }
        ),
        any::<u64>().prop_map(|lost| EventKind::Gap { lost }),
        (any::<u64>(), role(), ".{0,9}").prop_map(|(address, role, reason)| EventKind::Blind {
            function: Symbol::unnamed(address),
            role,
            reason
        }),
        table().prop_map(|table| EventKind::TableAttached { table }),
    ]
}

prop_compose! {
    pub(in crate::recording) fn event()(time in any::<u64>(), cpu in any::<u16>(), body in body()) -> Event {
        Event { time, cpu, body }
    }
}
