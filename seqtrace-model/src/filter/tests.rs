use proptest::prelude::*;

use super::*;
use crate::event::{FileKind, OpTable, Task, Wrapper};
use crate::session::update::SessionId;

fn session(path: &str) -> Session {
    let symbol = |name: &str, module: Option<&str>| Symbol {
        address: 1,
        name: Some(name.into()),
        module: module.map(Into::into),
        offset: None,
    };
    Session {
        id: SessionId(1),
        path: path.as_bytes().to_vec(),
        path_cut: false,
        opener: Task { pid: 123, tid: 124, uid: 1000, comm: b"cat".to_vec() },
        opened_by: Wrapper::SingleOpen,
        adopted: false,
        kind: FileKind::Seq {
            m: 1,
            op: 2,
            table: OpTable::default(),
            private: 0,
            size: 0,
            inner: 0,
        },
        handlers: None,
        callbacks: Some(Callbacks {
            table: None,
            start: symbol("single_start", None),
            next: symbol("single_next", None),
            show: symbol("foo_show.constprop.0", Some("foo_bar")),
            stop: symbol("single_stop", None),
        }),
        file: 3,
        ino: 4,
        dev: 5,
    }
}

fn target(word: &str) -> Target {
    Target::parse(word.as_bytes(), b"/proc/net").unwrap()
}

fn only<T>(values: Vec<T>) -> Rule<T> {
    Rule { only: values, not: Vec::new() }
}

fn not<T>(values: Vec<T>) -> Rule<T> {
    Rule { only: Vec::new(), not: values }
}

#[test]
fn words_become_targets() {
    for (word, expected) in [
        ("/proc/foo", "/proc/foo"),
        ("tcp", "/proc/net/tcp"),
        ("./module:x", "/proc/net/module:x"),
        ("../sys//kernel/./ostype/", "/proc/sys/kernel/ostype"),
        ("/../..", "/"),
        ("tcp*", "/proc/net/tcp*"),
        ("/proc/a\\*b", "/proc/a\\*b"),
        ("module:foo-bar", "module:foo_bar"),
        ("fn:foo_show", "fn:foo_show"),
        ("/proc/\x1b[2J]", "/proc/\\x1b[2J]"),
    ] {
        assert_eq!(target(word).to_string(), expected);
    }
    assert!(matches!(target("tcp"), Target::Path(_)));
    assert!(matches!(target("tcp?"), Target::Glob(_)));
    // The name of the current directory is not a pattern.
    let odd = Target::parse(b"*.c", b"/tmp/[x]").unwrap();
    assert!(odd.matches(&session("/tmp/[x]/a.c")));
    assert!(!odd.matches(&session("/tmp/x/a.c")));
}

