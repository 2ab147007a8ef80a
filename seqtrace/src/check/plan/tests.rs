use proptest::prelude::*;

use super::*;

/// Records of these lengths, read in blocks of a page.
fn shape(lens: &[u64], complete: bool) -> Shape {
    let mut record_ends = Vec::new();
    let mut at = 0;
    for len in lens {
        at += len;
        record_ends.push(at);
    }
    let mut read_ends: Vec<u64> = Vec::new();
    for record_end in &record_ends {
        if record_end - read_ends.last().copied().unwrap_or(0) > PAGE {
            read_ends.push(*record_end);
        }
    }
    Shape { len: at, complete, record_ends, read_ends }
}

/// Carries out a plan on a correct file of this length. Returns offset and length of each read. Panics if the plan is
/// wrong.
fn run(plan: &Plan, len: u64) -> Vec<(u64, u64)> {
    let mut open = std::collections::HashMap::new();
    let mut reads = Vec::new();
    for Act { process, step } in &plan.acts {
        let key = (*process, step.slot());
        if matches!(step, Step::Open { .. }) {
            assert_eq!(open.insert(key, 0), None, "opened twice");
            continue;
        }
        let at: &mut u64 = open.get_mut(&key).expect("not open");
        let got = |at: u64, want: u64| want.min(len.saturating_sub(at));
        let mut read = |at: &mut u64, want: u64| {
            reads.push((*at, got(*at, want)));
            *at += got(*at, want);
            got(*at, 1) > 0
        };
        match step {
            Step::Open { .. } => {}
            Step::Close { .. } => {
                open.remove(&key);
            }
            Step::Read { want, .. } => {
                read(at, *want);
            }
            Step::Sizes { wants, .. } => wants.iter().for_each(|want| {
                assert!(*want > 0);
                read(at, *want);
            }),
            Step::Vectored { wants, .. } => {
                read(at, wants.iter().sum());
            }
            Step::Until { block_bytes, to, .. } | Step::Splice { block_bytes, to, .. } => {
                assert!(*block_bytes > 0);
                while *at < *to && read(at, (*block_bytes).min(*to - *at)) {}
            }
            Step::Pread { at: begin, want, .. } => reads.push((*begin, got(*begin, *want))),
            Step::Seek { to, .. } => *at = *to,
            Step::Skip { by, .. } => {
                *at = at.checked_add_signed(*by).expect("before the beginning");
            }
        }
    }
    assert!(open.is_empty(), "left open");
    reads
}

fn plan(shape: &Shape, kind: Kind) -> Plan {
    all(shape).into_iter().find(|plan| plan.kind == kind).expect("there is one")
}

#[test]
fn records_end_where_records_end() {
    let shape = shape(&[27; 300], true);
    let reads = run(&plan(&shape, Kind::Records), shape.len);
    let wanted: Vec<_> = (0..300).map(|number| (number * 27, 27)).collect();
    assert_eq!(&reads[..300], &wanted[..]);
    assert_eq!(&reads[300..], [(8100, 0), (8100, 0)]);
    let reads = run(&plan(&shape, Kind::Before), shape.len);
    assert_eq!(&reads[..3], [(0, 26), (26, 27), (53, 27)]);
    let reads = run(&plan(&shape, Kind::After), shape.len);
    assert_eq!(&reads[..3], [(0, 28), (28, 27), (55, 27)]);
}

#[test]
fn the_end_is_looked_at_from_all_sides() {
    let shape = shape(&[2, 2, 2], true);
    let reads = run(&plan(&shape, Kind::End), shape.len);
    assert_eq!(&reads[..5], [(6, 0), (7, 0), (5, 1), (6, 0), (100_006, 0)]);
    assert!(all(&Shape { complete: false, ..shape }).iter().all(|plan| plan.kind != Kind::End));
}

#[test]
fn two_take_turns() {
    let shape = shape(&[27; 3], true);
    let acts = plan(&shape, Kind::Processes).acts;
    let processes: Vec<usize> = acts
        .iter()
        .filter(|act| matches!(act.step, Step::Until { block_bytes: 27, .. }))
        .map(|act| act.process)
        .collect();
    assert_eq!(processes, [0, 1, 0, 1, 0, 1]);
    assert!(plan(&shape, Kind::Interleaved).acts.iter().all(|act| act.process == 0));
}

#[test]
fn one_reader_has_one_descriptor_open_at_a_time() {
    let shape = shape(&[27; 300], true);
    for plan in all(&shape) {
        let mut open = 0;
        let mut most = 0;
        for act in &plan.acts {
            open += match act.step {
                Step::Open { .. } => 1,
                Step::Close { .. } => -1,
                _ => 0,
            };
            most = most.max(open);
        }
        assert_eq!(most, if plan.kind.is_shared() { 2 } else { 1 }, "{:?}", plan.kind);
    }
}

#[test]
fn small_blocks_are_at_the_borders() {
    let shape = shape(&[27; 300], true);
    let reads = run(&plan(&shape, Kind::Bytes), shape.len);
    let single = |at: u64| reads.contains(&(at, 1));
    assert!((0..512).all(single));
    assert!((4056..4136).all(single));
    assert!((8060..8100).all(single));
    assert!(!single(2000) && !single(6000));
}

#[test]
fn an_empty_file_is_read_too() {
    let plans = all(&Shape { complete: true, ..Shape::default() });
    assert!(plans.len() > 5);
    for plan in plans {
        assert!(run(&plan, 0).iter().all(|(_, got)| *got == 0), "{plan:?}");
    }
}

proptest! {
    #[test]
    fn plans_are_possible_and_bounded(
        lens in prop::collection::vec(1u64..6000, 0..1500),
        complete: bool,
    ) {
        let shape = shape(&lens, complete);
        // A file that was not read to its end is longer than its shape.
        let len = if complete { shape.len } else { shape.len + (1 << 20) };
        for plan in all(&shape) {
            let reads = run(&plan, len);
            prop_assert!(reads.len() < 8000, "{:?}: {} reads", plan.kind, reads.len());
            // A plan for a file that fails at once still reads a byte.
            if !complete && shape.len > 0 {
                prop_assert!(reads.iter().all(|(at, got)| at + got <= shape.len), "{:?}", plan.kind);
            }
        }
        run(&whole(1 << 20), len);
        for kind in [Kind::Interleaved, Kind::Processes] {
            run(&control(&shape, kind), len);
        }
    }

    #[test]
    fn samples_are_borders(lens in prop::collection::vec(1u64..300, 0..3000), most in 2usize..60) {
        let shape = shape(&lens, true);
        let sample = shape.sample(most);
        prop_assert!(sample.len() <= most && sample.is_sorted());
        prop_assert!(sample.iter().all(|at| shape.record_ends.contains(at)));
        prop_assert_eq!(sample.last(), shape.record_ends.last());
    }
}
