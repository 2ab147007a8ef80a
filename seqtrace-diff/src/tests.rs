//! Comparisons of simulated traces.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::Index};
use seqtrace_model::event::{Ptr, PtrKind, Role, Task};
use seqtrace_model::finding::{Blame, Finding, Id, Severity};
use seqtrace_model::session::update::{
    CallbackUpdate, Partial, Session, SessionId, Summary, Symbol, Update, UpdateKind,
};
use seqtrace_model::testing::simulator::reader::plans;
use seqtrace_model::testing::updates::of_plans;
use seqtrace_model::trace::Sink as _;

use crate::{Comparison, Edit, Gatherer, Ignored, Item, Outcome, Row, Rows, Verdict, align, hunks};

/// A trace as a test changes it.
#[derive(Clone, Default)]
struct Trace {
    updates: Vec<Update>,
    lost: u64,
    cut: bool,
}

impl From<Vec<Update>> for Trace {
    fn from(updates: Vec<Update>) -> Self {
        Self { updates, ..Self::default() }
    }
}

/// Rows that only the first and only the second trace has, and the sums.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    only: [Vec<Row>; 2],
    outcome: Outcome,
}

fn compare(traces: [&Trace; 2], ignored: Ignored) -> Difference {
    let mut rows = Rows::default();
    let [a, b] = traces.map(|trace| {
        let mut gatherer = Gatherer::new(&mut rows, ignored, true);
        for update in &trace.updates {
            gatherer.update(update);
        }
        gatherer.end(&Summary { lost: trace.lost, ..Summary::default() });
        gatherer.finish(trace.cut)
    });
    let files = align(&a, &b, &[]).unwrap();
    let comparison = Comparison { rows: &rows, traces: [&a, &b], files: &files, session: None };
    let mut only = [Vec::new(), Vec::new()];
    let outcome = comparison.run(|item| {
        if let Item::Session(pair) = item {
            for (edit, side) in pair.edits.iter().flat_map(|edit| [(edit, 0), (edit, 1)]) {
                let session = pair.sessions[side].unwrap();
                only[side].extend(rows.range(session, edit.rows[side].clone()).cloned());
            }
        }
        Ok::<bool, ()>(true)
    });
    Difference { only, outcome: outcome.unwrap() }
}

fn diff(a: &Trace, b: &Trace) -> Difference {
    compare([a, b], Ignored::default())
}

/// Gives each session another number, other addresses, tasks, CPUs and times.
fn rerun(updates: &[Update]) -> Vec<Update> {
    let mut addresses = HashMap::new();
    let mut other = |ptr: Ptr| match ptr.kind() {
        PtrKind::Record(value) => {
            let next = 0xffff_8000_0000_0000 + 64 * addresses.len() as u64;
            Ptr(*addresses.entry(value).or_insert(next))
        }
        _ => ptr,
    };
    let session = |session: &Arc<Session>| {
        let mut session = Session::clone(session);
        session.id = SessionId(session.id.0 + 70);
        (session.file, session.ino) = (!session.file, session.ino + 1);
        session.opener = Task { pid: 9, tid: 9, uid: 9, comm: b"other".to_vec() };
        Arc::new(session)
    };
    let all = updates.iter().map(|update| {
        let mut update = update.clone();
        update.session = update.session.as_ref().map(session);
        (update.time, update.cpu, update.task) = (update.time * 3 + 1, update.cpu + 1, None);
        if let UpdateKind::Callback(callback) = &mut update.what {
            callback.v = callback.v.map(&mut other);
            callback.ret_ptr = callback.ret_ptr.map(&mut other);
            callback.duration = callback.duration.map(|ns| ns * 5);
            callback.held = None;
        }
        update
    });
    all.collect()
}

/// Indices of the callbacks of sessions that are seen whole.
fn callbacks(updates: &[Update], accept: impl Fn(&CallbackUpdate) -> bool) -> Vec<usize> {
    let accepted = |update: &Update| match &update.what {
        UpdateKind::Callback(callback) => accept(callback),
        _ => false,
    };
    (0..updates.len()).filter(|index| accepted(&updates[*index])).collect()
}

