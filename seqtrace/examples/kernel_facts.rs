//! Prints facts about the running kernel as one JSON object: offsets, core sites or the reason why there
//! are none, and the time that each took. For bug reports and for tests of new kernels.
//!
//! Needs root. `cargo run --example kernel_facts`. With the path of a file with BTF, prints its offsets instead.
#![forbid(unsafe_code)]

use std::time::Instant;

use seqtrace::kernel::{btf::Btf, kallsyms::Kallsyms, mounts::Mounts, sites, text::Kcore};
use serde_json::{Value, json};

/// Returns the result of `work` and the milliseconds that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begin = Instant::now();
    let value = work();
    (value, begin.elapsed().as_secs_f64() * 1e3)
}

fn main() -> anyhow::Result<()> {
    if let Some(file) = std::env::args_os().nth(1) {
        println!("{:?}", Btf::of_file(file.as_ref())?.offsets()?);
        return Ok(());
    }
    let (btf, btf_ms) = timed(Btf::of_running_kernel);
    let btf = btf?;
    let (offsets, offsets_ms) = timed(|| btf.offsets());
    let offsets = offsets?;
    let (read, read_ms) = timed(|| std::fs::read("/proc/kallsyms"));
    let (symbols, parse_ms) = timed(|| -> anyhow::Result<_> { Ok(Kallsyms::parse(&read?)?) });
    let symbols = symbols?;
    let (_, first_name_ms) = timed(|| symbols.kernel_address("seq_read_iter"));
    let (mounts, mounts_ms) = timed(Mounts::of_this_process);
    mounts?;
    let (kcore, kcore_ms) = timed(Kcore::open);
    let (found, sites_ms) = timed(|| -> anyhow::Result<_> {
        let kcore = kcore?;
        Ok(sites::core_sites(&symbols, &offsets, &|address, len| kcore.read(address, len))?)
    });
    let sites = match found {
        Ok(sites) => sites.iter().map(ToString::to_string).collect::<Value>(),
        Err(error) => json!({ "refused": error.to_string() }),
    };
    let facts = json!({
        "release": seqtrace::kernel::release(),
        "symbols": symbols.len(),
        "modules": symbols.modules().count(),
        "offsets": format!("{offsets:?}"),
        "sites": sites,
        "ms": {
            "btf": btf_ms,
            "offsets": offsets_ms,
            "kallsyms_read": read_ms,
            "kallsyms_parse": parse_ms,
            "first_name": first_name_ms,
            "mounts": mounts_ms,
            "kcore": kcore_ms,
            "sites": sites_ms,
        },
    });
    println!("{}", serde_json::to_string_pretty(&facts)?);
    Ok(())
}
