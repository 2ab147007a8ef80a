//! `seqtrace explain`: explains a rule.

use std::process::ExitCode;

use crate::{escape, exit::Exit, output::Writer, rules};

/// Runs the subcommand.
pub(super) fn run(id: Option<&str>) -> anyhow::Result<ExitCode> {
    let text = match id {
        None => rules::list(),
        Some(word) => {
            let rule = word.parse().ok().and_then(rules::find).ok_or_else(|| {
                let word = escape::text(word.as_bytes(), false);
                Exit::Usage.error(
                    format!("there is no rule {word}"),
                    format!("these are the rules:\n\n{}", rules::list().trim_end()),
                )
            })?;
            rules::explain(rule)
        }
    };
    Writer::print(text.into_bytes())?;
    Ok(Exit::Done.into())
}
