//! `seqtrace schema`, `completions` and `man`: output that is generated from the program itself.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli::Cli, escape, exit::Exit, output::Writer, schema};

/// Runs `seqtrace schema`.
pub(super) fn schema() -> anyhow::Result<ExitCode> {
    Writer::print(format!("{:#}\n", schema::of_a_line()).into_bytes())?;
    Ok(Exit::Done.into())
}

/// Runs `seqtrace completions SHELL`.
pub(super) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "seqtrace", &mut script);
    Writer::print(script)?;
    Ok(Exit::Done.into())
}

/// Runs `seqtrace man [COMMAND]`.
pub(super) fn man(command: Option<&str>) -> anyhow::Result<ExitCode> {
    Writer::print(page(command)?)?;
    Ok(Exit::Done.into())
}

fn page(command: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut whole = Cli::command();
    // Sets the full names of the subcommands.
    whole.build();
    let command = match command {
        None => whole,
        Some(name) => whole.find_subcommand(name).cloned().ok_or_else(|| {
            let what = format!("there is no command {}", escape::text(name.as_bytes(), false));
            Exit::Usage.error(what, "`seqtrace help` lists the commands")
        })?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn every_command_has_a_page_under_its_full_name() {
        let text = |command| String::from_utf8(page(command).unwrap()).unwrap();
        assert!(text(None).contains(".TH seqtrace 1"));
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = text(Some(name));
            assert!(page.contains(&format!(".TH seqtrace-{name} 1")), "{name}: {page}");
        }
        assert_eq!(exit::of(&page(Some("dance")).unwrap_err()), Exit::Usage);
    }
}
