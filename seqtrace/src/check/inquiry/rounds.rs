//! Repetitions of a plan whose bytes differ from those of a whole read.
//!
//! The plan and the whole read are repeated in turn: W P W P W … A run of the plan is *bracketed* if the whole reads
//! before and after it got the same bytes: then the file did not change meanwhile, and the plan's bytes are evidence.
//! If a plan never agrees with its brackets, the file is defective, even if the wrong bytes are not the same each time.
//! If a plan agrees once and differs once, it differs from itself. Brackets that do not agree with each other show that
//! the file changes.

use crate::check::oracle::{Difference, Outcome};

/// Result of the whole read after a run of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextWhole {
    /// The whole read got the same bytes as the one before the run.
    Same,
    /// The whole read got other bytes than the one before the run. `agrees`: true if the plan agrees with the whole
    /// read after it.
    Changed { agrees: bool },
    /// The whole read was interrupted, or there was none.
    Unknown,
}

/// Conclusion from the rounds of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// The plan gets other bytes than a whole read, each time. `steady`: true if the wrong bytes are the same each
    /// time.
    Fails { steady: bool },
    /// The plan gets the bytes of a whole read.
    Agrees,
    /// The plan agreed once and differed once, while the whole reads were the same.
    Mixed,
    /// Only numbers differ, and the way of reading is not the reason.
    Excused,
    /// The whole reads differ from each other.
    Changes,
    /// A read did not return, or the time was over.
    Unknown,
}

/// Number of bracketed differences that prove a defect.
const PROOF: usize = 3;

/// The rounds of one plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    /// Differences of the bracketed runs that do not agree.
    wrong: Vec<Difference>,
    /// Number of bracketed runs that agree.
    right: u32,
    /// Number of runs whose brackets differ from each other.
    pub(super) broken: u32,
    /// True if a run with differing brackets agreed with a whole read after it.
    agreed: bool,
    unknown: bool,
}

impl Rounds {
    /// Records a run of the plan. `outcome` compares the run with the whole read before it; `done` is true if all steps
    /// of the run were done.
    pub(super) fn round(&mut self, outcome: &Outcome, done: bool, after: NextWhole) {
        match (after, outcome) {
            (NextWhole::Changed { agrees }, _) => {
                self.broken += 1;
                self.agreed |= agrees && done;
            }
            (NextWhole::Same, Outcome::Differs(difference)) => self.wrong.push(difference.clone()),
            (NextWhole::Same, Outcome::Agrees) if done => self.right += 1,
            _ => self.unknown = true,
        }
    }

    /// Returns the conclusion; `None` if one more round is needed. `max_broken`: number of runs with differing brackets
    /// from which on the file is considered to change.
    pub(super) fn conclusion(&self, max_broken: u32) -> Option<Conclusion> {
        let first = self.wrong.first();
        if self.unknown {
            Some(Conclusion::Unknown)
        } else if self.right > 0 {
            Some(if first.is_some() { Conclusion::Mixed } else { Conclusion::Agrees })
        } else if self.agreed && first.is_none() {
            Some(Conclusion::Agrees)
        } else if self.wrong.len() >= PROOF {
            let steady = self.wrong.iter().all(|difference| Some(difference) == first);
            Some(Conclusion::Fails { steady })
        } else if self.broken > 0 && self.broken >= max_broken {
            Some(Conclusion::Changes)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::oracle::DifferenceKind;

    fn differs(at: u64) -> Outcome {
        let what = DifferenceKind::Beyond { got: b"x".to_vec() };
        Outcome::Differs(Difference { call: 1, at, what })
    }

    fn conclusion(rounds: &[(Outcome, NextWhole)], patience: u32) -> Option<Conclusion> {
        let mut all = Rounds::default();
        for (outcome, after) in rounds {
            all.round(outcome, true, *after);
        }
        all.conclusion(patience)
    }

    const BROKEN: NextWhole = NextWhole::Changed { agrees: false };

    #[test]
    fn three_bracketed_differences_are_a_defect() {
        let round = |at| (differs(at), NextWhole::Same);
        assert_eq!(conclusion(&[round(27), round(27)], 3), None);
        let steady = Some(Conclusion::Fails { steady: true });
        assert_eq!(conclusion(&[round(27), round(27), round(27)], 3), steady);
        let other = Some(Conclusion::Fails { steady: false });
        assert_eq!(conclusion(&[round(27), round(54), round(81)], 3), other);
        // A run without equal whole reads around it is not evidence.
        let slow = [round(27), (differs(27), BROKEN), round(27), round(27)];
        assert_eq!(conclusion(&slow, 3), steady);
    }

    #[test]
    fn a_plan_that_differs_from_itself_is_no_defect() {
        let mixed = [(differs(27), NextWhole::Same), (Outcome::Agrees, NextWhole::Same)];
        assert_eq!(conclusion(&mixed, 3), Some(Conclusion::Mixed));
    }

    #[test]
    fn a_file_that_changes_is_no_defect() {
        let broken = (differs(27), BROKEN);
        assert_eq!(conclusion(&[broken.clone(), broken.clone()], 3), None);
        assert_eq!(
            conclusion(&[broken.clone(), broken.clone(), broken.clone()], 3),
            Some(Conclusion::Changes)
        );
        assert_eq!(conclusion(std::slice::from_ref(&broken), 0), Some(Conclusion::Changes));
        // The file changed before the plan, or in the middle of it, and then the plan agrees.
        let late = (differs(27), NextWhole::Changed { agrees: true });
        assert_eq!(conclusion(std::slice::from_ref(&late), 3), Some(Conclusion::Agrees));
        assert_eq!(
            conclusion(&[broken, (Outcome::Agrees, NextWhole::Same)], 3),
            Some(Conclusion::Agrees)
        );
        // An agreement between different whole reads proves nothing.
        assert_eq!(conclusion(&[(differs(27), NextWhole::Same), late], 3), None);
    }

    #[test]
    fn what_was_not_read_proves_nothing() {
        assert_eq!(conclusion(&[(differs(27), NextWhole::Unknown)], 3), Some(Conclusion::Unknown));
        assert_eq!(
            conclusion(&[(Outcome::WouldBlock, NextWhole::Same)], 3),
            Some(Conclusion::Unknown)
        );
        let mut cut = Rounds::default();
        cut.round(&Outcome::Agrees, false, NextWhole::Same);
        assert_eq!(cut.conclusion(3), Some(Conclusion::Unknown));
    }
}
