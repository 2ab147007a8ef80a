//! The rules against files that break them, and against those that only look so.

mod files;
mod machine;
mod seqbugs;
mod verdicts;
