//! JSON, one object a line. docs/try.md has the keys; they are only ever added.

use serde_json::{Value, json};

use super::results::{KernelResult, ModuleResult, Results, Verdict};

/// Returns the objects, a line each.
pub(super) fn report(results: &Results) -> String {
    let kernels = results.kernels.iter().flat_map(kernel);
    kernels.chain([end(results)]).map(|object| object.to_string() + "\n").collect()
}

fn kernel(kernel: &KernelResult) -> Vec<Value> {
    let name = &kernel.name;
    let deaths: Vec<Value> = kernel
        .deaths
        .iter()
        .map(|death| {
            json!({"step": death.step, "path": death.file, "what": death.what, "console": death.console})
        })
        .collect();
    let logs: Vec<Value> =
        kernel.logs.iter().map(|log| json!({"step": log.step, "lines": log.lines})).collect();
    let mut objects = vec![json!({
        "v": 1, "type": "try_kernel", "kernel": name, "release": kernel.release,
        "build_error": kernel.build_error, "deaths": deaths, "logs": logs, "notes": kernel.notes,
        "others": kernel.others, "complete": kernel.complete, "seconds": kernel.seconds,
    })];
    objects.extend(kernel.modules.iter().map(|(module, result)| {
        let ModuleResult { loaded, refusal: _, problems: _, unloaded, kept } = result;
        json!({
            "v": 1, "type": "try_module", "kernel": name, "module": module, "loaded": loaded,
            "defects": result.defects(), "unloaded": unloaded, "kept": kept,
        })
    }));
    objects.extend(kernel.files.iter().map(|(path, file)| {
        let checks: serde_json::Map<String, Value> =
            file.checks.iter().map(|(phase, check)| (phase.clone(), check.raw.clone())).collect();
        json!({
            "v": 1, "type": "try_file", "kernel": name, "path": path, "module": file.module,
            "verdict": file.verdict(), "reason": file.reason(), "checks": checks,
        })
    }));
    objects
}

fn end(results: &Results) -> Value {
    let count = |verdict| results.count(verdict);
    json!({
        "v": 1, "type": "try_end", "status": results.status(),
        "clean": count(Verdict::Clean), "findings": count(Verdict::Findings), "died": count(Verdict::Died),
        "inconclusive": count(Verdict::Inconclusive), "refused": count(Verdict::Refused),
    })
}
