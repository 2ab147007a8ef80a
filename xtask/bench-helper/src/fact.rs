//! Prints measurements as lines `fact ROW FILE KEY VALUE`, separated by tabs. The shell scripts of the benchmark also print
//! such lines. `cargo xtask bench` formats them as tables.

use std::fmt::Display;

/// Row and file that measurements belong to.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FactLabels {
    /// Name of the way in which the file is traced
    #[arg(long)]
    pub(crate) row: String,
    /// Name of the file in the table
    #[arg(long)]
    pub(crate) label: String,
}

impl FactLabels {
    pub(crate) fn print(&self, key: &str, value: impl Display) {
        println!("fact\t{}\t{}\t{key}\t{value}", self.row, self.label);
    }
}
