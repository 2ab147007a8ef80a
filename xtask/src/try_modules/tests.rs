//! Tests of the protocol, of the verdicts and of the formats: output of guests in, text out.

use super::results::{Results, Verdict};
use super::testing::{check, guest, output, results};
use super::{github, json, junit, ktap, protocol::Parser, text};

#[test]
fn the_output_of_a_guest_is_parsed() {
    let kernel = guest("6.1", &output());
    assert!(kernel.complete);
    let paths: Vec<&str> = kernel.files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/sys/kernel/debug/leds/list", "/proc/leds"]);
    assert_eq!(kernel.others.keys().collect::<Vec<_>>(), ["/proc/leds_raw"]);
    let leds = &kernel.modules["leds"];
    assert!(leds.loaded && leds.problems.is_empty());
    assert_eq!(
        leds.unloaded.iter().copied().collect::<Vec<_>>(),
        ["while open", "while read", "idle"]
    );
    assert_eq!(leds.kept.iter().collect::<Vec<_>>(), ["/sys/kernel/debug/"]);
    assert_eq!(kernel.logs[0].step, "unload repeat leds /proc/leds");
    assert_eq!(kernel.logs[0].lines.len(), 2);
}

#[test]
fn sources_are_those_of_the_user() {
    let results = results();
    let source = results.roots()[0].finding.source.clone().unwrap();
    assert_eq!(source.text(), "drivers/leds/leds.c:42");
}

#[test]
fn a_finding_without_source_line_is_read() {
    let line = r#"{"type":"check","path":"/proc/a","verdict":"findings","reason":null,"reproduce":null,"findings":[
        {"id":"SQ101","name":"n","severity":"error","message":"m","blame":null,"cause":null}]}"#;
    let kernel = guest("6.1", &format!("%% step check idle\n{}\n", line.replace('\n', "")));
    let bad = kernel.files["/proc/a"].bad();
    assert_eq!((bad[0].0.source.as_ref(), bad[0].1.as_slice()), (None, ["idle"].as_slice()));
}

#[test]
fn a_root_has_its_consequences_and_kernels() {
    let results = Results { kernels: vec![guest("6.1", &output()), guest("6.12", &output())] };
    let roots = results.roots();
    assert_eq!(roots.len(), 1);
    assert_eq!(roots[0].finding.id, "SQ102");
    assert_eq!(roots[0].consequences.iter().copied().collect::<Vec<_>>(), ["SQ201"]);
    let kernels: Vec<&str> =
        roots[0].files["/sys/kernel/debug/leds/list"].iter().copied().collect();
    assert_eq!(kernels, ["6.1", "6.12"]);
}

#[test]
fn a_guest_that_dies_names_the_file_and_the_others_go_on() {
    let all = output();
    let begin = all.split("%% checked").next().unwrap();
    // Before the second file has its verdict.
    let begin = begin.trim_end().rsplit_once('\n').unwrap().0;
    let mut parser = Parser::default();
    begin.lines().for_each(|line| parser.line(line));
    let death = parser.died("the guest died", "  | panic".to_owned());
    assert_eq!(death.file.as_deref(), Some("/proc/leds"));
    let mut kernel = guest("6.1", "");
    kernel.add(parser.result);
    let clean_list = check("/sys/kernel/debug/leds/list", &[]);
    kernel.add(guest("6.1", &format!("%% step check idle\n{clean_list}\n%% end\n")));
    assert_eq!(kernel.files["/proc/leds"].verdict(), Verdict::Died);
    assert_eq!(kernel.files["/sys/kernel/debug/leds/list"].verdict(), Verdict::Clean);
    assert!(kernel.complete && kernel.has_findings());
}

#[test]
fn a_module_that_was_refused_beside_others_is_loaded_alone() {
    let kernel = guest(
        "6.1",
        "%% step load a\n%% refused a insmod: File exists\n%% log\n| WARNING: exists\n%% round 2\n\
         %% step load a\n%% loaded a\n%% end\n",
    );
    assert!(kernel.modules["a"].defects().is_empty() && kernel.logs.is_empty());
    let kernel = guest("6.1", "%% step load a\n%% refused a insmod: bad\n%% end\n");
    assert_eq!(kernel.modules["a"].defects(), ["insmod fails: insmod: bad"]);
}

