//! The rules, tested with files that break them and with correct look-alikes.

mod content;
mod correct;
mod culprits;
mod faults;
mod faulty;
mod partial;
mod properties;
mod release;
mod seqbugs;
mod simulated;
mod states;
mod verdicts;
