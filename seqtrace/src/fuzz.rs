//! Entry points of the fuzz targets in fuzz/: for each parser of foreign bytes a function that panics if an invariant is
//! broken.

mod bytes;
mod growth;
mod seeds;

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::FileExt as _},
    sync::Arc,
};

use nix::sys::memfd::{MFdFlags, memfd_create};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use seqtrace_export::{perfetto::Perfetto, tables::Tables};
use seqtrace_model::testing::simulator::reader::plans;

use self::bytes::Bytes;

use crate::{
    check::{
        recorded::ReportCollector,
        report::{self as verdicts, ReportWriter},
    },
    cli::{Cli, values},
    escape,
    event::Event,
    filter::{
        Selection, Target,
        glob::{Glob, quote, unescaped},
    },
    kernel::{
        btf::Btf,
        kallsyms::Kallsyms,
        machine::Machine,
        mounts::{File, Mounts},
        openers,
        sites::{self, Layout, Outside, Part},
        text::Kcore,
    },
    pipeline::{Pipeline, Until},
    probe::decode::Decoder,
    recording::{self, Played, ReadError, Reader, testing::live},
    render::{self, Format, Options, Screen, report},
};

pub use growth::growth;
pub use seeds::write as seeds;

/// Decodes, follows and renders records of the ring. Each is preceded by its length in two bytes.
pub fn ring(data: &[u8]) {
    let (mut decoder, mut pipeline) = (Decoder::default(), pipeline_of_all());
    let mut screen = screen(Format::Timeline);
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length));
        let (record, tail) = tail.split_at(length.min(tail.len()));
        // An error is counted; the decoder goes on.
        let _ = decoder.decode(record, |event| {
            pipeline.feed(event, &mut screen);
        });
        rest = tail;
    }
    decoder.finish(&[3, 1 << 32], &[], u64::MAX, |event| {
        pipeline.feed(event, &mut screen);
    });
    pipeline.finish(u64::MAX, 1, &mut screen);
    assert_printable(&screen.output.data);
    assert_printable(&screen.output.status);
}

/// Replays a file that may be a recording in all formats.
pub fn recording(data: &[u8]) {
    replay_in_all_formats(data, true);
}

/// Like `recording()`, but does not compare checksums, so that changed batches reach the code behind the comparison.
pub fn recording_unchecked(data: &[u8]) {
    replay_in_all_formats(data, false);
}

fn replay_in_all_formats(data: &[u8], checksums: bool) {
    for format in [Format::Timeline, Format::Compact, Format::Json] {
        let Some((screen, _)) = replay(data, checksums, screen(format)) else { return };
        assert_data(format, &screen.output.data);
        assert_printable(&screen.output.status);
    }
    let options = report::Options { ledger: true, ..report::Options::default() };
    if let Some((screen, _)) =
        replay(data, checksums, Screen::new(Box::new(report::Report::new(options))))
    {
        assert_printable(&screen.output.data);
    }
    if let Some((trace, _)) = replay(data, checksums, Perfetto::new(i64::MAX, Some(u64::MAX))) {
        trace.finish(true, &mut io::sink()).expect("a sink can be written");
    }
    let tables = Tables::begin(|_| io::Result::Ok(io::sink()), i64::MAX);
    if let Some((tables, _)) = replay(data, checksums, tables.expect("a sink can be written")) {
        tables.finish(true).expect("a sink can be written");
    }
    if let Some((collector, Ok(played))) = replay(data, checksums, ReportCollector::default()) {
        judge(collector, &played);
    }
}

/// Replays a recording. Returns `None` if it has no readable head.
fn replay<S: seqtrace_model::trace::Sink>(
    data: &[u8],
    checksums: bool,
    mut sink: S,
) -> Option<(S, Result<Played, ReadError>)> {
    let mut reader = Reader::open(data).ok()?;
    if !checksums {
        reader.ignore_checksums();
    }
    let played = recording::play(&mut reader, &mut pipeline_of_all(), &mut sink, |_| {
        Ok::<_, ReadError>(true)
    });
    Some((sink, played))
}

/// Reports on the files of a recording in all formats of `check`.
fn judge(collector: ReportCollector, played: &Played) {
    use verdicts::Format::{Github, Json, Junit, Ktap, Text};
    let reports = collector.reports(played);
    for format in [Text, Json, Ktap, Junit, Github] {
        let mut out = Vec::new();
        let options = verdicts::Options { format, verbose: true, ..Default::default() };
        let mut writer = ReportWriter::new(options);
        writer.begin(reports.len() as u64, &mut out);
        for report in &reports {
            writer.report(report, &mut out);
        }
        writer.end(&mut out);
        assert_data(if format == Json { Format::Json } else { Format::Timeline }, &out);
    }
}

