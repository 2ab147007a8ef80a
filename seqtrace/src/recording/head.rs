//! What is known before the first event: the metadata of the stream's schema.
//!
//! | key | value |
//! | --- | --- |
//! | `seqtrace.format` | [`FORMAT`]: what reads it |
//! | `seqtrace.version` | of seqtrace |
//! | `seqtrace.kernel`, `seqtrace.machine` | as `uname -r` and `-m` say |
//! | `seqtrace.backend`, `seqtrace.backend_reason` | how callbacks were seen, and why not otherwise |
//! | `seqtrace.ring_bytes` | size of the ring buffer |
//! | `seqtrace.command` | the command line, a JSON array; a word that is no UTF-8 is an array of bytes |
//! | `seqtrace.wall_at_boot` | the wall clock (ns since 1970, UTC) when CLOCK_MONOTONIC was 0 |

use arrow_schema::Metadata;
use serde_json::Value;

use seqtrace_model::trace::Header;

/// The version of the format. It counts up whenever an older seqtrace would misunderstand.
pub const FORMAT: u32 = 1;

/// What is known before the first event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// What runs, where, and how.
    pub header: Header,
    /// The wall clock (ns since 1970, UTC) when CLOCK_MONOTONIC was 0.
    pub wall_at_boot: i64,
}

/// What is wrong with the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeadError {
    /// Not of a recording.
    Foreign,
    /// Of a format that is not known yet.
    TooNew { format: u32, version: String },
    /// A value is missing or makes no sense.
    Bad(&'static str),
}

const FORMAT_KEY: &str = "seqtrace.format";
const VERSION: &str = "seqtrace.version";
const KERNEL: &str = "seqtrace.kernel";
const MACHINE: &str = "seqtrace.machine";
const BACKEND: &str = "seqtrace.backend";
const REASON: &str = "seqtrace.backend_reason";
const RING: &str = "seqtrace.ring_bytes";
const COMMAND: &str = "seqtrace.command";
const WALL: &str = "seqtrace.wall_at_boot";

impl Head {
    /// As metadata of the schema.
    pub(super) fn metadata(&self) -> Metadata {
        let Self { header, wall_at_boot } = self;
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
            (REASON, backend_reason.clone()),
            (RING, Some(ring_bytes.to_string())),
            (COMMAND, Some(words.collect::<Value>().to_string())),
            (WALL, Some(wall_at_boot.to_string())),
        ];
        let mut metadata = Metadata::new();
        for (key, value) in pairs {
            if let Some(value) = value {
                metadata.insert(key, value);
            }
        }
        metadata
    }

    /// From the metadata of a schema.
    pub(super) fn of(metadata: &Metadata) -> Result<Self, HeadError> {
        let text = |key: &'static str| metadata.get(key).cloned().ok_or(HeadError::Bad(key));
        let Some(format) = metadata.get(FORMAT_KEY) else { return Err(HeadError::Foreign) };
        let format: u32 = format.parse().map_err(|_| HeadError::Bad(FORMAT_KEY))?;
        if format > FORMAT {
            let version = metadata.get(VERSION).cloned().unwrap_or_default();
            return Err(HeadError::TooNew { format, version });
        }
        Ok(Self {
            header: Header {
                version: text(VERSION)?,
                kernel: text(KERNEL)?,
                machine: text(MACHINE)?,
                backend: text(BACKEND)?,
                backend_reason: metadata.get(REASON).cloned(),
                ring_bytes: text(RING)?.parse().map_err(|_| HeadError::Bad(RING))?,
                command: words(&text(COMMAND)?).ok_or(HeadError::Bad(COMMAND))?,
            },
            wall_at_boot: text(WALL)?.parse().map_err(|_| HeadError::Bad(WALL))?,
        })
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
