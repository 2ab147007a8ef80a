//! Converts options of the command line to those of renderers, with the properties of the terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use crate::{
    cli::{self, values::Width},
    exit::{Exit, UserError},
    output::{self, Writer},
    pipeline::{Pipeline, Until, Wanted},
    render::{self, Clock, Renderer, clock::TimeZone, summary},
};

/// Returns the renderer that the options select.
pub(super) fn renderer(
    args: &cli::Output,
    writer: &Writer,
    wall_at_boot: i64,
) -> Result<Box<dyn Renderer>, UserError> {
    let options = render::Options {
        format: args.format,
        time: args.time,
        clock: Clock { wall_at_boot, zone: TimeZone::system() },
        color: color_data(args.color, writer),
        color_status: color_status(args.color),
        ascii: args.ascii,
        preview: usize::try_from(args.preview).unwrap_or(0),
        fields: args.fields.clone(),
        width: writer.width(),
        status_width: match args.width {
            Some(Width::None) => None,
            _ => output::terminal(io::stderr()).map(|size| size.columns),
        },
        fold: match args.fold {
            cli::Fold::Auto => writer.is_terminal() && args.preview == 0,
            cli::Fold::None => false,
            cli::Fold::All => true,
        },
        quiet: args.quiet,
        verbose: args.verbose > 0,
    };
    render::renderer(&options)
        .map_err(|error| Exit::Usage.error(error.to_string(), "name some of these with --fields"))
}

/// Returns the conditions under which the trace ends.
pub(super) fn until(counts: &cli::Counts) -> Until {
    let finding = counts.until_finding.map(|rule| rule.map_or(Wanted::Any, Wanted::Rule));
    Until { sessions: counts.max_sessions, events: counts.max_events, finding }
}

/// Returns the renderer of totals. `live`: true if they are refreshed during the trace, if the output is a terminal.
pub(super) fn totals(args: &cli::Output, writer: &Writer, live: bool) -> Box<dyn Renderer> {
    Box::new(summary::Totals::new(summary::Options {
        color: color_data(args.color, writer),
        color_status: color_status(args.color),
        ascii: args.ascii,
        status: !args.quiet,
        width: writer.width(),
        live: writer.terminal().filter(|_| live),
        top: None,
    }))
}

/// Restricts the updates that are rendered.
pub(super) fn restrict(
    pipeline: &mut Pipeline,
    only_findings: bool,
    min_duration: Option<Duration>,
) {
    if only_findings {
        pipeline.only_findings();
    }
    if let Some(least) = min_duration {
        pipeline.least_duration(u64::try_from(least.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Returns true if standard error is coloured.
pub(super) fn color_status(color: cli::Color) -> bool {
    colored(color, io::stderr().is_terminal())
}

/// Returns true if the data is coloured.
pub(super) fn color_data(color: cli::Color, writer: &Writer) -> bool {
    colored(color, writer.is_terminal())
}

pub(super) fn colored(color: cli::Color, terminal: bool) -> bool {
    match color {
        cli::Color::Always => true,
        cli::Color::Never => false,
        // https://no-color.org: set and not empty.
        cli::Color::Auto => {
            terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}
