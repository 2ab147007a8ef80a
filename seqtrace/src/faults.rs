//! Faults made to order, for tests: what is rare on a machine that works has to be seen all the same.

use std::{str::FromStr, time::Duration};

/// What goes wrong. By default nothing does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Open files that there is room for.
    pub sessions: Option<u32>,
    /// How long user space sleeps each time before it empties the ring.
    pub pause: Option<Duration>,
    /// The text of the core is not understood.
    pub no_core: bool,
}

impl FromStr for Faults {
    type Err = String;

    /// `sessions=4,pause=50,no-core`; the pause is in ms.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for word in text.split(',') {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<u32>().map_err(|error| format!("`{word}`: {error}"));
            match name {
                "sessions" => faults.sessions = Some(number()?),
                "pause" => faults.pause = Some(Duration::from_millis(number()?.into())),
                "no-core" if value.is_empty() => faults.no_core = true,
                _ => return Err(format!("there is no fault `{word}`")),
            }
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        let faults: Faults = "sessions=4,pause=50,no-core".parse().unwrap();
        assert_eq!((faults.sessions, faults.no_core), (Some(4), true));
        assert_eq!(faults.pause, Some(Duration::from_millis(50)));
        for bad in ["", "sessions", "sessions=", "pause=-1", "no-core=1", "fire"] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
    }
}
