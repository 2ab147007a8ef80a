//! A shell line that shows a bug without seqtrace.
//!
//! What a line of `dd` does is known system call by system call, so a line is only given once a reading
//! process has made the same calls and got the wrong bytes. Only what coreutils and busybox both have
//! is used: `dd` with bs, count and skip, `cat`, `head`, `tail`, `uniq`.

use crate::rules::Id;

use super::{
    call::{Call, Syscall},
    oracle::{Difference, End, Outcome, Reference, What},
    plan::{Kind, LARGE, PAGE, Shape, Step},
    verdict::{PlanReport, Report},
};

/// The line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repro {
    /// To be given to sh.
    pub command: String,
    /// What it shows, in words.
    pub shows: String,
    /// A line that prints what the command should print; `None` where that has no name.
    pub correct: Option<String>,
}

/// A line that may show it, and what has to be done to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What the reading process does.
    pub steps: Vec<Step>,
    line: Line,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// `dd if=FILE bs=27`
    Blocks { block: u64 },
    /// `dd if=FILE bs=8100 skip=1`
    Behind { offset: u64, once: bool },
    /// `{ dd bs=7 count=1; cat; } <FILE`
    ShortLong { first: u64 },
    /// Two descriptors, a block each in turn.
    Turns { block: u64 },
    /// `cat FILE`; `silent` if a callback failed and nobody was told.
    Whole { silent: bool },
}

/// Reads of `dd` that are tried, and that a line may ask for.
const READS: u64 = 4096;
/// A block that dd may allocate.
const BLOCK: u64 = 4 << 20;

/// Lines to try, the one that says most first.
pub fn trials(report: &Report, shape: &Shape) -> Vec<Trial> {
    let failed = |kinds: &[Kind]| -> Vec<&PlanReport> {
        report.plans.iter().filter(|plan| plan.failed() && kinds.contains(&plan.kind)).collect()
    };
    let mut trials = Vec::new();
    let sequential = failed(&[
        Kind::Records,
        Kind::Before,
        Kind::Behind,
        Kind::Bytes,
        Kind::Sevens,
        Kind::Page,
        Kind::ShortLong,
        Kind::Vectored,
    ]);
    if !sequential.is_empty() {
        let record = shape.usual_record();
        for block in [record, record + 1, 7, 64, PAGE, 1] {
            if block > 0 {
                trials.push(Trial::blocks(shape, block));
            }
        }
        trials.push(Trial::short_long(shape, 7));
        trials.push(Trial::short_long(shape, record.max(1)));
    }
    // What happens at a seek shows best at the end of the file, where nothing should come.
    let seeking = failed(&[Kind::End, Kind::Pread, Kind::Seek, Kind::Rewind]);
    for plan in &seeking {
        let Some(failure) = plan.failure() else { continue };
        let offsets = match plan.kind {
            Kind::End => [shape.len, failure.at],
            _ => [failure.at, shape.border_in_the_middle()],
        };
        for offset in offsets.into_iter().filter(|offset| (1..=BLOCK).contains(offset)) {
            trials.push(Trial::behind(shape, offset, false));
            trials.push(Trial::behind(shape, offset, true));
        }
    }
    if sequential.is_empty() && seeking.is_empty() && report.plans.iter().any(PlanReport::failed) {
        let block = shape.borders.first().copied();
        trials.extend(block.map(|block| Trial::turns(shape, block)));
    }
    // What a whole read does by itself is the least to type, and says the least.
    trials.push(Trial {
        steps: opened(vec![Step::Until { slot: 0, block: LARGE, to: shape.to_the_end() }]),
        line: Line::Whole { silent: report.found.iter().any(|found| found.finding.id == Id(304)) },
    });
    trials
}

fn opened(steps: Vec<Step>) -> Vec<Step> {
    let slots: Vec<u8> =
        if steps.iter().any(|step| step.slot() == 1) { vec![0, 1] } else { vec![0] };
    let open = slots.iter().map(|slot| Step::Open { slot: *slot });
    let close = slots.iter().map(|slot| Step::Close { slot: *slot });
    open.chain(steps).chain(close).collect()
}

impl Trial {
    fn blocks(shape: &Shape, block: u64) -> Self {
        let to = shape.to_the_end().min(block * READS);
        let steps = opened(vec![Step::Until { slot: 0, block, to }]);
        Self { steps, line: Line::Blocks { block } }
    }

    fn behind(shape: &Shape, offset: u64, once: bool) -> Self {
        let to = shape.to_the_end().max(offset + 2 * PAGE);
        let read = if once {
            Step::Read { slot: 0, want: offset }
        } else {
            Step::Until { slot: 0, block: offset, to }
        };
        let steps = opened(vec![Step::Skip { slot: 0, by: offset.cast_signed() }, read]);
        Self { steps, line: Line::Behind { offset, once } }
    }

    fn short_long(shape: &Shape, first: u64) -> Self {
        let to = shape.to_the_end();
        let steps = opened(vec![
            Step::Read { slot: 0, want: first },
            Step::Until { slot: 0, block: LARGE, to },
        ]);
        Self { steps, line: Line::ShortLong { first } }
    }

