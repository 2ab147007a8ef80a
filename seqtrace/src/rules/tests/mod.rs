//! The rules against files that break them, and against those that only look so.

mod correct;
mod files;
mod machine;
mod properties;
mod seqbugs;
mod verdicts;
