//! System calls of common programs on a file of 300 records of 27 bytes. The expected callbacks were seen on 6.1 and
//! 6.12; here the simulator generates them.

use crate::event::{Ptr, Role};
use crate::session::tests::check::{Known, check, updates};
use crate::session::update::{CallbackUpdate, Fate, Update, UpdateKind};
use crate::testing::simulator::file::{AnyFile, List};
use crate::testing::simulator::reader::{Act, run_full_size};

const SET: u32 = 0;
const CUR: u32 = 1;
const END: u32 = 2;

fn read(want: u64) -> Act {
    Act::Read { want, fault: None }
}

fn pread(pos: i64, want: u64) -> Act {
    Act::Pread { pos, want, fault: None }
}

fn lseek(offset: i64, whence: u32) -> Act {
    Act::Lseek { offset, whence }
}

/// Returns a line for each system call of a program.
fn lines(file: List, acts: &[Act]) -> Vec<String> {
    let log = run_full_size(AnyFile::List(file), acts.to_vec());
    let updates = updates(log.events.clone());
    check(&log, &updates, Known::All);
    let mut lines = Vec::new();
    let mut words = Vec::new();
    for update in &updates {
        words.extend(word(update));
        if matches!(update.what, UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. }) {
            lines.push(fold(&std::mem::take(&mut words)).join(" "));
        }
    }
    lines
}

fn word(update: &Update) -> Option<String> {
    Some(match &update.what {
        UpdateKind::ReadBegin { pos, .. } => format!("READ({pos})"),
        UpdateKind::ReadEnd(end) => format!("ret {}", end.ret),
        UpdateKind::LseekBegin { offset, whence } => {
            format!("LSEEK({offset},{})", ["SET", "CUR", "END"][*whence as usize])
        }
        UpdateKind::LseekEnd { ret, leftover: 0, .. } => format!("ret {ret}"),
        UpdateKind::LseekEnd { ret, leftover, .. } => format!("ret {ret} leftover {leftover}"),
        UpdateKind::Callback(callback) => callback_word(callback),
        UpdateKind::Grow { to, .. } => format!("GROW({to})"),
        _ => return None,
    })
}

fn callback_word(callback: &CallbackUpdate) -> String {
    let pos = callback.pos_in.map_or(-1, |pos| pos);
    let end = if callback.ret_ptr == Some(Ptr::NULL) { "->NULL" } else { "" };
    match callback.role {
        Role::Start => format!("start({pos}){end}"),
        Role::Next => format!("next{end}"),
        Role::Stop if callback.v == Some(Ptr::NULL) => "stop(NULL)".to_owned(),
        Role::Stop => format!("stop(v{pos})"),
        Role::Show => match callback.fate {
            Some(Fate::DiscardedOverflow | Fate::DiscardedTail) => format!("show({pos})OVERFLOW"),
            _ => "show".to_owned(),
        },
    }
}

/// Folds repeated pairs: `show next show next show next` becomes `{show next}x3`.
fn fold(words: &[String]) -> Vec<String> {
    let mut folded = Vec::new();
    let mut rest = words;
    while let [first, ..] = rest {
        let pairs = rest.chunks(2).take_while(|pair| pair == &["show", "next"]).count();
        if pairs > 1 {
            folded.push(format!("{{show next}}x{pairs}"));
            rest = &rest[2 * pairs..];
        } else {
            folded.push(first.clone());
            rest = &rest[1..];
        }
    }
    folded
}

fn records() -> List {
    List::innocent(vec![(27, 0); 300])
}

#[test]
fn cat() {
    assert_eq!(
        lines(records(), &[read(131_072), read(131_072), read(131_072)]),
        [
            "READ(0) start(0) {show next}x151 show(151)OVERFLOW stop(v151) ret 4077",
            "READ(4077) start(151) {show next}x148 show next->NULL stop(NULL) ret 4023",
            "READ(8100) start(300)->NULL stop(NULL) ret 0",
        ]
    );
}

/// Busybox reads once more at the end of the file.
#[test]
fn busybox_cat() {
    let lines = lines(records(), &[read(65536), read(65536), read(65536), read(65536)]);
    assert_eq!(lines[2..], ["READ(8100) start(300)->NULL stop(NULL) ret 0"; 2]);
}

#[test]
fn dd_bs_1() {
    let mut acts = vec![lseek(0, CUR)];
    acts.extend([read(1); 28]);
    let lines = lines(records(), &acts);
    assert_eq!(lines[..2], ["LSEEK(0,CUR) ret 0", "READ(0) start(0) show next stop(v1) ret 1"]);
    for (offset, line) in (1..).zip(&lines[2..27]) {
        assert_eq!(*line, format!("READ({offset}) ret 1"));
    }
    // When the core delivers the last byte of the buffer, it fetches the next record, which a later read gets.
    assert_eq!(lines[27..], ["READ(26) start(1) show next stop(v2) ret 1", "READ(27) ret 1"]);
}

