//! `cargo xtask screens`: writes docs/screens: the timeline and the terminal UI.
//!
//! The screens are expected output of two tests, so `cargo xtask test unit` fails if they are not up to date.

use anyhow::Result;

use crate::{paths, setup, sh};

/// Runs the tests that draw the screens, and lets them write them.
pub(crate) fn run() -> Result<()> {
    setup::toolchain()?;
    let mut test = setup::outer_cargo();
    test.args(["test", "--package", "seqtrace", "--test", "screens", "--test", "tui"]);
    sh::cargo(test.env("UPDATE_EXPECT", "1").current_dir(paths::root()))
}
