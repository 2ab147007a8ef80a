//! `cargo xtask screens`: writes docs/screens, which shows the terminal UI.
//!
//! The screens are expected output of a test, so `cargo xtask test unit` fails if they are not up to date.

use anyhow::Result;

use crate::{paths, setup, sh};

/// Runs the test that draws the screens, and lets it write them.
pub(crate) fn run() -> Result<()> {
    setup::toolchain()?;
    let mut test = setup::outer_cargo();
    test.args(["test", "--package", "seqtrace", "--test", "screens"]);
    sh::cargo(test.env("UPDATE_EXPECT", "1").current_dir(paths::root()))
}
