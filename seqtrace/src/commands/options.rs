//! Converts options of the command line to those of renderers, with the properties of the terminal.

use std::io::{self, IsTerminal};

use crate::{
    cli,
    exit::{Exit, UserError},
    output::Writer,
    pipeline::{Until, Wanted},
    render::{self, Clock, Renderer, clock::TimeZone},
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
        width: None,
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
