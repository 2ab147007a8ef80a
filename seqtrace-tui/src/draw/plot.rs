//! The position plot: `m->index` over the calls of start and next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use seqtrace_model::finding::Severity;
use seqtrace_view::plot::{Point, PositionPlot, Step};

use super::grouped;
use crate::app::App;
use crate::model::Model;
use crate::theme::{Theme, dim};

/// Number of columns before the plot.
const LABEL: u16 = 12;

/// Conversion of calls and positions to cells.
struct Axes {
    area: Rect,
    calls: u64,
    least: f64,
    most: f64,
    log: bool,
}

/// Returns a position on a scale that is linear, or logarithmic on both sides of 0.
fn scaled(position: i64, log: bool) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a cell covers more positions than the loss")]
    let value = position as f64;
    if log { value.signum() * value.abs().ln_1p() } else { value }
}

impl Axes {
    fn new(plot: &PositionPlot, log: bool, area: Rect) -> Self {
        let positions =
            plot.points.iter().flat_map(|point| [point.from.unwrap_or(point.to), point.to]);
        let (least, most) =
            positions.fold((i64::MAX, i64::MIN), |(least, most), at| (least.min(at), most.max(at)));
        Self {
            area,
            calls: plot.calls.max(1),
            least: scaled(least, log),
            most: scaled(most, log),
            log,
        }
    }

    fn x(&self, call: u64) -> u16 {
        let column = u128::from(call) * u128::from(self.area.width) / u128::from(self.calls);
        self.area.x + u16::try_from(column).unwrap_or(u16::MAX).min(self.area.width - 1)
    }

    fn y(&self, position: i64) -> u16 {
        let height = f64::from(self.area.height - 1);
        let part = (scaled(position, self.log) - self.least)
            / (self.most - self.least).max(f64::MIN_POSITIVE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the height"
        )]
        let up = (part.clamp(0.0, 1.0) * height).round() as u16;
        self.area.bottom() - 1 - up.min(self.area.height - 1)
    }
}

impl App {
    pub(super) fn draw_plot(&mut self, model: &Model, area: Rect, buffer: &mut Buffer) {
        let Some((_, row)) = self.selection(model) else { return };
        let plot = &self.pictures.plot;
        if area.height < 2 || area.width <= LABEL + 8 || plot.points.is_empty() {
            buffer.set_stringn(
                area.x + 1,
                area.y,
                "no calls of start or next",
                area.width.into(),
                dim(),
            );
            return;
        }
        let inner = Rect { x: area.x + LABEL, width: area.width - LABEL, ..area };
        let axes = Axes::new(plot, self.log, inner);
        draw_labels(plot, area, buffer);
        let selected = plot.points.partition_point(|point| point.row <= row).checked_sub(1);
        for important in [false, true] {
            for (at, point) in plot.points.iter().enumerate() {
                if is_important(point) == important {
                    self.areas.cells.extend(draw_point(
                        point,
                        selected == Some(at),
                        &axes,
                        self.theme,
                        buffer,
                    ));
                }
            }
        }
    }
}

/// Draws the greatest and the least position, and the number of calls.
fn draw_labels(plot: &PositionPlot, area: Rect, buffer: &mut Buffer) {
    let positions =
        || plot.points.iter().flat_map(|point| [point.from.unwrap_or(point.to), point.to]);
    let label = |at: Option<i64>| at.map_or(String::new(), |at| format!("{at:>11}"));
    let room = usize::from(LABEL - 1);
    buffer.set_stringn(area.x, area.y, label(positions().max()), room, dim());
    buffer.set_stringn(area.x, area.bottom() - 1, label(positions().min()), room, dim());
    if area.height > 2 {
        let calls = format!("{:>5} calls", grouped(plot.calls));
        buffer.set_stringn(area.x, area.y + area.height / 2, calls, room, dim());
    }
}

/// Returns true if a point must not be hidden by others.
fn is_important(point: &Point) -> bool {
    point.severity > Some(Severity::Info) || matches!(point.step, Step::Stuck | Step::Back)
}

/// Draws a point, or the line of several calls. Returns its cells with its row.
fn draw_point(
    point: &Point,
    selected: bool,
    axes: &Axes,
    theme: Theme,
    buffer: &mut Buffer,
) -> Vec<((u16, u16), u32)> {
    let glyphs = theme.glyphs;
    let (symbol, style) = match point.step {
        Step::Start => (glyphs.start, theme.colored(Color::Cyan)),
        Step::Advance => (glyphs.step, theme.colored(Color::Green)),
        Step::Stuck => (glyphs.stuck, theme.warning()),
        Step::Back => (glyphs.back, theme.warning()),
        Step::End => (glyphs.end, dim()),
    };
    let mut style = match point.severity {
        Some(severity) if severity > Severity::Info => theme.severity(severity),
        _ => style,
    };
    if selected {
        style = style.patch(Style::new().add_modifier(Modifier::REVERSED));
    }
    let (first, last) = (axes.x(point.call), axes.x(point.call + u64::from(point.calls) - 1));
    let begin = point.from.filter(|_| point.calls > 1).unwrap_or(point.to);
    let mut cells = Vec::new();
    for x in first..=last {
        let whole = i128::from(last - first).max(1);
        let part = (i128::from(point.to) - i128::from(begin)) * i128::from(x - first) / whole;
        let position = if x == last {
            point.to
        } else {
            i64::try_from(i128::from(begin) + part).unwrap_or(begin)
        };
        let y = axes.y(position);
        buffer.set_stringn(x, y, symbol, 1, style);
        cells.push(((x, y), point.row));
    }
    cells
}
