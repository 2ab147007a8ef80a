//! Facts as tables, in Markdown: a terminal shows them as well.

use super::facts::{FILE, Facts, Row};
use super::host::{GROWTH, SIZES, USUAL};

/// Columns, as they are headed.
const COST: &[&str] = &[
    "tracing",
    "reader ms",
    "ns/call over untraced",
    "x floor",
    "tracer ns/call",
    "ring B/call",
    "lost",
    "ready ms",
    "detach ms",
    "RSS MiB",
    "probes (jumps)",
];

/// What tracing costs: a table a file.
pub(crate) fn cost(facts: &Facts) -> String {
    let mut text = Vec::new();
    for (file, rows) in facts.files() {
        let Some(about) = rows.iter().find(|row| row.name == FILE) else { continue };
        let calls = about.number("calls").unwrap_or(f64::NAN);
        let path = about.text("path").unwrap_or_default();
        text.push(format!("\n{path}: {calls} callback calls a pass\n\n"));
        let mut lines = vec![COST.iter().map(|&head| head.to_owned()).collect::<Vec<_>>()];
        for row in rows.iter().filter(|row| row.name != FILE) {
            lines.push(cost_row(facts, file, row));
        }
        text.push(markdown(&lines));
    }
    text.concat()
}

/// By how much the reader is slower, ns per callback.
pub(crate) fn overhead(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let cpu = |row| facts.row(file, row)?.number("cpu_ns");
    let calls = facts.row(file, FILE)?.number("calls")?;
    Some((cpu(row)? - cpu("untraced")?) / calls)
}

/// The same, as a multiple of what empty kprobes and kretprobes cost.
pub(crate) fn of_floor(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    Some(overhead(facts, file, row)? / overhead(facts, file, "floor-kprobe")?)
}

/// What all passes that the tracer saw have in events.
fn events(facts: &Facts, file: &str, row: &Row) -> Option<f64> {
    // One to warm up.
    Some(facts.row(file, FILE)?.number("calls")? * (row.number("passes")? + 1.0))
}

/// The tracer's own CPU time, ns a callback.
pub(crate) fn tracer(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let row = facts.row(file, row)?;
    Some(row.number("tracer_ns")? / events(facts, file, row)?)
}

/// Room taken in the ring, bytes a callback.
pub(crate) fn ring(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let row = facts.row(file, row)?;
    Some(row.number("ring_bytes")? / events(facts, file, row)?)
}

/// The tracer's own CPU time, ns a line that it wrote: some may be lost.
pub(crate) fn tracer_per_line(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let row = facts.row(file, row)?;
    Some(row.number("tracer_ns")? / row.number("lines")?)
}

/// Events in a second of CPU time.
pub(crate) fn rate(facts: &Facts, size: &str, row: &str) -> Option<f64> {
    Some(facts.row(size, FILE)?.number("events")? / facts.row(size, row)?.number("cpu_ns")? * 1e9)
}

/// Events that were lost, and calls that were missed; `None` for what does not count them.
pub(crate) fn unseen(row: &Row) -> Option<f64> {
    Some(row.number("lost")? + row.number("missed").unwrap_or(0.0))
}

/// What is lost at full speed.
pub(crate) fn loss(facts: &Facts) -> String {
    let head = ["tracing", "events", "lost", "of 100"].map(str::to_owned).to_vec();
    let mut text = Vec::new();
    for (file, rows) in facts.files() {
        let mut lines = vec![head.clone()];
        for row in rows.iter().filter(|row| row.number("lost").is_some()) {
            let lost = unseen(row);
            let events = events(facts, file, row);
            lines.push(vec![
                row.name.clone(),
                fixed(events, 0, 1.0),
                fixed(lost, 0, 1.0),
                fixed(lost.zip(events).map(|(lost, events)| 100.0 * lost / events), 1, 1.0),
            ]);
        }
        text.push(format!("\n{}", markdown(&lines)));
    }
    text.concat()
}