fn callback(update: &mut Update) -> &mut CallbackUpdate {
    match &mut update.what {
        UpdateKind::Callback(callback) => callback,
        other => panic!("{other:?}"),
    }
}

/// Returns true if no session of a trace was seen in part.
fn is_whole(updates: &[Update]) -> bool {
    !updates.iter().any(
        |update| matches!(&update.what, UpdateKind::Close { partial, .. } if !partial.is_empty()),
    )
}

fn finding() -> Finding {
    let function = Symbol { name: Some("a_next.isra.0".into()), ..Symbol::unnamed(7) };
    Finding {
        id: Id(201),
        name: "double emit",
        severity: Severity::Error,
        session: SessionId(1),
        read: None,
        blame: Some(Blame { role: Role::Next, function, source: None }),
        message: String::new(),
        evidence: Vec::new(),
        cause: None,
        times: 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_trace_is_the_same_as_itself(plans in vec(plans(), 1..5)) {
        let trace = Trace::from(of_plans(plans));
        let Difference { only, outcome } = diff(&trace, &trace);
        prop_assert_eq!(only, [vec![], vec![]]);
        let whole = is_whole(&trace.updates);
        let expected = if whole { Verdict::Same } else { Verdict::Inconclusive };
        prop_assert_eq!(outcome.verdict(), expected);
    }

    #[test]
    fn another_run_is_no_difference(plans in vec(plans(), 1..5)) {
        let a = of_plans(plans);
        let b = rerun(&a);
        prop_assert_eq!(diff(&a.into(), &b.into()).only, [vec![], vec![]]);
    }

    #[test]
    fn the_order_of_the_traces_is_no_matter(a in vec(plans(), 1..4), b in vec(plans(), 1..4)) {
        let (a, b) = (Trace::from(of_plans(a)), Trace::from(of_plans(b)));
        let (forward, back) = (diff(&a, &b), diff(&b, &a));
        let [only_a, only_b] = back.only;
        prop_assert_eq!(forward.only, [only_b, only_a]);
        prop_assert_eq!(forward.outcome.verdict(), back.outcome.verdict());
    }

    #[test]
    fn a_dropped_callback_is_found(plans in vec(plans(), 1..4), at: Index) {
        let a = of_plans(plans);
        let all = callbacks(&a, |_| true);
        prop_assume!(!all.is_empty());
        let mut b = a.clone();
        b.remove(all[at.index(all.len())]);
        let Difference { only: [only_a, only_b], .. } = diff(&a.into(), &b.into());
        prop_assert_eq!((only_a.len(), only_b.len()), (1, 0), "{:?} {:?}", only_a, only_b);
        let is_callback = matches!(only_a[0], Row::Callback(_));
        prop_assert!(is_callback);
    }

    #[test]
    fn a_changed_size_is_found(plans in vec(plans(), 1..4), at: Index) {
        let a = of_plans(plans);
        let shows = callbacks(&a, |callback| callback.role == Role::Show);
        prop_assume!(!shows.is_empty());
        let mut b = a.clone();
        let show = callback(&mut b[shows[at.index(shows.len())]]);
        show.bytes = Some(show.bytes.unwrap_or(0) + 1);
        let (a, b) = (Trace::from(a), Trace::from(b));
        let Difference { only: [only_a, only_b], .. } = diff(&a, &b);
        prop_assert_eq!((only_a.len(), only_b.len()), (1, 1));
        let ignored = Ignored { sizes: true, ..Ignored::default() };
        prop_assert_eq!(compare([&a, &b], ignored).only, [vec![], vec![]]);
    }

    #[test]
    fn a_changed_position_is_found(plans in vec(plans(), 1..4), at: Index) {
        let a = of_plans(plans);
        let known = callbacks(&a, |callback| callback.role == Role::Show && callback.pos_in.is_some());
        prop_assume!(!known.is_empty());
        let mut b = a.clone();
        let show = callback(&mut b[known[at.index(known.len())]]);
        show.pos_out = show.pos_out.wrapping_add(1);
        let Difference { only: [only_a, only_b], .. } = diff(&a.into(), &b.into());
        prop_assert_eq!((only_a.len(), only_b.len()), (1, 1));
    }

    #[test]
    fn another_pointer_is_found(plans in vec(plans(), 1..4), at: Index) {
        let a = of_plans(plans);
        let is_record = |ptr: Option<Ptr>| ptr.is_some_and(|ptr| matches!(ptr.kind(), PtrKind::Record(_)));
        let shown = callbacks(&a, |callback| callback.role == Role::Stop && is_record(callback.v));
        prop_assume!(!shown.is_empty());
        let mut b = a.clone();
        callback(&mut b[shown[at.index(shown.len())]]).v = Some(Ptr(0xffff_dead_beef_0000));
        let (a, b) = (Trace::from(a), Trace::from(b));
        let Difference { only: [only_a, only_b], .. } = diff(&a, &b);
        // Later pointers that are first seen at the same position have other numbers, too.
        prop_assert!(!only_a.is_empty());
        prop_assert_eq!(only_a.len(), only_b.len());
        let ignored = Ignored { pointers: true, ..Ignored::default() };
        prop_assert_eq!(compare([&a, &b], ignored).only, [vec![], vec![]]);
    }

    #[test]
    fn a_finding_that_came_is_found(plans in vec(plans(), 1..4), at: Index) {
        let a = of_plans(plans);
        let at = at.index(a.len());
        prop_assume!(a[at].session.is_some());
        let mut b = a.clone();
        let what = UpdateKind::Finding(Box::new(finding()));
        b.insert(at + 1, Update { what, ..a[at].clone() });
        let Difference { only: [only_a, only_b], .. } = diff(&a.into(), &b.into());
        prop_assert_eq!((only_a.len(), only_b.len()), (0, 1));
        let blames = matches!(&only_b[0], Row::Finding { id: Id(201), blame: Some(blame), .. } if &**blame == "a_next");
        prop_assert!(blames, "{:?}", only_b);
    }
}

/// Returns a session that was seen whole, with some callbacks.
fn whole() -> Vec<Update> {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..1000 {
        let all = of_plans(vec![plans().new_tree(&mut runner).unwrap().current()]);
        if is_whole(&all) && callbacks(&all, |_| true).len() > 5 {
            return all;
        }
    }
    panic!("no plan has a whole session");
}

fn partial(updates: &mut [Update], reason: Partial) {
    for update in updates {
        if let UpdateKind::Close { partial, .. } = &mut update.what {
            partial.push(reason);
        }
    }
}

#[test]
fn losses_prove_no_difference() {
    let a = Trace::from(whole());
    let mut b = a.clone();
    b.updates.remove(callbacks(&b.updates, |_| true)[2]);
    assert_eq!(diff(&a, &b).outcome.verdict(), Verdict::Different);
    let mut lossy = b.clone();
    partial(&mut lossy.updates, Partial::Gap);
    assert_eq!(diff(&a, &lossy).outcome.verdict(), Verdict::Inconclusive);
    lossy = b.clone();
    lossy.lost = 1;
    assert_eq!(diff(&lossy, &a).outcome.verdict(), Verdict::Inconclusive);
    // A recording that is cut off later does not touch a session that was closed before.
    b.cut = true;
    assert_eq!(diff(&a, &b).outcome.verdict(), Verdict::Different);
}

#[test]
fn a_cut_recording_has_a_mark_and_misses_no_session() {
    let a = Trace::from(whole());
    let mut b = Trace { cut: true, ..a.clone() };
    partial(&mut b.updates, Partial::StillOpen);
    let Difference { only: [_, only_b], outcome } = diff(&a, &b);
    assert!(only_b.contains(&Row::Cut), "{only_b:?}");
    assert_eq!(outcome.verdict(), Verdict::Inconclusive);
    b.updates.clear();
    let outcome = diff(&a, &b).outcome;
    assert_eq!((outcome.only_files, outcome.verdict()), ([1, 0], Verdict::Inconclusive));
    b.cut = false;
    assert_eq!(diff(&a, &b).outcome.verdict(), Verdict::Different);
}

#[test]
fn files_are_aligned_by_path_unless_they_are_renamed() {
    let mut rows = Rows::default();
    let mut recording = |paths: &[&str]| {
        let mut gatherer = Gatherer::new(&mut rows, Ignored::default(), false);
        for (id, path) in (1..).zip(paths) {
            let mut update = whole().swap_remove(0);
            let mut facts = Session::clone(update.session.as_ref().unwrap());
            (facts.id, facts.path) = (SessionId(id), path.as_bytes().to_vec());
            update.session = Some(Arc::new(facts));
            gatherer.update(&update);
        }
        gatherer.finish(false)
    };
    let (a, b) = (recording(&["/a", "/b", "/a"]), recording(&["/c", "/b"]));
    let paths = |renamed: &[(&str, &str)]| {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let renamed: Vec<_> = renamed.iter().map(|(a, b)| (bytes(a), bytes(b))).collect();
        let name = |path: &[u8]| String::from_utf8(path.to_vec()).unwrap();
        let pairs = align(&a, &b, &renamed).map_err(|error| format!("{error:?}"))?;
        let pairs = pairs.iter().map(|pair| pair.files.map(|f| f.map(|f| name(&f.path))));
        Ok::<Vec<_>, String>(pairs.collect())
    };
    let pair =
        |a: &str, b: &str| [a, b].map(|path| Some(path.to_owned()).filter(|p| !p.is_empty()));
    assert_eq!(paths(&[]), Ok(vec![pair("/a", ""), pair("/b", "/b"), pair("", "/c")]));
    assert_eq!(paths(&[("/a", "/c")]), Ok(vec![pair("/b", "/b"), pair("/a", "/c")]));
    assert!(paths(&[("/c", "/a")]).unwrap_err().starts_with("Unknown"));
    assert!(paths(&[("/a", "/b")]).unwrap_err().starts_with("Twice"));
    let (a, b) = (recording(&["/a", "/a"]), recording(&["/b"]));
    let pairs = align(&a, &b, &[]).unwrap();
    assert!(matches!(pairs[..], [pair] if pair.has_session(2) && !pair.has_session(3)));
}

#[test]
fn edits_are_grouped_by_their_context() {
    let edit = |a: std::ops::Range<usize>| Edit { rows: [a.clone(), a] };
    let edits = [edit(3..4), edit(10..10), edit(17..18)];
    let sizes = |context| hunks(&edits, context).map(<[Edit]>::len).collect::<Vec<_>>();
    assert_eq!(sizes(0), [1, 1, 1]);
    assert_eq!(sizes(3), [2, 1]);
    assert_eq!(sizes(4), [3]);
    assert_eq!(sizes(usize::MAX), [3]);
}

/// Long sessions that differ everywhere are compared in seconds, because the algorithm is not quadratic.
#[test]
fn a_long_session_that_differs_everywhere_takes_no_quadratic_time() {
    let template = whole();
    let show = callbacks(&template, |callback| callback.role == Role::Show)[0];
    let long = |scramble: i64| {
        let mut all = vec![template[0].clone()];
        for number in 0..50_000_i64 {
            let mut update = template[show].clone();
            let row = callback(&mut update);
            row.pos_out = number.wrapping_mul(scramble) % 25_013;
            row.pos_in = Some(row.pos_out);
            all.push(update);
        }
        Trace::from(all)
    };
    let (a, b) = (long(1), long(7919));
    let begin = std::time::Instant::now();
    let Difference { outcome, .. } = diff(&a, &b);
    assert!(outcome.only_rows[0] > 1000, "{outcome:?}");
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}
