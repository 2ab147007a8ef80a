//! The rules: updates in, findings out. Pure, as the session model is.
//!
//! ```text
//!  Update ─► judge ─► case ─┬─ ledger   which record is at which file offsets, pass by pass
//!           by session      ├─ history  what other sessions of the file have shown
//!                           └─ sq101 …  each rule looks at one claim and says what it proves
//!                                 │
//!                               bench ─► Finding, told right behind the update that proves it
//! ```
//!
//! Nothing is judged that was not seen: the ledger claims things only inside of a *generation* that
//! was followed from its beginning, and everything else is SQ9xx, inconclusive.

mod bench;
mod case;
mod explain;
mod history;
pub mod ids;
mod judge;
mod ledger;
mod rule;
mod sq101;
mod sq103;
mod sq104;
mod sq105;
mod sq106;
mod sq107;
mod sq201;
mod sq202;
mod sq203;
mod sq204;
mod sq205;
mod sq301;
mod sq302;
mod sq303;
mod sq304;
mod sq305;
mod sq306;
mod sq401;
mod sq501;
mod sq601;
mod sq901;
#[cfg(test)]
mod tests;
mod verdict;

pub use crate::finding::{
    Blame, Cause, Evidence, Finding, FindingCount, Id, Severity, Value, Witness, add_counts,
};
pub use explain::{explain, list};
pub use judge::Judge;
pub use rule::{NoId, Rule};
pub use sq301::PASSED_OVER;
pub use verdict::Verdict;

/// All rules, by id.
pub fn all() -> [&'static Rule; 30] {
    [
        &sq101::RECORD,
        &sq101::END,
        &sq103::RULE,
        &sq104::RULE,
        &sq105::RULE,
        &sq106::RULE,
        &sq107::RULE,
        &sq201::RULE,
        &sq202::RULE,
        &sq203::RULE,
        &sq204::RULE,
        &sq205::RULE,
        &sq301::RULE,
        &sq302::RULE,
        &sq303::RULE,
        &sq304::RULE,
        &sq305::RULE,
        &sq306::RULE,
        &sq401::SINGLE,
        &sq401::PRIVATE,
        &sq401::NEVER,
        &sq501::RULE,
        &sq601::RULE,
        &sq901::LOST,
        &sq901::MISSED,
        &sq901::LATE,
        &sq901::BLIND,
        &sq901::DISAGREES,
        &sq901::OVERLAP,
        &sq901::BOUND,
    ]
}

/// A rule by its id.
pub fn find(id: Id) -> Option<&'static Rule> {
    all().into_iter().find(|rule| rule.id == id)
}
