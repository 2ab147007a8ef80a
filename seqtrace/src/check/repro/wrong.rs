//! Compares an output with the output for a correct file, and describes the difference.

use std::mem::{discriminant, replace};

use super::{
    describe,
    facts::Facts,
    measure::Measure,
    output::{Printed, Whole},
    right,
    script::Script,
};
use crate::{
    check::oracle::{DifferenceKind, End, Reference},
    render::Count,
};

/// An output that is wrong.
pub(super) struct Wrong {
    /// The unfiltered output. `right`: the unfiltered output for a correct file.
    pub(super) got: Vec<u8>,
    pub(super) right: Vec<u8>,
    /// First difference in the output of the filter, and its offset. For [`Measure::Text`] this is a file offset, else
    /// an offset in the output of the filter.
    difference: (u64, DifferenceKind),
}

impl Wrong {
    /// Compares an output by `measure`; `None` if the output is right, or if the right output is not known.
    pub(super) fn of(
        measure: Measure,
        script: &Script,
        facts: &Facts,
        printed: &Printed,
        whole: &Whole,
    ) -> Option<Self> {
        let segments = &script.segments(facts);
        if printed.controls.iter().any(|control| *control != whole.bytes) {
            return None;
        }
        let right = match script {
            Script::Lseek { to } => format!("{to}\n").into_bytes(),
            _ => right::bytes(segments, whole)?,
        };
        let got = printed.bytes.clone();
        let difference = match measure {
            Measure::Text => {
                let (at, what) = differ(&got, &right, printed.errno)?;
                (right::file_offset(segments, whole, at), what)
            }
            Measure::Masked => differ(&measure.apply(&got), &measure.apply(&right), printed.errno)?,
            Measure::Lines | Measure::Count => {
                let (some, all) = (measure.number(&got)?, measure.number(&right)?);
                // Longer or shorter numbers make a difference of a few bytes.
                if some == all || (measure == Measure::Count && !is_far(some, all)) {
                    return None;
                }
                let what = if some > all {
                    DifferenceKind::Beyond { got: Vec::new() }
                } else {
                    DifferenceKind::EndsEarly { expected: Vec::new() }
                };
                (0, what)
            }
        };
        if matches!(script, Script::Endless { .. }) {
            let goes_on = printed.errno.is_none() && grows(&printed.reads);
            if !goes_on || whole.end != End::Eof || !is_far(got.len(), right.len()) {
                return None;
            }
        }
        Some(Self { got, right, difference })
    }

    /// Returns the number of right bytes at the beginning of the output.
    pub(super) fn common(&self) -> usize {
        self.got.iter().zip(&self.right).take_while(|(a, b)| a == b).count()
    }
}

/// Describes the runs; `None` if they are not wrong in the same way.
pub(super) fn describe_runs(measure: Measure, script: &Script, wrongs: &[Wrong]) -> Option<String> {
    let (first, others) = wrongs.split_first()?;
    let (at, what) = &first.difference;
    let same = |other: &Wrong| discriminant(&other.difference.1) == discriminant(what);
    if !others.iter().all(same) {
        return None;
    }
    let identical = others.iter().all(|other| other.difference == first.difference);
    match (measure, script) {
        (_, Script::Lseek { to }) => {
            let got = String::from_utf8_lossy(&first.got);
            identical.then(|| format!("lseek to {to} returns {}", got.trim_end()))
        }
        (Measure::Text, _) if identical => Some(describe(*at, what)),
        (Measure::Text, _) => Some(format!("{}; other bytes each time", describe(*at, what))),
        (Measure::Masked, _) => {
            identical.then(|| format!("without digits and blanks, {}", describe(*at, what)))
        }
        (Measure::Lines | Measure::Count, _) => numbers(measure, script, first, others),
    }
}

fn numbers(measure: Measure, script: &Script, first: &Wrong, others: &[Wrong]) -> Option<String> {
    let right = measure.number(&first.right)?;
    let one = measure.number(&first.got)?;
    let mut others: Vec<usize> =
        others.iter().map(|other| measure.number(&other.got)).collect::<Option<_>>()?;
    others.retain(|other| *other != one);
    let count = |number: usize| Count(number as u64, measure.unit());
    let got = match others.first() {
        None => count(one).to_string(),
        Some(other) => format!("{one}, then {}", count(*other)),
    };
    let end = match script {
        Script::Endless { .. } => "; the reads do not reach an end",
        _ => "",
    };
    Some(format!("{got} instead of {right}{end}"))
}

/// Returns the first difference between two outputs. An error of a read is a difference if no byte before it is wrong.
fn differ(got: &[u8], right: &[u8], errno: Option<i32>) -> Option<(u64, DifferenceKind)> {
    let reference = Reference { bytes: right.to_vec(), end: End::Eof };
    let end = got.len() as u64;
    let found = reference.bytes_differ(0, got).or_else(|| reference.bytes_differ(end, b""));
    match (found, errno) {
        (None | Some((_, DifferenceKind::EndsEarly { .. })), Some(errno)) => {
            Some((end, DifferenceKind::Fails { errno }))
        }
        (found, _) => found,
    }
}

/// Returns true if each read got at least one byte.
fn grows(reads: &[(usize, usize)]) -> bool {
    let mut before = 0;
    !reads.is_empty() && reads.iter().all(|(_, end)| replace(&mut before, *end) < *end)
}

/// Returns true if `got` is at least twice or at most half of what is right.
const fn is_far(got: usize, right: usize) -> bool {
    let right = if right == 0 { 1 } else { right };
    got >= 2 * right || 2 * got <= right
}
