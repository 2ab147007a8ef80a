//! A trace returns the updates that were put into it.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use seqtrace_model::event::Role;
use seqtrace_model::session::update::{CallbackUpdate, Fate, Phase, Range, Update, UpdateKind};
use seqtrace_model::testing::simulator::reader::plans;
use seqtrace_model::testing::updates::of_plans;
use seqtrace_model::trace::Sink;

use crate::map::FileMap;
use crate::plot::{PositionPlot, Step};
use crate::testing::trace;
use crate::{Session, Trace, Window};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_are_the_updates(plans in vec(plans(), 1..5)) {
        let updates = of_plans(plans);
        let trace = trace(&updates);
        let mut window = Window::default();
        for session in &trace.sessions {
            let id = session.facts.id;
            let own = |update: &&Update| update.session.as_ref().is_some_and(|s| s.id == id);
            let expected: Vec<&Update> = updates.iter().filter(own).collect();
            prop_assert_eq!(expected.len(), session.rows.end() as usize);
            for (row, update) in (0..).zip(expected) {
                prop_assert_eq!(session.rows.get(row, &mut window), Some(update));
            }
            prop_assert!(session.rows.get(session.rows.end(), &mut window).is_none());
            let mut end = 0;
            for item in &session.items {
                prop_assert_eq!(item.first, end);
                end = item.range().end;
            }
            prop_assert_eq!(end, session.rows.end(), "each row is in one item");
            check_passes(session);
            for row in 0..session.rows.end() {
                let time = session.rows.get(row, &mut window).unwrap().time;
                let after = session.rows.after(time, &mut window);
                prop_assert!(after > row);
                let next = session.rows.get(after, &mut window);
                prop_assert!(next.is_none_or(|next| next.time > time));
            }
        }
        for found in &trace.findings {
            let row = trace.sessions[found.session].rows.get(found.row, &mut window);
            let is_it = matches!(row.map(|row| &row.what), Some(UpdateKind::Finding(finding))
                if **finding == *found.finding);
            prop_assert!(is_it);
        }
    }
}

/// Checks that each pass begins with start, is within an item, and follows the pass before it.
fn check_passes(session: &Session) {
    let (mut window, mut end) = (Window::default(), 0);
    for pass in &session.passes {
        assert!(pass.first >= end && pass.rows > 0);
        end = pass.range().end;
        let item = session.item_at(pass.first).unwrap();
        assert!(item.first < pass.first && item.range().end >= end, "{item:?} {pass:?}");
        assert_eq!(session.pass_at(end - 1), Some(pass));
        let first = session.rows.get(pass.first, &mut window).unwrap();
        let is_start =
            matches!(&first.what, UpdateKind::Callback(callback) if callback.role == Role::Start);
        assert!(is_start, "{first:?}");
    }
}

/// Returns a long session: an open, reads of 100 records each, and no close.
fn long(reads: u32) -> Vec<Update> {
    let plan = plans_of_one();
    let open = of_plans(vec![plan]).swap_remove(0);
    let session = open.session.clone();
    let mut all = vec![open];
    for read in 1..=reads {
        for record in 0..100 {
            let number = i64::from((read - 1) * 100 + record);
            let callback = |role, pos_in, pos_out| CallbackUpdate {
                role,
                phase: Phase::Fill,
                pass: read,
                pos_in: Some(pos_in),
                pos_out,
                v: None,
                ret_ptr: None,
                ret_int: None,
                bytes: Some(10),
                count: 10,
                size: Some(4096),
                full: false,
                duration: Some(100),
                fate: None,
                range: None,
                held: None,
                fixed_up: false,
                private: None,
            };
            let range = Some(Range { start: number * 10, end: number * 10 + 10 });
            let shown = CallbackUpdate {
                fate: Some(Fate::Emitted),
                range,
                ..callback(Role::Show, number, number)
            };
            for what in [shown, callback(Role::Next, number, number + 1)] {
                all.push(Update {
                    time: 1000 + number.unsigned_abs() * 137,
                    cpu: 0,
                    session: session.clone(),
                    read: Some(read),
                    task: None,
                    what: UpdateKind::Callback(what),
                });
            }
        }
    }
    all
}

