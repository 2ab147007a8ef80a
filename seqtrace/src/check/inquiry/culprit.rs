//! Determines the callback that causes the first wrong record, for a file whose bytes depend on how they are read.
//!
//! The right bytes of a position are those that show() renders when next() has advanced to the position from the first
//! record without a break, on a descriptor that was not used before: no start() has resumed, and no rendering was
//! discarded. Every other pass is compared with these bytes. A pass whose first record is wrong proves a fault of
//! start(). If first records are wrong only after a rendering of the same record was discarded, the fault is in show().
//! A pass whose later records are wrong proves a fault of next().

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;

use super::{Inquiry, Known, Lab, ways::Ways};
use crate::{
    check::{
        plan::{Kind, Plan, Shape, Step, opened},
        process::Ended,
        seen::{
            SeenSession,
            log::{Log, Pass, Rendering},
        },
        verdict::Proof,
    },
    event::{Ptr, Role},
    rules::{SQ105, SQ106, SQ204, SQ305, SQ601},
};

/// Distance past the end of the file, in bytes, of the seek that makes the core walk through the whole file.
const FAR: u64 = 1 << 20;
/// Number of walks through the file.
const WALKS: u8 = 2;

/// Hash of the first bytes of a record (0: not known), and the length of the record in bytes.
type RecordBytes = (u64, u64);

/// The right bytes of each position.
#[derive(Debug, Default)]
struct ExpectedBytes {
    /// Right bytes by position; `None` if the walks disagree or the position has several records.
    by_position: HashMap<i64, Option<RecordBytes>>,
    /// Position of the first record; `None` until a walk has found one.
    first: Option<i64>,
}

/// Facts that passes prove, each with a position. The first one that is proven decides on the callback at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// start() wrote bytes at this position, which is not 0.
    Wrote,
    /// next() had returned NULL at this position, and start() returns a new record there. Nothing was wrong before.
    EndedEarly,
    /// next() had returned NULL at this position, and start() returns a record there that was rendered before.
    EndAgain,
    /// start() found nothing at this position, where next() leads to a record.
    Vanished,
    /// The first record of a pass is wrong. The pass begins in the middle, at a record that had not been rendered
    /// before.
    Resumed,
    /// The first record of a pass is wrong. The pass begins in the middle, at a record of which a rendering was
    /// discarded.
    Rerendered,
    /// The first record of a pass is wrong. The pass begins at the first record, on a descriptor that was read before.
    Again,
    /// show() renders this record differently while the buffer is filled than in a traversal. The pass is the first one
    /// of a descriptor and begins at the first record.
    Fresh,
    /// A record after a right first record is wrong.
    Later,
}

/// The right bytes, and the facts that are proven with them.
#[derive(Debug, Default)]
struct Evidence {
    expected: ExpectedBytes,
    /// First position of each fact, and the position whose right bytes the record there has; `None`: unknown.
    facts: BTreeMap<Fact, (i64, Option<i64>)>,
}

impl<L: Lab> Inquiry<'_, L> {
    /// Returns the rule that the passes of failing plans prove to be broken; `None` if no plan fails, or the passes
    /// prove nothing.
    pub(super) async fn culprit(&mut self, known: &Known, ways: &Ways) -> Result<Option<Proof>> {
        // A plan in which one reader disturbs another proves nothing about a single reader.
        let alone_wrong = || ways.failed.iter().filter(|wrong| !wrong.shared);
        let Some(wrong) = alone_wrong().next() else {
            return Ok((!ways.failed.is_empty()).then(|| sharing(ways, &known.whole)));
        };
        let mut evidence = Evidence::default();
        if self.lab.is_over().is_none() {
            let walks = self.quietly(&Plan::new(Kind::Whole, walks(&known.shape))).await?;
            if walks.ended == Ended::Done {
                for session in &walks.seen.sessions {
                    evidence.expected.walk(&session.log);
                }
            }
        }
        let failing = alone_wrong().flat_map(|wrong| &wrong.answer.seen.sessions);
        for session in failing.chain(&known.whole) {
            evidence.session(&session.log);
        }
        let by_offset = || by_offset(&wrong.answer.seen.sessions, wrong.difference.at);
        Ok(evidence.proof().or_else(by_offset))
    }
}

/// Returns steps that walk through the file: a traversal renders each record from the first to the end.
fn walks(shape: &Shape) -> Vec<Step> {
    let at = if shape.complete { shape.len.saturating_add(FAR) } else { shape.len };
    opened((0..WALKS).map(|slot| Step::Pread { slot, at, want: 1 }))
}