    fn turns(shape: &Shape, block: u64) -> Self {
        let turns = shape.borders.len().min(6);
        let turn = |_| [0, 1].map(|slot| Step::Read { slot, want: block });
        Self { steps: opened((0..turns).flat_map(turn).collect()), line: Line::Turns { block } }
    }

    /// The line, if what was read while these steps were done is wrong.
    pub fn confirm(&self, calls: &[Call], reference: &Reference, path: &[u8]) -> Option<Repro> {
        let file = quote(path)?;
        if let Line::Whole { silent } = self.line {
            return whole(&file, reference, silent);
        }
        let Outcome::Differs(Difference { call, at, what }) = reference.compare(calls) else {
            return None;
        };
        if calls.iter().any(|call| call.syscall == Syscall::Lseek && call.ret < 0) {
            // dd reads its way instead.
            return None;
        }
        let ended = calls.last().is_some_and(|call| call.ret <= 0);
        // How many reads came up to the wrong one.
        let reads =
            calls.iter().take(call + 1).filter(|call| call.syscall == Syscall::Read).count();
        let reads = u64::try_from(reads).unwrap_or(u64::MAX);
        let shows = describe(at, &what);
        let repro = |command, correct| Some(Repro { command, shows, correct: Some(correct) });
        match self.line {
            Line::Blocks { block } => {
                let count = reads + 1;
                let correct = format!("cat {file} | head -c {}", count * block);
                repro(format!("dd if={file} bs={block} count={count}"), correct)
            }
            Line::Behind { offset, once } => {
                let correct = format!("cat {file} | tail -c +{}", offset + 1);
                let command = format!("dd if={file} bs={offset} skip=1");
                match once {
                    true => {
                        repro(format!("{command} count=1"), format!("{correct} | head -c {offset}"))
                    }
                    false if ended => repro(command, correct),
                    false => None,
                }
            }
            Line::ShortLong { first } if ended => {
                repro(format!("{{ dd bs={first} count=1; cat; }} <{file}"), format!("cat {file}"))
            }
            Line::Turns { block } => {
                let turns = reads.div_ceil(2);
                let numbers: Vec<String> = (0..turns).map(|turn| turn.to_string()).collect();
                let numbers = numbers.join(" ");
                repro(
                    format!(
                        "exec 3<{file} 4<{file}; for i in {numbers}; do dd bs={block} count=1 <&3; \
                         dd bs={block} count=1 <&4; done"
                    ),
                    format!(
                        "for i in {numbers}; do for j in 3 4; do cat {file} | \
                         tail -c +$((i * {block} + 1)) | head -c {block}; done; done"
                    ),
                )
            }
            Line::ShortLong { .. } | Line::Whole { .. } => None,
        }
    }
}

/// What is wrong with the whole read itself.
fn whole(file: &str, reference: &Reference, silent: bool) -> Option<Repro> {
    if let End::Error(errno) = reference.end {
        return Some(Repro {
            command: format!("cat {file}"),
            shows: format!(
                "fails with {} behind {} bytes",
                super::verdict::errno_name(errno),
                reference.len()
            ),
            correct: None,
        });
    }
    if silent && reference.end == End::Eof {
        return Some(Repro {
            command: format!("cat {file} | wc -c"),
            shows: format!("ends behind {} bytes without an error", reference.len()),
            correct: None,
        });
    }
    if reference.is_empty() {
        return Some(Repro {
            command: format!("cat {file}"),
            shows: "prints nothing, though show() does".to_owned(),
            correct: None,
        });
    }
    let lines: Vec<&[u8]> = reference.bytes.split(|byte| *byte == b'\n').collect();
    let twice = lines.windows(2).filter(|pair| pair[0] == pair[1] && !pair[0].is_empty()).count();
    if twice > 0 {
        return Some(Repro {
            command: format!("cat {file} | uniq -d"),
            shows: format!("{twice} lines are the same as the line before them"),
            correct: None,
        });
    }
    let mut sorted: Vec<&[u8]> = lines.iter().copied().filter(|line| !line.is_empty()).collect();
    sorted.sort_unstable();
    let all = sorted.len();
    sorted.dedup();
    (sorted.len() < all).then(|| Repro {
        command: format!("cat {file} | sort | uniq -d"),
        shows: format!("{} lines are there more than once", all - sorted.len()),
        correct: None,
    })
}

/// What differs, in words.
pub fn describe(at: u64, what: &What) -> String {
    let text = |bytes: &[u8]| crate::render::escape::text(bytes, false).to_string();
    match what {
        What::Bytes { expected, got } => {
            format!("at byte {at}: \"{}\" instead of \"{}\"", text(got), text(expected))
        }
        What::Beyond { got } => format!("behind the end, at byte {at}: \"{}\"", text(got)),
        What::EndsEarly { expected } => {
            format!("ends at byte {at}, before \"{}\"", text(expected))
        }
        What::Fails { errno } => {
            format!("fails with {} at byte {at}", super::verdict::errno_name(*errno))
        }
        What::Succeeds { errno } => {
            format!("no {} at byte {at}", super::verdict::errno_name(*errno))
        }
        What::Astray { to } => format!("lseek to {at} returned {to}"),
    }
}

