//! What was found out: by file and row, values by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sh;

/// The row under which a script says what a file is, rather than what tracing it costs.
pub(crate) const FILE: &str = "calls";

/// Facts of one guest.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// `uname -r`
    pub(crate) release: String,
    /// Files and, of each, rows, in the order in which they came.
    files: Vec<(String, Vec<Row>)>,
}

/// What is known of one way to trace one file.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    values: BTreeMap<String, String>,
}

impl Row {
    /// A number of nature, bytes or nanoseconds.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.values.get(key)?.parse().ok()
    }

    /// A word.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

impl Facts {
    /// Takes a line of a script's output: `fact ROW FILE KEY VALUE`. Other lines are passed on.
    pub(crate) fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.splitn(5, '\t').collect();
        let &["fact", row, file, key, value] = words.as_slice() else {
            sh::say("Guest", &line.chars().filter(|c| !c.is_control()).collect::<String>());
            return;
        };
        self.set(file, row, key, &value);
    }

    /// Notes a value.
    pub(crate) fn set(&mut self, file: &str, row: &str, key: &str, value: &impl ToString) {
        let rows = self.entry(file);
        let at = rows.iter().position(|there| there.name == row).unwrap_or(rows.len());
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

    /// The files, and how they were traced.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.files.iter().map(|(name, rows)| (name.as_str(), rows.as_slice()))
    }

    /// A row of a file.
    pub(crate) fn row(&self, file: &str, row: &str) -> Option<&Row> {
        let (_, rows) = self.files.iter().find(|(name, _)| name == file)?;
        rows.iter().find(|there| there.name == row)
    }

    /// All of it.
    pub(crate) fn value(&self) -> Value {
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