impl ExpectedBytes {
    /// Records the right bytes of each position from the first passes of an unused descriptor, all of them traversals.
    /// Only the last pass is used: if a record is larger than the buffer, the core traverses the file again
    /// (traverse(), fs/seq_file.c).
    fn walk(&mut self, log: &Log) {
        let passes: Vec<_> = log.passes.iter().take_while(|pass| pass.begins).collect();
        let Some(pass) = passes.last() else { return };
        let mut seen: HashMap<i64, Option<RecordBytes>> = HashMap::new();
        for rendering in pass.renderings.iter().filter(|rendering| rendering.is_accepted()) {
            seen.entry(rendering.pos)
                .and_modify(|bytes| *bytes = None)
                .or_insert_with(|| Some(record_bytes(rendering)));
        }
        self.first = self.first.or(pass.renderings.first().map(|rendering| rendering.pos));
        for (pos, bytes) in seen {
            self.by_position
                .entry(pos)
                .and_modify(|known| *known = known.filter(|known| Some(*known) == bytes))
                .or_insert(bytes);
        }
    }

    /// Returns true if a rendering has the right bytes; `None` if these are not known.
    fn agrees(&self, rendering: &Rendering) -> Option<bool> {
        let right = (*self.by_position.get(&rendering.pos)?)?;
        let got = record_bytes(rendering);
        let same = right.1 == got.1;
        match (right.0, got.0) {
            (0, _) | (_, 0) if same => None,
            (a, b) => Some(same && a == b),
        }
    }

    /// Returns the position whose right bytes the rendering has; `None` if there are several or none.
    fn position_of(&self, rendering: &Rendering) -> Option<i64> {
        let got = Some(record_bytes(rendering)).filter(|bytes| bytes.0 != 0)?;
        let mut same = self.by_position.iter().filter(|(_, bytes)| **bytes == Some(got));
        let (pos, _) = same.next()?;
        same.next().is_none().then_some(*pos)
    }
}

fn record_bytes(rendering: &Rendering) -> RecordBytes {
    (rendering.hash, rendering.len)
}

/// Facts about a generation, collected pass by pass.
#[derive(Debug, Default)]
struct Generation {
    rendered: Vec<i64>,
    renderings: HashSet<RecordBytes>,
    discarded: Vec<i64>,
    /// Position at which next() returned NULL; `None` if the last pass did not end with a NULL of next().
    ended: Option<i64>,
    /// True if a record was wrong: the records after it prove nothing.
    spoiled: bool,
}

impl Evidence {
    /// Records the facts that a session proves.
    fn session(&mut self, log: &Log) {
        let mut so_far = Generation::default();
        for (number, pass) in log.passes.iter().enumerate() {
            if pass.begins {
                so_far = Generation::default();
            }
            self.begun(pass, &so_far);
            let first = pass.renderings.iter().find(|rendering| rendering.is_accepted());
            let began = match first {
                _ if pass.begins && number == 0 => Fact::Fresh,
                _ if pass.begins => Fact::Again,
                Some(first) if so_far.discarded.contains(&first.pos) => Fact::Rerendered,
                _ => Fact::Resumed,
            };
            so_far.spoiled = so_far.spoiled || self.pass(began, &pass.renderings);
            for rendering in &pass.renderings {
                if rendering.is_discarded() {
                    so_far.discarded.push(rendering.pos);
                    continue;
                }
                so_far.rendered.push(rendering.pos);
                so_far
                    .renderings
                    .extend(Some(record_bytes(rendering)).filter(|bytes| bytes.0 != 0));
            }
            so_far.ended = pass.ended;
        }
    }

    fn prove(&mut self, fact: Fact, pos: i64) {
        self.facts.entry(fact).or_insert((pos, None));
    }

    /// Records the facts that the start() of a pass proves.
    fn begun(&mut self, pass: &Pass, so_far: &Generation) {
        let Some(pos) = pass.pos_in else { return };
        if pass.wrote > 0 && pos != 0 {
            self.prove(Fact::Wrote, pos);
        }
        if pass.found_nothing() {
            // After a NULL of next() the position is the end of the file.
            if so_far.ended.is_none() && self.expected.by_position.contains_key(&pos) {
                self.prove(Fact::Vanished, pos);
            }
        } else if so_far.ended == Some(pos) && !so_far.spoiled && !so_far.rendered.contains(&pos) {
            let first = pass.renderings.first().map(record_bytes);
            let known = first.is_some_and(|first| so_far.renderings.contains(&first));
            self.prove(if known { Fact::EndAgain } else { Fact::EndedEarly }, pos);
        }
    }

    /// Records the facts that the renderings of a pass prove. `began`: fact that is proven if the first record is wrong.
    /// Returns true if a record is wrong.
    fn pass(&mut self, began: Fact, renderings: &[Rendering]) -> bool {
        let Self { expected, facts } = self;
        let mut accepted =
            renderings.iter().filter(|rendering| rendering.is_accepted() && rendering.len > 0);
        let Some(first) = accepted.next() else { return false };
        let is_wrong = |rendering: &&Rendering| expected.agrees(rendering) == Some(false);
        if is_wrong(&first) {
            facts.entry(began).or_insert_with(|| (first.pos, expected.position_of(first)));
            return true;
        }
        let Some(later) = accepted.find(is_wrong) else { return false };
        self.prove(if began == Fact::Fresh { Fact::Fresh } else { Fact::Later }, later.pos);
        true
    }

