#![no_main]

use libfuzzer_sys::fuzz_target;
use seqtrace::fuzz;

fuzz_target!(init: fuzz::seeds("recording_unchecked"), |data: &[u8]| fuzz::recording_unchecked(data));
