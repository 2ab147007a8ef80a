//! Random callbacks for tests of renderers.

use std::sync::Arc;

use proptest::{
    option,
    prelude::*,
    sample::{Index, select},
};

use super::testing;
use crate::event::{Ptr, Role, Task};
use crate::session::update::{CallbackUpdate, Fate, Phase, Range, Update, UpdateKind};

/// Numbers of any length, and those at the ends of the range.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (any::<u64>(), 0..64u32).prop_map(|(value, shift)| value >> shift),
        1 => select(vec![0, 1, u64::MAX, u64::MAX / 2, u64::MAX / 2 + 1]),
    ]
}

fn signed() -> impl Strategy<Value = i64> {
    (number(), any::<bool>()).prop_map(|(value, negative)| {
        let value = value.cast_signed();
        if negative { value.wrapping_neg() } else { value }
    })
}

fn narrow() -> impl Strategy<Value = u32> {
    (any::<u32>(), 0..32u32).prop_map(|(value, shift)| value >> shift)
}

fn task_id() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1..3u32, 1 => any::<u32>()]
}

fn pointer() -> impl Strategy<Value = Ptr> {
    prop_oneof![
        number().prop_map(Ptr),
        (0..5000u64).prop_map(|value| Ptr(value.wrapping_neg())),
        (0..3u64).prop_map(Ptr),
    ]
}

prop_compose! {
    fn call()(
        role in select(vec![Role::Start, Role::Next, Role::Show, Role::Stop]),
        phase in select(vec![Phase::Traverse, Phase::First, Phase::Fill, Phase::Unknown]),
        pass in prop_oneof![9 => 1..3u32, 1 => narrow()], pos_in in option::of(signed()), pos_out in signed(), still: bool,
    ) -> (Role, Phase, u32, Option<i64>, i64) {
        (role, phase, pass, pos_in, pos_in.filter(|_| still).unwrap_or(pos_out))
    }
}

prop_compose! {
    fn callback()(
        (role, phase, pass, pos_in, pos_out) in call(),
        v in option::of(pointer()),
        ret_ptr in option::of(pointer()),
        ret_int in option::of(prop_oneof![any::<i32>(), -600..5]),
        bytes in option::of(number()),
        count in number(),
        size in option::of(number()),
        duration in option::of(number()),
        fate in option::of(select(vec![
            Fate::Emitted, Fate::DiscardedOverflow, Fate::DiscardedTail, Fate::Skipped,
            Fate::PassedOver, Fate::Empty, Fate::Failed, Fate::Unknown,
        ])),
        range in option::of((signed(), signed())),
        held in option::of(number()),
        (full, fixed_up) in any::<(bool, bool)>(),
        private in option::of(number()),
    ) -> CallbackUpdate {
        let range = range.map(|(start, end)| Range { start, end });
        CallbackUpdate {
            role, phase, pass, pos_in, pos_out, v, ret_ptr, ret_int, bytes, count, size, full,
            duration, fate, range, held, fixed_up, private,
        }
    }
}

prop_compose! {
    /// Callbacks of a few sessions and tasks, so that consecutive ones may have the same owner.
    pub(super) fn update()(
        time in prop_oneof![testing::BEGIN - 10..testing::BEGIN * 2, number()],
        cpu in prop_oneof![9 => 0..2u16, 1 => any::<u16>()],
        session in option::of(prop_oneof![9 => 1..3u32, 1 => any::<u32>()]),
        read in option::of(prop_oneof![9 => 1..3u32, 1 => any::<u32>()]),
        task in option::of((task_id(), task_id())),
        comm in prop_oneof![9 => "[ab]".prop_map(String::into_bytes), 1 => any::<Vec<u8>>()],
        callback in callback(),
    ) -> Update {
        let session = session.map(|id| Arc::new(testing::session(id, b"/proc/seqbugs/eof_stuck")));
        let task = task.map(|(pid, tid)| Arc::new(Task { pid, tid, uid: 0, comm }));
        Update { time, cpu, session, read, task, what: UpdateKind::Callback(callback) }
    }
}

/// Relation of a callback to the previous ones.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Has the session, task, CPU and pass of this one.
    position: Option<Index>,
    /// Continues this one: the position, pointers and offsets advance.
    like: Option<Index>,
    /// Time since the previous callback, ns.
    later: Option<u64>,
}

fn step() -> impl Strategy<Value = Step> {
    let later = prop_oneof![8 => 0..20_000u64, 2 => 0..400_000_000u64, 1 => 0..20_000_000_000u64];
    (
        option::weighted(0.9, any::<Index>()),
        option::weighted(0.8, any::<Index>()),
        option::weighted(0.95, later),
    )
        .prop_map(|(position, like, later)| Step { position, like, later })
}

/// Callbacks as in a trace: sessions take turns, and most callbacks continue a previous one a little later.
pub(super) fn story() -> impl Strategy<Value = Vec<Update>> {
    prop::collection::vec((update(), step()), 1..40).prop_map(|steps| {
        let mut story: Vec<Update> = Vec::new();
        for (update, step) in steps {
            let next = follow(&story, update, step);
            story.push(next);
        }
        story
    })
}

/// Picks one of the last four callbacks.
fn recent(story: &[Update], index: Index) -> Option<&Update> {
    let last = story.get(story.len().saturating_sub(4)..)?;
    (!last.is_empty()).then(|| index.get(last))
}

fn follow(story: &[Update], mut update: Update, step: Step) -> Update {
    let UpdateKind::Callback(callback) = &mut update.what else { return update };
    if let Some(before) = step.like.and_then(|index| recent(story, index))
        && let UpdateKind::Callback(before) = &before.what
    {
        let grown = callback.count % 200;
        *callback = CallbackUpdate {
            pos_in: before.pos_in.map(|_| before.pos_out),
            pos_out: before.pos_out.wrapping_add(i64::from(grown % 3 > 0)),
            v: before.v.map(|v| before.ret_ptr.unwrap_or(Ptr(v.0.wrapping_add(grown)))),
            ret_ptr: before.ret_ptr.map(|ptr| Ptr(ptr.0.wrapping_add(grown * grown))),
            bytes: before.bytes.map(|bytes| bytes.wrapping_add(grown / 9)),
            count: before.count.wrapping_add(grown),
            duration: before.duration.and(callback.duration).map(|ns| ns % 30_000),
            range: before.range.map(|range| Range {
                start: range.end,
                end: range.end.wrapping_add_unsigned(grown),
            }),
            ..*before
        };
    }
    if let Some(before) = step.position.and_then(|index| recent(story, index)) {
        let UpdateKind::Callback(position) = &before.what else { return update };
        (callback.phase, callback.pass) = (position.phase, position.pass);
        let Update { time: _, cpu, session, read, task, what: _ } = before;
        (update.cpu, update.read) = (*cpu, *read);
        (update.session, update.task) = (session.clone(), task.clone());
    }
    if let (Some(later), Some(before)) = (step.later, story.last()) {
        update.time = before.time.saturating_add(later);
    }
    update
}