    /// Returns the broken rule and the callback that breaks it; `None` if nothing is proven.
    fn proof(&self) -> Option<Proof> {
        let (fact, &(pos, whose)) = self.facts.first_key_value()?;
        let first = self.expected.first;
        let (id, role) = match fact {
            Fact::Wrote => (SQ305, Role::Start),
            Fact::EndedEarly => (SQ106, Role::Next),
            Fact::EndAgain => (SQ105, Role::Start),
            Fact::Vanished | Fact::Resumed | Fact::Again => (SQ204, Role::Start),
            Fact::Rerendered | Fact::Fresh => (SQ204, Role::Show),
            Fact::Later => (SQ204, Role::Next),
        };
        let message = match fact {
            Fact::Wrote => {
                format!("start() printed at position {pos}: its output appears once for each read")
            }
            Fact::EndedEarly => {
                format!("next() returned NULL at position {pos}, where start() then finds a record")
            }
            Fact::EndAgain => format!(
                "start() returns a record again at position {pos}, past the end, where next() had returned NULL"
            ),
            Fact::Vanished if Some(pos) == first => format!(
                "start() finds nothing at position {pos}, where it finds the first record on a descriptor that was \
                 not used before"
            ),
            Fact::Vanished => {
                format!("start() finds nothing at position {pos}, where next() leads to a record")
            }
            Fact::Resumed | Fact::Again => started(pos, whose, first),
            Fact::Rerendered => format!(
                "show() changes what it shows next: the record at position {pos} has another text after a first \
                 rendering of it was discarded"
            ),
            Fact::Fresh => format!(
                "show() renders the record at position {pos} in one way while the buffer is filled and in another in \
                 a traversal"
            ),
            Fact::Later => format!(
                "next() leads to another record at position {pos} in a pass that resumed than in one from the beginning"
            ),
        };
        Some(Proof { id, role: Some(role), message })
    }
}

/// Describes a start() whose first record is wrong.
fn started(pos: i64, whose: Option<i64>, first: Option<i64>) -> String {
    match whose {
        Some(other) if Some(other) == first && pos != other => format!(
            "start() begins with the first record again, whatever *pos is: at position {pos} it leads to the \
             text of position {other}"
        ),
        Some(other) if pos != other => format!(
            "start() does not look at *pos: at position {pos} it leads to the text of position {other}"
        ),
        _ if Some(pos) == first => format!(
            "show() keeps a state that start() does not reset: the record at position {pos}, the first one, has \
             another text in a later pass"
        ),
        _ => format!(
            "start() does not set up what next() leaves for show(): the record at position {pos} has another \
             text where a pass begins with it"
        ),
    }
}

/// Returns the proof for bytes that are wrong only if two readers take turns. If start() and next() return the same
/// records to each reader as to a single one, show() keeps a state that the readers share.
fn sharing(ways: &Ways, whole: &[SeenSession]) -> Proof {
    let records = |sessions: &[SeenSession]| -> HashSet<(i64, Ptr)> {
        let passes = sessions.iter().flat_map(|session| &session.log.passes);
        passes
            .flat_map(|pass| pass.renderings.iter().map(|rendering| (rendering.pos, rendering.ptr)))
            .collect()
    };
    let alone = records(whole);
    let same = ways.failed.iter().all(|wrong| records(&wrong.answer.seen.sessions) == alone);
    let (role, message) = if same {
        (Role::Show, "show() is given the right records and keeps a state that readers share")
    } else {
        (Role::Start, "start() does not find the record of its own reader")
    };
    Proof { id: SQ601, role: Some(role), message: message.to_owned() }
}

/// Returns the callback that ran last before the first byte that differs, for files whose renderings prove nothing.
fn by_offset(sessions: &[SeenSession], at: u64) -> Option<Proof> {
    let passes = sessions.iter().flat_map(|session| session.log.passes.iter().skip(1));
    let (pass, index) = passes
        .filter_map(|pass| Some((pass, pass.renderings.iter().position(|one| one.covers(at))?)))
        .next_back()?;
    let pos = pass.renderings.get(index)?.pos;
    let role = if index == 0 { Role::Start } else { Role::Show };
    let message = if index == 0 {
        format!("start(): the first record of a pass that begins at position {pos} is a wrong one")
    } else {
        format!(
            "show() or next(): the record at position {pos} is a wrong one, and not the first of its pass"
        )
    };
    Some(Proof { id: SQ204, role: Some(role), message })
}
