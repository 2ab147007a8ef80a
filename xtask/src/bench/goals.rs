//! What is wanted, and whether it is so.

use super::Measured;
use super::host::{KPROBES, NO_RENDERING, USUAL};
use super::table::{self, markdown};

/// The file by which goals are judged.
const FILE: &str = "sequence";

/// A goal and what was measured; `None` is not known.
struct Goal {
    what: &'static str,
    wanted: &'static str,
    measured: Option<f64>,
    digits: usize,
    met: fn(f64) -> bool,
}

/// The goals as a table.
pub(crate) fn table(measured: &Measured) -> String {
    let mut lines = vec![["goal", "wanted", "measured", ""].map(str::to_owned).to_vec()];
    for Goal { what, wanted, measured, digits, met } in goals(measured) {
        lines.push(vec![
            what.to_owned(),
            wanted.to_owned(),
            measured.map_or("not measured".to_owned(), |value| format!("{value:.digits$}")),
            match measured.map(met) {
                Some(true) => "met",
                Some(false) => "**not met**",
                None => "?",
            }
            .to_owned(),
        ]);
    }
    markdown(&lines)
}

fn goals(Measured { commit: _, cost, loss, host }: &Measured) -> Vec<Goal> {
    let floor = |row| table::of_floor(cost, FILE, row);
    let most = |one: Option<f64>, other: Option<f64>| Some(one?.max(other?));
    let against_bpftrace = |row| {
        Some(table::tracer_per_line(cost, FILE, "bpftrace")? / table::tracer(cost, FILE, row)?)
    };
    let lost = |row: &str| table::unseen(loss.row(FILE, row)?);
    let replay = table::rate(host, USUAL, NO_RENDERING);
    let goal = |what, wanted, measured, digits, met| Goal { what, wanted, measured, digits, met };
    vec![
        goal(
            "reader's overhead, backend core, as a multiple of the floor",
            "≤ 0.55",
            floor("core-json"),
            2,
            |value| value <= 0.55,
        ),
        goal(
            "reader's overhead, backend callbacks, as a multiple of the floor",
            "≤ 1.15",
            floor("callbacks-json"),
            2,
            |value| value <= 1.15,
        ),
        goal(
            "reader's overhead with a filter that excludes the file, as a multiple of the floor",
            "≤ 0.35",
            most(floor("excluded-path"), floor("excluded-pid")),
            2,
            |value| value <= 0.35,
        ),
        goal(
            "tracer's CPU time an event, JSON to a file: how many times less than bpftrace's a line",
            "≥ 6.5",
            against_bpftrace("core-json"),
            1,
            |value| value >= 6.5,
        ),
        goal(
            "the same, timeline to a file",
            "≥ 6.5",
            against_bpftrace("core-timeline"),
            1,
            |value| value >= 6.5,
        ),
        goal("ring, bytes a callback", "≤ 48", table::ring(cost, FILE, "core-json"), 1, |value| {
            value <= 48.0
        }),
        goal(
            "events lost at full speed, 2 CPUs, default ring, JSON to a file",
            "0",
            lost("core-json"),
            0,
            |value| value == 0.0,
        ),
        goal(
            "replay without rendering (decode, ledger, rules), million events/s on one core",
            "≥ 5",
            replay.map(|rate| rate / 1e6),
            2,
            |value| value >= 5.0,
        ),
        goal(
            "the same: how many times faster than trace-cmd report with what tells the same, a callback",
            "≥ 20",
            replay.zip(table::rate(host, "trace-cmd", KPROBES)).map(|(own, other)| own / other),
            1,
            |value| value >= 20.0,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::facts::Facts;

    #[test]
    fn what_was_not_measured_is_not_met() {
        let mut cost = Facts::default();
        for (row, cpu) in [("untraced", 100), ("floor-kprobe", 300), ("core-json", 200)] {
            cost.set(FILE, row, "cpu_ns", &cpu);
        }
        cost.set(FILE, "calls", "calls", &10);
        let (commit, loss, host) = (String::new(), Facts::default(), Facts::default());
        let text = table(&Measured { commit, cost, loss, host });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].contains("| ≤ 0.55 |") && lines[2].contains(" 0.50 |"), "{text}");
        assert!(lines[2].ends_with(" met |"), "{text}");
        assert!(lines[3].contains("| not measured |") && lines[3].ends_with(" ? |"), "{text}");
    }
}