impl Shape {
    /// The length that most records have.
    fn usual_record(&self) -> u64 {
        let mut lens: Vec<u64> = Vec::with_capacity(self.borders.len());
        let mut before = 0;
        for border in &self.borders {
            lens.push(border.saturating_sub(before));
            before = *border;
        }
        lens.sort_unstable();
        let longest = lens.chunk_by(|a, b| a == b).max_by_key(|equal| equal.len());
        longest.and_then(|equal| equal.first().copied()).unwrap_or(0)
    }

    fn border_in_the_middle(&self) -> u64 {
        self.borders.get(self.borders.len() / 2).copied().unwrap_or(0)
    }
}

/// A path as a word of sh. `None` if it cannot be shown safely.
pub fn quote(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    if text.chars().any(|c| c.is_control() || crate::render::escape::is_deceptive(c)) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.,:+@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!("'{}'", text.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(at: u64, want: u64, bytes: &[u8]) -> Call {
        let ret = i64::try_from(bytes.len()).unwrap();
        Call { process: 0, slot: 0, syscall: Syscall::Read, at, want, ret, bytes: bytes.to_vec() }
    }

    fn shape() -> Shape {
        Shape { len: 6, complete: true, borders: vec![2, 4, 6], turns: vec![6] }
    }

    fn reference() -> Reference {
        Reference { bytes: b"0\n1\n2\n".to_vec(), end: End::Eof }
    }

    #[test]
    fn the_classic_one() {
        let trial = Trial::behind(&shape(), 6, false);
        let open = Call { syscall: Syscall::Open, ret: 0, ..read(0, 0, b"") };
        let seek = Call { syscall: Syscall::Lseek, ret: 6, ..read(6, 0, b"") };
        let calls = [open, seek, read(6, 6, b"2\n"), read(8, 6, b"")];
        let repro = trial.confirm(&calls, &reference(), b"/proc/seqbugs/eof_stuck").unwrap();
        assert_eq!(repro.command, "dd if=/proc/seqbugs/eof_stuck bs=6 skip=1");
        assert_eq!(repro.shows, "behind the end, at byte 6: \"2\\n\"");
        assert_eq!(repro.correct.unwrap(), "cat /proc/seqbugs/eof_stuck | tail -c +7");
        // What is right is no line to show.
        let right = [read(6, 6, b"")];
        assert_eq!(trial.confirm(&right, &reference(), b"/proc/foo"), None);
    }

    #[test]
    fn blocks_up_to_the_wrong_one() {
        let trial = Trial::blocks(&shape(), 2);
        let calls = [read(0, 2, b"0\n"), read(2, 2, b"0\n"), read(4, 2, b"1\n")];
        let repro = trial.confirm(&calls, &reference(), b"/proc/it's here").unwrap();
        assert_eq!(repro.command, "dd if='/proc/it'\\''s here' bs=2 count=3");
        assert_eq!(repro.correct.unwrap(), "cat '/proc/it'\\''s here' | head -c 6");
    }

    #[test]
    fn two_in_turn() {
        let trial = Trial::turns(&shape(), 2);
        let other = |at, bytes| Call { slot: 1, ..read(at, 2, bytes) };
        let calls = [read(0, 2, b"0\n"), other(0, b"0\n"), read(2, 2, b"1\n"), other(2, b"2\n")];
        let repro = trial.confirm(&calls, &reference(), b"/proc/foo").unwrap();
        assert_eq!(
            repro.command,
            "exec 3</proc/foo 4</proc/foo; for i in 0 1; do dd bs=2 count=1 <&3; dd bs=2 count=1 <&4; done"
        );
    }

    #[test]
    fn a_whole_read_that_shows_it() {
        let trial = Trial { steps: Vec::new(), line: Line::Whole { silent: false } };
        let line = |bytes: &[u8], end| {
            let reference = Reference { bytes: bytes.to_vec(), end };
            trial.confirm(&[], &reference, b"/f").map(|repro| repro.command)
        };
        assert_eq!(line(b"a\nb\nb\n", End::Eof).as_deref(), Some("cat /f | uniq -d"));
        assert_eq!(line(b"a\nb\na\n", End::Eof).as_deref(), Some("cat /f | sort | uniq -d"));
        assert_eq!(line(b"", End::Eof).as_deref(), Some("cat /f"));
        assert_eq!(line(b"a\n", End::Error(5)).as_deref(), Some("cat /f"));
        assert_eq!(line(b"a\nb\n", End::Eof), None);
    }

    #[test]
    fn words_of_the_shell() {
        assert_eq!(quote(b"/proc/net/tcp").as_deref(), Some("/proc/net/tcp"));
        assert_eq!(quote(b"/proc/$(x)").as_deref(), Some("'/proc/$(x)'"));
        assert_eq!(quote(b"/proc/a\nb"), None);
        assert_eq!(quote(b"/proc/\xff"), None);
    }
}
