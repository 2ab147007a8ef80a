//! Stores measured values by file, row and key. A row is a way to trace the file.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::sh;

/// Name of the row that describes the file itself instead of a way to trace it.
pub(crate) const FILE: &str = "calls";

/// Measurements from one guest, or from the host.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Output of `uname -r`; empty for the host.
    pub(crate) release: String,
    /// Rows by name, by name of the file, in the order in which they were measured.
    pub(crate) files: IndexMap<String, IndexMap<String, Row>>,
}

/// Values of one way to trace one file, by key.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row(BTreeMap<String, Value>);

impl Row {
    /// Returns a value as a number: a count, bytes, KiB or nanoseconds, depending on the key; `None` if there is none.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
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
        match value.parse::<u64>() {
            Ok(number) => self.set(file, row, key, number),
            Err(_) => self.set(file, row, key, value),
        }
    }

    /// Sets a value, in a new row if there is none of that name.
    pub(crate) fn set(&mut self, file: &str, row: &str, key: &str, value: impl Into<Value>) {
        let rows = self.files.entry(file.to_owned()).or_default();
        rows.entry(row.to_owned()).or_default().0.insert(key.to_owned(), value.into());
    }

    pub(crate) fn row(&self, file: &str, row: &str) -> Option<&Row> {
        self.files.get(file)?.get(row)
    }

    /// Returns all measurements as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({ "kernel": self.release, "files": self.files })
    }
}
