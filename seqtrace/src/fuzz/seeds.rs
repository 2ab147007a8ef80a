//! Inputs with which fuzzing begins.

use std::{fs, path::Path};

use arrow_ipc::{reader::StreamReader, writer::StreamWriter};

use crate::kernel::{btf, kallsyms, mounts, text};

/// Folder with recordings of real traces.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
/// A function of x86-64 that calls start(), next() and show(), and returns; written for the purpose, as compilers do it.
const CODE: &[u8] = b"\xf3\x0f\x1e\xfa\x0f\x1f\x44\x00\x00\x55\x53\x48\x89\xfb\
    \x48\x8b\x43\x60\x48\x89\xdf\x48\x8b\x00\xff\xd0\x0f\x1f\x00\x48\x89\xc5\
    \x48\x8b\x43\x60\x48\x89\xdf\x48\x8b\x40\x10\xff\xd0\x0f\x1f\x00\x48\x89\xc5\
    \x48\x8b\x43\x60\x48\x89\xdf\x48\x8b\x40\x18\xff\xd0\x0f\x1f\x00\x48\x89\xc5\
    \x5b\x5d\xc3\xcc";
/// A function of arm64 that calls show() and returns.
const CODE_ARM64: &[u8] = b"\xfd\x7b\xbe\xa9\xfd\x03\x00\x91\xf3\x53\x01\xa9\xf3\x03\x00\xaa\
    \x62\x32\x40\xf9\xe0\x03\x13\xaa\x42\x0c\x40\xf9\x40\x00\x3f\xd6\
    \xf3\x53\x41\xa9\xfd\x7b\xc2\xa8\xc0\x03\x5f\xd6";
/// Number of rows of the recordings that are cut out of a longer one.
const ROWS: usize = 24;

/// Writes the seeds of a target into the folder that the variable `SEQTRACE_FUZZ_SEEDS` names, if there is one.
pub fn write(target: &str) {
    let Some(folder) = std::env::var_os("SEQTRACE_FUZZ_SEEDS") else { return };
    for (number, seed) in of(target).iter().enumerate() {
        fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("a folder");
    }
}

fn of(target: &str) -> Vec<Vec<u8>> {
    let lines =
        |text: &str| text.lines().map(|line| line.replace(' ', "\n").into_bytes()).collect();
    match target {
        "ring" => vec![ring()],
        "recording" => golden(),
        "recording_unchecked" => golden().iter().flat_map(|file| uncompressed(file)).collect(),
        "pipeline" => (2..9).map(|seed| noise(seed, 1024)).collect(),
        "growth" => (1..16).map(open_and).collect(),
        "kallsyms" => vec![kallsyms::SAMPLE.as_bytes().to_vec()],
        "btf" => vec![btf::testing::sample()],
        "mounts" => vec![mounts::SAMPLE.as_bytes().to_vec()],
        "core_sites" => vec![[&[8], CODE].concat(), [&[3], CODE_ARM64].concat()],
        "globs" => lines(
            "/proc/net/* /proc/net/tcp\n/proc/** /proc/a/b\n/sys/**/stats /sys/a/stats\n{a,b[!c-d]}? bx\n\\*x *x\n!x !x",
        ),
        "command_line" => lines(
            "attach /proc/a --format json --fields time,pos -- cat /proc/a\nrecord -o f --ring-size 8MiB --comm b*\n\
            replay f --session 3 --fail-on warn\nreport f --top 5 --ledger\ncheck /proc/a --format junit --timeout 5s\n\
            explain SQ101\nlist /proc/*\ndoctor",
        ),
        "kcore" => vec![text::sample()],
        "values" => lines("500ms\n1.5\n2m\n1e3h\n8MiB\n65536\nsessions=4,pause=50,no-core"),
        _ => Vec::new(),
    }
}

/// Returns the bytes of an open and of events of one kind (see `Bytes::event`). All values differ in each repetition.
fn open_and(kind: u8) -> Vec<u8> {
    [&[0x0f][..], &[0; 26], &[kind, 0, 0, 0], &[1; 24]].concat()
}

/// Returns a record of each kind, whose other bytes are zeros and ones.
fn ring() -> Vec<u8> {
    let mut all = Vec::new();
    for kind in 1..=18 {
        let mut record = [0_u8; 176];
        (record[0], record[14], record[16], record[24]) = (kind, kind, 1, 1);
        all.extend_from_slice(&176_u16.to_le_bytes());
        all.extend_from_slice(&record);
    }
    all
}

fn golden() -> Vec<Vec<u8>> {
    let paths =
        fs::read_dir(GOLDEN).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_recording =
        |path: &std::path::PathBuf| path.extension().is_some_and(|word| word == "seqtrace");
    paths.filter(is_recording).map(|path| fs::read(path).expect("a file")).collect()
}

/// Cuts a recording into short ones whose buffers are not compressed, so that a changed byte changes a value.
fn uncompressed(recording: &[u8]) -> Vec<Vec<u8>> {
    let reader = StreamReader::try_new(recording, None).expect("a recording");
    let schema = reader.schema();
    let mut all = Vec::new();
    for batch in reader {
        let batch = batch.expect("a batch");
        for first in (0..batch.num_rows()).step_by(ROWS).take(4) {
            let rows = batch.slice(first, ROWS.min(batch.num_rows() - first));
            let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("memory");
            writer.write(&rows).expect("memory");
            all.push(writer.into_inner().expect("memory"));
        }
    }
    all
}

/// Returns numbers of a xorshift generator, `length` bytes.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}
