//! Reads the kernel's symbols, with a fallback.
//!
//! With kernel.kptr_restrict=2, or without CAP_SYSLOG, /proc/kallsyms shows no addresses. The programs do
//! not need them, but without them functions have no names in the output. ftrace shows the addresses of
//! all functions that it can trace.

use std::fmt::Write as _;

use super::{
    kallsyms::{Kallsyms, KallsymsError},
    machine::Machine,
};

/// File that lists functions with their addresses, since 6.5: lines of `address name [module]` (t_show(),
/// kernel/trace/ftrace.c). Only root may read it.
const FTRACE: &str = "/sys/kernel/tracing/available_filter_functions_addrs";

/// Reads the running kernel's symbols: none if neither kallsyms nor ftrace shows addresses. Describes the fallback if
/// /proc/kallsyms hides them; `None` if addresses are visible.
///
/// # Errors
/// /proc/kallsyms does not exist or is not understood. Hidden addresses are not an error.
pub(crate) fn of_running_kernel() -> Result<(Kallsyms, Option<&'static str>), KallsymsError> {
    match Kallsyms::of_running_kernel() {
        Err(KallsymsError::Hidden) => {}
        symbols => return Ok((symbols?, None)),
    }
    let traceable =
        std::fs::read_to_string(FTRACE).ok().and_then(|text| parse(&text, Machine::running()).ok());
    Ok(match traceable {
        Some(symbols) => (symbols, Some("only functions that ftrace can trace have names")),
        None => (Kallsyms::default(), Some("functions have no names")),
    })
}

/// Converts ftrace's list to the format of kallsyms.
fn parse(text: &str, machine: Option<Machine>) -> Result<Kallsyms, KallsymsError> {
    let mut lines = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        let Some((address, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(address) = u64::from_str_radix(address.trim_start_matches("0x"), 16) else {
            continue;
        };
        let begin = machine.map_or(address, |machine| begin_of(machine, address));
        let _infallible = writeln!(lines, "{begin:016x} t {rest}");
    }
    Kallsyms::parse(lines.as_bytes())
}

/// Returns the address at which a function begins, from the one that ftrace shows for it.
fn begin_of(machine: Machine, address: u64) -> u64 {
    // x86-64: functions are aligned to 16 bytes (CONFIG_FUNCTION_ALIGNMENT), and may begin with `endbr64` of 4 bytes,
    // behind which ftrace's instruction lies. arm64: functions are aligned to 8 bytes (CONFIG_FUNCTION_ALIGNMENT with
    // call ops), and ftrace's instruction is the second, or the third if the first is `bti` (ftrace_call_adjust(),
    // arch/arm64/kernel/ftrace.c).
    let before = match machine {
        Machine::X86_64 if address % 16 == 4 => 4,
        Machine::X86_64 => 0,
        Machine::Arm64 if address % 8 == 4 => 4,
        Machine::Arm64 => 8,
    };
    address.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ftrace_has_names() {
        let text = "ffffffff81000014 seq_read_iter\nffffffff81000080 traverse.part.0\n\
                    ffffffffc0200004 eof_show [seqbugs]\nrubbish\n";
        let symbols = parse(text, Some(Machine::X86_64)).unwrap();
        assert_eq!(symbols.len(), 3);
        assert_eq!(symbols.kernel_address("seq_read_iter"), Some(0xffff_ffff_8100_0010));
        let show = symbols.function(0xffff_ffff_c020_0000);
        assert_eq!(
            (show.name.as_deref(), show.module.as_deref()),
            (Some("eof_show"), Some("seqbugs"))
        );
        assert!(parse("", None).is_err());
        let text = "ffff800008010804 seq_read_iter\nffff800008010c08 traverse.part.0\n";
        let symbols = parse(text, Some(Machine::Arm64)).unwrap();
        assert_eq!(symbols.kernel_address("seq_read_iter"), Some(0xffff_8000_0801_0800));
        assert_eq!(symbols.kernel_address("traverse.part.0"), Some(0xffff_8000_0801_0c00));
    }
}
