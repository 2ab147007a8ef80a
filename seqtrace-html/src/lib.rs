//! A trace, or the result of a check, as one HTML page without any other file.
//!
//! ```text
//! Material, files of a check ─► page.rs: values for the template ─► templates/page.html ─► String
//!                                svg.rs: the two pictures           templates/{map,plot}.svg
//!                                excerpt.rs: the timeline around a finding
//! ```
//!
//! All foreign bytes are escaped twice: control characters by [`seqtrace_model::escape`], and characters with a meaning
//! in HTML by the templates. The page's policy allows its own style and script, and nothing else.
#![forbid(unsafe_code)]

mod excerpt;
mod page;
mod svg;

pub use page::{CheckedFile, Material, Page, Reproducer, material};

#[cfg(test)]
mod tests;
