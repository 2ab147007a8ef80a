//! Reads traces for shell scripts: `json` prints selected values, `tally` counts, `validate` checks against a schema.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

/// Prints the objects that the schema does not allow. Returns false if there are any, or if the trace is empty.
pub(crate) fn validate(schema: &Path, trace: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(schema)
        .with_context(|| format!("cannot read {}", schema.display()))?;
    let schema = serde_json::from_str(&text).context("the schema is not JSON")?;
    let validator = jsonschema::validator_for(&schema)?;
    let (mut count, mut valid) = (0, true);
    for object in objects(trace)? {
        let object = object?;
        count += 1;
        for error in validator.iter_errors(&object) {
            println!("{error}: {object}");
            valid = false;
        }
    }
    Ok(valid && count > 0)
}

/// Counts the objects of a large trace. Parses only the objects whose values it needs.
pub(crate) fn tally(trace: &Path) -> Result<()> {
    let file = File::open(trace).with_context(|| format!("cannot read {}", trace.display()))?;
    let (mut objects, mut emitted, mut gaps) = (0_u64, 0_u64, 0_u64);
    let mut end = Value::Null;
    for line in BufReader::new(file).lines() {
        let line = line?;
        objects += 1;
        if line.starts_with("{\"type\":\"cb\"") {
            emitted += u64::from(line.contains("\"fate\":\"emitted\""));
        } else if line.starts_with("{\"type\":\"gap\"") {
            let gap: Value = serde_json::from_str(&line).context("a gap is not JSON")?;
            gaps += get(&gap, "lost").as_u64().context("a gap has no number of lost events")?;
        } else if line.starts_with("{\"type\":\"end\"") {
            end = serde_json::from_str(&line).context("the end is not JSON")?;
        }
    }
    let [lost, missed, sessions, partial] =
        ["lost", "missed", "sessions", "partial"].map(|key| text(get(&end, key)));
    println!("{objects} {emitted} {gaps} {lost} {missed} {sessions} {partial}");
    Ok(())
}

/// Prints a line for each object that meets all conditions.
#[derive(Args)]
pub(crate) struct Query {
    /// Trace with one JSON object per line
    file: PathBuf,
    /// Conditions KEY=VALUE or KEY!=VALUE; an inner key is outer.inner, null is -
    conditions: Vec<String>,
    /// Print the values of these keys, separated by tabs, instead of the object
    #[arg(long, value_delimiter = ',')]
    print: Vec<String>,
    /// Print pointers 0x… as p1, p2, … in order of appearance, because they differ from run to run
    #[arg(long)]
    alias: bool,
}

impl Query {
    pub(crate) fn run(&self) -> Result<()> {
        let mut aliases = HashMap::new();
        for object in objects(&self.file)? {
            let object = object?;
            if !self.matches(&object)? {
                continue;
            }
            if self.print.is_empty() {
                println!("{object}");
                continue;
            }
            let values: Vec<String> = self
                .print
                .iter()
                .map(|key| {
                    let value = text(get(&object, key));
                    if self.alias && value.starts_with("0x") {
                        let next = aliases.len() + 1;
                        format!("p{}", aliases.entry(value).or_insert(next))
                    } else {
                        value
                    }
                })
                .collect();
            println!("{}", values.join("\t"));
        }
        Ok(())
    }

    /// Returns true if the object meets all conditions.
    fn matches(&self, object: &Value) -> Result<bool> {
        for condition in &self.conditions {
            let (key, value) = condition
                .split_once('=')
                .with_context(|| format!("{condition} is not KEY=VALUE or KEY!=VALUE"))?;
            let (key, is_equal_wanted) = match key.strip_suffix('!') {
                Some(key) => (key, false),
                None => (key, true),
            };
            if (text(get(object, key)) == value) != is_equal_wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Reads the objects of a file one at a time.
pub(crate) fn objects(file: &Path) -> Result<impl Iterator<Item = Result<Value>>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(BufReader::new(opened).lines().enumerate().map(move |(number, line)| {
        let line = line?;
        serde_json::from_str(&line)
            .with_context(|| format!("{}:{}: not JSON: {line}", file.display(), number + 1))
    }))
}

fn get<'a>(object: &'a Value, key: &str) -> &'a Value {
    key.split('.').fold(object, |value, key| value.get(key).unwrap_or(&Value::Null))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
