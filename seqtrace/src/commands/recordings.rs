//! Opens and creates the files of recordings, and reports their errors.

use std::{
    fs::{File, Metadata},
    io::{self, BufReader, IsTerminal, Read},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::Path,
};

use super::memory::Excess;
use crate::{
    exit::{Exit, UserError, shown},
    output::{Writer, background::Stream, file, progress::Progress},
    recording::{ReadError, Reader},
};

/// Creates a recording; `-` is standard output.
pub(super) fn create(path: &Path) -> Result<Stream, UserError> {
    if is_stdio(path) {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(Exit::Usage.error(
                "a recording is not for a terminal",
                "name a file: -o FILE, or a reader: | seqtrace replay -",
            ));
        }
        return Ok(Box::new(stdout));
    }
    Ok(Box::new(file::create_output(path)?))
}

/// Opens the output of a command that reads a recording.
///
/// # Errors
/// The output cannot be written, or is the recording itself, which would be truncated before it is read.
pub(super) fn writer(recording: &Path, output: Option<&Path>) -> Result<Writer, UserError> {
    if let Some(output) = output {
        differ(recording, output)?;
    }
    Writer::open(output)
}

/// Returns an error if the output is the recording itself.
pub(super) fn differ(recording: &Path, output: &Path) -> Result<(), UserError> {
    if let (Ok(from), Ok(to)) = (metadata(recording), output.metadata())
        && is_same_file(&from, &to)
    {
        return Err(Exit::Usage.error(
            format!("{} is the recording itself", shown(output)),
            "name another file for the output",
        ));
    }
    Ok(())
}

/// Returns an error if the page is the recording itself, or the file of another output.
#[cfg(feature = "html")]
pub(super) fn differ_page(
    page: Option<&Path>,
    recording: Option<&Path>,
    output: Option<&Path>,
) -> Result<(), UserError> {
    let Some(page) = page else { return Ok(()) };
    if let Some(recording) = recording {
        differ(recording, page)?;
    }
    let Some(output) = output else { return Ok(()) };
    let same = match (page.metadata(), output.metadata()) {
        (Ok(page), Ok(output)) => is_same_file(&page, &output),
        _ => page == output,
    };
    if same {
        let what = format!("{} would be both the page and the text", shown(page));
        return Err(Exit::Usage.error(what, "name two files: --html FILE and -o FILE"));
    }
    Ok(())
}

/// Returns true if both are one regular file.
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Returns the metadata of the file that `recording` resolves to, following symlinks.
fn metadata(recording: &Path) -> io::Result<Metadata> {
    if is_stdio(recording) {
        File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
    } else {
        recording.metadata()
    }
}

/// Opens a recording; `-` is standard input. Returns it with its progress, which is shown if `shows_progress`.
pub(super) fn open(
    path: &Path,
    shows_progress: bool,
) -> Result<(Reader<Box<dyn Read>>, Progress), UserError> {
    let mut progress = Progress::none();
    let input: Box<dyn Read> = if is_stdio(path) {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(|error| unreadable(path, &error.into()))?;
        if shows_progress {
            progress = Progress::of_reading(&file);
        }
        Box::new(BufReader::new(progress.reader(file)))
    };
    let reader = Reader::open(input).map_err(|error| unreadable(path, &error))?;
    Ok((reader, progress))
}

/// Converts an error of a recording to one with a hint.
pub(super) fn unreadable(path: &Path, error: &ReadError) -> UserError {
    let hint = match error {
        ReadError::Io(_) => "name a file that exists and that you may read",
        ReadError::Foreign => "make one with: seqtrace record TARGET -o FILE",
        ReadError::Headless => "the file has no trace: record again",
        ReadError::TooNew(_) => "read it with that version of seqtrace",
        ReadError::TooLarge(_) => "the file was made up or is damaged; the output so far is right",
        ReadError::Damaged(_) => {
            "the output so far is right, the rest of the file cannot be trusted: copy or record it again"
        }
    };
    Exit::Recording.error(format!("{} {error}", name(path)), hint)
}

/// Converts an excess of memory to an error with a hint.
pub(super) fn too_large(path: &Path, excess: Excess) -> UserError {
    let mebibytes = excess.limit >> 20;
    Exit::Recording.error(
        format!("{} needs more than {mebibytes} MiB of memory", name(path)),
        "the output so far is right; select fewer sessions, or allow more: --max-memory SIZE",
    )
}

/// Returns a recording's name for messages.
pub(super) fn name(path: &Path) -> String {
    if is_stdio(path) { "standard input".to_owned() } else { shown(path).to_string() }
}

/// Returns true for `-`.
pub(super) fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_not_overwritten() {
        let folder = std::env::temp_dir().join(format!("seqtrace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [recording, link, symlink, other] =
            ["a", "link", "symlink", "other"].map(|name| folder.join(name));
        std::fs::write(&recording, "events").unwrap();
        std::fs::hard_link(&recording, &link).unwrap();
        std::os::unix::fs::symlink(&recording, &symlink).unwrap();
        for output in [&recording, &link, &symlink] {
            let error = writer(&recording, Some(output)).unwrap_err();
            assert!(error.what.ends_with("is the recording itself"), "{error}");
        }
        assert_eq!(std::fs::read(&recording).unwrap(), b"events");
        assert!(writer(&recording, Some(&other)).is_ok());
        assert!(writer(&recording, None).is_ok());
        #[cfg(feature = "html")]
        {
            let same = |from, output| differ_page(Some(&link), from, output).unwrap_err().what;
            assert!(same(Some(&*recording), None).ends_with("is the recording itself"));
            assert!(same(None, Some(&*symlink)).ends_with("both the page and the text"));
            let new = folder.join("new");
            assert!(differ_page(Some(&new), None, Some(&new)).is_err());
            assert!(differ_page(Some(&new), Some(&recording), Some(&other)).is_ok());
        }
        // A device has no content to lose.
        let null = Path::new("/dev/null");
        assert!(writer(null, Some(null)).is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
