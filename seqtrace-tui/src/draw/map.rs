//! The file map: renderings by file offset, a line for each generation.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::{Fate, Range};
use seqtrace_view::Session;
use seqtrace_view::map::{FileMap, Link, Segment};

use super::grouped;
use crate::app::App;
use crate::model::Model;
use crate::theme::{Theme, dim};

/// Number of columns before the map.
const LABEL: u16 = 5;

/// Conversion of file offsets to columns.
#[derive(Clone, Copy)]
struct Scale {
    left: u16,
    columns: u16,
    /// File offset of the right edge, at least 1.
    end: i64,
}

impl Scale {
    fn column(self, offset: i64) -> u16 {
        let offset = i128::from(offset.clamp(0, self.end));
        let column = offset * i128::from(self.columns) / i128::from(self.end);
        self.left + u16::try_from(column).unwrap_or(0).min(self.columns.saturating_sub(1))
    }

    /// Returns the first and the last column of a range.
    fn columns(self, range: Range) -> (u16, u16) {
        let first = self.column(range.start);
        let behind =
            if range.end >= self.end { self.left + self.columns } else { self.column(range.end) };
        // Neighbours of several columns are kept apart.
        let gap = if behind > first + 2 { 2 } else { 1 };
        (first, behind.saturating_sub(gap).max(first))
    }
}

impl App {
    pub(super) fn draw_map(&mut self, model: &Model, area: Rect, buffer: &mut Buffer) {
        let Some((session, row)) = self.selection(model) else { return };
        let map = &self.pictures.map;
        if area.height < 2 || area.width <= LABEL + 8 || map.segments.is_empty() {
            buffer.set_stringn(
                area.x + 1,
                area.y,
                "no records were rendered",
                area.width.into(),
                dim(),
            );
            return;
        }
        let scale =
            Scale { left: area.x + LABEL, columns: area.width - LABEL, end: map.end.max(1) };
        let selected = map.segments.partition_point(|segment| segment.row <= row).checked_sub(1);
        let generation =
            selected.and_then(|at| map.segments.get(at)).map_or(0, |segment| segment.generation);
        draw_axis(map, scale, self.theme, area, buffer);
        // The axis takes a line, arcs up to half of the rest.
        let arcs = u16::try_from(map.links.len()).unwrap_or(u16::MAX).min((area.height - 1) / 2);
        let height = area.height - 1 - arcs;
        let generations =
            map.segments.iter().map(|segment| segment.generation + 1).max().unwrap_or(1);
        let first = generation
            .saturating_sub(u32::from(height) / 2)
            .min(generations.saturating_sub(height.into()));
        for (y, number) in (area.y + 1..area.y + 1 + height).zip(first..generations) {
            buffer.set_stringn(area.x, y, format!("g{number}"), usize::from(LABEL - 1), dim());
            let line = Rect { y, height: 1, ..area };
            for (at, segment) in
                map.segments.iter().enumerate().filter(|(_, segment)| segment.generation == number)
            {
                let (first, last) = scale.columns(segment.range);
                for x in first..=last {
                    draw_cell(segment, selected == Some(at), self.theme, (x, y), buffer);
                    self.areas.cells.insert((x, y), segment.row);
                }
            }
            for mark in map.lost.iter().filter(|mark| generation_of(map, mark.row) == number) {
                let x = scale.column(mark.offset);
                buffer.set_stringn(
                    x,
                    y,
                    self.theme.glyphs.lost,
                    1,
                    self.theme.severity(mark.severity),
                );
                self.areas.cells.insert((x, line.y), mark.row);
            }
        }
        let drawn =
            u16::try_from(generations.saturating_sub(first)).unwrap_or(u16::MAX).min(height);
        let arcs = area.y + 1 + drawn..area.bottom();
        // The arcs nearest to the selection.
        let behind = map.links.partition_point(|link| link.row <= row);
        let skipped = behind.saturating_sub(1).min(map.links.len().saturating_sub(arcs.len()));
        for (y, link) in arcs.zip(map.links.iter().skip(skipped)) {
            let label = label(&model.trace.sessions[session], model, link);
            draw_arc(link, &label, scale, self.theme, y, buffer);
            let (from, to) = (scale.column(link.from.start), scale.column(link.to.start));
            for x in from.min(to)..=from.max(to) {
                self.areas.cells.insert((x, y), link.row);
            }
        }
    }
}

/// Returns the generation in which a finding was reported: that of the last rendering before it.
fn generation_of(map: &FileMap, row: u32) -> u32 {
    let behind = map.segments.partition_point(|segment| segment.row <= row);
    map.segments[..behind].last().map_or(0, |segment| segment.generation)
}

