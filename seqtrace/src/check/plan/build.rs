//! The steps of each kind of plan, derived from the shape of a file.

use super::{AROUND, FEW, Kind, LARGE, PAGE, Plan, RUN, Shape, Slot, Step};

/// Returns the plan for a whole read, to the end or up to offset `limit`. Its bytes are the reference.
pub(crate) fn whole(limit: u64) -> Plan {
    Plan::new(Kind::Whole, opened([Step::Until { slot: 0, block_bytes: LARGE, to: limit }]))
}

/// Returns a plan that opens the file, reads once and closes it. Carried out twice, it detects a file that reading
/// empties.
pub(crate) fn first_read() -> Plan {
    Plan::new(Kind::Whole, opened([Step::Read { slot: 0, want: PAGE }]))
}

/// Returns a plan that reads the whole file through two descriptors, one after the other, while both are open. It is
/// the control for the plans in which two readers take turns.
pub(crate) fn control(shape: &Shape, kind: Kind) -> Plan {
    let until = |slot| Step::Until { slot, block_bytes: LARGE, to: shape.to_the_end() };
    let steps = together([until(0), until(1)]);
    Plan { kind: Kind::Whole, ..Plan::new(kind, steps) }
}

/// Returns all plans for a file of this shape except for the whole read.
pub(crate) fn all(shape: &Shape) -> Vec<Plan> {
    let splice = Step::Splice { slot: 0, block_bytes: 1 << 16, to: shape.to_the_end() };
    [
        (Kind::Page, until_end(shape, 0, PAGE)),
        (Kind::Records, records(shape, 0)),
        (Kind::Before, records(shape, -1)),
        (Kind::After, records(shape, 1)),
        (Kind::Bytes, small(shape, 1, 512)),
        (Kind::Sevens, small(shape, 7, PAGE + 512)),
        (Kind::End, end(shape)),
        (Kind::Pread, preads(shape)),
        (Kind::Seek, seeks(shape)),
        (Kind::Rewind, rewind(shape)),
        (Kind::ShortLong, short_long(shape)),
        (Kind::Interleaved, interleaved(shape)),
        (Kind::Processes, interleaved(shape)),
        (Kind::Splice, vec![splice]),
        (Kind::Vectored, vectored(shape)),
    ]
    .into_iter()
    .filter(|(_, steps)| !steps.is_empty())
    .map(|(kind, steps)| {
        let steps = if kind.is_shared() { together(steps) } else { opened(steps) };
        Plan::new(kind, steps)
    })
    .collect()
}

/// Returns steps that read to the end and once more there: a faulty file may go on.
fn until_end(shape: &Shape, slot: Slot, block_bytes: u64) -> Vec<Step> {
    let mut steps = vec![Step::Until { slot, block_bytes, to: shape.to_the_end() }];
    if shape.complete {
        steps.push(Step::Read { slot, want: PAGE });
    }
    steps
}

/// Adds steps that open both descriptors before the first step and close them after the last one.
fn together(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let open = [0, 1].map(|slot| Step::Open { slot });
    let close = [0, 1].map(|slot| Step::Close { slot });
    open.into_iter().chain(steps).chain(close).collect()
}

/// Adds steps that open each descriptor before its own first step and close it after its own last one: a file may print
/// how often it is open.
pub(crate) fn opened(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let steps = steps.into_iter().collect::<Vec<_>>();
    let mut all = Vec::with_capacity(steps.len() + 2);
    for (index, step) in steps.iter().enumerate() {
        let slot = step.slot();
        let is_its = |step: &Step| step.slot() == slot;
        all.extend((steps.iter().position(is_its) == Some(index)).then_some(Step::Open { slot }));
        all.push(step.clone());
        all.extend((steps.iter().rposition(is_its) == Some(index)).then_some(Step::Close { slot }));
    }
    all
}

