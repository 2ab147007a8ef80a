//! `seqtrace diff` as a user calls it, on the recordings of real traces in `golden/`.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const STUCK: &str = "eof-stuck-6.12.seqtrace";
const FIXED: &str = "eof-fixed-6.12.seqtrace";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seqtrace"));
    command.arg("diff").args(words).current_dir(golden()).stdin(Stdio::null());
    command
}

/// Runs `seqtrace diff` in the folder of the recordings. Returns its exit status and standard output.
fn diff(words: &[&str]) -> (Option<i32>, String) {
    let output = command(words).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// Returns the names of the golden recordings.
fn recordings() -> Vec<String> {
    let names = fs::read_dir(golden()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".seqtrace")).collect();
    names.sort();
    names
}

#[test]
fn the_documentation_shows_the_output() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/diff.md");
    let page = fs::read_to_string(page).unwrap();
    let mut examples = 0;
    for block in page.split("```\n").filter(|block| block.starts_with("$ seqtrace diff ")) {
        let (line, expected) = block.split_once('\n').unwrap();
        let words: Vec<&str> = line.split(' ').skip(3).collect();
        let (_, output) = diff(&words);
        assert_eq!(output, expected, "{line}");
        examples += 1;
    }
    assert!(examples >= 2, "{examples} examples");
}

#[test]
fn the_exit_status_is_the_answer() {
    assert_eq!(diff(&[STUCK, FIXED]).0, Some(1));
    let (status, text) = diff(&[STUCK, STUCK]);
    assert_eq!((status, last(&text)), (Some(0), "the same: 1 file, 2 sessions"));
    // Events were lost, and the session was open at the end.
    let (status, text) = diff(&["lost-6.12.seqtrace", "lost-6.12.seqtrace"]);
    assert_eq!(status, Some(4));
    assert!(
        text.contains("Not seen whole in A: /proc/kallsyms  session 1/1  partial: events lost")
    );
    assert!(
        text.contains("330 events lost") && last(&text).starts_with("inconclusive: "),
        "{text}"
    );
    for wrong in [
        &[STUCK][..],
        &["-", "-"],
        &[STUCK, FIXED, "--session", "0"],
        &[STUCK, FIXED, "--session", "3"],
        &[STUCK, FIXED, "--map", "/proc/a"],
        &[STUCK, FIXED, "--map", "/proc/a=/proc/b"],
        &[STUCK, FIXED, "--ignore", "times"],
        &[STUCK, FIXED, "-o", FIXED],
        &[STUCK, FIXED, "-o", STUCK],
    ] {
        assert_eq!(diff(wrong), (Some(2), String::new()), "{wrong:?}");
    }
    assert_eq!(diff(&[STUCK, "eof-stuck-6.12.timeline"]).0, Some(6));
    assert_eq!(diff(&["nothing", STUCK]).0, Some(6));
}

#[test]
fn options_select_what_is_compared() {
    // Different files by name, until they are mapped.
    let [stuck, fixed] = ["/proc/seqbugs/eof_stuck", "/proc/seqbugs/fixed/eof_stuck"];
    let mixed = "callbacks-6.12.seqtrace";
    let (status, text) = diff(&[mixed, FIXED]);
    assert_eq!(status, Some(1));
    assert!(text.contains(&format!("Only in A: {stuck}  2 sessions\n")), "{text}");
    assert!(text.contains(&format!("Only in B: {fixed}  2 sessions\n")), "{text}");
    let (status, text) = diff(&[mixed, FIXED, "--map", &format!("{stuck}={fixed}")]);
    assert_eq!(status, Some(1));
    assert!(text.contains(&format!("@@ {stuck} → {fixed}  session 1/2")), "{text}");
    // Two backends see the same in the first session.
    let words = [mixed, STUCK, "--path", stuck];
    assert_eq!(diff(&words).0, Some(1));
    let (status, text) = diff(&[&words[..], &["--session", "1"]].concat());
    assert_eq!((status, last(&text)), (Some(0), "the same: 1 file, 1 session"));
    let lines = |context: &str| {
        let (_, text) = diff(&[STUCK, FIXED, "-U", context]);
        text.lines().filter(|line| line.starts_with(' ')).count()
    };
    assert!(lines("0") == 0 && lines("1") < lines("3"));
    let (_, text) = diff(&[STUCK, FIXED, "--durations", "--ascii"]);
    assert!(text.is_ascii() && text.contains("next  eof_next -> eof_fixed_next"), "{text}");
    let (_, text) = diff(&[STUCK, FIXED, "--color", "always"]);
    assert!(text.contains("\x1b[31m-") && text.contains("\x1b[32m+"), "{text}");
}

#[test]
fn json_fits_the_schema() {
    let schema = jsonschema::validator_for(&seqtrace::schema::of_a_line()).unwrap();
    let recordings = recordings();
    for pair in recordings.windows(2) {
        let (status, text) = diff(&[&pair[0], &pair[1], "--format", "json", "--durations"]);
        assert!(status.is_some_and(|status| status == 1 || status == 4), "{pair:?}");
        for line in text.lines() {
            let object = serde_json::from_str(line).unwrap();
            assert!(schema.is_valid(&object), "{pair:?}: {line}");
        }
        assert!(last(&text).starts_with(r#"{"type":"diff_end""#), "{pair:?}");
    }
}

#[test]
fn every_recording_is_the_same_as_itself_and_fits_into_100_columns() {
    let recordings = recordings();
    for (a, b) in recordings.iter().zip(recordings.iter().cycle().skip(1)) {
        let (status, text) = diff(&[a, a]);
        assert!(matches!(status, Some(0 | 4)), "{a}: {text}");
        let (_, text) = diff(&[a, b]);
        // The heads have names of files, and the last line has sums.
        let rows = text.lines().filter(|line| line.starts_with([' ', '-', '+']));
        for line in rows.skip(2) {
            assert!(line.chars().count() <= 100, "{a} {b}: {line}");
        }
    }
}

#[test]
fn a_cut_recording_is_compared_as_far_as_it_goes() {
    let folder = std::env::temp_dir().join(format!("seqtrace-diff-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let cut = folder.join("cut.seqtrace");
    let bytes = fs::read(golden().join(STUCK)).unwrap();
    for length in [bytes.len() * 3 / 4, bytes.len() - 64] {
        fs::write(&cut, &bytes[..length]).unwrap();
        let (status, text) = diff(&[STUCK, cut.to_str().unwrap()]);
        assert_eq!(status, Some(4), "{length}: {text}");
        assert!(text.lines().nth(1).unwrap().ends_with("  cut off"), "{text}");
    }
    // A head is needed.
    fs::write(&cut, &bytes[..64]).unwrap();
    assert_eq!(diff(&[STUCK, cut.to_str().unwrap()]).0, Some(6));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn one_recording_can_be_standard_input() {
    let input = File::open(golden().join(STUCK)).unwrap();
    let output = command(&["-", FIXED]).stdin(input).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.starts_with(b"--- standard input  Linux 6.12"), "{output:?}");
}