/// Draws the ends of the reads, and the greatest file offset.
fn draw_axis(map: &FileMap, scale: Scale, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let line = theme.glyphs.nothing.repeat(scale.columns.into());
    buffer.set_stringn(scale.left, area.y, line, scale.columns.into(), dim());
    for read in &map.reads {
        buffer.set_stringn(
            scale.column(read.end.saturating_sub(1)),
            area.y,
            theme.glyphs.tick,
            1,
            Style::new(),
        );
    }
    buffer.set_stringn(area.x, area.y, "read", usize::from(LABEL - 1), dim());
    let end = format!(" {} B ", grouped(map.end.unsigned_abs()));
    let length = u16::try_from(end.len()).unwrap_or(u16::MAX);
    if let Some(x) = area.right().checked_sub(length).filter(|x| *x > scale.left) {
        buffer.set_stringn(x, area.y, end, length.into(), Style::new());
    }
}

/// Returns the importance of a segment where several cover one cell.
fn rank(segment: &Segment) -> u8 {
    match (segment.severity, segment.fate) {
        (Some(Severity::Error), _) => 6,
        (Some(Severity::Warning), _) => 5,
        (_, Fate::Failed | Fate::Unknown) => 4,
        (_, Fate::DiscardedOverflow | Fate::DiscardedTail | Fate::Skipped) => 3,
        (_, Fate::Emitted) => 2,
        (_, Fate::PassedOver | Fate::Empty) => 1,
    }
}

fn draw_cell(segment: &Segment, selected: bool, theme: Theme, at: (u16, u16), buffer: &mut Buffer) {
    let (symbol, style) = theme.fate(segment.fate);
    let style = match segment.severity {
        Some(severity) if severity > Severity::Info => theme.severity(severity),
        _ => style,
    };
    // Without colors, only the character shows a finding.
    let symbol = match segment.severity {
        Some(severity) if severity > Severity::Info && !theme.color => "X",
        _ => symbol,
    };
    let Some(cell) = buffer.cell_mut(at) else { return };
    let covers = match cell.symbol() {
        " " => true,
        other => rank(segment) >= rank_of(other, theme),
    };
    if covers || selected {
        cell.set_symbol(symbol).set_style(style);
    }
    if selected {
        cell.set_style(Style::new().add_modifier(Modifier::REVERSED));
    }
}

/// Returns the importance of what a cell shows.
fn rank_of(symbol: &str, theme: Theme) -> u8 {
    let glyphs = theme.glyphs;
    match symbol {
        symbol if symbol == glyphs.failed => 4,
        symbol if symbol == glyphs.discarded => 3,
        symbol if symbol == glyphs.emitted => 2,
        "X" => 6,
        _ => 1,
    }
}

fn label(session: &Session, model: &Model, link: &Link) -> String {
    let id = session.facts.id;
    let found =
        model.trace.findings.iter().find(|found| {
            found.row == link.row && model.trace.sessions[found.session].facts.id == id
        });
    let name = found
        .map_or(String::new(), |found| format!("{} {} ", found.finding.id, found.finding.name));
    format!(" {name}{}..{}, {}..{}", link.from.start, link.from.end, link.to.start, link.to.end)
}

/// Draws an arc between the two ranges of a link, and its label.
fn draw_arc(link: &Link, label: &str, scale: Scale, theme: Theme, y: u16, buffer: &mut Buffer) {
    let middle = |range: Range| {
        let (first, last) = scale.columns(range);
        first + (last - first) / 2
    };
    let (from, to) = (middle(link.from), middle(link.to));
    let (left, right) = (from.min(to), from.max(to));
    let glyphs = theme.glyphs;
    let style = theme.severity(link.severity);
    for x in left..=right {
        let symbol = match x {
            x if x == left => glyphs.arc_left,
            x if x == right => glyphs.arc_right,
            _ => glyphs.arc,
        };
        buffer.set_stringn(x, y, symbol, 1, style);
    }
    let end = scale.left + scale.columns;
    let length = u16::try_from(label.chars().count()).unwrap_or(u16::MAX);
    let x = if right + 1 + length <= end {
        right + 1
    } else {
        left.saturating_sub(length).max(scale.left)
    };
    if right + 1 + length <= end || left >= scale.left + length {
        buffer.set_stringn(x, y, label, usize::from(end - x), style);
    } else if right > left + 2 {
        buffer.set_stringn(left + 1, y, label, usize::from(right - left - 1), style);
    }
}
