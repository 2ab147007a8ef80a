//! `seqtrace diff`: compares two recordings.

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use seqtrace_diff::{
    Comparison, FilePair, Gatherer, Ignored, MapError, Outcome, Recording, Rows, Verdict, align,
    durations,
};

use super::{options, recordings, replay};
use crate::{
    cli::{self, DiffFormat, IgnoredProperty},
    exit::{Exit, UserError, shown},
    filter::{Filter, Selection},
    output::{Writer, progress::Progress},
    recording::{Ending, Reader},
    render::{
        Output,
        diff::{self, DiffRenderer},
        json,
    },
    targets,
};

/// Number of bytes of output after which it is written.
const WRITTEN: usize = 64 << 10;

/// Compares the recordings and writes the differences.
pub(super) fn run(args: &cli::Diff) -> anyhow::Result<ExitCode> {
    let cli::Diff { a, b, .. } = args;
    if recordings::is_stdio(a) && recordings::is_stdio(b) {
        let what = "standard input is one recording";
        return Err(Exit::Usage.error(what, "name a file for the other one").into());
    }
    let renamed = args.map.iter().map(|pair| renaming(pair)).collect::<Result<Vec<_>, _>>()?;
    if let Some(output) = &args.output {
        recordings::differ(a, output)?;
    }
    // Before the output is created: a recording that is missing must not truncate it.
    let (input_a, input_b) = (recordings::open(a, true)?, recordings::open(b, true)?);
    let writer = recordings::writer(b, args.output.as_deref())?.with_width(None);
    let mut rows = Rows::default();
    let a = gather(args, a, input_a, &mut rows)?;
    let b = gather(args, b, input_b, &mut rows)?;
    let files = align(&a, &b, &renamed).map_err(|error| unfit(&error))?;
    if files.is_empty() && targets::filter(&args.select)? != Filter::default() {
        let what = "neither recording has a session that the options select";
        let hint = "`seqtrace report` lists the files of a recording";
        return Err(Exit::Target.error(what, hint).into());
    }
    if let Some(number) = args.session
        && !files.iter().any(|pair| pair.has_session(number))
    {
        let what = format!("no file of both recordings has a session {number}");
        return Err(Exit::Usage.error(what, "1 is the first session of a file").into());
    }
    let comparison =
        Comparison { rows: &rows, traces: [&a, &b], files: &files, session: args.session };
    Ok(match render(args, &comparison, &files, writer)?.verdict() {
        Verdict::Same => Exit::Done,
        Verdict::Different => Exit::Different,
        Verdict::Inconclusive => Exit::Inconclusive,
    }
    .into())
}

/// Gathers what is compared of a recording.
fn gather<R: Read>(
    args: &cli::Diff,
    path: &Path,
    (mut reader, progress): (Reader<R>, Progress),
    rows: &mut Rows,
) -> anyhow::Result<Recording> {
    let ignored = Ignored {
        pointers: args.ignore.contains(&IgnoredProperty::Pointers),
        sizes: args.ignore.contains(&IgnoredProperty::Sizes),
    };
    let selection = Selection { targets: Vec::new(), filter: targets::filter(&args.select)? };
    let mut gatherer = Gatherer::new(rows, ignored, args.durations);
    let limit = args.reading.max_memory;
    let input = (&mut reader, progress);
    let played = replay::drive(path, input, selection, limit, &mut gatherer, |_| Ok(()))?;
    Ok(gatherer.finish(played.ending == Ending::Cut))
}

/// Writes the comparison. Returns its sums, or those up to the point at which the reader of the output closed the pipe.
fn render(
    args: &cli::Diff,
    comparison: &Comparison<'_>,
    files: &[FilePair<'_>],
    mut writer: Writer,
) -> anyhow::Result<Outcome> {
    let names = [&args.a, &args.b].map(|path| recordings::name(path));
    let mut renderer: Box<dyn DiffRenderer> = match args.format {
        DiffFormat::Text => Box::new(diff::Text::new(diff::Options {
            names,
            context: args.unified,
            width: writer.width(),
            color: options::color_data(args.color, &writer),
            ascii: args.ascii,
        })),
        DiffFormat::Json => Box::new(json::diff::Json::new(names, args.ascii)),
    };
    let mut output = Output::default();
    renderer.begin(comparison.traces, &mut output);
    let outcome = comparison.run(|item| -> anyhow::Result<bool> {
        renderer.item(comparison.rows, item, &mut output);
        Ok(output.data.len() < WRITTEN || writer.write(&mut output).context(UNWRITTEN)?)
    })?;
    if args.durations {
        renderer.durations(&durations(files), &mut output);
    }
    renderer.end(&outcome, &mut output);
    writer.write(&mut output).context(UNWRITTEN)?;
    Ok(outcome)
}

const UNWRITTEN: &str = "cannot write the output";

/// Splits `OLD=NEW` into two paths.
fn renaming(pair: &OsStr) -> Result<(Vec<u8>, Vec<u8>), UserError> {
    let bytes = pair.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=').ok_or_else(|| {
        let what = format!("{} is not a pair of paths", shown(pair));
        Exit::Usage.error(what, "write the path in A, an equals sign, and the path in B")
    })?;
    Ok((bytes[..at].to_vec(), bytes[at + 1..].to_vec()))
}

fn unfit(error: &MapError) -> UserError {
    let path = |path: &[u8]| shown(&OsString::from(OsStr::from_bytes(path))).to_string();
    let (what, hint) = match error {
        MapError::Unknown(old) => {
            (format!("A has no session of {}", path(old)), "`seqtrace report` lists its files")
        }
        MapError::Twice(new) => (
            format!("two files of A are compared with {}", path(new)),
            "compare them one at a time, with --path",
        ),
    };
    Exit::Usage.error(what, hint)
}
