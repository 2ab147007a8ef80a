#![no_main]

use libfuzzer_sys::fuzz_target;
use seqtrace::fuzz;

fuzz_target!(init: fuzz::seeds("mounts"), |data: &[u8]| fuzz::mounts(data));
