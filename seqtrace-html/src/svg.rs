//! The file map and the position plot as coordinates for the templates.
#![expect(clippy::cast_precision_loss, reason = "a picture needs three digits")]

use askama::Template;
use seqtrace_model::finding::Severity;
use seqtrace_model::session::update::{Fate, Range};
use seqtrace_render::texts;
use seqtrace_view::map::FileMap;
use seqtrace_view::plot::{Point, PositionPlot, Step};
use seqtrace_view::{Session, Window};

/// Width of both pictures, in their own units.
const WIDTH: f64 = 1000.0;
/// Height of a generation of the file map.
const ROW: u32 = 18;
/// Greatest number of generations that are drawn; further ones are counted.
const GENERATIONS: u32 = 24;
/// Height of the position plot.
const HEIGHT: f64 = 240.0;
/// Range of positions beyond which the plot's scale is logarithmic.
const LINEAR: f64 = 1e6;

/// The file map of a session.
#[derive(Template)]
#[template(path = "map.svg", escape = "html")]
pub(crate) struct MapPicture {
    height: u32,
    baseline: u32,
    end: i64,
    renderings: u64,
    segments: Vec<Box4>,
    arcs: Vec<Arc>,
    lost: Vec<Lost>,
    ticks: Vec<f64>,
    /// Number of generations that are not drawn.
    more: u32,
}

/// A rectangle with its class and its description.
struct Box4 {
    x: f64,
    y: u32,
    width: f64,
    class: &'static str,
    title: String,
}

struct Arc {
    from: f64,
    middle: f64,
    to: f64,
    class: &'static str,
    title: String,
}

struct Lost {
    x: f64,
    class: &'static str,
}

/// The position plot of a session.
#[derive(Template)]
#[template(path = "plot.svg", escape = "html")]
pub(crate) struct PlotPicture {
    height: f64,
    calls: u64,
    low: i64,
    high: i64,
    logarithmic: bool,
    /// The line through all points, as the data of a path.
    line: String,
    dots: Vec<Dot>,
}

struct Dot {
    x: f64,
    y: f64,
    class: &'static str,
    title: String,
}

/// Returns both pictures of a session.
pub(crate) fn pictures(session: &Session) -> (MapPicture, PlotPicture) {
    let (mut map, mut plot) = (FileMap::default(), PositionPlot::default());
    session.rows.visit(0..session.rows.end(), &mut Window::default(), |row, update| {
        map.add(row, update);
        plot.add(row, update);
    });
    (map_picture(&map), plot_picture(&plot))
}

fn map_picture(map: &FileMap) -> MapPicture {
    let x = |offset: i64| round(offset as f64 / map.end.max(1) as f64 * WIDTH);
    let shown = map.generations.min(GENERATIONS);
    let baseline = shown * ROW + 30;
    // A gap between wide neighbours shows where one ends.
    let width = |range: Range| {
        let width = x(range.end) - x(range.start);
        round(if width > 4.0 { width - 0.4 } else { width.max(0.6) })
    };
    let segments = map.segments.iter().filter(|segment| segment.generation < shown);
    let segments = segments.map(|segment| Box4 {
        x: x(segment.range.start),
        y: 24 + segment.generation * ROW,
        width: width(segment.range),
        class: segment.severity.map_or(class_of(segment.fate), Severity::name),
        title: format!(
            "{} bytes {}, {}",
            if segment.renderings == 1 {
                "record,".to_owned()
            } else {
                format!("{} records,", segment.renderings)
            },
            texts::range(segment.range),
            word_of(segment.fate)
        ),
    });
    let middle = |range: Range| f64::midpoint(x(range.start), x(range.end));
    let arcs = map.links.iter().take(200).map(|link| {
        let (from, to) = (middle(link.from), middle(link.to));
        let title = format!("bytes {} and {}", texts::range(link.from), texts::range(link.to));
        Arc { from, middle: f64::midpoint(from, to), to, class: link.severity.name(), title }
    });
    let lost = map.lost.iter().take(200);
    MapPicture {
        height: baseline + 16,
        baseline,
        end: map.end,
        renderings: map.segments.iter().map(|segment| u64::from(segment.renderings)).sum(),
        segments: segments.collect(),
        arcs: arcs.collect(),
        lost: lost.map(|mark| Lost { x: x(mark.offset), class: mark.severity.name() }).collect(),
        ticks: ticks(map.reads.iter().map(|range| x(range.end))),
        more: map.generations - shown,
    }
}

