//! Tests of `json-check` with a trace of one session.

use serde_json::json;

use super::readers::compare;
use super::*;

fn read(objects: &[Value], problems: &mut Problems) -> BTreeMap<String, Session> {
    let mut trace = Trace::default();
    for object in objects {
        trace.add(object, problems);
    }
    trace.finish(problems);
    trace.sessions
}

fn problems(objects: &[Value]) -> Vec<String> {
    let mut problems = Problems::default();
    for session in read(objects, &mut problems).values_mut() {
        session.check(0, false, &mut problems);
    }
    problems.0.into_values().flatten().collect()
}

fn trace() -> Vec<Value> {
    let cb = |t: i64, role: &str, given: Value, returned: Value, rest: Value| {
        let mut object = json!({"type": "cb", "v": 1, "session": "s1", "t": t, "role": role,
            "ptr_in": given, "ptr_out": returned});
        if let (Some(object), Some(rest)) = (object.as_object_mut(), rest.as_object()) {
            object.extend(rest.clone());
        }
        object
    };
    let emitted = json!({"bytes": 2, "fate": "emitted", "range": {"start": 0, "end": 2}});
    vec![
        json!({"type": "open", "v": 1, "session": "s1", "tid": 7, "ino": 9, "kind": "seq", "ret": 0}),
        cb(1, "start", Value::Null, json!("0x1"), json!({})),
        cb(2, "show", json!("0x1"), Value::Null, emitted),
        cb(3, "next", json!("0x1"), json!("NULL"), json!({})),
        cb(4, "stop", json!("NULL"), Value::Null, json!({})),
        json!({"type": "read", "v": 1, "session": "s1", "tid": 7, "t": 5, "pos": 0, "want": 10, "ret": 2,
            "range": {"start": 0, "end": 2}}),
        json!({"type": "close", "v": 1, "session": "s1", "bytes": 2, "passed_over": 0,
            "undelivered": 0, "partial": []}),
        json!({"type": "end", "v": 1, "lost": 0, "missed": 0}),
    ]
}

#[test]
fn a_consistent_trace_has_no_problems() {
    assert_eq!(problems(&trace()), Vec::<String>::new());
}

#[test]
fn each_object_is_needed() {
    for number in 0..trace().len() {
        let mut objects = trace();
        objects.remove(number);
        assert!(!problems(&objects).is_empty(), "without object {number}");
    }
}

#[test]
fn readers_are_found_by_thread_file_and_reads() {
    let mut problems = Problems::default();
    let sessions = read(&trace(), &mut problems);
    let open = |ret: i64| {
        json!({"tid": 7, "ino": 9, "path": "x",
            "calls": [{"call": "read", "pos": 0, "want": 10, "ret": ret}]})
    };
    compare(&sessions, &[open(2)], false, &mut problems);
    assert!(problems.0.is_empty());
    compare(&sessions, &[open(3)], false, &mut problems);
    compare(&sessions, &[open(2), open(2)], false, &mut problems);
    assert_eq!(problems.0.get("x").map(Vec::len), Some(2));
}

#[test]
fn reads_of_several_threads_match_in_any_order() {
    let mut objects = trace();
    let mut second = objects[5].clone();
    second["tid"] = json!(8);
    second["ret"] = json!(0);
    objects.insert(6, second);
    let mut problems = Problems::default();
    let sessions = read(&objects, &mut problems);
    let call = |tid: i64, ret: i64| json!({"tid": tid, "pos": null, "want": 10, "ret": ret});
    let open = |unordered: bool, calls: [Value; 2]| {
        json!({"tid": 7, "ino": 9, "path": "x",
            "unordered": unordered, "calls": calls})
    };
    compare(&sessions, &[open(true, [call(8, 0), call(7, 2)])], false, &mut problems);
    compare(&sessions, &[open(false, [call(7, 2), call(8, 0)])], false, &mut problems);
    assert!(problems.0.is_empty());
    compare(&sessions, &[open(false, [call(8, 0), call(7, 2)])], false, &mut problems);
    compare(&sessions, &[open(true, [call(7, 0), call(8, 2)])], false, &mut problems);
    assert_eq!(problems.0.get("x").map(Vec::len), Some(2));
}

#[test]
fn a_read_is_explained_by_its_own_callbacks() {
    let mut objects = trace();
    objects[2]["read"] = json!("s1.r1");
    objects[5]["read"] = json!("s1.r1");
    assert_eq!(problems(&objects), Vec::<String>::new());
    objects[2]["read"] = json!("s1.r2");
    assert_eq!(problems(&objects).len(), 1);
    objects[5]["from_leftover"] = json!(2);
    assert_eq!(problems(&objects), Vec::<String>::new());
}
