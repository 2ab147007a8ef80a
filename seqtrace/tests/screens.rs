//! The screens in docs/screens: what a terminal shows of a recording.
//!
//! `cargo xtask screens` writes them.

use std::{fs::File, path::Path};

use anyhow::ensure;
use expect_test::expect_file;
use seqtrace::{
    filter::{Filter, Rule, Selection, glob::Glob},
    pipeline::{Pipeline, Until},
    recording::{self, ReadError, Reader},
    render::{Clock, Options, Screen, Size, renderer},
};

/// Size of a terminal.
const SMALL: Size = Size { columns: 80, rows: 24 };
const LARGE: Size = Size { columns: 120, rows: 40 };

/// Returns the first lines of a terminal after `seqtrace replay` of a recording. `comm`: name of the tasks whose sessions
/// are shown.
fn screen(name: &str, comm: &str, quiet: bool, size: Size) -> anyhow::Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let mut reader = Reader::open(File::open(path)?)?;
    let clock = Clock { wall_at_boot: reader.head().wall_at_boot, ..Clock::default() };
    let width = Some(size.columns);
    let options =
        Options { width, status_width: width, fold: true, clock, quiet, ..Options::default() };
    let mut screen = Screen::new(renderer(&options).expect("no fields were asked for"));
    let only = vec![Glob::comm(comm).expect("a glob")];
    let filter = Filter { comm: Rule { only, not: Vec::new() }, ..Filter::default() };
    let selection = Selection { targets: Vec::new(), filter };
    let mut pipeline = Pipeline::new(selection, Until::default());
    let quiet = if quiet { " -q" } else { "" };
    let mut text = format!("$ seqtrace replay{quiet} --comm {comm} {name}\n").into_bytes();
    recording::play(&mut reader, &mut pipeline, &mut screen, |screen| {
        if !quiet.is_empty() {
            // Notes on targets.
            screen.output.status.clear();
        }
        // As a terminal gets them: the header comes before the first line.
        text.append(&mut screen.output.status);
        text.append(&mut screen.output.data);
        Ok::<_, ReadError>(true)
    })?;
    let text = String::from_utf8(text)?;
    ensure!(text.lines().all(|line| line.chars().count() <= size.columns.into()), "{text}");
    Ok(text.split_inclusive('\n').take(size.rows.into()).collect())
}

#[test]
fn screens_are_those_of_the_documentation() -> anyhow::Result<()> {
    let double_emit = |size| screen("eof-stuck-6.12.seqtrace", "dd", false, size);
    expect_file!["../../docs/screens/timeline-80x24.txt"].assert_eq(&double_emit(SMALL)?);
    expect_file!["../../docs/screens/timeline-120x40.txt"].assert_eq(&double_emit(LARGE)?);
    let fold = screen("kinds-6.1.seqtrace", "head", true, SMALL)?;
    expect_file!["../../docs/screens/fold-80x24.txt"].assert_eq(&fold);
    Ok(())
}