#[test]
fn files_that_stay_are_a_defect() {
    let text = output().replace("%% end", "%% left /proc/leds\n%% end");
    let kernel = guest("6.1", &text);
    assert_eq!(kernel.modules["leds"].defects(), ["/proc/leds is left after unloading"]);
}

#[test]
fn the_status_is_that_of_check() {
    let status = |text: &str| Results { kernels: vec![guest("6.1", text)] }.status();
    let clean = format!("%% step check idle\n{}\n", check("/proc/a", &[]));
    assert_eq!(status(&(clean.clone() + "%% end\n")), 0);
    assert_eq!(status(&output()), 1);
    let unsure = clean.replace("\"clean\"", "\"inconclusive\"");
    assert_eq!(status(&(unsure + "%% end\n")), 4);
    assert_eq!(status(&clean), 4, "the guest did not come to its end");
    assert_eq!(status("%% step load a\n%% loaded a\n%% end\n"), 5);
}

#[test]
fn text_shows_a_matrix_and_details() {
    let text = text::report(&results(), false);
    let expected = "\
                                 6.1                                   6.12
build                            ok                                    ✗✗ does not compile
leds.ko                          ✗✗ kernel log                         -
";
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["6.1", "6.12"]);
    for (line, wanted) in lines.iter().zip(expected.lines()).skip(1) {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(line), words(wanted));
    }
    for wanted in [
        "  /sys/kernel/debug/leds/list  ✗✗ SQ102",
        "✗✗ SQ102 a rule\n   drivers/leds/leds.c:42 in leds_next [leds]\n   it is broken\n",
        "   consequences: SQ201\n   reproduce: dd if=/sys/kernel/debug/leds/list\n     a line twice\n",
        "✗✗ does not compile for 6.12.0-test (6.12)\n  | leds.c:12:3: error: implicit",
        "✗✗ 6.1: the kernel complained in step `unload repeat leds /proc/leds`\n  | WARNING: CPU",
        "1 clean, 1 with findings, 0 inconclusive, 0 not judged; warnings in the log: 1; 6.1 in 9 s, 6.12 in 0 s\n",
    ] {
        assert!(text.contains(wanted), "{wanted}\n---\n{text}");
    }
}

#[test]
fn many_clean_files_share_a_line() {
    let checks: String =
        (0..20).map(|n| check(&format!("/proc/{n}"), &[]).to_string() + "\n").collect();
    let results =
        Results { kernels: vec![guest("6.1", &format!("%% step check idle\n{checks}%% end\n"))] };
    assert!(text::report(&results, false).contains("20 clean"));
    assert!(text::report(&results, true).contains("/proc/19"));
}

#[test]
fn json_has_an_object_for_each_thing() {
    let text = json::report(&results());
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = objects.iter().filter_map(|object| object["type"].as_str()).collect();
    assert_eq!(
        types,
        ["try_kernel", "try_module", "try_file", "try_file", "try_kernel", "try_end"]
    );
    assert_eq!(
        objects[2]["checks"]["idle"]["findings"][0]["source"]["file"],
        "drivers/leds/leds.c"
    );
    assert_eq!(objects[5]["status"], 1);
}

#[test]
fn junit_has_sources() {
    let text = junit::report(&results());
    assert!(
        text.contains("<testsuite name=\"Linux 6.1.0-test\" tests=\"5\" failures=\"2\""),
        "{text}"
    );
    assert!(
        text.contains(
            "name=\"/sys/kernel/debug/leds/list\" file=\"drivers/leds/leds.c\" line=\"42\">"
        ),
        "{text}"
    );
    assert!(text.contains("name=\"build\" file=\"leds.c\" line=\"12\">"), "{text}");
}

