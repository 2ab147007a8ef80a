//! A plan's bytes differed: was that the read, or did the file change?
//!
//! The file has been read whole several times by then, and was the same. So the plan is repeated, with
//! a whole read behind each repetition. A file that changes shows that in the whole reads sooner or
//! later, or the plan gets the right bytes for once. If neither happens, the way of reading makes the
//! difference. That it is another one each time does not excuse it: garbage differs, too.

use super::oracle::{Difference, Outcome};

/// What a whole read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// The reference.
    Same,
    /// Something else.
    Changed,
    /// It did not come to an end.
    Unknown,
}

/// A repetition of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Its bytes.
    pub outcome: Outcome,
    /// It was carried out to its end.
    pub done: bool,
    /// What differs is what a descriptor's first read got: nothing had been read in a way of the plan's
    /// own.
    pub first: bool,
    /// The whole read behind it.
    pub whole: Whole,
}

/// What the repetitions prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Reading in this way gets other bytes; whether they are the same ones each time.
    Fails {
        /// They are.
        steady: bool,
    },
    /// The file changes by itself.
    Changes,
    /// It differed, and then it did not.
    NotAgain,
    /// A read did not return, or there was no time.
    Unknown,
}

/// Repetitions that have to differ, if each does so in another way.
const MOST: usize = 2;

/// What these repetitions prove. `None` if one more is needed.
pub fn settle(first: &Difference, tries: &[Try]) -> Option<Settled> {
    for repeated in tries {
        let Outcome::Differs(difference) = &repeated.outcome else {
            let agrees = repeated.done && repeated.outcome == Outcome::Agrees;
            return Some(if agrees { Settled::NotAgain } else { Settled::Unknown });
        };
        if repeated.first || repeated.whole == Whole::Changed {
            return Some(Settled::Changes);
        }
        if repeated.whole == Whole::Unknown {
            return Some(Settled::Unknown);
        }
        if difference == first {
            return Some(Settled::Fails { steady: true });
        }
    }
    (tries.len() >= MOST).then_some(Settled::Fails { steady: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::oracle::What;

    fn differs(at: u64) -> Difference {
        Difference { call: 1, at, what: What::Beyond { got: b"x".to_vec() } }
    }

    fn tried(outcome: Outcome, whole: Whole) -> Try {
        Try { outcome, done: true, first: false, whole }
    }

    fn settled(tries: &[Try]) -> Option<Settled> {
        settle(&differs(27), tries)
    }

    #[test]
    fn the_same_twice_is_no_accident() {
        let same = tried(Outcome::Differs(differs(27)), Whole::Same);
        assert_eq!(settled(&[]), None);
        assert_eq!(settled(&[same]), Some(Settled::Fails { steady: true }));
    }

    #[test]
    fn other_bytes_each_time_are_a_defect_of_the_read_where_the_file_is_the_same() {
        let other = |at| tried(Outcome::Differs(differs(at)), Whole::Same);
        assert_eq!(settled(&[other(54)]), None);
        assert_eq!(settled(&[other(54), other(81)]), Some(Settled::Fails { steady: false }));
    }

    #[test]
    fn a_file_that_changes_is_no_defect() {
        let differs = |at| Outcome::Differs(differs(at));
        let changed = tried(differs(54), Whole::Changed);
        assert_eq!(settled(&[changed]), Some(Settled::Changes));
        let late = [tried(differs(54), Whole::Same), tried(differs(27), Whole::Changed)];
        assert_eq!(settled(&late), Some(Settled::Changes));
        let before = Try { first: true, ..tried(differs(27), Whole::Same) };
        assert_eq!(settled(&[before]), Some(Settled::Changes));
        let once = [tried(differs(54), Whole::Same), tried(Outcome::Agrees, Whole::Same)];
        assert_eq!(settled(&once), Some(Settled::NotAgain));
    }

    #[test]
    fn what_was_not_read_proves_nothing() {
        let unknown = tried(Outcome::Differs(differs(27)), Whole::Unknown);
        assert_eq!(settled(&[unknown]), Some(Settled::Unknown));
        assert_eq!(settled(&[tried(Outcome::WouldBlock, Whole::Same)]), Some(Settled::Unknown));
        let cut = Try { done: false, ..tried(Outcome::Agrees, Whole::Same) };
        assert_eq!(settled(&[cut]), Some(Settled::Unknown));
    }
}
