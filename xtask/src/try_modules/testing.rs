//! Output of guests, for tests of the formats.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::protocol::Parser;
use super::results::{KernelResult, Results};
use super::sources::Sources;

/// Returns an object of `seqtrace check` with these findings: id, severity, function and cause.
pub(super) fn check(path: &str, findings: &[(&str, &str, &str, Option<&str>)]) -> Value {
    let verdict = if findings.is_empty() { "clean" } else { "findings" };
    let findings: Vec<Value> = findings
        .iter()
        .map(|(id, severity, blame, cause)| {
            json!({
                "id": id, "name": "a rule", "severity": severity, "message": "it is broken", "blame": blame,
                "cause": cause, "source": {"file": "leds.c", "line": 42},
            })
        })
        .collect();
    let reproduce = (verdict == "findings")
        .then(|| json!({"command": format!("dd if={path}"), "shows": "a line twice"}));
    json!({
        "type": "check", "path": path, "verdict": verdict, "reason": null, "records": 3,
        "findings": findings, "reproduce": reproduce,
    })
}

/// Returns the result of a guest that prints this.
pub(super) fn guest(name: &str, output: &str) -> KernelResult {
    let mut sources = Sources::default();
    sources.add_folder(PathBuf::from("/build/leds"), PathBuf::from("drivers/leds"));
    sources.add_module("leds", Path::new("/build/leds/leds.ko"));
    let mut parser = Parser::new(sources);
    output.lines().for_each(|line| parser.line(line));
    KernelResult {
        name: name.to_owned(),
        release: format!("{name}.0-test"),
        seconds: 9,
        ..parser.result
    }
}

/// Returns the output of a guest with a module of two files, one of which is broken.
pub(super) fn output() -> String {
    let broken = check(
        "/sys/kernel/debug/leds/list",
        &[
            ("SQ102", "error", "leds_next [leds+0x40]", None),
            ("SQ201", "error", "leds_show [leds+0x90]", Some("SQ102 leds_next [leds+0x40]")),
            ("SQ301", "info", "leds_show [leds+0x90]", None),
        ],
    );
    let clean = check("/proc/leds", &[]);
    format!(
        "%% step load leds\n%% loaded leds\n%% step list\n%% list\n\
         {{\"path\":\"/sys/kernel/debug/leds/list\",\"kind\":\"seq\",\"module\":\"leds\",\"note\":null}}\n\
         {{\"path\":\"/proc/leds\",\"kind\":\"seq\",\"module\":\"leds\",\"note\":null}}\n\
         {{\"path\":\"/proc/leds_raw\",\"kind\":\"plain\",\"module\":null,\"note\":\"own handlers\"}}\n\
         %% step check idle\n{broken}\n{clean}\n%% checked idle\n\
         %% step unload hold leds /proc/leds\n%% unloaded hold leds /proc/\n%% kept hold leds /sys/kernel/debug/\n\
         %% step unload repeat leds /proc/leds\n%% unloaded repeat leds /proc/\n\
         %% log\n| WARNING: CPU: 0 PID: 9 at leds.c:7\n| Call Trace:\n\
         %% step unload leds\n%% unloaded idle leds\n%% end\n"
    )
}

/// Returns results on two kernels; the modules do not build for the second one.
pub(super) fn results() -> Results {
    let build_error =
        "leds.c:12:3: error: implicit declaration of function 'f'\nmake[1]: *** leds.o".to_owned();
    let second = KernelResult {
        name: "6.12".to_owned(),
        release: "6.12.0-test".to_owned(),
        build_error: Some(build_error),
        complete: true,
        ..KernelResult::default()
    };
    Results { kernels: vec![guest("6.1", &output()), second] }
}