#[test]
fn ktap_counts_its_tests() {
    let text = ktap::report(&results());
    assert!(
        text.starts_with(
            "KTAP version 1\n1..2\n  KTAP version 1\n  1..5\n  ok 1 build\n  ok 2 leds.ko\n"
        ),
        "{text}"
    );
    assert!(text.contains("  not ok 3 /sys/kernel/debug/leds/list\n  ok 4 /proc/leds\n"), "{text}");
    assert!(text.contains("not ok 1 Linux 6.1.0-test\n"), "{text}");
}

#[test]
fn github_annotates_the_source() {
    let text = github::report(&results());
    let line = text.lines().next().unwrap();
    assert!(
        line.starts_with("::error file=drivers/leds/leds.c,line=42,title=SQ102 a rule on 6.1::it is broken%0Ain leds_next"),
        "{text}"
    );
    assert!(
        text.contains("::error file=leds.c,line=12,title=Linux 6.12%3A build%3A implicit"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn the_command_line_accepts_its_examples() {
    use clap::Parser as _;

    for words in [
        "try module --kernel all",
        "try . --kernel 5.10,6.1 --also junit=a.xml --also ktap=b --format github",
        "try a b --exercise c.sh --add d --html e --mem 512",
    ] {
        assert!(
            crate::Cli::try_parse_from(["xtask"].into_iter().chain(words.split(' '))).is_ok(),
            "{words}"
        );
    }
    for words in ["try", "try . --kernel 7", "try . --also pdf=a", "try . --also junit"] {
        assert!(
            crate::Cli::try_parse_from(["xtask"].into_iter().chain(words.split(' '))).is_err(),
            "{words}"
        );
    }
}

/// Every command of docs/ci.md is a line of sh, and each that runs xtask has arguments that it accepts.
#[test]
fn the_workflows_of_the_documentation_are_right() {
    use clap::Parser as _;
    use std::process::{Command, Stdio};

    let page = std::fs::read_to_string(crate::paths::root().join("docs/ci.md")).unwrap();
    let commands = workflow_commands(&page);
    assert!(commands.len() >= 4, "{commands:?}");
    for command in &commands {
        let mut sh =
            Command::new("sh").args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut sh.stdin.take().unwrap(), command.as_bytes()).unwrap();
        assert!(sh.wait().unwrap().success(), "{command}");
        for line in command.replace("\\\n", " ").lines() {
            let Some((_, arguments)) = line.split_once("--package xtask -- ") else { continue };
            let arguments = arguments.split(" >").next().unwrap().replace('\'', "");
            let words = ["xtask"].into_iter().chain(arguments.split_whitespace());
            assert!(crate::Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }
}

/// Returns the values of `run:` in the code blocks of a page.
fn workflow_commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some((outer, text)) = &mut block {
            if indent > *outer {
                *text += line.trim_start();
                text.push('\n');
                continue;
            }
            commands.push(std::mem::take(text));
            block = None;
        }
        let Some((_, command)) = line.split_once("run: ") else { continue };
        if command == "|" {
            // Lines of the block are indented further than the key.
            block = Some((line.find("run:").unwrap(), String::new()));
        } else {
            commands.push(command.to_owned());
        }
    }
    commands
}

#[test]
fn a_file_that_changes_too_fast_has_the_verdict_of_the_other_phases() {
    let clean = check("/proc/a", &[]).to_string();
    let unsure = clean.replace("\"clean\"", "\"inconclusive\"");
    let verdict = |idle: &str, busy: &str| {
        let text = format!("%% step check idle\n{idle}\n%% step check busy\n{busy}\n");
        guest("6.1", &text).files["/proc/a"].verdict()
    };
    assert_eq!(verdict(&clean, &unsure), Verdict::Clean);
    assert_eq!(verdict(&unsure, &clean), Verdict::Inconclusive);
    assert_eq!(verdict(&unsure, &unsure), Verdict::Inconclusive);
    let broken = check("/proc/a", &[("SQ101", "error", "f", None)]).to_string();
    assert_eq!(verdict(&clean, &broken), Verdict::Findings);
}

#[test]
fn a_warning_is_shown_with_its_module() {
    let text = text::report(&Results { kernels: vec![guest("6.1", &output())] }, false);
    assert!(text.contains("leds.ko                        ✗✗ kernel log"), "{text}");
}
