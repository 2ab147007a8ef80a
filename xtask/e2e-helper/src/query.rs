//! `validate`: are objects what a schema says? `json`: chosen values of chosen objects, so that a shell script can compare them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;

/// Says which objects are not what the schema allows.
pub(crate) fn validate(schema: &Path, trace: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(schema)
        .with_context(|| format!("cannot read {}", schema.display()))?;
    let schema = serde_json::from_str(&text).context("the schema is no JSON")?;
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

/// Counts what a large trace says, without looking at more of it than it must.
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
            let gap: Value = serde_json::from_str(&line).context("a gap is no JSON")?;
            gaps += get(&gap, "lost").as_u64().context("a gap without a number")?;
        } else if line.starts_with("{\"type\":\"end\"") {
            end = serde_json::from_str(&line).context("the end is no JSON")?;
        }
    }
    let (lost, missed) = (text(get(&end, "lost")), text(get(&end, "missed")));
    println!("{objects} {emitted} {gaps} {lost} {missed}");
    Ok(())
}

/// Prints a line for each object that has all of the values.
#[derive(Args)]
pub(crate) struct Query {
    /// A trace: one JSON object a line
    file: PathBuf,
    /// KEY=VALUE or KEY!=VALUE; an inner key as outer.inner; null is -
    conditions: Vec<String>,
    /// Keys to print, tab-separated; all of the object without it
    #[arg(long, value_delimiter = ',')]
    print: Vec<String>,
    /// Print p1, p2, … for 0x… in the order of appearance: pointers differ from run to run
    #[arg(long)]
    alias: bool,
}

impl Query {
    pub(crate) fn run(&self) -> Result<()> {
        let mut aliases = HashMap::new();
        for object in objects(&self.file)? {
            let object = object?;
            let mut matches = true;
            for condition in &self.conditions {
                let (negated, (key, value)) = match condition.split_once("!=") {
                    Some(pair) => (true, pair),
                    None => match condition.split_once('=') {
                        Some(pair) => (false, pair),
                        None => bail!("{condition} is not KEY=VALUE"),
                    },
                };
                matches &= (text(get(&object, key)) == value) != negated;
            }
            if !matches {
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
}

/// The objects of a file, one at a time.
pub(crate) fn objects(file: &Path) -> Result<impl Iterator<Item = Result<Value>>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(BufReader::new(opened).lines().enumerate().map(move |(number, line)| {
        let line = line?;
        serde_json::from_str(&line)
            .with_context(|| format!("{}:{}: not JSON: {line}", file.display(), number + 1))
    }))
}

/// All objects of a file.
pub(crate) fn load(file: &Path) -> Result<Vec<Value>> {
    objects(file)?.collect()
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
