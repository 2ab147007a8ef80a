//! Compares the measurements with performance goals.

use super::Measured;
use super::host::{KPROBES, NO_RENDERING, USUAL};
use super::table::{self, markdown};

/// The file whose measurements are compared with goals.
const FILE: &str = "sequence";

/// A goal: description, limit with its sign as the table shows it, measured value (`None`: not measured), and number of
/// decimal digits of the value in the table.
type Goal = (&'static str, &'static str, Option<f64>, usize);

/// Returns the goals as a table.
pub(crate) fn table(measured: &Measured) -> String {
    let mut lines = vec![["goal", "wanted", "measured", ""].map(str::to_owned).to_vec()];
    for (description, wanted, measured, digits) in goals(measured) {
        let value = measured.map_or("not measured".to_owned(), |value| format!("{value:.digits$}"));
        // The value as the table shows it: the limits have as many digits.
        let verdict = match value.parse().map(|value| is_met(wanted, value)) {
            Ok(true) => "met",
            Ok(false) => "**not met**",
            Err(_) => "?",
        };
        lines.push(vec![description.to_owned(), wanted.to_owned(), value, verdict.to_owned()]);
    }
    markdown(&lines)
}

/// Returns true if the value is within the limit: `≥ N`, `≤ N`, or `0`.
fn is_met(wanted: &str, value: f64) -> bool {
    let (sign, limit) = wanted.split_once(' ').unwrap_or(("≤", wanted));
    limit.parse().is_ok_and(|limit: f64| if sign == "≥" { value >= limit } else { value <= limit })
}

fn goals(Measured { commit: _, cost, loss, host }: &Measured) -> Vec<Goal> {
    let floor = |row| table::multiple_of_floor(cost, FILE, row);
    let larger = |one: Option<f64>, other: Option<f64>| Some(one?.max(other?));
    let against_bpftrace = |row| {
        Some(
            table::tracer_per_line(cost, FILE, "bpftrace")?
                / table::tracer_per_call(cost, FILE, row)?,
        )
    };
    let lost = |row: &str| table::lost_or_missed(loss.row(FILE, row)?);
    let replay = table::rate(host, USUAL, NO_RENDERING);
    vec![
        (
            "reader's overhead, backend core, as a multiple of the floor",
            "≤ 0.55",
            floor("core-json"),
            2,
        ),
        (
            "reader's overhead, backend callbacks, as a multiple of the floor",
            "≤ 1.05",
            floor("callbacks-json"),
            2,
        ),
        (
            "reader's overhead with a filter that excludes the file, as a multiple of the floor",
            "≤ 0.35",
            larger(floor("excluded-path"), floor("excluded-pid")),
            2,
        ),
        (
            "tracer's CPU time per event, JSON to a file: factor by which it is less than bpftrace's per line",
            "≥ 6.5",
            against_bpftrace("core-json"),
            1,
        ),
        (
            "tracer's CPU time per event, timeline to a file: the same factor",
            "≥ 6.5",
            against_bpftrace("core-timeline"),
            1,
        ),
        (
            "ring buffer, bytes per callback",
            "≤ 48",
            table::ring_per_call(cost, FILE, "core-json"),
            1,
        ),
        (
            "events lost at full speed, 2 CPUs, default ring, JSON to a file",
            "0",
            lost("core-json"),
            0,
        ),
        (
            "replay without rendering (decode, ledger, rules), million events/s on one core",
            "≥ 8",
            replay.map(|rate| rate / 1e6),
            2,
        ),
        (
            "replay per callback: factor by which it is faster than trace-cmd report of kprobe events with the same facts",
            "≥ 20",
            replay.zip(table::rate(host, "trace-cmd", KPROBES)).map(|(own, other)| own / other),
            1,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::facts::Facts;

    #[test]
    fn a_goal_without_a_measurement_is_not_met() {
        let mut cost = Facts::default();
        for (row, cpu) in [("untraced", 100), ("floor-kprobe", 300), ("core-json", 200)] {
            cost.set(FILE, row, "cpu_ns", cpu);
        }
        cost.set(FILE, "calls", "calls", 10);
        let (commit, loss, host) = (String::new(), Facts::default(), Facts::default());
        let text = table(&Measured { commit, cost, loss, host });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].contains("| ≤ 0.55 |") && lines[2].contains(" 0.50 |"), "{text}");
        assert!(lines[2].ends_with(" met |"), "{text}");
        assert!(lines[3].contains("| not measured |") && lines[3].ends_with(" ? |"), "{text}");
    }
}
