//! The JSON Schema of everything that is written with `--format json`.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::{check::report, render};

/// Returns the JSON Schema (2020-12) of one line of a trace (`attach`, `replay`), a comparison or a check.
pub fn of_a_line() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let trace = render::json::schema(&mut generator);
    let diff = render::json::diff::schema(&mut generator);
    let check = report::json::schema(&mut generator);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of seqtrace --format json",
        "anyOf": [trace, diff, check],
        "$defs": generator.take_definitions(true),
    })
}