#[test]
fn dd_bs_27() {
    assert_eq!(
        lines(records(), &[read(27), read(27)]),
        [
            "READ(0) start(0) show next stop(v1) ret 27",
            "READ(27) start(1) show next stop(v2) ret 27",
        ]
    );
}

#[test]
fn dd_bs_40_skip_1() {
    assert_eq!(
        lines(records(), &[lseek(40, CUR), read(40)]),
        [
            "LSEEK(40,CUR) start(0) {show next}x2 stop(v2) ret 40 leftover 14",
            "READ(40) start(2) show next stop(v3) ret 40",
        ]
    );
}

/// A pread moves m->read_pos but not the file position, so the next read traverses, too.
#[test]
fn pread_in_the_middle() {
    assert_eq!(
        lines(records(), &[read(27), pread(4050, 100), read(27)]),
        [
            "READ(0) start(0) show next stop(v1) ret 27",
            "READ(4050) start(0) {show next}x150 stop(v150) start(150) {show next}x4 stop(v154) \
             ret 100",
            "READ(27) start(0) show next stop(v1) start(1) show next stop(v2) ret 27",
        ]
    );
}

/// A read at offset 0 resets the core and does not traverse.
#[test]
fn read_at_offset_0() {
    assert_eq!(
        lines(records(), &[read(10), pread(0, 27)]),
        [
            "READ(0) start(0) show next stop(v1) ret 10",
            "READ(0) start(0) show next stop(v1) ret 27",
        ]
    );
}

#[test]
fn lseek_past_the_end() {
    assert_eq!(
        lines(records(), &[lseek(9000, SET), read(4096)]),
        [
            "LSEEK(9000,SET) start(0) {show next}x299 show next->NULL stop(NULL) ret 9000",
            "READ(9000) start(300)->NULL stop(NULL) ret 0",
        ]
    );
}

#[test]
fn head_n_1() {
    assert_eq!(
        lines(records(), &[read(8192), lseek(-4050, CUR)]),
        [
            "READ(0) start(0) {show next}x151 show(151)OVERFLOW stop(v151) ret 4077",
            "LSEEK(-4050,CUR) start(0) show next stop(v1) ret 27",
        ]
    );
}

#[test]
fn tail_n_2() {
    let lines = lines(records(), &[lseek(0, CUR), lseek(0, END), lseek(0, SET), read(8192)]);
    assert_eq!(lines[..3], ["LSEEK(0,CUR) ret 0", "LSEEK(0,END) ret -22", "LSEEK(0,SET) ret 0"]);
}

/// `while read line` seeks back to the end of each line, so all previous lines are rendered again.
#[test]
fn bash_while_read() {
    let loops = [lseek(0, CUR), read(4096), lseek(-4050, CUR), read(4096), lseek(-4050, CUR)];
    assert_eq!(
        lines(records(), &loops),
        [
            "LSEEK(0,CUR) ret 0",
            "READ(0) start(0) {show next}x151 show(151)OVERFLOW stop(v151) ret 4077",
            "LSEEK(-4050,CUR) start(0) show next stop(v1) ret 27",
            "READ(27) start(1) {show next}x151 show(152)OVERFLOW stop(v152) ret 4077",
            "LSEEK(-4050,CUR) start(0) {show next}x2 stop(v2) ret 54",
        ]
    );
}

#[test]
fn read_of_nothing() {
    assert_eq!(lines(records(), &[read(0)]), ["READ(0) ret 0"]);
}

/// After -EFAULT the next read gets the same bytes.
#[test]
fn read_into_bad_memory() {
    assert_eq!(
        lines(records(), &[Act::Read { want: 27, fault: Some(0) }, pread(27, 27)]),
        [
            "READ(0) start(0) show next stop(v1) ret -14",
            "READ(27) start(0) show next stop(v1) start(1) show next stop(v2) ret 27",
        ]
    );
}

/// A record of 20,000 bytes is rendered four times, in buffers of increasing size.
#[test]
fn one_giant_record() {
    assert_eq!(
        lines(List::innocent(vec![(20_000, 0)]), &[read(131_072), read(131_072)]),
        [
            "READ(0) start(0) show(0)OVERFLOW stop(v0) GROW(8192) \
             start(0) show(0)OVERFLOW stop(v0) GROW(16384) \
             start(0) show(0)OVERFLOW stop(v0) GROW(32768) \
             start(0) show next->NULL stop(NULL) ret 20000",
            "READ(20000) start(1)->NULL stop(NULL) ret 0",
        ]
    );
}