fn plans_of_one() -> seqtrace_model::testing::simulator::reader::Plan {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    plans().new_tree(&mut runner).unwrap().current()
}

#[test]
fn a_callback_takes_little_memory() {
    let updates = long(2000);
    let trace = trace(&updates);
    let per_callback = trace.bytes() / (updates.len() - 1);
    assert!(per_callback <= 32, "{per_callback} bytes");
}

#[test]
fn a_limit_drops_the_oldest_rows() {
    let updates = long(200);
    let mut trace = Trace::with_limit(20_000);
    for update in &updates {
        trace.update(update);
    }
    let rows = &trace.sessions[0].rows;
    assert!(trace.bytes() <= 20_000);
    assert!(rows.first() > 0 && trace.dropped == u64::from(rows.first()));
    let mut window = Window::default();
    assert!(rows.get(rows.first() - 1, &mut window).is_none());
    let session = &trace.sessions[0];
    assert!(session.items.front().is_some_and(|item| item.range().end > rows.first()));
    assert_eq!(rows.get(rows.first(), &mut window), Some(&updates[rows.first() as usize]));
    assert_eq!(rows.get(rows.end() - 1, &mut window), updates.last());
    assert!(Arc::ptr_eq(&trace.sessions[0].facts, updates[0].session.as_ref().unwrap()));
}

#[test]
fn pictures_of_a_long_session_are_small_and_whole() {
    let trace = trace(&long(500));
    let session = &trace.sessions[0];
    let (mut map, mut plot) = (FileMap::default(), PositionPlot::default());
    session.rows.visit(0..session.rows.end(), &mut Window::default(), |row, update| {
        map.add(row, update);
        plot.add(row, update);
    });
    assert!(map.segments.len() <= 4096 && plot.points.len() <= 4096);
    assert_eq!(map.segments.iter().map(|s| u64::from(s.renderings)).sum::<u64>(), 50_000);
    assert_eq!(map.end, 500_000);
    assert!(map.segments.windows(2).all(|pair| pair[0].range.end == pair[1].range.start));
    assert_eq!(plot.points.iter().map(|p| u64::from(p.calls)).sum::<u64>(), 50_000);
    assert_eq!(plot.points.last().map(|p| (p.to, p.step)), Some((50_000, Step::Advance)));
    assert_eq!((map.left_out, plot.left_out), (0, 0));
}

#[test]
fn a_limit_drops_the_oldest_closed_sessions() {
    let plan = plans_of_one();
    let one = of_plans(vec![plan]);
    let mut trace = Trace::with_limit(1 << 20);
    let rename = |update: &Update, id: u32| {
        let mut update = update.clone();
        if let Some(session) = &mut update.session {
            let mut facts = seqtrace_model::session::update::Session::clone(session);
            facts.id = seqtrace_model::session::update::SessionId(id);
            *session = Arc::new(facts);
        }
        update
    };
    // The first session stays open.
    trace.update(&rename(&one[0], 1));
    for id in 2..=150_000 {
        trace.update(&rename(&one[0], id));
        trace.update(&rename(one.last().unwrap(), id));
    }
    let compaction = trace.compaction.clone().unwrap();
    assert!(trace.sessions.len() <= 100_000, "{}", trace.sessions.len());
    assert_eq!(compaction.dropped + trace.sessions.len() as u64, 150_000);
    assert_eq!((compaction.moved[0], compaction.moved[1]), (Some(0), None));
    assert!(trace.bytes() <= 1 << 20);
    for id in [1, 150_000] {
        let at = trace.position(seqtrace_model::session::update::SessionId(id)).unwrap();
        assert_eq!(trace.sessions[at].facts.id.0, id);
    }
    assert!(trace.findings.iter().all(|found| found.session < trace.sessions.len()));
}
