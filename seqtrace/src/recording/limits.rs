//! Bounds of a recording: what the programs and this program write, with a margin. A recording beyond them was made up,
//! and reading it would only cost memory and time. docs/reliability.md lists them.

/// Largest metadata of a message, bytes.
pub(super) const METADATA: usize = 1 << 20;
/// Largest batch, compressed and decompressed, bytes. The writer ends a batch at 8192 rows of at most 60 numbers, or at
/// 4 MiB of texts.
pub(super) const BATCH: i64 = 16 << 20;
/// Largest dictionary, decompressed, bytes. A dictionary has at most 128 words.
pub(super) const DICTIONARY: i64 = 64 << 10;
/// Largest number of rows of a batch.
pub(super) const ROWS: i64 = 1 << 15;
/// Largest number of items of a list column in a batch.
pub(super) const ITEMS: i64 = 1 << 18;
/// Largest number of sessions that are open at once. The programs follow 32 Ki; more are open in a trace that has lost
/// releases.
pub(super) const SESSIONS: usize = 1 << 16;
/// Largest number of functions and tables with names. A kernel has about 200,000 symbols.
pub(super) const NAMES: usize = 1 << 18;
/// Largest number of rows of kind `blind` and `table_attached`. The programs' table of probed functions has as many
/// elements.
pub(super) const NOTICES: u32 = 1 << 14;

/// Longest path, bytes: PATH_MAX (include/uapi/linux/limits.h) for the mount point, and as much for the path below it.
pub(super) const PATH: usize = 2 * 4096;
/// Longest name of a function, bytes: KSYM_NAME_LEN (include/linux/kallsyms.h).
const SYMBOL: usize = 512;
/// Longest word of a command line, bytes: MAX_ARG_STRLEN (include/uapi/linux/binfmts.h) with pages of 4 KiB.
const WORD: usize = 128 << 10;

/// Returns the size of the longest value of a column, bytes.
pub(super) fn longest(column: &str) -> usize {
    match column {
        // TASK_COMM_LEN (include/linux/sched.h), with the NUL that is not recorded.
        "comm" => 16,
        "bytes" => seqtrace_common::wire::PREVIEW_BYTES,
        "name" | "module" => SYMBOL,
        "word" | "note" | "reason" => WORD,
        _ => PATH,
    }
}
