//! Metadata of a recording, which the schema of its stream carries.
//!
//! | key | value |
//! | --- | --- |
//! | `seqtrace.format` | version of the format, [`FORMAT`] |
//! | `seqtrace.version` | version of seqtrace |
//! | `seqtrace.kernel`, `seqtrace.machine` | output of `uname -r` and `uname -m` |
//! | `seqtrace.backend`, `seqtrace.backend_reason` | the backend, and the reason why it was not the other one |
//! | `seqtrace.ring_bytes` | size of the ring buffer |
//! | `seqtrace.command` | the command line, a JSON array; a word that is not UTF-8 is an array of bytes |
//! | `seqtrace.wall_at_boot` | the wall clock (ns since 1970, UTC) when CLOCK_MONOTONIC was 0 |
//! | `seqtrace.suspended` | CLOCK_BOOTTIME minus CLOCK_MONOTONIC, ns; missing in older recordings |
//! | `seqtrace.fixed` | address ranges of the kernel's image and modules, `BEGIN-END BEGIN-END …` in hexadecimal, without the ends; missing in older recordings |

use arrow_schema::Metadata;
use serde_json::Value;

use seqtrace_model::{fixed::FixedRanges, trace::Header};

use super::reader::ReadError;
use crate::escape;

/// Version of the format. It increases whenever an older seqtrace would misread a recording.
pub(super) const FORMAT: u32 = 1;

/// Metadata of a recording, known before the first event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// Properties of the trace and of the machine on which it was made.
    pub header: Header,
    /// Wall clock when CLOCK_MONOTONIC was 0, ns since 1970 (UTC).
    pub wall_at_boot: i64,
    /// Time that the machine was suspended since it booted, ns; `None`: the recording does not have it.
    pub suspended: Option<u64>,
    /// Address ranges of the kernel's image and modules. In a recording without them: those that are the same on all
    /// kernels for its machine.
    pub fixed: FixedRanges,
}

const FORMAT_KEY: &str = "seqtrace.format";
const VERSION: &str = "seqtrace.version";
const KERNEL: &str = "seqtrace.kernel";
const MACHINE: &str = "seqtrace.machine";
const BACKEND: &str = "seqtrace.backend";
const BACKEND_REASON: &str = "seqtrace.backend_reason";
const RING_BYTES: &str = "seqtrace.ring_bytes";
const COMMAND: &str = "seqtrace.command";
const WALL_AT_BOOT: &str = "seqtrace.wall_at_boot";
const SUSPENDED: &str = "seqtrace.suspended";
const FIXED: &str = "seqtrace.fixed";

impl Head {
    /// Returns the keys and values that the schema carries.
    pub(super) fn metadata(&self) -> Metadata {
        let Self { header, wall_at_boot, suspended, fixed } = self;
        let Header { version, kernel, machine, backend, backend_reason, ring_bytes, command } =
            header;
        let words = command.iter().map(|word| match str::from_utf8(word) {
            Ok(text) => Value::from(text),
            Err(_) => Value::from(word.as_slice()),
        });
        let pairs = [
            (FORMAT_KEY, Some(FORMAT.to_string())),
            (VERSION, Some(version.clone())),
            (KERNEL, Some(kernel.clone())),
            (MACHINE, Some(machine.clone())),
            (BACKEND, Some(backend.clone())),
            (BACKEND_REASON, backend_reason.clone()),
            (RING_BYTES, Some(ring_bytes.to_string())),
            (COMMAND, Some(words.collect::<Value>().to_string())),
            (WALL_AT_BOOT, Some(wall_at_boot.to_string())),
            (SUSPENDED, suspended.map(|time| time.to_string())),
            (FIXED, Some(fixed.to_string())),
        ];
        let mut metadata = Metadata::new();
        for (key, value) in pairs.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            metadata.insert(key, value);
        }
        metadata
    }

    /// Reads the keys and values of a schema.
    pub(super) fn from_metadata(metadata: &Metadata) -> Result<Self, ReadError> {
        let invalid = |key| ReadError::Damaged(format!("its {key} is missing or invalid"));
        let text = |key| metadata.get(key).cloned().ok_or_else(|| invalid(key));
        let format = metadata.get(FORMAT_KEY).ok_or(ReadError::Foreign)?;
        let format: u32 = format.parse().map_err(|_| invalid(FORMAT_KEY))?;
        if format > FORMAT {
            let version = metadata.get(VERSION).map(String::as_str).unwrap_or_default();
            let version = escape::text(version.as_bytes(), false);
            return Err(ReadError::TooNew(format!("format {format} of {version}")));
        }
        let header = Header {
            version: text(VERSION)?,
            kernel: text(KERNEL)?,
            machine: text(MACHINE)?,
            backend: text(BACKEND)?,
            backend_reason: metadata.get(BACKEND_REASON).cloned(),
            ring_bytes: text(RING_BYTES)?.parse().map_err(|_| invalid(RING_BYTES))?,
            command: words(&text(COMMAND)?).ok_or_else(|| invalid(COMMAND))?,
        };
        let wall_at_boot = text(WALL_AT_BOOT)?.parse().map_err(|_| invalid(WALL_AT_BOOT))?;
        let suspended = metadata.get(SUSPENDED).and_then(|time| time.parse().ok());
        let fixed = match metadata.get(FIXED) {
            Some(ranges) => ranges.parse().map_err(|_| invalid(FIXED))?,
            None => FixedRanges::of_machine(&header.machine),
        };
        Ok(Self { header, wall_at_boot, suspended, fixed })
    }
}

fn words(json: &str) -> Option<Vec<Vec<u8>>> {
    let Value::Array(words) = serde_json::from_str(json).ok()? else { return None };
    let word = |word| match word {
        Value::String(text) => Some(text.into_bytes()),
        Value::Array(bytes) => {
            bytes.iter().map(|byte| byte.as_u64().and_then(|byte| byte.try_into().ok())).collect()
        }
        _ => None,
    };
    words.into_iter().map(word).collect()
}
