//! Verdict over a trace; the exit status follows from it.

use crate::finding::Severity;
use crate::session::update::Summary;

/// Verdict over everything that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was seen and no rule is broken. Information does not count.
    Clean,
    /// Rules are broken, in what was seen.
    Findings {
        /// Highest severity: warning or error.
        worst: Severity,
        /// True if something was not seen, too.
        inconclusive: bool,
    },
    /// No rule is broken in what was seen, but something was not seen.
    Inconclusive,
}

impl Verdict {
    /// Returns the verdict over a trace.
    pub fn of(summary: &Summary) -> Self {
        let Summary { sessions: _, totals: _, lost, missed, partial, findings } = summary;
        let inconclusive = *lost > 0
            || *missed > 0
            || *partial > 0
            || findings.iter().any(|count| count.id.is_quality());
        let broken = findings.iter().filter(|count| !count.id.is_quality());
        match broken.map(|count| count.severity).max() {
            Some(worst) if worst > Severity::Info => Self::Findings { worst, inconclusive },
            _ if inconclusive => Self::Inconclusive,
            _ => Self::Clean,
        }
    }

    /// Returns true if there is a finding of at least this severity.
    pub fn is_at_least(self, severity: Severity) -> bool {
        matches!(self, Self::Findings { worst, .. } if worst >= severity)
    }

    /// Returns true if something was not seen.
    pub fn is_inconclusive(self) -> bool {
        match self {
            Self::Clean => false,
            Self::Findings { inconclusive, .. } => inconclusive,
            Self::Inconclusive => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{FindingCount, Id};

    fn found(id: u16, severity: Severity) -> Summary {
        let count = FindingCount { id: Id(id), name: "", severity, sessions: 1, times: 1 };
        Summary { findings: vec![count], ..Summary::default() }
    }

    #[test]
    fn inconclusive_is_never_clean() {
        assert_eq!(Verdict::of(&Summary::default()), Verdict::Clean);
        assert_eq!(Verdict::of(&found(301, Severity::Info)), Verdict::Clean);
        assert_eq!(Verdict::of(&found(903, Severity::Info)), Verdict::Inconclusive);
        for field in 0..3 {
            let mut summary = found(301, Severity::Info);
            *[&mut summary.lost, &mut summary.missed, &mut summary.partial][field] = 1;
            assert_eq!(Verdict::of(&summary), Verdict::Inconclusive);
        }
    }

    #[test]
    fn findings_stay_findings_where_something_was_missed() {
        let mut summary = found(201, Severity::Error);
        summary.lost = 3;
        let verdict = Verdict::of(&summary);
        assert!(verdict.is_at_least(Severity::Warning) && verdict.is_inconclusive());
        assert!(!Verdict::of(&found(203, Severity::Warning)).is_at_least(Severity::Error));
    }
}
