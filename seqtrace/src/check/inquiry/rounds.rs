//! Repetitions of a plan whose bytes differ from those of a whole read.
//!
//! The plan and the whole read are repeated in turn: W P W P W … A run of the plan is *bracketed* if the
//! whole reads before and behind it got the same bytes: then the file did not change meanwhile, and the
//! plan's bytes count. A way of reading that never agrees with its brackets is a defect, no matter if it gets
//! the same wrong bytes each time. One that agrees once and differs once differs from itself. Brackets that
//! do not agree with each other show that the file changes.

use crate::check::oracle::{Difference, Outcome};

/// Result of the whole read behind a run of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// The bytes of the whole read before the run.
    Same,
    /// Other bytes.
    Changed {
        /// The plan agrees with the whole read behind it.
        agrees: bool,
    },
    /// The read did not come to its end.
    Unknown,
}

/// Conclusion from the rounds of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The plan gets other bytes than a whole read, each time.
    Fails {
        /// The wrong bytes are the same each time.
        steady: bool,
    },
    /// The plan gets the bytes of a whole read.
    Agrees,
    /// The plan agreed once and differed once, while the whole reads were the same.
    Mixed,
    /// Only numbers differ, and the way of reading is not the reason.
    Excused,
    /// The whole reads differ from each other.
    Changes,
    /// A read did not return, or there was no time.
    Unknown,
}

/// Number of bracketed differences that prove a defect.
const PROOF: usize = 3;

/// The rounds of one plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    /// Differences of the bracketed runs.
    wrong: Vec<Difference>,
    /// Number of bracketed runs that agree.
    right: u32,
    /// Number of runs whose brackets differ from each other.
    pub(super) broken: u32,
    /// A run with differing brackets agreed with a whole read behind it.
    agreed: bool,
    unknown: bool,
}

impl Rounds {
    /// Takes in a run of the plan: `outcome` compares it with the whole read before it, `done` is true if it
    /// came to its end.
    pub(super) fn round(&mut self, outcome: &Outcome, done: bool, behind: Behind) {
        match (behind, outcome) {
            (Behind::Changed { agrees }, _) => {
                self.broken += 1;
                self.agreed |= agrees && done;
            }
            (Behind::Same, Outcome::Differs(difference)) => self.wrong.push(difference.clone()),
            (Behind::Same, Outcome::Agrees) if done => self.right += 1,
            _ => self.unknown = true,
        }
    }

    /// Returns the conclusion; `None` if one more round is needed. `patience` is the number of runs with
    /// differing brackets that show a file which changes.
    pub(super) fn settled(&self, patience: u32) -> Option<Settled> {
        let first = self.wrong.first();
        if self.unknown {
            Some(Settled::Unknown)
        } else if self.right > 0 {
            Some(if first.is_some() { Settled::Mixed } else { Settled::Agrees })
        } else if self.agreed && first.is_none() {
            Some(Settled::Agrees)
        } else if self.wrong.len() >= PROOF {
            let steady = self.wrong.iter().all(|difference| Some(difference) == first);
            Some(Settled::Fails { steady })
        } else if self.broken > 0 && self.broken >= patience {
            Some(Settled::Changes)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::oracle::What;

    fn differs(at: u64) -> Outcome {
        let what = What::Beyond { got: b"x".to_vec() };
        Outcome::Differs(Difference { call: 1, at, what })
    }

    fn settled(rounds: &[(Outcome, Behind)], patience: u32) -> Option<Settled> {
        let mut all = Rounds::default();
        for (outcome, behind) in rounds {
            all.round(outcome, true, *behind);
        }
        all.settled(patience)
    }

    const BROKEN: Behind = Behind::Changed { agrees: false };

    #[test]
    fn three_bracketed_differences_are_a_defect() {
        let round = |at| (differs(at), Behind::Same);
        assert_eq!(settled(&[round(27), round(27)], 3), None);
        let steady = Some(Settled::Fails { steady: true });
        assert_eq!(settled(&[round(27), round(27), round(27)], 3), steady);
        let other = Some(Settled::Fails { steady: false });
        assert_eq!(settled(&[round(27), round(54), round(81)], 3), other);
        // A change in between is no excuse.
        let slow = [round(27), (differs(27), BROKEN), round(27), round(27)];
        assert_eq!(settled(&slow, 3), steady);
    }

    #[test]
    fn a_plan_that_differs_from_itself_is_no_defect() {
        let mixed = [(differs(27), Behind::Same), (Outcome::Agrees, Behind::Same)];
        assert_eq!(settled(&mixed, 3), Some(Settled::Mixed));
    }

    #[test]
    fn a_file_that_changes_is_no_defect() {
        let broken = (differs(27), BROKEN);
        assert_eq!(settled(&[broken.clone(), broken.clone()], 3), None);
        assert_eq!(
            settled(&[broken.clone(), broken.clone(), broken.clone()], 3),
            Some(Settled::Changes)
        );
        assert_eq!(settled(std::slice::from_ref(&broken), 0), Some(Settled::Changes));
        // It changed before the plan, or in the middle, and then the plan agrees.
        let late = (differs(27), Behind::Changed { agrees: true });
        assert_eq!(settled(std::slice::from_ref(&late), 3), Some(Settled::Agrees));
        assert_eq!(settled(&[broken, (Outcome::Agrees, Behind::Same)], 3), Some(Settled::Agrees));
        // That it agreed in a broken bracket is no proof that it does.
        assert_eq!(settled(&[(differs(27), Behind::Same), late], 3), None);
    }

    #[test]
    fn what_was_not_read_proves_nothing() {
        assert_eq!(settled(&[(differs(27), Behind::Unknown)], 3), Some(Settled::Unknown));
        assert_eq!(settled(&[(Outcome::WouldBlock, Behind::Same)], 3), Some(Settled::Unknown));
        let mut cut = Rounds::default();
        cut.round(&Outcome::Agrees, false, Behind::Same);
        assert_eq!(cut.settled(3), Some(Settled::Unknown));
    }
}