/// Returns the coordinates that differ by at least a unit.
fn ticks(all: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut ticks: Vec<f64> = all.collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup_by(|next, last| *next - *last < 1.0);
    ticks
}

fn plot_picture(plot: &PositionPlot) -> PlotPicture {
    let positions =
        || plot.points.iter().flat_map(|point| point.from.into_iter().chain([point.to]));
    let (low, high) = (positions().min().unwrap_or(0), positions().max().unwrap_or(0));
    let logarithmic = (high as f64 - low as f64) > LINEAR;
    let scaled = |position: i64| {
        let position = position as f64;
        if logarithmic { position.signum() * position.abs().ln_1p() } else { position }
    };
    let (bottom, top) = (scaled(low), scaled(high));
    let y = |position| {
        round(
            HEIGHT - 20.0 - (scaled(position) - bottom) / (top - bottom).max(1.0) * (HEIGHT - 40.0),
        )
    };
    let x = |call: u64| round(call as f64 / plot.calls.max(1) as f64 * WIDTH);
    // A start that resumes elsewhere than next ended is a jump.
    let line = plot.points.iter().flat_map(|point| {
        let from = point.from.map(|from| (x(point.call), y(from)));
        from.into_iter().chain([(x(point.call + u64::from(point.calls)), y(point.to))])
    });
    let line: Vec<String> = line.map(|(x, y)| format!("{x} {y}")).collect();
    let line = if line.is_empty() { String::new() } else { format!("M{}", line.join("L")) };
    let stands_out = |point: &&Point| point.step != Step::Advance || point.severity.is_some();
    let starts = plot.points.iter().filter(|point| point.step == Step::Start).count();
    // Dots of thousands of starts would hide the line.
    let wanted =
        |point: &&Point| starts <= 300 || point.severity.is_some() || point.step != Step::Start;
    let dots = plot.points.iter().filter(stands_out).filter(wanted).take(1500).map(|point| Dot {
        x: x(point.call + u64::from(point.calls)),
        y: y(point.to),
        class: dot_class(point),
        title: format!("{} at call {}: position {}", step_word(point.step), point.call, point.to),
    });
    PlotPicture {
        height: HEIGHT,
        calls: plot.calls,
        low,
        high,
        logarithmic,
        line,
        dots: dots.collect(),
    }
}

fn dot_class(point: &Point) -> &'static str {
    match (point.severity, point.step) {
        (Some(severity), _) => severity.name(),
        (None, Step::Stuck | Step::Back) => "warning",
        (None, Step::End) => "end",
        (None, Step::Start | Step::Advance) => "start",
    }
}

const fn step_word(step: Step) -> &'static str {
    match step {
        Step::Start => "start",
        Step::Advance => "next",
        Step::Stuck => "next that did not advance,",
        Step::Back => "next that moved back,",
        Step::End => "next without a record,",
    }
}

const fn class_of(fate: Fate) -> &'static str {
    match fate {
        Fate::Emitted => "emitted",
        Fate::PassedOver => "passed",
        Fate::DiscardedOverflow | Fate::DiscardedTail | Fate::Skipped | Fate::Failed => "discarded",
        Fate::Empty | Fate::Unknown => "unknown",
    }
}

pub(crate) const fn word_of(fate: Fate) -> &'static str {
    match fate {
        Fate::Emitted => "emitted",
        Fate::PassedOver => "passed over",
        Fate::DiscardedOverflow => "discarded: overflow",
        Fate::DiscardedTail => "discarded: tail",
        Fate::Skipped => "skipped",
        Fate::Empty => "empty",
        Fate::Failed => "failed",
        Fate::Unknown => "unknown",
    }
}

/// Rounds to a tenth of a unit, to keep the page small.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