/// Traces, records and replays events of simulated readers with arbitrary events among them, in one format.
pub fn pipeline(data: &[u8]) {
    let mut bytes = Bytes(data);
    let setting = draw(&live::setting(), bytes.byte());
    let plans = (0..bytes.byte() % 4).map(|_| draw(&plans(), bytes.byte())).collect();
    let mut events: Vec<Event> = live::sessions(plans);
    while !bytes.0.is_empty() && events.len() < 2000 {
        let (near, index) = (bytes.flag(), bytes.number());
        let mut event = bytes.event();
        let index = usize::try_from(index % (events.len() as u64 + 1)).unwrap_or_default();
        if let Some(next) = events.get(index).filter(|_| near) {
            event.time = next.time;
        }
        events.insert(index, event);
    }
    let (shown, recorded) = live::live(&setting, &events);
    assert_data(setting.format, &shown.data);
    assert_printable(&shown.status);
    let (replayed, played) = live::replay(&setting, &recorded);
    assert!(played.is_ok(), "{played:?}");
    assert_eq!(String::from_utf8(replayed.data), String::from_utf8(shown.data));
    assert_eq!(String::from_utf8(replayed.status), String::from_utf8(shown.status));
    replay_in_all_formats(&recorded, true);
}

/// Draws one of 256 values of a generator of the tests.
fn draw<S: Strategy>(strategy: &S, seed: u8) -> S::Value {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let config = Config { failure_persistence: None, ..Config::default() };
    let tree = strategy.new_tree(&mut TestRunner::new_with_rng(config, rng));
    tree.expect("generators reject nothing").current()
}

/// Parses a text of /proc/kallsyms, also as that of /proc/modules.
pub fn kallsyms(data: &[u8]) {
    let Ok(mut table) = Kallsyms::parse(data) else { return };
    table.learn_bases(&String::from_utf8_lossy(data));
    let lines = || data.split(|byte| *byte == b'\n').take(64);
    for word in lines().filter_map(|line| line.split(|byte| *byte == b' ').next()) {
        let digits = str::from_utf8(word).unwrap_or_default();
        let Ok(address) = u64::from_str_radix(digits, 16) else { continue };
        let symbol = table.function(address);
        if let Some(name) = symbol.name.filter(|name| &**name != "?") {
            assert!(table.by_name(&name).any(|entry| entry.address == address), "{name}");
            let found =
                table.lookup(address).map(|found| (found.symbol.name == &*name, found.offset));
            assert_eq!(found, Some((true, 0)), "{name}");
        }
        assert_ne!(table.size_at(address), Some(0));
    }
    for entry in table.variants("traverse").into_iter().filter(|entry| entry.name != "?") {
        assert!(entry.name.starts_with("traverse"), "{}", entry.name);
    }
    let symbols = table.len();
    let half = data.len() / 2;
    let line = half + data[half..].iter().position(|byte| *byte == b'\n').unwrap_or_default();
    if let Ok(older) = Kallsyms::parse(&data[line..]) {
        assert_eq!(table.merge(&older).len(), symbols, "all of its modules are loaded");
        if let Ok(newer) = Kallsyms::parse(&data[..line]) {
            let expected = newer.len() + older.len();
            assert!(newer.merge(&older).len() <= expected);
        }
    }
}

/// Parses a file that may be the BTF of a kernel.
pub fn btf(data: &[u8]) {
    let Ok(btf) = Btf::parse(data.to_vec(), "1.2.3".to_owned()) else { return };
    let _ = btf.offsets();
    let names = ["seq_read_iter", "seq_open", ""];
    let functions = Btf::parse(btf.of_functions(&names), String::new()).expect("BTF");
    for name in names {
        assert_eq!(
            btf.function(name).filter(|_| !name.is_empty()),
            functions.function(name).filter(|_| !name.is_empty())
        );
        let _ = btf.structure(name);
    }
}

/// Parses a text of /proc/self/mountinfo, and resolves paths taken from it.
pub fn mounts(data: &[u8]) {
    let mounts = Mounts::parse(data);
    for line in data.split(|byte| *byte == b'\n').take(16) {
        for path in line.split(|byte| *byte == b' ').filter(|word| word.starts_with(b"/")) {
            let names: Vec<Vec<u8>> =
                path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
            for dev in [21, 0xfe0_0001, u32::MAX] {
                let file = File {
                    dev,
                    magic: 0x9fa0,
                    names: &names,
                    cut: data.len().is_multiple_of(7),
                    pid: 7,
                };
                assert!(!mounts.path(&file).is_empty());
                if let Some(canonical) = mounts.canonical(path, dev) {
                    assert!(mounts.knows(dev) && !canonical.is_empty());
                }
            }
        }
    }
}

/// Offset of each byte of code from the beginning of the kernel in [`core_sites`].
const BASE: u64 = 0xffff_ffff_8120_0000;

