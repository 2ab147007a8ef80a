//! The program as a user calls it, as far as that needs no privileges: messages, files, and the command after `--`.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A folder that is removed at the end of a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seqtrace-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn seqtrace() -> Command {
    Command::new(env!("CARGO_BIN_EXE_seqtrace"))
}

fn run<T: AsRef<OsStr>>(words: &[T]) -> Output {
    seqtrace().args(words).stdin(Stdio::null()).output().unwrap()
}

/// A small recording of a real trace.
fn recording() -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "seqtrace")).min().unwrap()
}

/// Waits until a condition holds, at most ten seconds.
fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_pipe_gets_lines_of_any_length_unless_there_is_a_width() {
    let recording = recording();
    let replay = |option: &str| {
        let output = run(&[OsStr::new("replay"), OsStr::new(option), recording.as_os_str()]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max();
    let (status, plain) = replay("--width=none");
    assert!(status == Some(0) && widest(&plain) > Some(100));
    assert_eq!(replay("--fold=none"), replay("--width=none"));
    let (status, narrow) = replay("--width=60");
    assert!(status == Some(0) && widest(&narrow) <= Some(60), "{narrow}");
    assert_eq!(replay("--width=59"), (Some(2), String::new()));
    // No read takes an hour, but findings are shown with their reads.
    let (status, long) = replay("--min-duration=1h");
    assert!(
        status == Some(0) && long.contains("SQ201") && long.lines().count() < plain.lines().count()
    );
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    let folder = Folder::new("names");
    let evil = OsString::from("e\u{1b}]0;title\u{7}\u{202e}vil");
    let evil = folder.0.join(evil);
    let copy = evil.with_extension("copy");
    std::fs::copy(recording(), &copy).unwrap();
    let cut = evil.with_extension("cut");
    let bytes = std::fs::read(&copy).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 64]).unwrap();
    let foreign = evil.with_extension("foreign");
    std::fs::write(&foreign, "text").unwrap();
    let nowhere = evil.join("file");
    let (evil, copy, cut) = (evil.as_os_str(), copy.as_os_str(), cut.as_os_str());
    let (foreign, nowhere) = (foreign.as_os_str(), nowhere.as_os_str());
    let word = |text: &'static str| OsStr::new(text);
    let glob = OsString::from("module:a\u{1b}[31m[");
    for words in [
        vec![word("replay"), evil],
        vec![word("replay"), foreign],
        vec![word("replay"), cut],
        vec![word("replay"), copy, word("-o"), copy],
        vec![word("replay"), copy, word("-o"), nowhere],
        vec![word("replay"), copy, word("--path"), word("a/\u{1b}[31m")],
        vec![word("replay"), copy, word("--path"), word("[\u{1b}[31m")],
        vec![word("replay"), copy, word("--fields"), word("\u{1b}[31m")],
        vec![word("report"), evil],
        vec![word("report"), foreign],
        vec![word("report"), copy, word("-o"), nowhere],
        vec![word("diff"), copy, evil],
        vec![word("diff"), foreign, copy],
        vec![word("diff"), cut, copy],
        vec![word("diff"), copy, copy, word("-o"), copy],
        vec![word("diff"), copy, copy, word("--map"), word("\u{1b}[31m")],
        vec![word("diff"), copy, copy, word("--map"), word("\u{1b}[31m=/proc/b")],
        vec![word("diff"), copy, copy, word("--session"), word("\u{1b}[31m")],
        vec![word("check"), word("--from"), evil],
        vec![word("check"), word("--from"), foreign],
        vec![word("check"), word("--from"), cut, word("/proc/none")],
        vec![word("check"), word("--from"), copy, word("/proc/none")],
        vec![word("check"), evil],
        vec![word("check"), word("-o"), nowhere, word("/proc/uptime")],
        vec![word("list"), evil],
        vec![word("list"), &glob],
        vec![word("attach"), evil],
        vec![word("attach"), &glob],
        vec![word("attach"), word("-o"), nowhere],
        vec![word("attach"), word("--until-finding=\u{1b}[31m")],
        vec![word("explain"), word("\u{1b}[31m")],
        vec![word("man"), word("\u{1b}[31m")],
        vec![word("completions"), word("\u{1b}[31m")],
        vec![word("\u{1b}[31m")],
        vec![word("run-as-invoker"), word("--"), evil],
    ] {
        let output = run(&words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() || words.contains(&cut), "{words:?}");
        assert!(!text.is_empty(), "{words:?}");
        let raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(raw), "{words:?}: {text:?}");
    }
}

