//! Stores measured values by file, row and key. A row is a way to trace the file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sh;

/// Name of the row that describes the file itself instead of a way to trace it.
pub(crate) const FILE: &str = "calls";

/// Measurements from one guest, or from the host.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Output of `uname -r`; empty for the host.
    pub(crate) release: String,
    /// Names of files with their rows, in the order in which they were measured.
    files: Vec<(String, Vec<Row>)>,
}

/// Values of one way to trace one file.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    values: BTreeMap<String, String>,
}

impl Row {
    /// Returns a value as a number: a count, bytes, KiB or nanoseconds, depending on the key; `None` if there is none.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.values.get(key)?.parse().ok()
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

impl Facts {
    /// Parses a line of a script's output: `fact ROW FILE KEY VALUE`, separated by tabs. Prints other lines.
    pub(crate) fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.splitn(5, '\t').collect();
        let &["fact", row, file, key, value] = words.as_slice() else {
            sh::progress("Guest", line);
            return;
        };
        self.set(file, row, key, &value);
    }

    /// Sets a value, in a new row if there is none of that name.
    pub(crate) fn set(&mut self, file: &str, row: &str, key: &str, value: &impl ToString) {
        let rows = self.entry(file);
        let at = rows.iter().position(|known| known.name == row).unwrap_or(rows.len());
        if at == rows.len() {
            rows.push(Row { name: row.to_owned(), values: BTreeMap::new() });
        }
        if let Some(row) = rows.get_mut(at) {
            row.values.insert(key.to_owned(), value.to_string());
        }
    }

    fn entry(&mut self, file: &str) -> &mut Vec<Row> {
        let at = self.files.iter().position(|(name, _)| name == file).unwrap_or(self.files.len());
        if at == self.files.len() {
            self.files.push((file.to_owned(), Vec::new()));
        }
        &mut self.files[at].1
    }

    /// Returns the names of the files with their rows.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.files.iter().map(|(name, rows)| (name.as_str(), rows.as_slice()))
    }

    pub(crate) fn row(&self, file: &str, row: &str) -> Option<&Row> {
        let (_, rows) = self.files.iter().find(|(name, _)| name == file)?;
        rows.iter().find(|known| known.name == row)
    }

    /// Returns all measurements as JSON.
    pub(crate) fn json(&self) -> Value {
        let mut files = serde_json::Map::new();
        for (name, rows) in &self.files {
            let rows = rows.iter().map(|row| {
                let values = row.values.iter().map(|(key, value)| {
                    let number = value.parse::<u64>().map(Value::from);
                    (key.clone(), number.unwrap_or_else(|_| value.as_str().into()))
                });
                (row.name.clone(), Value::Object(values.collect()))
            });
            files.insert(name.clone(), Value::Object(rows.collect()));
        }
        json!({ "kernel": self.release, "files": files })
    }
}
