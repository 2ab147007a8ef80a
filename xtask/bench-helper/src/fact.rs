//! What is found out, a line each: `fact ROW FILE KEY VALUE`, tab-separated. The shell scripts print
//! such lines, too; `cargo xtask bench` makes tables of them.

use std::fmt::Display;

/// Where a fact belongs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// How the file is traced
    #[arg(long)]
    pub(crate) row: String,
    /// What the file is called in the table
    #[arg(long)]
    pub(crate) label: String,
}

impl Place {
    /// Prints a fact.
    pub(crate) fn say(&self, key: &str, value: impl Display) {
        println!("fact\t{}\t{}\t{key}\t{value}", self.row, self.label);
    }
}
