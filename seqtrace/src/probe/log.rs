//! Prints diagnostics of the eBPF programs (`-vv`), which they emit through aya-log.

use std::io::Write;

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::{Log, Metadata, Record};

/// Writes each message as a line of standard error.
#[derive(Debug)]
pub(super) struct ToStderr;

impl Log for ToStderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = record.level().as_str().to_ascii_lowercase();
        let _unwritten = writeln!(std::io::stderr(), "ebpf {level}: {}", record.args());
    }

    fn flush(&self) {}
}

/// Opens the programs' log. [`EbpfLogger::flush`] prints the messages since the last call.
///
/// # Errors
/// The object has no log.
pub(super) fn open(ebpf: &mut Ebpf) -> Result<EbpfLogger<ToStderr>, aya_log::Error> {
    EbpfLogger::init_with_logger(ebpf, ToStderr)
}