#[test]
fn words_that_are_no_targets() {
    for (word, expected) in [
        ("", "an empty target"),
        ("module:", "`module:` needs a name behind the colon"),
        ("fn:", "`fn:` needs a name behind the colon"),
        ("/proc/{a", "bad pattern `/proc/{a`: `{` is not closed at byte 6"),
    ] {
        assert_eq!(Target::parse(word.as_bytes(), b"/").unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_file_of_proc_has_many_names() {
    for (word, path, expected) in [
        ("/proc/foo", "/proc/foo", true),
        ("/proc/foo", "/proc/foobar", false),
        ("/proc/self/maps", "/proc/self/maps", true),
        ("/proc/self/maps", "/proc/77/maps", true),
        ("/proc/thread-self/maps", "/proc/77/maps", true),
        ("/proc/thread-self/maps", "/proc/self/maps", true),
        ("/proc/thread-self/maps", "/proc/77/task/78/maps", true),
        ("/proc/self/maps", "/proc/77/smaps", false),
        ("/proc/self/maps", "/proc/77/task/78/maps", false),
        // The opener is 123.
        ("/proc/123/maps", "/proc/self/maps", true),
        ("/proc/77/maps", "/proc/self/maps", false),
        ("/proc/77/maps", "/proc/77/maps", true),
        ("/proc/123/task/124/maps", "/proc/thread-self/maps", true),
        ("/proc/net/tcp", "/proc/net/tcp", true),
        ("/proc/net/tcp", "/proc/77/net/tcp", true),
        ("/proc/net/tcp", "/proc/self/net/tcp", true),
        ("/proc/net/tcp", "/proc/77/task/78/net/tcp", true),
        ("/proc/self/net/tcp", "/proc/net/tcp", true),
        ("/proc/123/net/tcp", "/proc/net/tcp", true),
        ("/proc/77/net/tcp", "/proc/net/tcp", false),
        ("/proc/mounts", "/proc/self/mounts", true),
        ("/proc/mounts", "/proc/77/mounts", true),
        ("/proc/self/mounts", "/proc/mounts", true),
        ("/proc/network", "/proc/77/network", false),
        ("/proc/net/*", "/proc/77/net/tcp", true),
        ("/proc/[0-9]*/maps", "/proc/self/maps", true),
        ("/proc/*/maps", "/proc/self/maps", true),
        ("/proc/*", "/proc/self/maps", false),
        ("/proc/*", "/proc/version", true),
        ("/proc/self", "/proc/self", true),
        ("/proc/self", "/proc/123", false),
        ("/proc/+77/maps", "/proc/77/maps", false),
    ] {
        assert_eq!(target(word).matches(&session(path)), expected, "{word} {path}");
    }
}

#[test]
fn a_cut_path_is_taken_if_it_may_be_meant() {
    let mut cut = session("deep/down/stats");
    for (word, expected) in [
        ("/sys/deep/down/stats", true),
        ("/sys/other/stats", false),
        ("/sys/undeep/down/stats", false),
        ("/sys/**/stats", true),
        ("/sys/**", true),
        ("/sys/*/other", false),
    ] {
        cut.path_cut = false;
        assert!(!target(word).matches(&cut));
        cut.path_cut = true;
        assert_eq!(target(word).matches(&cut), expected, "{word}");
    }
}

#[test]
fn modules_and_functions() {
    let session = session("/proc/foo");
    assert!(target("module:foo-bar").matches(&session));
    assert!(target("module:foo*").matches(&session));
    assert!(!target("module:foo").matches(&session));
    assert!(!target("module:vmlinux").matches(&session));
    assert!(target("fn:foo_show").matches(&session));
    assert!(target("fn:single_start").matches(&session));
    assert!(!target("fn:foo").matches(&session));
}

#[test]
fn kinds_all_have_to_agree_and_values_are_alternatives() {
    let session = session("/proc/self/maps");
    let path = |text: &str| Glob::path(text).unwrap();
    let comm = |text: &str| Glob::comm(text).unwrap();
    let module = |text: &str| Glob::module(text).unwrap();
    let none = Filter::default();
    for (filter, expected) in [
        (none.clone(), true),
        (Filter { pid: only(vec![1, 123]), ..none.clone() }, true),
        (Filter { pid: only(vec![1, 2]), ..none.clone() }, false),
        (Filter { pid: not(vec![1, 123]), ..none.clone() }, false),
        (Filter { tid: only(vec![124]), uid: only(vec![0]), ..none.clone() }, false),
        (Filter { tid: only(vec![124]), uid: not(vec![0]), ..none.clone() }, true),
        (Filter { comm: only(vec![comm("dd"), comm("c?t")]), ..none.clone() }, true),
        (Filter { comm: not(vec![comm("c*")]), ..none.clone() }, false),
        (Filter { path: only(vec![path("/proc/123/*")]), ..none.clone() }, true),
        (Filter { path: only(vec![path("maps")]), ..none.clone() }, true),
        (Filter { path: not(vec![path("/proc/self/*")]), ..none.clone() }, false),
        (Filter { path: not(vec![path("/sys/**")]), ..none.clone() }, true),
        (Filter { module: only(vec![module("foo_bar")]), ..none.clone() }, true),
        (Filter { module: only(vec![module("vmlinux")]), ..none.clone() }, false),
        (Filter { module: not(vec![module("vmlinux")]), ..none.clone() }, true),
    ] {
        assert_eq!(filter.accepts(&session), expected, "{filter:?}");
    }
    let mut plain = session;
    plain.callbacks = None;
    assert!(!Filter { module: only(vec![module("*")]), ..none.clone() }.accepts(&plain));
    assert!(Filter { module: not(vec![module("*")]), ..none }.accepts(&plain));
}

#[test]
fn the_kernel_may_drop_what_no_target_means() {
    let names = |words: &[&str]| {
        let targets: Vec<_> = words.iter().map(|word| target(word)).collect();
        let names = kernel_prefilter(&targets, &Filter::default()).names?;
        Some(names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(names(&[]), None);
    assert_eq!(
        names(&["/proc/net/tcp", "/proc/*/maps", "tcp"]),
        Some(vec!["maps".to_owned(), "tcp".to_owned()])
    );
    assert_eq!(names(&["/proc/net/tcp", "/proc/net/*"]), None);
    assert_eq!(names(&["/proc/{a,b/c}"]), None);
    assert_eq!(names(&["/proc/a\\b"]), None);
    assert_eq!(names(&["/"]), None);
    assert_eq!(names(&["/proc/net/tcp", "module:x"]), None);
}

#[test]
fn the_kernel_may_drop_what_positive_literals_exclude() {
    let filter = Filter {
        pid: Rule { only: vec![3, 1, 3], not: vec![9] },
        uid: not(vec![0]),
        comm: only(vec![Glob::comm("a-very-long-program").unwrap()]),
        path: only(vec![Glob::path("/sys/**/stats").unwrap()]),
        ..Filter::default()
    };
    let expected = Prefilter {
        names: Some(vec![b"stats".to_vec()]),
        pids: Some(vec![1, 3]),
        tids: None,
        uids: None,
        comms: Some(vec![b"a-very-long-pro".to_vec()]),
    };
    assert_eq!(kernel_prefilter(&[], &filter), expected);
    let filter = Filter { comm: only(vec![Glob::comm("c*").unwrap()]), ..Filter::default() };
    assert_eq!(kernel_prefilter(&[], &filter), Prefilter::default());
}

proptest! {
    /// The kernel must only drop sessions that would not be displayed.
    #[test]
    fn the_kernel_never_drops_what_is_shown(
        words in prop::collection::vec("(/proc|/sys)(/(self|net|7|a|\\*|\\*\\*|\\{a,net\\}|\\[a-c\\])){1,3}", 0..3),
        patterns in prop::collection::vec("(/proc/)?(net|a|\\*|\\*\\*/a)", 0..2),
        path in "(/proc|/sys)(/(self|net|7|a|b)){1,3}",
        cut: bool,
        pids in prop::collection::vec(122u32..125, 0..2),
    ) {
        let targets: Vec<_> = words.iter().map(|word| target(word)).collect();
        let path_rule = only(patterns.iter().map(|text| Glob::path(text.as_str()).unwrap()).collect());
        let filter = Filter { pid: only(pids), path: path_rule, ..Filter::default() };
        let mut session = session(&path);
        if cut {
            session.path.drain(..5);
            session.path_cut = true;
        }
        let shown = (targets.is_empty() || targets.iter().any(|target| target.matches(&session)))
            && filter.accepts(&session);
        let Prefilter { names, pids, tids, uids, comms } = kernel_prefilter(&targets, &filter);
        let kept = names.is_none_or(|names| names.contains(&glob::last(&session.path).to_vec()))
            && pids.is_none_or(|pids| pids.contains(&session.opener.pid));
        prop_assert!(kept || !shown);
        prop_assert_eq!((tids, uids, comms), (None, None, None));
    }
}

#[test]
fn a_file_of_tracefs_has_two_names() {
    let (home, again) = ("/sys/kernel/tracing/trace", "/sys/kernel/debug/tracing/trace");
    for path in [home, again] {
        assert!(target(home).matches(&session(path)));
        assert!(target(again).matches(&session(path)));
        assert!(target("/sys/kernel/debug/tracing/*").matches(&session(path)));
    }
    assert!(!target(again).matches(&session("/sys/kernel/trace")));
}

#[test]
fn a_name_may_look_like_a_pattern() {
    assert!(target("/proc/foo[1]").matches(&session("/proc/foo[1]")));
    assert!(target("/proc/foo[1]").matches(&session("/proc/foo1")));
    assert!(!target("/proc/foo[1]").matches(&session("/proc/foo2")));
    assert!(target("/proc/foo\\[1\\]").matches(&session("/proc/foo[1]")));
}

#[test]
fn filters_tell_what_they_can_never_accept() {
    let callbacks = session("/proc/foo").callbacks.unwrap();
    let module = |text: &str| Filter {
        module: only(vec![Glob::module(text).unwrap()]),
        ..Filter::default()
    };
    assert!(module("foo-bar").may_accept_callbacks(&callbacks));
    assert!(!module("other").may_accept_callbacks(&callbacks));
    assert!(!module("vmlinux").may_accept_callbacks(&callbacks));
    let path = Filter { path: not(vec![Glob::path("/proc/net/*").unwrap()]), ..Filter::default() };
    assert!(path.may_accept(b"/proc/uptime"));
    // The file behind this path depends on the reader.
    assert!(path.may_accept(b"/proc/net/tcp"));
}
