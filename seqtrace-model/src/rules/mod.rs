//! The rules: updates in, findings out. Pure, as the session model is.
//!
//! ```text
//!  Update ─► engine ─► analysis ─┬─ ledger   the record at each range of file offsets, pass by pass
//!                   of a session ├─ history  facts about the file from its other sessions
//!                                └─ sq101 …  each rule checks one property
//!                                      │
//!                                  collector ─► Finding, emitted behind the update that proves it
//! ```
//!
//! A rule is a file `sqNNN.rs` and an entry in the list below; `hooks.rs` has its interface. Rules check only what was
//! seen: a *generation* that the ledger knows from its beginning. Everything else is reported as inconclusive (SQ9xx).

#[macro_use]
mod registry;

mod analysis;
mod collector;
mod engine;
mod explain;
mod history;
mod hooks;
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
mod sq404;
mod sq501;
mod sq601;
mod sq901;
#[cfg(test)]
mod tests;
mod verdict;

use self::analysis::calls::Failure;
use self::hooks::{Accepted, Closed, Context, Delivery, Hooks, PassStart, Returned};
use self::ledger::NewEntry;
pub use crate::finding::{
    Blame, Cause, Evidence, Finding, FindingCount, Id, Severity, Value, Witness, add_counts,
};
pub use engine::RuleEngine;
pub use explain::{explain, list};
pub use rule::{NoId, Rule};
pub use sq301::PASSED_OVER;
pub use verdict::Verdict;

use crate::event::Role;
use crate::session::update::CallbackUpdate;

// The order is that of evaluation. Causes come before their consequences: SQ305, SQ601 and SQ104 before SQ105, SQ205
// and the rules about next (SQ101, SQ103). SQ201 counts the duplicates of a delivery for SQ105.
rules! {
    sq302 { SQ302: RULE }
    sq303 { SQ303: RULE }
    sq501 { SQ501: RULE }
    sq305 { SQ305: RULE }
    sq601 { SQ601: RULE }
    sq104 { SQ104: RULE }
    sq101 { SQ101: RECORD, SQ102: END }
    sq103 { SQ103: RULE }
    sq201 { SQ201: RULE }
    sq105 { SQ105: RULE }
    sq106 { SQ106: RULE }
    sq203 { SQ203: RULE }
    sq204 { SQ204: RULE }
    sq205 { SQ205: RULE }
    sq202 { SQ202: RULE }
    sq301 { SQ301: RULE }
    sq304 { SQ304: RULE }
    sq401 { SQ401: SINGLE, SQ402: PRIVATE, SQ403: NEVER }
    sq404 { SQ404: RULE }
    sq901 {
        SQ901: LOST, SQ902: MISSED, SQ903: LATE, SQ904: BLIND, SQ905: DISAGREES, SQ906: OVERLAP, SQ907: BOUND
    }
    // Only `check` reports these.
    sq107 { SQ107: RULE }
    sq306 { SQ306: RULE }
}

/// Returns all rules, sorted by id.
pub fn all() -> Vec<&'static Rule> {
    let mut all = LIST.to_vec();
    all.sort_by_key(|rule| rule.id);
    all
}

/// Returns the rule with an id; `None` if there is no such rule.
pub fn find(id: Id) -> Option<&'static Rule> {
    LIST.iter().copied().find(|rule| rule.id == id)
}
