#![no_main]

use libfuzzer_sys::fuzz_target;
use seqtrace::fuzz;

fuzz_target!(init: fuzz::seeds("core_sites"), |data: &[u8]| fuzz::core_sites(data));
