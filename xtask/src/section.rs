//! Reads and writes generated sections of documents: the text between `<!-- written by COMMAND -->` and `<!-- end -->`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::paths;

const END: &str = "<!-- end -->\n";

pub(crate) struct Section {
    /// Path of the document relative to the top of the checkout.
    document: &'static str,
    /// The command that writes the section.
    command: &'static str,
}

impl Section {
    pub(crate) const fn new(document: &'static str, command: &'static str) -> Self {
        Self { document, command }
    }

    /// Returns the section's text.
    pub(crate) fn read(&self) -> Result<String> {
        Ok(self.split(&paths::read(&self.path())?)?[1].to_owned())
    }

    /// Replaces the section's text.
    pub(crate) fn write(&self, content: &str) -> Result<()> {
        let path = self.path();
        let document = paths::read(&path)?;
        let [before, _, after] = self.split(&document)?;
        fs::write(&path, format!("{before}{content}{after}"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn path(&self) -> PathBuf {
        paths::root().join(self.document)
    }

    /// Splits the document into the text up to the first mark, the section, and the text from the second mark.
    fn split<'a>(&self, text: &'a str) -> Result<[&'a str; 3]> {
        let begin = format!("<!-- written by {} -->\n", self.command);
        let find = |text: &str, mark: &str| {
            let lacks = || format!("{} lacks the line `{}`", self.document, mark.trim_end());
            text.find(mark).with_context(lacks)
        };
        let (before, rest) = text.split_at(find(text, &begin)? + begin.len());
        let (section, after) = rest.split_at(find(rest, END)?);
        Ok([before, section, after])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stay() {
        let section = Section::new("x.md", "cargo xtask load");
        let text = "a\n<!-- written by cargo xtask load -->\nb\n<!-- end -->\nc\n";
        let parts = ["a\n<!-- written by cargo xtask load -->\n", "b\n", "<!-- end -->\nc\n"];
        assert_eq!(section.split(text).unwrap(), parts);
        let lacks = |text: &str| section.split(text).unwrap_err().to_string();
        assert_eq!(lacks("a"), "x.md lacks the line `<!-- written by cargo xtask load -->`");
        assert_eq!(lacks(parts[0]), "x.md lacks the line `<!-- end -->`");
    }
}
