use std::sync::Arc;

use expect_test::{expect, expect_file};
use proptest::prelude::*;
use serde_json::Value;

use super::super::arbitrary::story;
use super::super::testing::{BEGIN, Story, callbacks, session, symbol};
use super::super::{Format, Header, Options, Output, Ready, Renderer as _, TargetInfo, renderer};
use super::convert::Converter;
use super::{Json, keys, schema_of_object};
use crate::escape::is_deceptive;
use crate::event::{Role, Task};
use crate::session::update::UpdateKind;

fn json() -> Options {
    Options { format: Format::Json, preview: 64, ..Options::default() }
}

fn chosen(fields: &[&str]) -> Options {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    Options { fields: Some(fields), ..json() }
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Renders every kind of object once.
fn everything() -> Vec<Value> {
    let mut story = Story::new(&json());
    story.cat();
    story.oddities();
    let mut objects = objects(story.data());
    let mut out = Output::default();
    let mut sink = renderer(&json()).unwrap();
    let word = |word: &[u8]| word.to_vec();
    sink.header(
        &Header { command: vec![word(b"a"), word(b"\xff")], ..Header::default() },
        &mut out,
    );
    sink.header(&Header { command: vec![word(b"a")], ..Header::default() }, &mut out);
    let callbacks = Some(callbacks("foo", None));
    let note = Some("stop is not traceable".to_owned());
    sink.target(&TargetInfo { word: word(b"/proc/foo"), callbacks, note }, &mut out);
    sink.target(&TargetInfo { word: word(b"\xfe*"), ..TargetInfo::default() }, &mut out);
    assert!(out.status.is_empty());
    objects.extend(self::objects(str::from_utf8(&out.data).unwrap()));
    objects
}

#[test]
fn a_cat() {
    let mut story = Story::new(&json());
    story.cat();
    // The first object of each type. The schema lists all keys.
    let mut seen = std::collections::HashSet::new();
    let first: Vec<_> = story
        .data()
        .lines()
        .filter(|line| seen.insert(line.split(',').next().map(str::to_owned)))
        .map(|line| format!("{line}\n"))
        .collect();
    expect![[r#"
        {"type":"ready","v":1,"begin":"1000000000000","wall":"1970-01-01T00:16:40.000000000Z","probes":26}
        {"type":"open","v":1,"t":0,"time":"1000000000000","cpu":1,"session":"s1","read":null,"pid":4123,"tid":4123,"uid":1000,"comm":"cat","comm_bytes":null,"path":"/proc/seqbugs/eof_stuck","path_bytes":null,"path_cut":false,"ret":0,"errno":null,"opened_by":"seq_open","adopted":false,"kind":"seq","m":"0xffff888100001000","op":"0xffffffffc0002000","private":"0x0","size":0,"table":{"address":"0xffffffffc0000007","name":"eof_ops","module":"seqbugs","offset":112},"start":{"address":"0xffffffffc0000009","name":"eof_start","module":"seqbugs","offset":144},"next":{"address":"0xffffffffc0000008","name":"eof_next","module":"seqbugs","offset":128},"show":{"address":"0xffffffffc0000008","name":"eof_show","module":"seqbugs","offset":128},"stop":{"address":"0xffffffffc0000008","name":"eof_stop","module":"seqbugs","offset":128},"plain_read":null,"plain_write":null,"file":"0xffff888100002000","ino":42,"dev":"8:1"}
        {"type":"cb","v":1,"t":3800,"time":"1000000003800","cpu":1,"session":"s1","read":"s1.r1","pid":4123,"tid":4123,"role":"start","phase":"first","pass":1,"pos_in":0,"pos_out":0,"ptr_in":null,"ptr_out":"0xffff8881042a3000","ret":null,"bytes":null,"count":0,"size":4096,"full":false,"duration":212,"fate":null,"range":null,"held":null,"fixed_up":false,"private":null}
        {"type":"read","v":1,"t":19000,"time":"1000000019000","cpu":1,"session":"s1","read":"s1.r1","pid":4123,"tid":4123,"uid":1000,"comm":"cat","comm_bytes":null,"path":"/proc/seqbugs/eof_stuck","path_bytes":null,"began":1900,"pos":0,"want":131072,"traverse_from":null,"rewind":false,"via":"seq_read","ret":6,"errno":null,"bytes":6,"range":{"start":0,"end":6},"emitted":3,"discarded":0,"passed_over":0,"callbacks":8,"passes":0,"restarts":0,"leftover":0,"from_leftover":0,"duration":13400,"eof":false,"partial":null}
        {"type":"close","v":1,"t":28500,"time":"1000000028500","cpu":1,"session":"s1","read":null,"pid":4123,"tid":4123,"uid":1000,"comm":"cat","comm_bytes":null,"path":"/proc/seqbugs/eof_stuck","path_bytes":null,"by":"seq_release","reads":2,"bytes":6,"emitted":3,"discarded":0,"passed_over":0,"callbacks":10,"passes":0,"restarts":0,"writes":0,"written":0,"lifetime":1250000,"undelivered":0,"partial":[],"removed":null,"private":null,"findings":[]}
    "#]].assert_eq(&first.concat());
}

#[test]
fn what_came_out_of_a_record() {
    let fields = [
        "type", "role", "fate", "pos_in", "pos_out", "ptr_in", "ptr_out", "bytes", "range", "errno",
    ];
    let mut story = Story::new(&chosen(&fields));
    story.oddities();
    expect![[r#"
        {"type":"ready"}
        {"type":"cb","role":"start","fate":null,"pos_in":0,"pos_out":0,"ptr_in":null,"ptr_out":"0xffff8881042a3000","bytes":null,"range":null}
        {"type":"cb","role":"show","fate":"discarded_overflow","pos_in":0,"pos_out":0,"ptr_in":"0xffff8881042a3000","ptr_out":null,"bytes":4096,"range":null}
        {"type":"cb","role":"stop","fate":null,"pos_in":0,"pos_out":0,"ptr_in":"0xffff8881042a3000","ptr_out":null,"bytes":null,"range":null}
        {"type":"grow"}
        {"type":"cb","role":"start","fate":null,"pos_in":0,"pos_out":0,"ptr_in":null,"ptr_out":"TOKEN","bytes":null,"range":null}
        {"type":"cb","role":"show","fate":"empty","pos_in":0,"pos_out":0,"ptr_in":"TOKEN","ptr_out":null,"bytes":0,"range":null}
        {"type":"cb","role":"show","fate":"unknown","pos_in":1,"pos_out":1,"ptr_in":"0xffff8881042a3004","ptr_out":null,"bytes":0,"range":null}
        {"type":"cb","role":"show","fate":"emitted","pos_in":2,"pos_out":2,"ptr_in":"0xffff8881042a3008","ptr_out":null,"bytes":90,"range":{"end":90,"start":0}}
        {"type":"preview"}
        {"type":"cb","role":"show","fate":"skipped","pos_in":0,"pos_out":0,"ptr_in":"0xffff8881042a300c","ptr_out":null,"bytes":3,"range":null}
        {"type":"cb","role":"show","fate":"failed","pos_in":0,"pos_out":0,"ptr_in":"0xffff8881042a300c","ptr_out":null,"bytes":3,"range":null}
        {"type":"cb","role":"next","fate":null,"pos_in":2,"pos_out":2,"ptr_in":"0xffff8881042a3008","ptr_out":"0xffff8881042a300c","bytes":null,"range":null}
        {"type":"cb","role":"show","fate":"discarded_tail","pos_in":3,"pos_out":3,"ptr_in":"0xffff8881042a300c","ptr_out":null,"bytes":8102,"range":null}
        {"type":"cb","role":"next","fate":null,"pos_in":null,"pos_out":-7,"ptr_in":"0xffff8881042a3008","ptr_out":"ERR_PTR(-12)","bytes":null,"range":null}
        {"type":"cb","role":"stop","fate":null,"pos_in":0,"pos_out":0,"ptr_in":"ERR_PTR(-12)","ptr_out":null,"bytes":5,"range":null}
        {"type":"read","bytes":95,"range":{"end":95,"start":0},"errno":null}
        {"type":"cb","role":"start","fate":null,"pos_in":0,"pos_out":0,"ptr_in":null,"ptr_out":"0xffff8881042a3000","bytes":null,"range":null}
        {"type":"cb","role":"show","fate":"passed_over","pos_in":0,"pos_out":0,"ptr_in":"0xffff8881042a3000","ptr_out":null,"bytes":27,"range":{"end":27,"start":0}}
        {"type":"cb","role":"show","fate":"emitted","pos_in":1,"pos_out":1,"ptr_in":"0xffff8881042a3004","ptr_out":null,"bytes":27,"range":{"end":54,"start":27}}
        {"type":"grow"}
        {"type":"read","bytes":0,"range":{"end":0,"start":0},"errno":"EFAULT"}
        {"type":"lseek","errno":null}
        {"type":"lseek","errno":"EINVAL"}
        {"type":"write","bytes":6,"errno":null}
        {"type":"write","bytes":2,"errno":null}
        {"type":"write","bytes":0,"errno":"EINVAL"}
        {"type":"note","role":"show"}
        {"type":"finding"}
        {"type":"note","role":null}
        {"type":"close","bytes":0}
        {"type":"open","errno":null}
        {"type":"plain_read","bytes":12,"errno":null}
        {"type":"plain_read","bytes":0,"errno":"EIO"}
        {"type":"open","errno":null}
        {"type":"open","errno":null}
        {"type":"open","errno":"ENOMEM"}
        {"type":"open","errno":"EINVAL"}
        {"type":"close","bytes":0}
        {"type":"gap"}
        {"type":"gap"}
        {"type":"end","bytes":0}
    "#]].assert_eq(story.data());
}

#[test]
fn the_bytes_emitted_are_the_bytes_read() {
    let mut story = Story::new(&json());
    story.cat();
    let objects = objects(story.data());
    let sum = |key: &str, value: &str| -> u64 {
        objects
            .iter()
            .filter(|object| object[key] == value)
            .map(|object| object["bytes"].as_u64().unwrap())
            .sum()
    };
    assert_eq!(sum("fate", "emitted"), 6);
    assert_eq!(sum("type", "read"), 6);
    assert_eq!(sum("type", "close"), 6);
}

#[test]
fn every_object_is_what_the_schema_says() {
    let schema = schema_of_object();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut types = std::collections::BTreeSet::new();
    for object in everything() {
        let problems: Vec<_> =
            validator.iter_errors(&object).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:#?} {object}");
        types.insert(object["type"].as_str().unwrap().to_owned());
    }
    expect![
        "cb close end finding gap grow header lseek note open plain_read preview read ready target write"
    ]
    .assert_eq(&types.into_iter().collect::<Vec<_>>().join(" "));
}

#[test]
fn a_key_less_is_not_what_the_schema_says() {
    let validator = jsonschema::validator_for(&schema_of_object()).unwrap();
    for mut object in everything() {
        for key in object.as_object().unwrap().keys().cloned().collect::<Vec<_>>() {
            let value = object.as_object_mut().unwrap().remove(&key).unwrap();
            assert!(!validator.is_valid(&object), "{key} is optional in {object}");
            object.as_object_mut().unwrap().insert(key, value);
        }
    }
}

/// The format is a promise: a change here must only add keys.
#[test]
fn the_schema_is_the_published_one() {
    let schema = serde_json::to_string_pretty(&schema_of_object()).unwrap() + "\n";
    expect_file!["schema.json"].assert_eq(&schema);
}

#[test]
fn the_schema_names_all_keys() {
    let keys = keys(&schema_of_object());
    for object in everything() {
        for key in object.as_object().unwrap().keys() {
            assert!(keys.contains(key), "{key}");
        }
    }
}

#[test]
fn fields_are_chosen_in_order() {
    let mut story = Story::new(&chosen(&["bytes", "session", "type"]));
    story.cat();
    assert_eq!(story.data().lines().nth(3), Some(r#"{"bytes":2,"session":"s1","type":"cb"}"#));
    // What has none of the fields is left out.
    let mut story = Story::new(&chosen(&["want"]));
    story.cat();
    assert_eq!(story.data(), "{\"want\":131072}\n{\"want\":131072}\n");
    let error = renderer(&chosen(&["type", "by\x1btes"])).err().unwrap().to_string();
    assert!(error.starts_with("no field `by\\x1btes` in this format; it has: adopted, backend, "));
}

proptest! {
    #[test]
    fn a_line_is_a_line_and_nothing_is_lost(
        name in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..24),
            any::<String>().prop_map(String::into_bytes),
        ],
        ascii: bool,
        pos: i64,
    ) {
        let mut story = Story::new(&Options { ascii, ..json() });
        story.session = Some(Arc::new(session(1, &name)));
        story.task = Some(Arc::new(Task { comm: name.clone(), ..Task::default() }));
        story.emit(UpdateKind::Open);
        story.read(1, pos, 5);
        story.emit(UpdateKind::Preview { bytes: name.clone() });
        story.read_end(pos, |_| ());
        let lossy = String::from_utf8_lossy(&name).into_owned();
        story.emit(UpdateKind::Blind {
            function: symbol(&lossy, Some(&lossy)),
            role: Role::Show,
            reason: lossy.clone(),
        });
        story.emit(UpdateKind::Disagreement { expected: lossy.clone(), observed: lossy });
        let text = story.data();
        prop_assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || is_deceptive(c))));
        prop_assert!(!ascii || text.is_ascii());
        let objects = objects(text);
        prop_assert_eq!(objects.len(), 6);
        let original = |object: &Value, key: &str| match &object[format!("{key}_bytes")] {
            Value::String(hex) => (0..hex.len() / 2)
                .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
                .collect(),
            _ => object[key].as_str().unwrap().as_bytes().to_vec(),
        };
        prop_assert_eq!(&original(&objects[1], "path"), &name);
        prop_assert_eq!(&original(&objects[1], "comm"), &name);
        let shown = original(&objects[2], "text");
        prop_assert_eq!(&shown, &name[..name.len().min(64)]);
        prop_assert_eq!(objects[3]["pos"].as_i64(), Some(pos));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_callback_is_written_as_its_object_says(updates in story()) {
        let ready = Ready { begin: BEGIN, probes: 26 };
        let mut sink = Json::new(&json()).unwrap();
        sink.ready(&ready, &mut Output::default());
        for update in updates {
            let mut out = Output::default();
            sink.update(&update, &mut out);
            let converter = Converter { begin: BEGIN, preview: 0, update: &update, call: None };
            let mut expected = Vec::new();
            sink.write(&converter.object().unwrap(), &mut expected);
            prop_assert_eq!(str::from_utf8(&out.data), str::from_utf8(&expected));
        }
    }
}

#[test]
fn times_before_the_beginning_are_negative() {
    let mut sink = renderer(&json()).unwrap();
    let mut out = Output::default();
    sink.ready(&Ready { begin: 10, probes: 0 }, &mut out);
    let update = crate::session::update::Update {
        time: 3,
        cpu: 0,
        session: None,
        read: None,
        task: None,
        what: UpdateKind::Gap { lost: 1, sessions: Vec::new() },
    };
    sink.update(&update, &mut out);
    let gap = objects(str::from_utf8(&out.data).unwrap()).pop().unwrap();
    assert_eq!((gap["t"].as_i64(), gap["time"].as_str()), (Some(-7), Some("3")));
}
