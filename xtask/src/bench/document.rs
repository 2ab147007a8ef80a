//! Text of the generated section in docs/performance.md.

use super::{Measured, goals, table};
use crate::section::Section;

pub(crate) const SECTION: Section = Section::new("docs/performance.md", "cargo xtask bench");

/// Returns all tables with their headings.
pub(crate) fn text(measured: &Measured) -> String {
    let Measured { commit, cost, loss, host } = measured;
    [
        format!("\nCommit {commit}, `cargo xtask bench`, Linux {}.\n", cost.release),
        "\n## Goals\n\n".to_owned(),
        goals::table(measured),
        "\n## What tracing costs\n".to_owned(),
        table::cost(cost),
        "\n## Loss at full speed\n".to_owned(),
        table::loss(loss),
        "\n## Looking at recordings\n\n".to_owned(),
        table::throughput(host),
        "\n## Growth\n\n".to_owned(),
        table::growth(host),
        "\n".to_owned(),
    ]
    .concat()
}
