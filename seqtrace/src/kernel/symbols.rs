//! The kernel's symbols, as many as can be had.
//!
//! With kernel.kptr_restrict=2, or without CAP_SYSLOG, /proc/kallsyms tells no addresses. The programs do
//! not need them, but people want names. ftrace tells those of all functions that it can trace.

use std::fmt::Write as _;

use super::kallsyms::{Kallsyms, KallsymsError};

/// Functions with their addresses, since 6.5: lines of `address name [module]` (t_show(),
/// kernel/trace/ftrace.c). For root only.
const FTRACE: &str = "/sys/kernel/tracing/available_filter_functions_addrs";
/// What a compiler may put in front of the place that ftrace tells: `endbr64`.
const PREAMBLE: u64 = 4;
/// Functions begin at multiples of this (CONFIG_FUNCTION_ALIGNMENT of x86 is 16 at least).
const ALIGNMENT: u64 = 16;

const NONE: &str = "functions have no names";

/// What is known of the running kernel.
#[derive(Debug)]
pub struct Known {
    /// Maybe none.
    pub symbols: Kallsyms,
    /// What is had instead, if /proc/kallsyms hides them.
    pub lacking: Option<&'static str>,
}

/// The running kernel's.
///
/// # Errors
/// /proc/kallsyms is not there or not understood. That it hides addresses is no error.
pub fn of_running_kernel() -> Result<Known, KallsymsError> {
    match Kallsyms::of_running_kernel() {
        Ok(symbols) => Ok(Known { symbols, lacking: None }),
        Err(KallsymsError::Hidden) => {
            let traceable = std::fs::read_to_string(FTRACE).ok().and_then(|text| parse(&text).ok());
            let lacking =
                if traceable.is_some() { "names are those that ftrace tells" } else { NONE };
            Ok(Known { symbols: traceable.unwrap_or_default(), lacking: Some(lacking) })
        }
        Err(error) => Err(error),
    }
}

/// Ftrace's functions as if kallsyms told them.
fn parse(text: &str) -> Result<Kallsyms, KallsymsError> {
    let mut lines = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        let Some((address, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(address) = u64::from_str_radix(address.trim_start_matches("0x"), 16) else {
            continue;
        };
        let begin = if address % ALIGNMENT == PREAMBLE { address - PREAMBLE } else { address };
        let _infallible = writeln!(lines, "{begin:016x} t {rest}");
    }
    Kallsyms::parse(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ftrace_tells_names() {
        let text = "ffffffff81000014 seq_read_iter\nffffffff81000080 traverse.part.0\n\
                    ffffffffc0200004 eof_show [seqbugs]\nrubbish\n";
        let symbols = parse(text).unwrap();
        assert_eq!(symbols.len(), 3);
        assert_eq!(symbols.kernel_address("seq_read_iter"), Some(0xffff_ffff_8100_0010));
        let show = symbols.function(0xffff_ffff_c020_0000);
        assert_eq!(
            (show.name.as_deref(), show.module.as_deref()),
            (Some("eof_show"), Some("seqbugs"))
        );
        assert!(parse("").is_err());
    }
}
