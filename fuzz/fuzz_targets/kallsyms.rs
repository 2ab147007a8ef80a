#![no_main]

use libfuzzer_sys::fuzz_target;
use seqtrace::fuzz;

fuzz_target!(init: fuzz::seeds("kallsyms"), |data: &[u8]| fuzz::kallsyms(data));
