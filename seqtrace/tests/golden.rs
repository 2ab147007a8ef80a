//! Recordings of real traces, and what is to be seen in them on any machine.
//!
//! Beside each `NAME.seqtrace` in `golden/` lie `NAME.timeline`, `NAME.json` and `NAME.report`.
//! `UPDATE_EXPECT=1 cargo test --test golden` writes them anew: look at the difference.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::ensure;
use expect_test::expect_file;
use seqtrace::{
    filter::Selection,
    pipeline::{Pipeline, Until},
    recording::{self, Ending, ReadError, Reader},
    render::{self, Clock, Format, Options, Output, Renderer, Screen, report},
};

/// Plays a recording into a renderer.
fn play(path: &Path, renderer: impl FnOnce(Clock) -> Box<dyn Renderer>) -> anyhow::Result<Output> {
    let mut reader = Reader::open(File::open(path)?)?;
    let wall_at_boot = reader.head().wall_at_boot;
    let mut screen = Screen::new(renderer(Clock { wall_at_boot, ..Clock::default() }));
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let played =
        recording::play(&mut reader, &mut pipeline, &mut screen, |_| Ok::<_, ReadError>(true))?;
    ensure!(played.ending == Ending::Whole, "{} is cut off", path.display());
    Ok(screen.output)
}

fn rendered(path: &Path, format: Format) -> anyhow::Result<Output> {
    play(path, |clock| {
        let options = Options { format, clock, preview: 16, ..Options::default() };
        render::renderer(&options).expect("no fields were asked for")
    })
}

fn recordings() -> anyhow::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seqtrace") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[test]
fn recordings_show_what_they_showed() -> anyhow::Result<()> {
    let recordings = recordings()?;
    assert!(!recordings.is_empty());
    let schema = jsonschema::validator_for(&seqtrace::schema::of_a_line())?;
    for path in recordings {
        let Output { data, status } = rendered(&path, Format::Timeline)?;
        let (data, status) = (str::from_utf8(&data)?, str::from_utf8(&status)?);
        let timeline = format!("{data}--- standard error:\n{status}");
        expect_file![path.with_extension("timeline")].assert_eq(&timeline);
        let json = rendered(&path, Format::Json)?;
        let json = str::from_utf8(&json.data)?;
        expect_file![path.with_extension("json")].assert_eq(json);
        for line in json.lines() {
            let object = serde_json::from_str(line)?;
            let valid = schema.validate(&object);
            ensure!(valid.is_ok(), "{}: {valid:?}\n{line}", path.display());
        }
        let report = play(&path, |clock| {
            let options = report::Options { clock, ..report::Options::default() };
            Box::new(report::Report::new(options))
        })?;
        expect_file![path.with_extension("report")].assert_eq(str::from_utf8(&report.data)?);
    }
    Ok(())
}

#[test]
fn no_line_is_wider_than_a_terminal() -> anyhow::Result<()> {
    for path in recordings()? {
        for width in [60, 80, 100, 130] {
            for format in [Format::Timeline, Format::Compact] {
                let output = play(&path, |clock| {
                    let options = Options { format, clock, preview: 16, ..Options::default() };
                    let options = Options { width: Some(width), ..options };
                    render::renderer(&options).expect("no fields were asked for")
                })?;
                for line in str::from_utf8(&output.data)?.lines() {
                    let columns = line.chars().count();
                    ensure!(columns <= width.into(), "{}: {columns}\n{line}", path.display());
                }
            }
        }
    }
    Ok(())
}