/// Analyses the code of a function and of its cold part. The first byte is the number of 16-byte units of the former.
pub fn core_sites(data: &[u8]) {
    const LAYOUT: Layout = Layout { op: 0x60, start: 0, stop: 8, next: 0x10, show: 0x18 };
    let Some((units, code)) = data.split_first() else { return };
    let (main, cold) = code.split_at(code.len().min(usize::from(*units) * 16));
    let part = |name: &str, address, text: &[u8]| Part {
        name: Arc::from(name),
        address,
        text: text.to_vec(),
    };
    let parts = [part("f", BASE, main), part("f.cold", BASE - 0x10_0000, cold)];
    let outside = |address: u64| match address >> 20 & 3 {
        0 => Outside::Function,
        1 => Outside::Thunk(usize::try_from(address >> 5 & 15).unwrap_or_default()),
        _ => Outside::Unknown,
    };
    for machine in [Machine::X86_64, Machine::Arm64] {
        openers::calls_any(machine, main, BASE, &[BASE]);
        let found = sites::analyse(machine, &parts, &LAYOUT, &outside);
        for site in found.iter().flat_map(|found| &found.sites) {
            let part = parts.iter().find(|part| part.address == site.function_address);
            let size = part.expect("a part").text.len() as u64;
            let (call, after) = (site.offset_of_call, site.offset_after_call);
            assert!(call < after && after <= size, "{site}");
        }
    }
}

/// Compares a pattern with a text, which follows it after a newline.
pub fn globs(data: &[u8]) {
    let (pattern, subject) = halves(data);
    for glob in
        [Glob::path(pattern), Glob::comm(pattern), Glob::module(pattern)].into_iter().flatten()
    {
        let matches = glob.matches(subject);
        if glob.is_literal() && glob.text() == subject && !subject.starts_with(b"!") {
            assert!(matches || subject.contains(&b'/'), "{glob}");
        }
        glob.split();
        assert_printable(glob.to_string().as_bytes());
    }
    let quoted = quote(subject);
    assert_eq!(unescaped(&quoted).as_deref(), Some(subject));
    assert!(
        Glob::path(quoted).is_ok_and(|glob| glob.matches(subject)),
        "{}",
        subject.escape_ascii()
    );
    match Target::parse(pattern, b"/proc") {
        Ok(target) => assert_printable(target.to_string().as_bytes()),
        Err(error) => assert_printable(error.to_string().as_bytes()),
    }
    assert_printable(escape::text(data, true).to_string().as_bytes());
}

/// Parses the value of an option of the command line.
pub fn values(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let _ = (values::duration(text), values::size(text), text.parse::<crate::faults::Faults>());
    if let Ok(size) = values::ring_size(text) {
        assert!(size.is_power_of_two() && size >= 4096, "{size}");
    }
}

/// Parses the words of a command line, one a line.
pub fn command_line(data: &[u8]) {
    let words = data.split(|byte| *byte == b'\n').map(|word| OsStr::from_bytes(word).to_owned());
    let words: Vec<OsString> = [OsString::from("seqtrace")].into_iter().chain(words).collect();
    if let Err(error) = Cli::parse_words(&words) {
        assert_printable(error.to_string().as_bytes());
    }
}

/// Reads memory from a file that may be /proc/kcore, at the addresses that are words of the file.
pub fn kcore(data: &[u8]) {
    let file = memfd_create(c"kcore", MFdFlags::empty()).expect("a file in memory");
    let file = fs::File::from(file);
    file.write_all_at(data, 0).expect("memory");
    let Ok(kcore) = Kcore::of_file(file) else { return };
    for word in data.chunks_exact(8).take(64) {
        let address = u64::from_ne_bytes(word.try_into().expect("8 bytes"));
        if let Ok(bytes) = kcore.read(address, 64) {
            assert!(bytes.len() <= 64 && !bytes.is_empty(), "{address:#x}");
        }
    }
}

fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let middle = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (&data[..middle], data.get(middle + 1..).unwrap_or_default())
}

fn pipeline_of_all() -> Pipeline {
    Pipeline::new(Selection::default(), Until::default())
}

fn screen(format: Format) -> Screen {
    let options = Options { format, preview: 16, verbose: true, ..Options::default() };
    Screen::new(render::renderer(&options).expect("the default fields"))
}

/// Asserts that each line of JSON is an object, and that other data is printable.
fn assert_data(format: Format, data: &[u8]) {
    assert_printable(data);
    if format == Format::Json {
        for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let value = serde_json::from_slice::<serde_json::Value>(line);
            assert!(value.as_ref().is_ok_and(serde_json::Value::is_object), "{value:?}");
        }
    }
}

/// Asserts that text has no character that a terminal would interpret.
fn assert_printable(data: &[u8]) {
    let text = str::from_utf8(data).expect("UTF-8");
    let raw = |c: char| (c.is_control() && c != '\n') || escape::is_deceptive(c);
    assert!(!text.contains(raw), "{}", text.escape_debug());
}
