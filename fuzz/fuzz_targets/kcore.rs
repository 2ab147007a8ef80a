#![no_main]

use libfuzzer_sys::fuzz_target;
use seqtrace::fuzz;

fuzz_target!(init: fuzz::seeds("kcore"), |data: &[u8]| fuzz::kcore(data));