#[test]
fn a_report_is_private() {
    let folder = Folder::new("private");
    for words in [&["replay"][..], &["report"], &["diff"], &["check", "--from"]] {
        let file = folder.0.join(words[0]);
        let mut command = seqtrace();
        // diff has two recordings.
        let second = (words[0] == "diff").then(recording);
        command.args(words).arg(recording()).args(second).arg("-o").arg(&file);
        let status = command.output().unwrap().status;
        assert!(status.code() < Some(2), "{words:?}");
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{words:?}");
    }
}

#[test]
fn a_command_ends_when_its_parent_is_killed() {
    let line = format!(
        "{} run-as-invoker --parent $$ -- sh -c 'echo $$; exec sleep 60' & wait",
        env!("CARGO_BIN_EXE_seqtrace")
    );
    let mut parent = Command::new("sh").args(["-c", &line]).stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = String::new();
    let mut stdout = BufReader::new(parent.stdout.take().unwrap());
    stdout.read_line(&mut pid).unwrap();
    let process = Path::new("/proc").join(pid.trim()).join("stat");
    assert!(process.exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    // A zombie is dead, too, but /proc has it until its new parent waits for it.
    let dead = || match std::fs::read_to_string(&process) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    assert!(wait_until(dead), "it goes on");
}

#[test]
fn a_command_without_its_parent_is_not_run() {
    let words = ["run-as-invoker", "--parent", "1", "--", "echo", "ran"];
    let output = run(&words);
    assert_eq!(output.status.code(), Some(126));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn a_command_gets_no_blocked_signals() {
    // A shell cannot block signals, but env can.
    let env = ["env", "--block-signal=INT", "true"];
    if !Command::new(env[0]).args(&env[1..]).status().is_ok_and(|status| status.success()) {
        return;
    }
    let mut blocked = Command::new("env");
    blocked.args(["--block-signal=INT", "--block-signal=TERM", env!("CARGO_BIN_EXE_seqtrace")]);
    blocked.args(["run-as-invoker", "--", "grep", "SigBlk", "/proc/self/status"]);
    let output = blocked.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "SigBlk:\t0000000000000000\n");
}

#[test]
fn an_unknown_caller_of_sudo_runs_nothing_as_root() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    for (uid, gid) in [(Some("user"), Some("1000")), (Some("1000"), None), (None, Some("1000"))] {
        let mut command = seqtrace();
        command.args(["run-as-invoker", "--", "echo", "ran"]).env_clear();
        command.envs(uid.map(|uid| ("SUDO_UID", uid))).envs(gid.map(|gid| ("SUDO_GID", gid)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(126));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("the caller of sudo is unknown"), "{text}");
    }
}

