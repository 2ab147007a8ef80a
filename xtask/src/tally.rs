//! Collects the results of tests: the counts, the failures, and the results of each script.

/// Counts of tests by result.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    /// Names of failed tests; a reason may follow the name.
    pub(crate) failed: Vec<String>,
    /// Names of tests that were not run; a reason may follow the name.
    pub(crate) skipped: Vec<String>,
    /// Results of the scripts that ran in guests, in any order. The other fields include the tests of these scripts.
    pub(crate) scripts: Vec<ScriptResult>,
}

/// Counts of one script in one guest.
#[derive(Clone, Debug)]
pub(crate) struct ScriptResult {
    /// Name of the guest: `6.12`, `6.12-unmitigated`.
    pub(crate) guest: String,
    /// Output of `uname -r` in the guest.
    pub(crate) release: String,
    pub(crate) script: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed.len() + self.skipped.len() == 0
    }

    /// Adds the counts of `other`.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { passed, failed, skipped, scripts } = other;
        self.passed += passed;
        self.failed.extend(failed);
        self.skipped.extend(skipped);
        self.scripts.extend(scripts);
    }

    /// Prints failed and skipped tests and the count. Returns true if no test failed.
    pub(crate) fn print(&self) -> bool {
        for name in &self.skipped {
            println!("skipped: {name}");
        }
        for name in &self.failed {
            println!("FAILED: {name}");
        }
        let (failed, skipped) = (self.failed.len(), self.skipped.len());
        println!("{} passed, {failed} failed, {skipped} skipped", self.passed);
        self.failed.is_empty()
    }
}
