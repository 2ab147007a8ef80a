//! `seqtrace export`: writes recordings in formats of other programs.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fmt::Write as _,
    fs::File,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use seqtrace_export::{perfetto::Perfetto, tables::Tables};

use super::{recordings, replay::drive};
use crate::{
    cli::{self, ExportFormat},
    exit::{self, Exit, shown},
    filter::Selection,
    output::replacement::{Replacement, create_folder},
    recording::{Ending, Played},
    targets,
};

/// Exports the recordings in the format that the options select.
pub(super) fn run(args: &cli::Export) -> anyhow::Result<ExitCode> {
    match (args.to, args.recordings.as_slice()) {
        (ExportFormat::Perfetto, [recording]) => perfetto(args, recording)?,
        (ExportFormat::Perfetto, _) => {
            let what = "a Perfetto trace is made of one recording";
            return Err(Exit::Usage.error(what, "export one recording at a time").into());
        }
        (ExportFormat::Parquet, recordings) => {
            let mut partitions = HashSet::new();
            let partitions = recordings.iter().map(|recording| {
                let partition = partition(&args.host, recording);
                if partitions.insert(partition.clone()) {
                    return Ok((recording, partition));
                }
                let what = format!("two recordings are named {}", shown(name_of(recording)));
                Err(Exit::Usage.error(what, "export them one by one, each with its --host NAME"))
            });
            // All names are known before a file is written.
            for (recording, partition) in partitions.collect::<Result<Vec<_>, _>>()? {
                parquet(args, recording, &partition)?;
            }
        }
    }
    Ok(Exit::Done.into())
}

fn perfetto(args: &cli::Export, recording: &Path) -> anyhow::Result<()> {
    recordings::differ(recording, &args.output)?;
    let selection = selection(args)?;
    let (mut reader, progress) = recordings::open(recording, true)?;
    let output = Replacement::begin(&args.output)?;
    let mut file = output.file();
    let mut sink = Perfetto::new(reader.head().wall_at_boot, reader.head().suspended);
    let limit = args.reading.max_memory;
    let played = drive(recording, (&mut reader, progress), selection, limit, &mut sink, |sink| {
        sink.flush(&mut file).context(UNWRITTEN)
    });
    let is_cut = is_cut(&played)?;
    sink.finish(is_cut, &mut file).context(UNWRITTEN)?;
    commit(output, &played)?;
    played.map(drop)
}

fn parquet(args: &cli::Export, recording: &Path, partition: &Path) -> anyhow::Result<()> {
    let selection = selection(args)?;
    let (mut reader, progress) = recordings::open(recording, true)?;
    let mut outputs = Vec::new();
    let create = |table: &'static str| -> anyhow::Result<File> {
        let folder = args.output.join(table).join(partition);
        create_folder(&folder)?;
        let output = Replacement::begin(&folder.join("part-0.parquet"))?;
        let file = output.file().try_clone()?;
        outputs.push(output);
        Ok(file)
    };
    let mut sink = Tables::begin(create, reader.head().wall_at_boot)?;
    let limit = args.reading.max_memory;
    let played = drive(recording, (&mut reader, progress), selection, limit, &mut sink, |sink| {
        sink.flush().context(UNWRITTEN)
    });
    let is_cut = is_cut(&played)?;
    sink.finish(is_cut).context(UNWRITTEN)?;
    for output in outputs {
        commit(output, &played)?;
    }
    played.map(drop)
}

/// Gives the output its name. That of a damaged recording replaces no file.
fn commit(output: Replacement, played: &anyhow::Result<Played>) -> anyhow::Result<()> {
    if played.is_err() && output.replaces {
        return Ok(());
    }
    output.commit().context(UNWRITTEN)
}

const UNWRITTEN: &str = "cannot write the output";

/// Returns true if the output ends before the trace. That of a damaged recording is kept: it is right up to there.
///
/// # Errors
/// The output cannot be written.
fn is_cut(played: &anyhow::Result<Played>) -> anyhow::Result<bool> {
    match played {
        Ok(played) => Ok(played.ending == Ending::Cut),
        Err(error) if exit::of(error) == Exit::Recording => Ok(true),
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    }
}

fn selection(args: &cli::Export) -> anyhow::Result<Selection> {
    Ok(Selection { targets: Vec::new(), filter: targets::filter(&args.select)? })
}

/// Returns the folder of a recording within the folder of a table, as Hive names partitions.
fn partition(host: &str, recording: &Path) -> PathBuf {
    let host = format!("host={}", encoded(host.as_bytes()));
    let recording = format!("recording={}", encoded(name_of(recording).as_bytes()));
    PathBuf::from(host).join(recording)
}

/// Returns a recording's name without folder and extension.
fn name_of(recording: &Path) -> &OsStr {
    if recordings::is_stdio(recording) {
        return OsStr::new("stdin");
    }
    recording.file_stem().unwrap_or_default()
}

/// Encodes bytes other than letters, digits, `.`, `_` and `-` as in URLs, which readers of partitions decode.
fn encoded(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"._-".contains(byte) {
            text.push((*byte).into());
        } else {
            // Cannot fail: a String grows.
            let _written = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_encoded() {
        let partition = |host, file| partition(host, Path::new(file)).display().to_string();
        assert_eq!(partition("unknown", "a/b-1.seqtrace"), "host=unknown/recording=b-1");
        assert_eq!(partition("a/../b", "ü=.x"), "host=a%2F..%2Fb/recording=%C3%BC%3D");
        assert_eq!(partition("h", "-"), "host=h/recording=stdin");
    }
}
