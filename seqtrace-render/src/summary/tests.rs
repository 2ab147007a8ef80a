#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]

use std::sync::Arc;

use expect_test::expect;

use super::super::testing::{Story, session};
use super::*;

const SIZE: Size = Size { columns: 80, rows: 24 };

fn story(options: Options) -> Story {
    let mut story = Story::of(Box::new(Totals::new(options)));
    story.cat();
    story.oddities();
    story
}

#[test]
fn totals_at_the_end() {
    let story = story(Options::default());
    expect![[r#"
        FILE                       READS     P50     P99  BYTES  RESTARTS  FINDINGS
        /proc/seqbugs/eof_stuck        4  13.4µs  13.4µs    101         2         1
        /proc/version_\x1b[2J\xff      2       -       -     12         0         0

        CALLBACK                   CALLS    P50    P99  TOTAL
        show  eof_show [seqbugs]      12  0.6µs  0.6µs  6.4µs
        start eof_start [seqbugs]      5  0.2µs  0.2µs  1.1µs
        next  eof_next [seqbugs]       5  0.2µs  0.2µs  1.1µs
        stop  eof_stop [seqbugs]       3  0.2µs  0.2µs  0.6µs
    "#]]
    .assert_eq(story.data());
}

#[test]
fn totals_are_replaced_in_place() {
    let mut story = Story::of(Box::new(Totals::new(Options {
        live: Some(SIZE),
        width: Some(80),
        ..Options::default()
    })));
    story.cat();
    story.refresh();
    let first = std::mem::take(&mut story.out.data);
    let first = String::from_utf8(first).unwrap();
    story.refresh();
    assert!(story.data().is_empty(), "nothing has changed");
    story.oddities();
    let shown = story.data().replace('\x1b', "^");
    assert!(shown.starts_with(&format!("^[{}A\r^[J", first.lines().count() - 1)), "{shown}");
    expect![[r#"
        FILE                     READS     P50     P99  BYTES  RESTARTS  FINDINGS^[K
        /proc/seqbugs/eof_stuck      2  13.4µs  13.4µs      6         0         0^[K
        ^[K
        CALLBACK                   CALLS    P50    P99  TOTAL^[K
        show  eof_show [seqbugs]       3  0.6µs  0.6µs  1.8µs^[K
        next  eof_next [seqbugs]       3  0.2µs  0.2µs  0.6µs^[K
        start eof_start [seqbugs]      2  0.2µs  0.2µs  0.4µs^[K
        stop  eof_stop [seqbugs]       2  0.2µs  0.2µs  0.4µs^[K
        ^[J"#]]
    .assert_eq(&first.replace('\x1b', "^"));
}

#[test]
fn tables_fit_the_terminal() {
    for (columns, rows) in [(60, 10), (80, 24), (120, 40)] {
        let live = Some(Size { columns, rows });
        let options = Options { live, width: Some(columns), ..Options::default() };
        let mut story = Story::of(Box::new(Totals::new(options)));
        for number in 0..100 {
            let path = format!("/proc/a/file/with/a/long/path/{number:0100}");
            story.session = Some(Arc::new(session(number, path.as_bytes())));
            story.cat();
        }
        story.refresh();
        let text = story.data().replace("\x1b[K", "").replace("\x1b[J", "");
        assert!(text.lines().count() < rows.into(), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= columns.into()), "{text}");
        assert!(text.contains(" more\n"), "{text}");
        // Another size, which nothing that was written before fits.
        story.out.data.clear();
        story.resize(columns + 10, rows + 10);
        assert!(!story.data().contains("A\r"), "{}", story.data().replace('\x1b', "^"));
    }
}
