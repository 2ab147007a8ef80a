//! Parsers of option values.

use std::time::Duration;

/// Least width of the timeline, columns.
const LEAST_WIDTH: u16 = 60;

/// Width of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// Lines have at most this many columns.
    Columns(u16),
    /// Lines have any length.
    None,
}

/// Parses a number of columns, or `none`.
pub(crate) fn width(text: &str) -> Result<Width, String> {
    if text == "none" {
        return Ok(Width::None);
    }
    let columns: u16 = text.parse().map_err(|_| {
        format!("`{text}` is not a width: write a number of columns, as in 100, or none")
    })?;
    if columns < LEAST_WIDTH {
        return Err(format!("a line has at least {LEAST_WIDTH} columns"));
    }
    Ok(Width::Columns(columns))
}

/// Parses `50us`, `500ms`, `10s`, `2m` or `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a time: write a number, then us, ms, s, m or h"))?;
    let scale = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("unknown unit `{unit}`: use us, ms, s, m or h")),
    };
    Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())
}

/// Parses `8MiB`, `512K` or `65536`; returns bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| {
        format!(
            "`{text}` is not a size: write a number of bytes, or of KiB, MiB or GiB, as in 8MiB"
        )
    })?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(format!("unknown unit `{unit}`: use KiB, MiB or GiB")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is too large"))
}

/// Parses the number of a session, from 1.
pub(crate) fn session_number(text: &str) -> Result<usize, String> {
    let number = text.trim_start_matches('0').parse();
    number.map_err(|_| format!("`{text}` is not the number of a session: the first one is 1"))
}

/// Parses a size that is a power of two from 4 KiB to 2 GiB; returns bytes.
pub(crate) fn ring_size(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?)
        .ok()
        .filter(|bytes| bytes.is_power_of_two() && (4096..=1 << 31).contains(bytes))
        .ok_or_else(|| format!("`{text}` is not a power of two from 4KiB to 2GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        assert_eq!(width("none"), Ok(Width::None));
        assert_eq!(width("60"), Ok(Width::Columns(60)));
        assert_eq!(width("59").unwrap_err(), "a line has at least 60 columns");
        for bad in ["", "-80", "wide", "65536"] {
            assert!(width(bad).unwrap_err().contains("is not a width"), "{bad}");
        }
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(duration("7µs"), Ok(Duration::from_micros(7)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for bad in ["foo", "", "-1", "MiB"] {
            let message = size(bad).unwrap_err();
            assert!(message.starts_with(&format!("`{bad}` is not a size: write a number")));
            let message = duration(bad).unwrap_err();
            assert!(message.starts_with(&format!("`{bad}` is not a time: write a number")));
        }
        assert_eq!(size("3parsecs").unwrap_err(), "unknown unit `parsecs`: use KiB, MiB or GiB");
        assert!(duration("3 fortnights").is_err());
        assert!(duration("-1s").is_err());
        assert!(duration("1e999h").is_err());
        assert_eq!(ring_size("8MiB"), Ok(8 << 20));
        assert_eq!(ring_size("65536"), Ok(65536));
        for bad in ["0", "1", "3MiB", "4TiB", "8GiB", "", "MiB", "99999999999999999999"] {
            assert!(ring_size(bad).is_err(), "{bad}");
        }
    }
}
