//! Compares the measurements with performance goals.

use super::Measured;
use super::host::{KPROBES, NO_RENDERING, USUAL};
use super::table::{self, markdown};

/// The file whose measurements are compared with goals.
const FILE: &str = "sequence";

struct Goal {
    description: &'static str,
    /// The limit with its unit, as the table shows it.
    wanted: &'static str,
    /// The measured value; `None`: not measured.
    measured: Option<f64>,
    /// Number of decimal digits in the table.
    digits: usize,
    met: fn(f64) -> bool,
}

fn goal(
    description: &'static str,
    wanted: &'static str,
    measured: Option<f64>,
    digits: usize,
    met: fn(f64) -> bool,
) -> Goal {
    Goal { description, wanted, measured, digits, met }
}

/// Returns the goals as a table.
pub(crate) fn table(measured: &Measured) -> String {
    let mut lines = vec![["goal", "wanted", "measured", ""].map(str::to_owned).to_vec()];
    for Goal { description, wanted, measured, digits, met } in goals(measured) {
        lines.push(vec![
            description.to_owned(),
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
            larger(floor("excluded-path"), floor("excluded-pid")),
            2,
            |value| value <= 0.35,
        ),
        goal(
            "tracer's CPU time per event, JSON to a file: factor by which it is less than bpftrace's per line",
            "≥ 6.5",
            against_bpftrace("core-json"),
            1,
            |value| value >= 6.5,
        ),
        goal(
            "tracer's CPU time per event, timeline to a file: the same factor",
            "≥ 6.5",
            against_bpftrace("core-timeline"),
            1,
            |value| value >= 6.5,
        ),
        goal(
            "ring buffer, bytes per callback",
            "≤ 48",
            table::ring_per_call(cost, FILE, "core-json"),
            1,
            |value| value <= 48.0,
        ),
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
            "replay per callback: factor by which it is faster than trace-cmd report of kprobe events with the same facts",
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
    fn a_goal_without_a_measurement_is_not_met() {
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
