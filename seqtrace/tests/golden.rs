//! Recordings of real traces, and what is to be seen in them on any machine.
//!
//! Beside each `NAME.seqtrace` in `golden/` lie `NAME.timeline`, `NAME.json` and `NAME.report`.
//! `UPDATE_EXPECT=1 cargo test --test golden` writes them anew: look at the difference.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use expect_test::expect_file;
use seqtrace::{
    filter::Selection,
    pipeline::{Pipeline, Until},
    recording::{self, Ending, ReadError, Reader, Recorded},
    render::{self, Clock, Format, Options, Output, Sink, report},
    session::Tracker,
};

/// Plays a recording into a sink.
fn play(path: &Path, sink: impl FnOnce(Clock) -> Box<dyn Sink>) -> Output {
    let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
    let wall_at_boot = reader.head().wall_at_boot;
    let sink = sink(Clock { wall_at_boot, ..Clock::default() });
    let tracker = Tracker::new(Recorded::default());
    let mut pipeline = Pipeline::new(tracker, Selection::default(), Until::default(), sink);
    let ending = recording::play(&mut reader, &mut pipeline, |_| Ok::<_, ReadError>(true));
    assert_eq!(ending.unwrap(), Ending::Whole, "{}", path.display());
    pipeline.output
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "seqtrace"));
    paths.sort();
    paths
}

#[test]
fn recordings_show_what_they_showed() {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for path in recordings {
        let rendered = |format| {
            play(&path, |clock| {
                let options = Options { format, clock, preview: 16, ..Options::default() };
                render::sink(&options).unwrap()
            })
        };
        let Output { data, status } = rendered(Format::Timeline);
        let timeline = format!("{}--- standard error:\n{}", text(&data), text(&status));
        expect_file![path.with_extension("timeline")].assert_eq(&timeline);
        expect_file![path.with_extension("json")].assert_eq(text(&rendered(Format::Json).data));
        let report = play(&path, |clock| {
            let options = report::Options { clock, ..report::Options::default() };
            Box::new(report::Report::new(options))
        });
        expect_file![path.with_extension("report")].assert_eq(text(&report.data));
    }
}