/// Returns steps that read in small blocks at the beginning, around the end of the first read and of the first page,
/// and at the end, and in large blocks in between.
fn small(shape: &Shape, block_bytes: u64, beginning: u64) -> Vec<Step> {
    let margin = AROUND * block_bytes;
    let around = |at: u64| (at.saturating_sub(margin), at.saturating_add(margin));
    let mut regions =
        [(0, beginning), around(shape.first_read_end()), around(PAGE), around(shape.len)];
    regions.sort_unstable();
    let mut steps = Vec::new();
    let mut at = 0;
    for (begin, end) in regions {
        let (begin, end) = (begin.max(at).min(shape.len), end.min(shape.len));
        if begin > at {
            steps.push(Step::Until { slot: 0, block_bytes: LARGE, to: begin });
        }
        if end > begin {
            steps.push(Step::Until { slot: 0, block_bytes, to: end });
        }
        at = at.max(end);
    }
    if shape.complete {
        steps.push(Step::Until { slot: 0, block_bytes, to: shape.beyond(margin) });
        steps.push(Step::Read { slot: 0, want: PAGE });
    }
    steps
}

/// Returns steps that read one record per read, where each read ends `shift` bytes past the end of a record. If there
/// are many records, only the first, those around the end of the first read, and the last are read like this.
fn records(shape: &Shape, shift: i64) -> Vec<Step> {
    let aims: Vec<u64> = shape
        .record_ends
        .iter()
        .filter_map(|record_end| record_end.checked_add_signed(shift))
        .filter(|aim| *aim > 0 && *aim <= shape.len)
        .collect();
    let mut steps = Vec::new();
    let mut at = 0;
    for (first, after) in runs(shape, &aims) {
        let Some(aims) = aims.get(first..after) else { continue };
        if let Some(before) = first.checked_sub(1).and_then(|index| shape.record_ends.get(index))
            && *before > at
        {
            steps.push(Step::Until { slot: 0, block_bytes: LARGE, to: *before });
            at = *before;
        }
        let mut wants = Vec::with_capacity(aims.len());
        for aim in aims.iter().filter(|aim| **aim > at).copied().collect::<Vec<_>>() {
            wants.push(aim - at);
            at = aim;
        }
        steps.push(Step::Sizes { slot: 0, wants });
    }
    if at < shape.len || shape.complete {
        steps.extend(until_end(shape, 0, LARGE));
    }
    steps
}

/// Returns the indices of the offsets in `aims` that are read one by one, as half-open ranges in ascending order.
fn runs(shape: &Shape, aims: &[u64]) -> Vec<(usize, usize)> {
    let count = aims.len();
    if count <= 2 * RUN {
        return vec![(0, count)];
    }
    let read_end = aims.partition_point(|aim| *aim < shape.first_read_end());
    let mut runs = vec![(0, RUN / 2)];
    for (first, after) in
        [(read_end.saturating_sub(32), read_end + 32), (count.saturating_sub(RUN / 4), count)]
    {
        let first = first.max(runs.last().map_or(0, |(_, after)| *after));
        if after > first {
            runs.push((first, after));
        }
    }
    runs
}

fn end(shape: &Shape) -> Vec<Step> {
    if !shape.complete {
        return Vec::new();
    }
    if shape.affordable() < FEW {
        return vec![
            Step::Pread { slot: 0, at: shape.len, want: PAGE },
            Step::Seek { slot: 0, to: shape.len + 1 },
            Step::Read { slot: 0, want: PAGE },
        ];
    }
    let pread = |slot, at| Step::Pread { slot, at, want: PAGE };
    let mut steps = vec![
        // On a descriptor that was not read before.
        pread(0, shape.len),
        pread(0, shape.len + 1),
        pread(0, shape.len.saturating_sub(1)),
        pread(0, shape.len),
        pread(0, shape.len + 100_000),
        // On a descriptor that was read to the end.
        Step::Until { slot: 1, block_bytes: LARGE, to: shape.to_the_end() },
        pread(1, shape.len),
        Step::Read { slot: 1, want: LARGE },
        // After a seek to the end, and past it.
        Step::Seek { slot: 2, to: shape.len },
        Step::Read { slot: 2, want: PAGE },
        Step::Read { slot: 2, want: PAGE },
        Step::Seek { slot: 2, to: shape.len + 1000 },
        Step::Read { slot: 2, want: PAGE },
    ];
    if let Some(last) = shape.record_ends.iter().rev().nth(1) {
        steps.push(Step::Seek { slot: 2, to: *last });
        steps.extend(until_end(shape, 2, PAGE));
    }
    steps
}