#[cfg(feature = "export")]
#[test]
fn a_cut_recording_is_exported_as_far_as_it_goes() {
    let folder = Folder::new("export");
    let bytes = std::fs::read(recording()).unwrap();
    let [cut, trace, tables] = ["cut.seqtrace", "trace", "tables"].map(|name| folder.0.join(name));
    let export = |format: &str, output: &Path| {
        let words = ["export", "--to", format, "-o"].map(OsStr::new);
        run(&[&words, &[output.as_os_str(), cut.as_os_str()][..]].concat())
    };
    let mark = b"the recording is cut off here";
    let has_mark = |trace: &[u8]| trace.windows(mark.len()).any(|bytes| bytes == mark);
    let part = tables.join("headers/host=unknown/recording=cut/part-0.parquet");
    std::fs::write(&trace, "an older trace").unwrap();
    // Not even the head is there: the outputs stay as they are.
    std::fs::write(&cut, &bytes[..64]).unwrap();
    assert_eq!(export("perfetto", &trace).status.code(), Some(6));
    assert_eq!(std::fs::read(&trace).unwrap(), b"an older trace");
    assert_eq!(export("parquet", &tables).status.code(), Some(6));
    assert!(!tables.exists());
    for length in [bytes.len() * 3 / 4, bytes.len() - 64, bytes.len()] {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let output = export("perfetto", &trace);
        assert!(output.status.success(), "{length}: {output:?}");
        assert_eq!(has_mark(&std::fs::read(&trace).unwrap()), length < bytes.len(), "{length}");
        let output = export("parquet", &tables);
        assert!(output.status.success(), "{length}: {output:?}");
        assert!(std::fs::read(&part).unwrap().ends_with(b"PAR1"));
    }
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&trace), mode(&part), mode(&tables)), (0o600, 0o600, 0o700));
    // One name for two recordings, and two recordings in one trace.
    for format in ["parquet", "perfetto"] {
        let words = ["export", "--to", format, "-o"].map(OsStr::new);
        let words = [&words, &[tables.as_os_str(), cut.as_os_str(), cut.as_os_str()][..]].concat();
        assert_eq!(run(&words).status.code(), Some(2));
    }
    let output = export("perfetto", &cut);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(std::fs::read(&cut).unwrap(), bytes);
}

#[cfg(feature = "export")]
#[test]
fn a_damaged_recording_replaces_no_export() {
    let folder = Folder::new("damaged");
    let mut bytes = std::fs::read(recording()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    let [damaged, old, new] = ["damaged.seqtrace", "old", "new"].map(|name| folder.0.join(name));
    std::fs::write(&damaged, bytes).unwrap();
    std::fs::write(&old, "an older trace").unwrap();
    for output in [&old, &new] {
        let words = ["export", "--to", "perfetto", "-o"].map(OsStr::new);
        let output = run(&[&words, &[output.as_os_str(), damaged.as_os_str()][..]].concat());
        assert_eq!(output.status.code(), Some(6), "{output:?}");
    }
    assert_eq!(std::fs::read(&old).unwrap(), b"an older trace");
    assert!(new.metadata().unwrap().len() > 0);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 3);
}

#[cfg(feature = "html")]
#[test]
fn a_page_overwrites_neither_the_recording_nor_the_text() {
    let folder = Folder::new("page");
    let [copy, link, text] = ["a.seqtrace", "link", "text"].map(|name| folder.0.join(name));
    std::fs::copy(recording(), &copy).unwrap();
    std::os::unix::fs::symlink(&copy, &link).unwrap();
    let status = |words: &[&OsStr]| run(words).status.code();
    let word = OsStr::new;
    for page in [&copy, &link] {
        let (copy, page) = (copy.as_os_str(), page.as_os_str());
        assert_eq!(status(&[word("report"), copy, word("--html"), page]), Some(2));
        assert_eq!(status(&[word("check"), word("--from"), copy, word("--html"), page]), Some(2));
    }
    let both = [word("report"), copy.as_os_str(), word("--html"), text.as_os_str()];
    assert_eq!(status(&[&both[..], &[word("-o"), text.as_os_str()]].concat()), Some(2));
    assert!(!text.exists());
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(recording()).unwrap());
    // `-` is standard output, and a page needs a file.
    let report = run(&[word("report"), copy.as_os_str(), word("-o"), word("-")]);
    assert!(report.status.success() && !report.stdout.is_empty());
    assert_eq!(status(&[word("report"), copy.as_os_str(), word("--html"), word("-")]), Some(2));
}

#[test]
fn filters_that_select_nothing_are_no_equality() {
    let golden = recording();
    let diff = |options: &[&str]| {
        let recordings = [OsStr::new("diff"), golden.as_os_str(), golden.as_os_str()];
        run(&[&recordings[..], &options.iter().map(OsStr::new).collect::<Vec<_>>()].concat())
    };
    assert_eq!(diff(&[]).status.code(), Some(0));
    assert_eq!(diff(&["--path", "/nowhere*"]).status.code(), Some(5));
    assert_eq!(diff(&["--session", "100000"]).status.code(), Some(2));
}
