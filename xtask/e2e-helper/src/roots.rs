//! `roots`: prints the root cause of each file in a report of `seqtrace check --format json`, and the callback at
//! fault.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::query;

/// Keys of a report whose values are the names of callbacks.
const ROLES: [&str; 4] = ["start", "next", "show", "stop"];

/// Prints a line for each file: path, verdict, id, role and severity of the first finding that is an error or a warning,
/// and the ids of all such findings, separated by blanks. A missing value is `-`.
pub(crate) fn print(reports: &Path) -> Result<()> {
    for object in query::objects(reports)? {
        let object = object?;
        if text(&object, "type") == "check" {
            println!("{}", line(&object));
        }
    }
    Ok(())
}

fn line(report: &Value) -> String {
    let findings = report.get("findings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let serious: Vec<&Value> =
        findings.iter().filter(|finding| text(finding, "severity") != "info").collect();
    let ids: Vec<&str> = serious.iter().map(|finding| text(finding, "id")).collect();
    let root = serious.first().copied().unwrap_or(&Value::Null);
    let all = if ids.is_empty() { "-".to_owned() } else { ids.join(" ") };
    [
        text(report, "path"),
        text(report, "verdict"),
        text(root, "id"),
        role(report, root.get("blame").and_then(Value::as_str)),
        text(root, "severity"),
        &all,
    ]
    .join("\t")
}

/// Returns the role of the callback at fault; its name if the report has no callback of this name.
fn role<'a>(report: &Value, blame: Option<&'a str>) -> &'a str {
    let Some(blame) = blame else { return "-" };
    // `eof_next [seqbugs+0x250]` blames `eof_next [seqbugs]`.
    let (name, offset) = blame.split_once("+0x").unwrap_or((blame, ""));
    let name = if offset.ends_with(']') { format!("{name}]") } else { name.to_owned() };
    ROLES.into_iter().find(|key| text(report, key) == name).unwrap_or(blame)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_serious_finding_is_the_root() {
        let report = serde_json::json!({
            "type": "check", "path": "/proc/a", "verdict": "findings",
            "start": "a_start [m]", "next": "a_next [m]", "show": "a_show [m]", "stop": "a_stop [m]",
            "findings": [
                {"id": "SQ301", "severity": "info", "blame": null},
                {"id": "SQ102", "severity": "error", "blame": "a_next [m+0x250]"},
                {"id": "SQ201", "severity": "error", "blame": "a_start [m]"},
            ],
        });
        assert_eq!(line(&report), "/proc/a\tfindings\tSQ102\tnext\terror\tSQ102 SQ201");
        let clean = serde_json::json!({"path": "/proc/a", "verdict": "clean", "findings": []});
        assert_eq!(line(&clean), "/proc/a\tclean\t-\t-\t-\t-");
        assert_eq!(role(&report, Some("a_stop [m]")), "stop");
        assert_eq!(role(&report, Some("seq_lseek+0x10")), "seq_lseek+0x10");
    }
}
