//! The rules against files that break them, and against those that only look so.

mod classic;
mod content;
mod correct;
mod files;
mod machine;
mod partial;
mod properties;
mod release;
mod seqbugs;
mod simulated;
mod verdicts;
