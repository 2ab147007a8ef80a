//! The command line program; everything it does is in the library.
#![forbid(unsafe_code)]

fn main() {}