/// How fast recordings are looked at.
pub(crate) fn throughput(facts: &Facts) -> String {
    let head = ["what", "events", "CPU s", "million events/s", "RSS MiB"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for (size, rows) in facts.files() {
        if SIZES.contains(&size) && size != USUAL {
            continue;
        }
        for row in rows.iter().filter(|row| row.name != FILE) {
            lines.push(looked(facts, size, row, &row.name));
        }
    }
    markdown(&lines)
}

/// Whether time grows with the recording, and memory does not.
pub(crate) fn growth(facts: &Facts) -> String {
    let head = ["what", "events", "CPU s", "million events/s", "RSS MiB"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for view in GROWTH {
        for size in SIZES {
            if let Some(row) = facts.row(size, view) {
                lines.push(looked(facts, size, row, view));
            }
        }
    }
    markdown(&lines)
}

fn looked(facts: &Facts, size: &str, row: &Row, name: &str) -> Vec<String> {
    vec![
        name.to_owned(),
        fixed(facts.row(size, FILE).and_then(|row| row.number("events")), 0, 1.0),
        fixed(row.number("cpu_ns"), 3, 1e9),
        fixed(rate(facts, size, &row.name), 2, 1e6),
        fixed(row.number("hwm_kb"), 1, 1024.0),
    ]
}

fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".to_owned())
}

/// A number in units of `scale`.
fn fixed(value: Option<f64>, digits: usize, scale: f64) -> String {
    or_dash(value.map(|value| format!("{:.digits$}", value / scale)))
}

fn cost_row(facts: &Facts, file: &str, row: &Row) -> Vec<String> {
    let name = row.name.as_str();
    if let Some(why) = row.text("absent") {
        return vec![name.to_owned(), format!("({why})")];
    }
    let own = name != "untraced";
    vec![
        name.to_owned(),
        fixed(row.number("cpu_ns"), 2, 1e6),
        fixed(overhead(facts, file, name).filter(|_| own), 0, 1.0),
        fixed(of_floor(facts, file, name).filter(|_| own), 2, 1.0),
        fixed(tracer_per_line(facts, file, name).or_else(|| tracer(facts, file, name)), 0, 1.0),
        fixed(ring(facts, file, name).filter(|bytes| *bytes > 0.0), 1, 1.0),
        fixed(unseen(row), 0, 1.0),
        fixed(row.number("ready_ns"), 0, 1e6),
        fixed(row.number("detach_ns"), 0, 1e6),
        fixed(row.number("hwm_kb"), 1, 1024.0),
        or_dash(
            row.number("probes")
                .map(|probes| format!("{probes} ({})", row.number("probes_jump").unwrap_or(0.0))),
        ),
    ]
}

/// Lines of cells, the first of them the head.
pub(crate) fn markdown(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |line: &[String], column: usize| line.get(column).cloned().unwrap_or_default();
    let width = |column: usize| {
        lines.iter().map(|line| cell(line, column).chars().count()).max().unwrap_or(0).max(3)
    };
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut rows: Vec<String> = lines
        .iter()
        .map(|line| {
            let cells = (0..columns).map(|column| {
                let (cell, width) = (cell(line, column), width(column));
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            row(cells.collect())
        })
        .collect();
    let rule = (0..columns).map(|column| match column {
        0 => "-".repeat(width(column)),
        _ => format!("{}:", "-".repeat(width(column) - 1)),
    });
    rows.insert(1.min(rows.len()), row(rule.collect()));
    rows.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Facts {
        let mut facts = Facts::default();
        for line in text.lines() {
            facts
                .line(&format!("fact\t{}", line.split_whitespace().collect::<Vec<_>>().join("\t")));
        }
        facts
    }

    #[test]
    fn costs_are_told_in_multiples_of_the_floor() {
        let facts = facts(
            "calls s calls 1000\ncalls s path /proc/s\nuntraced s cpu_ns 1000000\n\
             floor-kprobe s cpu_ns 3000000\nfloor-kprobe s passes 4\nfloor-kprobe s tracer_ns 0\n\
             core s cpu_ns 2000000\ncore s passes 4\ncore s tracer_ns 5000000\n\
             core s ring_bytes 240000\ncore s lost 0\nbpftrace s absent no",
        );
        let text = cost(&facts);
        let cells: Vec<String> = text
            .lines()
            .map(|line| {
                line.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(cells[1], "/proc/s: 1000 callback calls a pass");
        assert_eq!(cells[5], "untraced 1.00 – – – – – – – – –");
        assert_eq!(cells[6], "floor-kprobe 3.00 2000 1.00 0 – – – – – –");
        assert_eq!(cells[7], "core 2.00 1000 0.50 1000 48.0 0 – – – –");
        assert_eq!(cells[8], "bpftrace (no)");
    }

    #[test]
    fn columns_are_aligned() {
        let lines = [["a", "b"], ["long", "12345"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(
            markdown(&lines),
            "| a    |     b |\n\
             | ---- | ----: |\n\
             | long | 12345 |\n"
        );
    }
}
