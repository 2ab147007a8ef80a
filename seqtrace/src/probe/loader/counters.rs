//! Reads the programs' counters of events that did not arrive.

use aya::maps::Array;

use super::Probes;
use crate::probe::{error::ProbeError, misses};

/// Numbers of events that did not arrive, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::probe) struct Counts {
    /// Number of events that found no space in the ring, for each CPU.
    pub(in crate::probe) lost: Vec<u64>,
    /// Number of files and callbacks that were not traced because a map was full, and of probe hits for which no
    /// program ran.
    pub(in crate::probe) missed: u64,
}

impl Probes {
    /// Returns the counts so far.
    ///
    /// # Errors
    /// A counter cannot be read.
    pub(in crate::probe) fn counts(&self) -> Result<Counts, ProbeError> {
        Ok(Counts {
            lost: self.counters("LOST")?,
            missed: self.counters("MISSED")?.iter().sum::<u64>()
                + self.missed_hits.unwrap_or_else(misses::of_this_process),
        })
    }

    /// Returns the elements of an array map.
    fn counters(&self, name: &'static str) -> Result<Vec<u64>, ProbeError> {
        let map = self.ebpf.map(name).ok_or(ProbeError::Missing("a counter"))?;
        let array: Array<_, u64> = Array::try_from(map).map_err(ProbeError::of_map(name))?;
        let counts = (0..array.len()).map(|index| array.get(&index, 0));
        counts.collect::<Result<_, _>>().map_err(ProbeError::of_map(name))
    }
}
