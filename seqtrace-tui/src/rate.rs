//! The number of updates a second, over the last seconds.

use std::collections::VecDeque;

/// Number of samples that are kept.
const SAMPLES: usize = 10;
/// Time of a sample, ms.
const SAMPLE_MS: u32 = 500;

/// Samples of the rate.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// Updates a second, the newest last.
    pub(crate) samples: VecDeque<u64>,
    /// Number of updates at the end of the last sample.
    last: u64,
    /// Time since the last sample, ms.
    elapsed: u32,
}

impl Rate {
    /// Adds a time and the number of all updates at its end.
    pub(crate) fn tick(&mut self, updates: u64, ms: u32) {
        self.elapsed = self.elapsed.saturating_add(ms);
        if self.elapsed < SAMPLE_MS {
            return;
        }
        let new = updates.saturating_sub(self.last);
        self.samples.push_back(new.saturating_mul(1000) / u64::from(self.elapsed));
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        (self.last, self.elapsed) = (updates, 0);
    }

    /// Returns the last sample, updates a second.
    pub(crate) fn now(&self) -> u64 {
        self.samples.back().copied().unwrap_or_default()
    }
}
