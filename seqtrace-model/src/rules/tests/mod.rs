//! The rules against files that break them, and against those that only look so.

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
