//! Reads the kernel's memory with a program, where /proc/kcore is missing or forbidden. This needs the capabilities of a
//! trace and no others, and works since 5.10 (`BPF_PROG_TEST_RUN` of raw tracepoints, net/bpf/test_run.c).

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, MapData},
    programs::{RawTracePoint, RawTracePointRunOptions, TestRun as _},
};
use seqtrace_common::config::PAGE_BYTES;

use super::{
    error::{ProbeError, describe},
    loader::{OBJECT, program_of},
};
use crate::kernel::text::{ReadPage, TextError};

/// Size of the ring of events in bytes. Nothing is written to it; a multiple of all page sizes of Linux.
const RING_BYTES: u32 = 64 << 10;
/// The large maps of a trace, which the program does not use.
const UNUSED_MAPS: [&str; 6] =
    ["SESSION", "KEYS", "CALLS", "PASS_OVERFLOW", "SLOT_OWNERS", "PROBED"];
/// Name of the program.
const PROGRAM: &str = "read_page";

/// The loaded program, and the map to which it reads.
struct Reader {
    ebpf: Ebpf,
    page: Array<MapData, [u8; PAGE_BYTES]>,
}

/// Loads the program. An error is the reason why it cannot be used.
pub(crate) fn load() -> Result<Box<dyn ReadPage>, String> {
    let mut loader = EbpfLoader::new();
    for map in UNUSED_MAPS {
        loader.map_max_entries(map, 1);
    }
    // The object has no BTF relocations.
    let ebpf = loader.btf(None).map_max_entries("EVENTS", RING_BYTES).load(OBJECT);
    let mut ebpf = ebpf.map_err(|error| describe(&error))?;
    let program = program_of::<RawTracePoint>(&mut ebpf, PROGRAM);
    program.and_then(RawTracePoint::load).map_err(|error| describe(&error))?;
    let page = ebpf.take_map("PAGE").ok_or_else(|| ProbeError::Missing("map PAGE").to_string())?;
    let page = Array::try_from(page).map_err(|error| describe(&error))?;
    Ok(Box::new(Reader { ebpf, page }))
}

impl ReadPage for Reader {
    fn read_page(&self, address: u64) -> Result<Option<[u8; PAGE_BYTES]>, TextError> {
        let program: &RawTracePoint = self
            .ebpf
            .program(PROGRAM)
            .and_then(|program| program.try_into().ok())
            .ok_or_else(|| TextError::Program(ProbeError::Missing("program").to_string()))?;
        let mut options = RawTracePointRunOptions::new();
        options.args[0] = address;
        let error = |error: &dyn std::error::Error| TextError::Program(describe(error));
        let run = program.test_run(options).map_err(|failed| error(&failed))?;
        if run.return_value != 0 {
            return Ok(None);
        }
        self.page.get(&0, 0).map(Some).map_err(|failed| error(&failed))
    }
}
