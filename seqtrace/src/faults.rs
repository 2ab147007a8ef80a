//! Injected faults, for tests of conditions that are rare on a working machine.

use std::{str::FromStr, time::Duration};

/// Faults to inject. The default injects none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Capacity of the maps of open files; `None`: the default.
    pub sessions: Option<u32>,
    /// Capacity of the maps of calls and passes (`callbacks` backend); `None`: the default.
    pub calls: Option<u32>,
    /// Pause before user space empties the ring, each time; `None`: no pause.
    pub pause: Option<Duration>,
    /// True if the analysis of the core's code is to fail.
    pub no_core: bool,
    /// True if the kernel's trampolines are not to be used, as if it had none on functions.
    pub no_trampolines: bool,
    /// True if the screen of `--tui` is to panic when it saves a recording.
    pub tui_panic: bool,
}

impl FromStr for Faults {
    type Err = String;

    /// Parses `sessions=4,calls=2,pause=50,no-core,no-trampolines,tui-panic` or `none`; the pause is in ms.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for word in text.split(',') {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<u32>().map_err(|error| format!("`{word}`: {error}"));
            match name {
                "sessions" => faults.sessions = Some(number()?),
                "calls" => faults.calls = Some(number()?),
                "pause" => faults.pause = Some(Duration::from_millis(number()?.into())),
                "no-core" if value.is_empty() => faults.no_core = true,
                "no-trampolines" if value.is_empty() => faults.no_trampolines = true,
                "tui-panic" if value.is_empty() => faults.tui_panic = true,
                "none" if word == text => {}
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
        let faults: Faults = "sessions=4,pause=50,no-core,no-trampolines".parse().unwrap();
        assert_eq!((faults.sessions, faults.calls, faults.no_core), (Some(4), None, true));
        assert!(faults.no_trampolines && !faults.tui_panic);
        assert_eq!(faults.pause, Some(Duration::from_millis(50)));
        for bad in ["", "sessions", "sessions=", "calls=-1", "no-core=1", "fire"] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
    }
}
