//! Facts as tables, in Markdown: a terminal shows them as well.

use super::facts::{FILE, Facts, Row};

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

fn cost_row(facts: &Facts, file: &str, row: &Row) -> Vec<String> {
    let name = row.name.as_str();
    if let Some(why) = row.text("absent") {
        return vec![name.to_owned(), why.to_owned()];
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let fixed = |value: Option<f64>, digits: usize, scale: f64| {
        or_dash(value.map(|value| format!("{:.digits$}", value / scale)))
    };
    let own = name != "untraced";
    vec![
        name.to_owned(),
        fixed(row.number("cpu_ns"), 2, 1e6),
        fixed(overhead(facts, file, name).filter(|_| own), 0, 1.0),
        fixed(of_floor(facts, file, name).filter(|_| own), 2, 1.0),
        fixed(tracer(facts, file, name), 0, 1.0),
        fixed(ring(facts, file, name).filter(|bytes| *bytes > 0.0), 1, 1.0),
        or_dash(row.text("lost").map(str::to_owned)),
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
fn markdown(lines: &[Vec<String>]) -> String {
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
