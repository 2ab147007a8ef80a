use hdrhistogram::Histogram;

/// The distribution of durations, in ns.
#[derive(Clone, Debug)]
pub struct Durations {
    /// Keeps two or three significant digits and grows by itself. `None`: it could not be made, which does not happen.
    histogram: Option<Histogram<u64>>,
    sum: u64,
    max: u64,
}

impl Default for Durations {
    fn default() -> Self {
        // Histogram::new() fails only for more than five digits.
        Self { histogram: Histogram::new(3).ok(), sum: 0, max: 0 }
    }
}

impl Durations {
    /// Makes an empty distribution with two significant digits, which takes an eighth of the memory.
    pub fn coarse() -> Self {
        Self { histogram: Histogram::new(2).ok(), ..Self::default() }
    }

    /// Adds a duration (ns). `None`: it is unknown and does not count.
    pub fn add(&mut self, ns: Option<u64>) {
        let (Some(ns), Some(histogram)) = (ns, &mut self.histogram) else { return };
        // Fails only for values out of range; a histogram that resizes itself has no range.
        let _recorded = histogram.record(ns);
        self.sum = self.sum.saturating_add(ns);
        self.max = self.max.max(ns);
    }

    /// Returns the number of durations.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// Returns the sum of the durations in ns.
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns the longest duration in ns; 0 if there is none.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Returns the numbers of durations by powers of two: the bound in ns that they are below, and their number. Begins
    /// with the octave of the shortest duration and ends with that of the longest; empty if there is none.
    pub fn octaves(&self) -> Vec<(u64, u64)> {
        let mut octaves: Vec<(u64, u64)> = Vec::new();
        for recorded in self.histogram.iter().flat_map(Histogram::iter_recorded) {
            // A duration of 2^63 ns or more does not occur.
            let bound = (recorded.value_iterated_to() + 1).checked_next_power_of_two();
            let bound = bound.unwrap_or(u64::MAX);
            while let Some((last, _)) = octaves.last().copied().filter(|(last, _)| *last < bound) {
                octaves.push((last.saturating_mul(2), 0));
            }
            match octaves.last_mut() {
                Some((_, count)) => *count += recorded.count_since_last_iteration(),
                None => octaves.push((bound, recorded.count_since_last_iteration())),
            }
        }
        octaves
    }

    /// Returns the duration in ns that the share `quantile` (0 to 1) of all durations does not exceed, with three
    /// significant digits, or two if the distribution is coarse; 0 if there is none.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let value = self.histogram.as_ref().map_or(0, |all| all.value_at_quantile(quantile));
        // The histogram returns the upper end of a bucket.
        value.min(self.max)
    }
}
