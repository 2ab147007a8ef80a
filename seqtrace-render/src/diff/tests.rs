use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use expect_test::expect;
use schemars::generate::SchemaSettings;
use seqtrace_diff::{Comparison, Gatherer, Ignored, Rows, align, durations};
use seqtrace_model::trace::Sink;

use super::*;
use crate::session::update::{SessionId, Summary, Update};
use crate::testing::Story;
use crate::{Header, Ready, Renderer, Shown, TargetInfo, json};

/// Renderer that keeps the updates.
struct Keep(Rc<RefCell<Vec<Update>>>);

impl Renderer for Keep {
    fn header(&mut self, _header: &Header, _out: &mut Output) {}
    fn target(&mut self, _target: &TargetInfo, _out: &mut Output) {}
    fn ready(&mut self, _ready: &Ready, _out: &mut Output) {}

    fn update(&mut self, update: &Update, _out: &mut Output) -> Shown {
        self.0.borrow_mut().push(update.clone());
        Shown::Yes
    }

    fn end(&mut self, _summary: &Summary, _out: &mut Output) {}
}

/// Returns every kind of update, and of each session but the third the first update.
fn traces() -> [Vec<Update>; 2] {
    let updates = Rc::default();
    Story::of(Box::new(Keep(Rc::clone(&updates)))).oddities();
    let all = updates.take();
    let mut seen = HashSet::from([SessionId(3)]);
    let first = all
        .iter()
        .filter(|update| update.session.as_ref().is_some_and(|session| seen.insert(session.id)));
    let first = first.cloned().collect();
    [all, first]
}

/// Compares two traces and renders the result.
fn rendered(traces: [&[Update]; 2], renderer: &mut dyn DiffRenderer) -> String {
    let mut rows = Rows::default();
    let [a, b] = traces.map(|updates| {
        let mut gatherer = Gatherer::new(&mut rows, Ignored::default(), true);
        let kernel = "6.12\u{1b}[2J".to_owned();
        gatherer.header(&Header { kernel, machine: "x86_64".to_owned(), ..Header::default() });
        for update in updates {
            gatherer.update(update);
        }
        gatherer.finish(false)
    });
    let files = align(&a, &b, &[]).unwrap();
    let comparison = Comparison { rows: &rows, traces: [&a, &b], files: &files, session: None };
    let mut out = Output::default();
    renderer.begin(comparison.traces, &mut out);
    let outcome = comparison.run(|item| {
        renderer.item(&rows, item, &mut out);
        Ok::<bool, ()>(true)
    });
    renderer.durations(&durations(&files), &mut out);
    renderer.end(&outcome.unwrap(), &mut out);
    String::from_utf8(out.data).unwrap()
}

fn names() -> [String; 2] {
    ["a.seqtrace".to_owned(), "b.seqtrace".to_owned()]
}

fn text(color: bool, ascii: bool) -> Text {
    Text::new(Options { names: names(), context: 3, width: None, color, ascii })
}

#[test]
fn every_row_has_a_line() {
    let [all, first] = &traces();
    expect![[r"
        --- a.seqtrace  Linux 6.12\x1b[2J x86_64  backend
        +++ b.seqtrace  Linux 6.12\x1b[2J x86_64  backend
        Not seen whole in A: /proc/seqbugs/eof_stuck  session 1/1  partial: events lost, still open
        @@ /proc/seqbugs/eof_stuck  session 1/1  read 1 @@
         ┌─ READ  want 4096
        -│  start pos 0               → #0
        -│  show  pos 0       #0      +4096 B  OVERFLOW: discarded
        -│  stop  pos 0       #0
        -│  OVERFLOW 4096 → grow 8192
        -│  start pos 0               → TOKEN
        -│  show  pos 0       TOKEN   +0 B    empty
        -│  show  pos 1       #1      +0 B    fate unknown
        -│  show  pos 2       #2      +90 B   emitted
        -│  show  pos 0       #0.2    +3 B    SEQ_SKIP: discarded  returned 7
        -│  show  pos 0       #0.2    +3 B    failed  returned ENOMEM
        -│  next  pos 2→2     #2      → #0.2  did not advance: the core adds 1
        -│  show  pos 3       #0.2    +8102 B  tail did not fit: dropped
        -│  next  pos ?→-7    #2      → ERR_PTR(-ENOMEM)
        -│  stop  pos 0       ERR_PTR(-ENOMEM) +5 B
        -└─ = 95 B
        -┌─ READ  off 27  want 131072  traverse
        -│┄ start pos 0               → #0
        -│┄ show  pos 0       #0      +27 B   passed over
        -│┄ show  pos 1       #1      +27 B   rest emitted
        -│┄ OVERFLOW 8192 → grow 16384
        -└─ = EFAULT
        -┌─ LSEEK SEEK_CUR 40
        -└─ = 40
        -┌─ LSEEK SEEK_END 0
        -└─ = EINVAL
        -WRITE  6 B  = 6
        -WRITE  6 B  = 2
        -WRITE  6 B  = EINVAL
        -✗✗ SQ201 double emit  in eof_start [seqbugs]
        -the reader died inside show() at position 5
        -CLOSE  no release was seen  13 B never fetched  the file was removed while open
        @@ /proc/uptime  session 1/1 (s4) @@
         OPEN  single_open  single_start single_next up_show ? [up]
        -OPEN  = ENOMEM
        -OPEN  = EINVAL  after seq_open() had succeeded
        -CLOSE  no release was seen
        @@ /proc/version_\x1b[2J\xff  session 1/1 (s2) @@
         OPEN  proc_reg_open  no callbacks
        -READ  want 131072  = 12 B
        -READ  want 131072  = EIO
        Only in A: /sys/fs/cgroup/cpu.stat  1 session
        different: 3 files, 3 sessions, 3 differ  only in A: 1 file, 36 lines  not seen whole in A: 1 session
    "]].assert_eq(&rendered([all, first], &mut text(false, false)));
}

#[test]
fn equal_traces_have_no_lines() {
    let [_, first] = &traces();
    let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    let same = rendered([first, first], &mut text(false, false));
    assert_eq!((same.lines().count(), last(&same).as_str()), (3, "the same: 3 files, 3 sessions"));
}

#[test]
fn foreign_bytes_are_escaped() {
    let [all, first] = &traces();
    for (traces, ascii) in [([all, first], true), ([first, all], false)] {
        let traces = traces.map(Vec::as_slice);
        let plain = rendered(traces, &mut text(false, ascii));
        assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain}");
        assert!(!ascii || plain.is_ascii(), "{plain}");
        let colored = rendered(traces, &mut text(true, ascii));
        let bare =
            ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
        let bare = bare.iter().fold(colored, |text, code| text.replace(code, ""));
        assert_eq!(bare, plain);
    }
}

#[test]
fn json_fits_its_schema() {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = json::diff::schema(&mut generator).to_value();
    schema["$defs"] = generator.take_definitions(true).into();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let [all, first] = &traces();
    let mut types = HashSet::new();
    for traces in [[all, first], [first, all]] {
        let mut renderer = json::diff::Json::new(names(), false);
        for line in rendered(traces.map(Vec::as_slice), &mut renderer).lines() {
            assert!(!line.contains(char::is_control), "{line}");
            let object = serde_json::from_str(line).unwrap();
            assert!(schema.is_valid(&object), "{line}");
            types.insert(object["type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(types.len(), 5, "{types:?}");
}
