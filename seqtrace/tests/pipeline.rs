//! A whole trace as a user sees it, from events to text. The file's next() does not advance at the end: cat does not show
//! it, a pread at the end of the file does.

#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]

use expect_test::expect;
use seqtrace::{
    event::Wrapper,
    filter::Selection,
    pipeline::{Pipeline, Until, Wanted},
    render::{Format, Options, Screen, renderer},
    rules::{Severity, Verdict},
    session::update::Summary,
};
use seqtrace_model::testing::{
    files::{Memory, Shared, seqbug},
    machine::{Fd, World},
};

fn three_letters(world: &mut World) -> Fd {
    let mut file = seqbug("eof_stuck", Memory::Image, &Shared::default()).expect("a seqbug");
    file.show = Box::new(|v, m| {
        m.put(&format!("{}\n", Memory::Image.nr(v)));
        0
    });
    Fd::open(world, 1, file, Wrapper::SeqOpen)
}

fn cat_and_pread() -> World {
    let mut world = World::default();
    let mut cat = three_letters(&mut world);
    cat.drain(&mut world, 131_072, 9);
    cat.release(&mut world, Wrapper::SeqRelease);
    let mut py = three_letters(&mut world);
    assert_eq!(py.pread(&mut world, 6, 131_072), Ok(b"2\n".to_vec()));
    py.release(&mut world, Wrapper::SeqRelease);
    world
}

fn pipeline(until: Until) -> Pipeline {
    Pipeline::new(Selection::default(), until)
}

/// Returns data and status of a trace, and its summary.
fn run(world: &World, mut pipeline: Pipeline, options: &Options) -> (String, String, Summary) {
    let mut screen = Screen::new(renderer(options).expect("known fields"));
    for event in &world.events {
        pipeline.feed(event, &mut screen);
        if pipeline.is_done() {
            break;
        }
    }
    let summary = pipeline.finish(1_000_000, 0, &mut screen);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&screen.output.data), text(&screen.output.status), summary)
}

fn event_only() -> Options {
    let fields = ["session", "event"].map(str::to_owned).to_vec();
    Options { fields: Some(fields), ..Options::default() }
}

