//! Formats measurements as Markdown tables, which are also readable in a terminal.

use super::facts::{FILE, Facts, Row};
use super::host::{GROWTH, SIZES, USUAL};

/// Headings of the columns of the table of costs.
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

/// Returns the cost of tracing, as one table for each file.
pub(crate) fn cost(facts: &Facts) -> String {
    let mut text = Vec::new();
    for (file, rows) in &facts.files {
        let Some(about) = rows.get(FILE) else { continue };
        let calls = about.number("calls").unwrap_or(f64::NAN);
        let path = about.text("path").unwrap_or_default();
        text.push(format!("\n{path}: {calls} callback calls a pass\n\n"));
        let mut lines = vec![COST.iter().map(|&head| head.to_owned()).collect::<Vec<_>>()];
        for (name, row) in rows.iter().filter(|(name, _)| *name != FILE) {
            lines.push(cost_row(facts, file, name, row));
        }
        text.push(markdown(&lines));
    }
    text.concat()
}

/// Returns the additional CPU time of the reader compared with untraced reads, in ns per callback.
pub(crate) fn overhead(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let cpu = |row| facts.row(file, row)?.number("cpu_ns");
    let calls = facts.row(file, FILE)?.number("calls")?;
    Some((cpu(row)? - cpu("untraced")?) / calls)
}

/// Returns the reader's overhead as a multiple of the floor, the overhead of empty kprobes and kretprobes.
pub(crate) fn multiple_of_floor(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    Some(overhead(facts, file, row)? / overhead(facts, file, "floor-kprobe")?)
}

/// Returns the number of callbacks in all traced passes.
fn events(facts: &Facts, file: &str, row: &Row) -> Option<f64> {
    // The passes do not include the first one, which warms up.
    Some(facts.row(file, FILE)?.number("calls")? * (row.number("passes")? + 1.0))
}

/// Returns the tracer's own CPU time in ns per callback.
pub(crate) fn tracer_per_call(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let row = facts.row(file, row)?;
    Some(row.number("tracer_ns")? / events(facts, file, row)?)
}

/// Returns the space used in the ring buffer, in bytes per callback.
pub(crate) fn ring_per_call(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let row = facts.row(file, row)?;
    Some(row.number("ring_bytes")? / events(facts, file, row)?)
}

/// Returns the tracer's own CPU time in ns per line that it wrote, for tracers that lose events.
pub(crate) fn tracer_per_line(facts: &Facts, file: &str, row: &str) -> Option<f64> {
    let row = facts.row(file, row)?;
    Some(row.number("tracer_ns")? / row.number("lines")?)
}

/// Returns the number of events per second of CPU time.
pub(crate) fn rate(facts: &Facts, size: &str, row: &str) -> Option<f64> {
    Some(facts.row(size, FILE)?.number("events")? / facts.row(size, row)?.number("cpu_ns")? * 1e9)
}

/// Returns the number of lost events and missed calls; `None` if the tracer does not count them.
pub(crate) fn lost_or_missed(row: &Row) -> Option<f64> {
    Some(row.number("lost")? + row.number("missed").unwrap_or(0.0))
}

/// Returns the losses at full speed, as one table for each file.
pub(crate) fn loss(facts: &Facts) -> String {
    let head = ["tracing", "events", "lost", "of 100"].map(str::to_owned).to_vec();
    let mut text = Vec::new();
    for (file, rows) in &facts.files {
        let mut lines = vec![head.clone()];
        for (name, row) in rows.iter().filter(|(_, row)| row.number("lost").is_some()) {
            let lost = lost_or_missed(row);
            let events = events(facts, file, row);
            lines.push(vec![
                name.clone(),
                fixed(events, 0, 1.0),
                fixed(lost, 0, 1.0),
                fixed(lost.zip(events).map(|(lost, events)| 100.0 * lost / events), 1, 1.0),
            ]);
        }
        text.push(format!("\n{}", markdown(&lines)));
    }
    text.concat()
}

/// Returns the speed of reading recordings, as a table.
pub(crate) fn throughput(facts: &Facts) -> String {
    let files =
        facts.files.iter().filter(|(size, _)| *size == USUAL || !SIZES.contains(&size.as_str()));
    let rows =
        files.flat_map(|(size, rows)| rows.keys().map(move |row| (size.as_str(), row.as_str())));
    speed(facts, rows.filter(|(_, row)| *row != FILE))
}

/// Returns time and memory by size of the recording, as a table. Time should grow with the size, memory should not.
pub(crate) fn growth(facts: &Facts) -> String {
    speed(facts, GROWTH.iter().flat_map(|&view| SIZES.map(|size| (size, view))))
}

fn speed<'a>(facts: &Facts, rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let head = ["what", "events", "CPU s", "million events/s", "RSS MiB"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for (size, name) in rows {
        let Some(row) = facts.row(size, name) else { continue };
        lines.push(vec![
            name.to_owned(),
            fixed(facts.row(size, FILE).and_then(|row| row.number("events")), 0, 1.0),
            fixed(row.number("cpu_ns"), 3, 1e9),
            fixed(rate(facts, size, name), 2, 1e6),
            fixed(row.number("hwm_kb"), 1, 1024.0),
        ]);
    }
    markdown(&lines)
}

/// Formats a number in units of `scale`; a dash for `None`.
fn fixed(value: Option<f64>, digits: usize, scale: f64) -> String {
    value.map_or("–".to_owned(), |value| format!("{:.digits$}", value / scale))
}

fn cost_row(facts: &Facts, file: &str, name: &str, row: &Row) -> Vec<String> {
    if let Some(reason) = row.text("absent") {
        return vec![name.to_owned(), format!("({reason})")];
    }
    let is_traced = name != "untraced";
    let tracer = tracer_per_line(facts, file, name).or_else(|| tracer_per_call(facts, file, name));
    let jumps = row.number("probes_jump").unwrap_or(0.0);
    let probes = row.number("probes").map(|probes| format!("{probes} ({jumps})"));
    vec![
        name.to_owned(),
        fixed(row.number("cpu_ns"), 2, 1e6),
        fixed(overhead(facts, file, name).filter(|_| is_traced), 0, 1.0),
        fixed(multiple_of_floor(facts, file, name).filter(|_| is_traced), 2, 1.0),
        fixed(tracer, 0, 1.0),
        fixed(ring_per_call(facts, file, name).filter(|bytes| *bytes > 0.0), 1, 1.0),
        fixed(lost_or_missed(row), 0, 1.0),
        fixed(row.number("ready_ns"), 0, 1e6),
        fixed(row.number("detach_ns"), 0, 1e6),
        fixed(row.number("hwm_kb"), 1, 1024.0),
        probes.unwrap_or("–".to_owned()),
    ]
}

/// Formats rows of cells as a table. The first row is the heading.
pub(crate) fn markdown(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut rule: Vec<String> =
        widths.iter().map(|width| format!("{}:", "-".repeat(width - 1))).collect();
    if let Some(first) = rule.first_mut() {
        *first = first.replace(':', "-");
    }
    let (head, rows) = lines.split_at(lines.len().min(1));
    let row = |line: &Vec<String>| {
        let cell = |(column, width): (usize, &usize)| {
            let cell = line.get(column).map_or("", String::as_str);
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let cells: Vec<String> = widths.iter().enumerate().map(cell).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    head.iter().chain([&rule]).chain(rows).map(row).collect()
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
    fn costs_are_multiples_of_the_floor() {
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
