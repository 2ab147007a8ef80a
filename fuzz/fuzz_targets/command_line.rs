#![no_main]

use libfuzzer_sys::fuzz_target;
use seqtrace::fuzz;

fuzz_target!(init: fuzz::seeds("command_line"), |data: &[u8]| fuzz::command_line(data));
