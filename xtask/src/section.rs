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
        Ok(self.split(&self.document()?)?[1].to_owned())
    }

    /// Replaces the section's text.
    pub(crate) fn write(&self, content: &str) -> Result<()> {
        let document = self.document()?;
        let [before, _, after] = self.split(&document)?;
        let path = self.path();
        fs::write(&path, format!("{before}{content}{after}"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn path(&self) -> PathBuf {
        paths::root().join(self.document)
    }

    fn document(&self) -> Result<String> {
        paths::read(&self.path())
    }

    /// Splits the document into the text up to the first mark, the section, and the text from the second mark.
    fn split<'a>(&self, text: &'a str) -> Result<[&'a str; 3]> {
        let begin = format!("<!-- written by {} -->\n", self.command);
        let start = text.find(&begin).map(|at| at + begin.len());
        let (before, rest) =
            start.and_then(|at| text.split_at_checked(at)).with_context(|| self.lacks(&begin))?;
        let (section, after) = rest
            .find(END)
            .and_then(|at| rest.split_at_checked(at))
            .with_context(|| self.lacks(END))?;
        Ok([before, section, after])
    }

    fn lacks(&self, mark: &str) -> String {
        format!("{} lacks the line `{}`", self.document, mark.trim_end())
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
