//! stub
pub(super) fn run(_: &crate::cli::Report) -> anyhow::Result<std::process::ExitCode> {
    Ok(crate::exit::Exit::Done.into())
}