#[test]
fn cat_hides_it_and_pread_shows_it() {
    let (data, status, summary) = run(&cat_and_pread(), pipeline(Until::default()), &event_only());
    expect![[r#"
        s1       OPEN  /proc/foo   seq_open  show fn_300
                       start fn_101  next fn_200  show fn_300  stop fn_400
        s1.r1    ┌─ READ  off 0  want 131072
        s1.r1    │  start pos 0                         → ffffffffc0a00000         1.0µs
        s1.r1    │  show  pos 0        ffffffffc0a00000   +2 B     buf 2/4096      1.0µs  emitted 0..2
        s1.r1    │  next  pos 0→1      ffffffffc0a00000 → ffffffffc0a00040         1.0µs
        s1.r1    │  show  pos 1        ffffffffc0a00040   +2 B     buf 4/4096      1.0µs  emitted 2..4
        s1.r1    │  next  pos 1→2      ffffffffc0a00040 → ffffffffc0a00080         1.0µs
        s1.r1    │  show  pos 2        ffffffffc0a00080   +2 B     buf 6/4096      1.0µs  emitted 4..6
        s1.r1    │  next  pos 2→2      ffffffffc0a00080 → NULL                     1.0µs  did not advance: the core adds 1  ✗✗ SQ102
                 ✗✗ SQ102 next did not advance at the end: next() returned NULL and left *pos at 2; the core adds the 1 while it fills its buffer, a traversal (pread, lseek) does not
                    in fn_200   seqtrace explain SQ102
        s1.r1    │  stop  pos 3        NULL                                        1.0µs  held 8.0µs
        s1.r1    └─ = 6 B  3 records emitted, 0 discarded                         10.0µs  end of file
        s1.r2    ┌─ READ  off 6  want 131072
        s1.r2    │  start pos 3                         → NULL                     1.0µs
        s1.r2    │  stop  pos 3        NULL                                        1.0µs  held 2.0µs
        s1.r2    └─ = 0 B  0 records emitted, 0 discarded                          4.0µs  end of file
        s1       CLOSE seq_release  2 reads  6 B  3 records emitted, 0 discarded  open 17.0µs
        s2       OPEN  /proc/foo   seq_open  show fn_300
        s2.r1    ┌─ READ  off 6  want 131072  position unknown: traverse 0..6  (the core is at 0)
        s2.r1    │┄ start pos 0                         → ffffffffc0a00000         1.0µs
        s2.r1    │┄ show  pos 0        ffffffffc0a00000   +2 B     buf 2/4096      1.0µs  passed over 0..2
        s2.r1    │┄ next  pos 0→1      ffffffffc0a00000 → ffffffffc0a00040         1.0µs
        s2.r1    │┄ show  pos 1        ffffffffc0a00040   +2 B     buf 2/4096      1.0µs  passed over 2..4
        s2.r1    │┄ next  pos 1→2      ffffffffc0a00040 → ffffffffc0a00080         1.0µs
        s2.r1    │┄ show  pos 2        ffffffffc0a00080   +2 B     buf 2/4096      1.0µs  passed over 4..6
        s2.r1    │┄ next  pos 2→2      ffffffffc0a00080 → NULL                     1.0µs  ✗✗ SQ102
                 ✗✗ SQ102 next did not advance at the end: next() returned NULL and left *pos at 2, in a traversal: the core does not add the 1 there
                    in fn_200   seqtrace explain SQ102
        s2.r1    │┄ stop  pos 2        NULL                                        1.0µs  held 8.0µs
        s2.r1    │  start pos 2                         → ffffffffc0a00080         1.0µs
        s2.r1    │  show  pos 2        ffffffffc0a00080   +2 B     buf 2/4096      1.0µs  emitted 6..8
        s2.r1    │  next  pos 2→2      ffffffffc0a00080 → NULL                     1.0µs  did not advance: the core adds 1
        s2.r1    │  stop  pos 3        NULL                                        1.0µs  held 4.0µs
        s2.r1    └─ = 2 B  1 record emitted, 0 discarded, 3 passed over           15.0µs  end of file  ✗✗ SQ201
                 ✗✗ SQ201 double emit: pos 2 (ffffffffc0a00080) passed over as bytes 4..6, emitted again as 6..8
                    cause SQ102 fn_200   seqtrace explain SQ201
        s2       CLOSE seq_release  1 read  2 B  1 record emitted, 0 discarded, 3 passed over  open 17.0µs
    "#]].assert_eq(&data);
    expect![[r#"
        2 sessions  3 reads  8 B  4 records emitted  0 discarded  3 passed over  22 callbacks   lost 0  missed 0  partial 0
        findings: ✗✗ SQ102 next did not advance at the end 2 (×3)   ✗✗ SQ201 double emit 1
    "#]].assert_eq(&status);
    let verdict = Verdict::of(&summary);
    assert_eq!(verdict, Verdict::Findings { worst: Severity::Error, inconclusive: false });
}

#[test]
fn only_findings_in_ascii() {
    let mut pipeline = pipeline(Until::default());
    pipeline.only_findings();
    let (data, ..) = run(&cat_and_pread(), pipeline, &Options { ascii: true, ..event_only() });
    let data = format!("findings\n{data}");
    expect![[r#"
        findings
                 xx SQ102 next did not advance at the end: next() returned NULL and left *pos at 2; the core adds the 1 while it fills its buffer, a traversal (pread, lseek) does not
                    in fn_200   seqtrace explain SQ102
                 xx SQ102 next did not advance at the end: next() returned NULL and left *pos at 2, in a traversal: the core does not add the 1 there
                    in fn_200   seqtrace explain SQ102
                 xx SQ201 double emit: pos 2 (ffffffffc0a00080) passed over as bytes 4..6, emitted again as 6..8
                    cause SQ102 fn_200   seqtrace explain SQ201
    "#]].assert_eq(&data);
}

#[test]
fn compact_and_json() {
    let options = Options { format: Format::Compact, ..event_only() };
    let (data, ..) = run(&cat_and_pread(), pipeline(Until::default()), &options);
    expect![[r#"
        s1       open  seq_open  show fn_300
        s1.r1    ✗✗ SQ102 next did not advance at the end: next() returned NULL and left *pos at 2; the core adds the 1 while it fills its buffer, a traversal (pread, lseek) does not   in fn_200   seqtrace explain SQ102
        s1.r1    read 0+131072 = 6 B  start 0 → show×3 next×3 stuck×1 (eof) stop  3 emitted 0 discarded  10.0µs
        s1.r2    read 6+131072 = 0 B  start 3 (eof) stop  4.0µs
        s1       close seq_release  2 reads  6 B  3 records emitted, 0 discarded  open 17.0µs
        s2       open  seq_open  show fn_300
        s2.r1    ✗✗ SQ102 next did not advance at the end: next() returned NULL and left *pos at 2, in a traversal: the core does not add the 1 there   in fn_200   seqtrace explain SQ102
        s2.r1    read 6+131072 = 2 B  traverse start 0 → show×3 next×3 (eof) stop  start 2 → show×1 next×1 stuck×1 (eof) stop  1 emitted 0 discarded 3 passed over  15.0µs
        s2.r1    ✗✗ SQ201 double emit: pos 2 (ffffffffc0a00080) passed over as bytes 4..6, emitted again as 6..8   cause SQ102 fn_200   seqtrace explain SQ201
        s2       close seq_release  1 read  2 B  1 record emitted, 0 discarded, 3 passed over  open 17.0µs
    "#]].assert_eq(&data);
    let options = Options { format: Format::Json, ..Options::default() };
    let (data, ..) = run(&cat_and_pread(), pipeline(Until::default()), &options);
    let last = data.lines().filter(|line| line.contains(r#""id":"SQ201""#)).collect::<Vec<_>>();
    expect![[r#"
        {"type":"finding","v":1,"t":34000,"time":"35000","cpu":0,"session":"s2","read":"s2.r1","pid":1,"tid":1,"uid":0,"comm":"cat","comm_bytes":null,"path":"/proc/foo","path_bytes":null,"id":"SQ201","name":"double emit","severity":"error","blame":{"role":"next","function":{"address":"0x200","name":"fn_200","module":null,"offset":null}},"message":"pos 2 (ffffffffc0a00080) passed over as bytes 4..6, emitted again as 6..8","cause":{"id":"SQ102","blame":{"role":"next","function":{"address":"0x200","name":"fn_200","module":null,"offset":null}}},"times":1,"evidence":[{"label":"first","pos":null,"ptr":null,"range":{"start":4,"end":6},"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"first","pos":2,"ptr":null,"range":null,"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"first","pos":null,"ptr":"0xffffffffc0a00080","range":null,"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"again","pos":null,"ptr":null,"range":{"start":6,"end":8},"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"again","pos":2,"ptr":null,"range":null,"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"again","pos":null,"ptr":"0xffffffffc0a00080","range":null,"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"again","pos":null,"ptr":null,"range":null,"time":"32000","read":1,"count":null,"delta":null,"errno":null,"witnesses":null},{"label":"agree","pos":null,"ptr":null,"range":null,"time":null,"read":null,"count":null,"delta":null,"errno":null,"witnesses":["position","pointer","length"]}]}
        {"type":"close","v":1,"t":35000,"time":"36000","cpu":0,"session":"s2","read":null,"pid":1,"tid":1,"uid":0,"comm":"cat","comm_bytes":null,"path":"/proc/foo","path_bytes":null,"by":"seq_release","reads":1,"bytes":2,"emitted":1,"discarded":0,"passed_over":3,"callbacks":12,"passes":2,"restarts":0,"writes":0,"written":0,"lifetime":17000,"undelivered":0,"partial":[],"removed":false,"private":"0x0","findings":[{"id":"SQ102","name":"next did not advance at the end","severity":"error","sessions":1,"times":2},{"id":"SQ201","name":"double emit","severity":"error","sessions":1,"times":1}]}
        {"type":"end","v":1,"sessions":2,"reads":3,"bytes":8,"emitted":4,"discarded":0,"passed_over":3,"callbacks":22,"passes":4,"restarts":0,"writes":0,"written":0,"lost":0,"missed":0,"partial":0,"findings":[{"id":"SQ102","name":"next did not advance at the end","severity":"error","sessions":2,"times":3},{"id":"SQ201","name":"double emit","severity":"error","sessions":1,"times":1}]}"#]].assert_eq(&last.join("\n"));
}

#[test]
fn a_trace_ends_at_a_finding() {
    let until = Until { finding: Some(Wanted::Rule("SQ201".parse().unwrap())), ..Until::default() };
    let (data, ..) = run(&cat_and_pread(), pipeline(until), &event_only());
    assert!(data.contains("SQ201") && !data.contains("s2       CLOSE seq_release"), "{data}");
    let until = Until { finding: Some(Wanted::Any), ..Until::default() };
    let (data, ..) = run(&cat_and_pread(), pipeline(until), &event_only());
    assert!(data.contains("SQ102") && !data.contains("SQ201"), "{data}");
}

#[test]
fn missed_probes_are_reported_at_the_end() {
    for (missed, reported) in [(0, false), (3, true)] {
        let mut screen = Screen::new(renderer(&Options::default()).unwrap());
        pipeline(Until::default()).finish(1, missed, &mut screen);
        let status = String::from_utf8(screen.output.status).unwrap();
        assert_eq!(status.contains("SQ902 probe missed"), reported, "{status}");
    }
}