fn preads(shape: &Shape) -> Vec<Step> {
    let around = shape.sample(shape.affordable()).into_iter().enumerate();
    let around = around.flat_map(|(number, record_end)| {
        let want = if number % 4 == 3 { PAGE } else { 64 };
        let before = number % 2 == 0;
        let beside =
            if before { (record_end.saturating_sub(1), 2) } else { (record_end + 1, want) };
        [(record_end, want), beside]
    });
    // Offsets past the end belong to plan `end`.
    let within = around.chain([(0, shape.len.min(64))]).filter(|(at, _)| *at < shape.len);
    let step = |(at, want)| Step::Pread { slot: 0, at, want: shape.bounded(at, want) };
    within.map(step).collect()
}

fn seeks(shape: &Shape) -> Vec<Step> {
    if shape.len == 0 {
        return Vec::new();
    }
    let part = |parts: u64| shape.record_end_from(shape.len * parts / 8).min(shape.len - 1);
    let read = |want| Step::Read { slot: 0, want };
    let to = |to| Step::Seek { slot: 0, to };
    let mut steps = Vec::new();
    for (at, want) in [(part(4), 100), (part(1), 10), (part(6), PAGE), (0, PAGE), (part(2) / 2, 1)]
    {
        steps.extend([to(at), read(shape.bounded(at, want))]);
    }
    // Like the `read` builtin of a shell: read a block, then seek back to the end of its first line.
    steps.push(to(0));
    if let Some(first) = shape.record_ends.first().filter(|first| **first < shape.len.min(PAGE)) {
        let first = *first;
        steps.extend([
            read(first),
            Step::Skip { slot: 0, by: 1 },
            Step::Skip { slot: 0, by: -1 },
            read(shape.bounded(first, PAGE)),
            to(first),
        ]);
    }
    steps.extend(until_end(shape, 0, LARGE));
    steps
}

fn rewind(shape: &Shape) -> Vec<Step> {
    let half = shape.len / 2;
    let mut steps = vec![
        Step::Until { slot: 0, block_bytes: 1000, to: half },
        Step::Seek { slot: 0, to: 0 },
        Step::Read { slot: 0, want: shape.len.clamp(1, 7) },
        Step::Seek { slot: 0, to: 0 },
    ];
    steps.extend(until_end(shape, 0, LARGE));
    if shape.complete {
        steps.push(Step::Seek { slot: 0, to: 0 });
        steps.extend(until_end(shape, 0, LARGE));
    }
    steps
}

fn short_long(shape: &Shape) -> Vec<Step> {
    let second = shape.record_ends.get(1).copied().unwrap_or(2).min(shape.len.max(1));
    let mut steps = vec![Step::Read { slot: 0, want: shape.len.clamp(1, 7) }];
    steps.extend(until_end(shape, 0, LARGE));
    steps.push(Step::Read { slot: 1, want: second });
    steps.extend(until_end(shape, 1, LARGE));
    steps
}

/// Returns steps that read through two descriptors in turn, at first record by record, then page by page.
fn interleaved(shape: &Shape) -> Vec<Step> {
    const TURNS: usize = 24;
    let mut steps = Vec::new();
    let mut at = 0;
    for record_end in shape.record_ends.iter().take(TURNS) {
        for slot in [0, 1] {
            steps.push(Step::Until { slot, block_bytes: record_end - at, to: *record_end });
        }
        at = *record_end;
    }
    let pages = (shape.to_the_end().saturating_sub(at) / PAGE).min(64);
    for page in 1..=pages {
        for slot in [1, 0] {
            steps.push(Step::Until { slot, block_bytes: PAGE, to: at + page * PAGE });
        }
    }
    for slot in [0, 1] {
        steps.extend(until_end(shape, slot, LARGE));
    }
    steps
}

fn vectored(shape: &Shape) -> Vec<Step> {
    let wants: Vec<u64> = [1, 26, 100, 0, 3000].into();
    let most: u64 = wants.iter().sum();
    if !shape.complete && shape.len < 3 * most {
        return Vec::new();
    }
    let calls = (shape.len / most).min(2) + 1;
    let mut steps: Vec<Step> =
        (0..calls).map(|_| Step::Vectored { slot: 0, wants: wants.clone() }).collect();
    steps.extend(until_end(shape, 0, LARGE));
    steps
}
