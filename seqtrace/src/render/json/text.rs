//! Values that JSON has as strings.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};
use std::io;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::errno::Errno;
use crate::escape;
use crate::event::{Ptr, PtrKind};
use crate::rules::Id;
use crate::session::update::SessionId;

/// Writes characters that a terminal interprets or hides as `\u` escapes. A parser reads the same string.
pub(super) struct Safe {
    pub(super) ascii: bool,
}

impl serde_json::ser::Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let harmless = |c: char| match c {
            ' '..='~' => true,
            '\0'..='\x7f' => false,
            _ => !self.ascii && !escape::is_deceptive(c),
        };
        let mut rest = fragment;
        while let Some(at) = rest.find(|c| !harmless(c)) {
            let (good, tail) = rest.split_at(at);
            writer.write_all(good.as_bytes())?;
            let mut tail = tail.chars();
            if let Some(c) = tail.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = tail.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Converts bytes to text. Bytes that are not UTF-8 become U+FFFD; then [`raw`] returns the original.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Returns the bytes for output in hex, if they are not UTF-8. `None`: [`text`] is the original.
pub(super) fn raw(bytes: &[u8]) -> Option<Raw<'_>> {
    str::from_utf8(bytes).is_err().then_some(Raw(bytes))
}

/// Implements serialization as the displayed text, with the given schema.
macro_rules! written {
    ($name:ident $(<$life:lifetime>)?, $schema:tt) => {
        impl Serialize for $name $(<$life>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl JsonSchema for $name $(<$life>)? {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// Bytes in hex.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
written!(Raw<'_>, {
    "type": "string",
    "pattern": "^([0-9a-f]{2})*$",
    "description": "Bytes in hex"
});

#[derive(Clone, Copy)]
pub(super) struct Address(pub(super) u64);

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
written!(Address, { "type": "string", "pattern": "^0x[0-9a-f]{1,16}$", "description": "An address" });

/// A pointer that start or next returned.
#[derive(Clone, Copy)]
pub(super) struct Pointer(pub(super) Ptr);

impl Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            PtrKind::Null => f.write_str("NULL"),
            PtrKind::Token => f.write_str("TOKEN"),
            PtrKind::Err(errno) => write!(f, "ERR_PTR(-{errno})"),
            PtrKind::Record(value) => write!(f, "{value:#x}"),
        }
    }
}
written!(Pointer, {
    "type": "string",
    "pattern": "^(NULL|TOKEN|ERR_PTR\\(-[0-9]{1,4}\\)|0x[0-9a-f]{1,16})$",
    "description": "An iterator's pointer; TOKEN is SEQ_START_TOKEN, the number in ERR_PTR an errno"
});

/// A time, ns since boot. A string, because JSON numbers above 2^53 lose digits in many parsers.
#[derive(Clone, Copy)]
pub(super) struct BootTime(pub(super) u64);

impl Display for BootTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
written!(BootTime, {
    "type": "string",
    "pattern": "^[0-9]+$",
    "description": "CLOCK_MONOTONIC, ns since boot"
});

#[derive(Clone, Copy)]
pub(super) struct ErrorName(Errno);

impl ErrorName {
    pub(super) fn of(ret: i64) -> Option<Self> {
        Errno::of(ret).map(Self)
    }
}

impl Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
written!(ErrorName, {
    "type": "string",
    "pattern": "^(E[A-Z0-9_]+|errno [0-9]+)$",
    "description": "ENOMEM; `errno 999` where the number has no name"
});

#[derive(Clone, Copy)]
pub(super) struct SessionName(pub(super) SessionId);

impl Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('s')?;
        write!(f, "{}", self.0.0)
    }
}
written!(SessionName, { "type": "string", "pattern": "^s[0-9]+$", "description": "A session" });

#[derive(Clone, Copy)]
pub(super) struct ReadName(pub(super) SessionId, pub(super) u32);

impl Display for ReadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}.r{}", self.0.0, self.1)
    }
}
written!(ReadName, { "type": "string", "pattern": "^s[0-9]+\\.r[0-9]+$", "description": "A read" });

#[derive(Clone, Copy)]
pub(super) struct RuleName(pub(super) Id);

impl Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
written!(RuleName, { "type": "string", "pattern": "^SQ[0-9]{3}$", "description": "A rule" });

#[derive(Clone, Copy)]
pub(super) struct Device(pub(super) u32);

impl Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // MINORBITS, include/linux/kdev_t.h
        write!(f, "{}:{}", self.0 >> 20, self.0 & 0xf_ffff)
    }
}
written!(Device, { "type": "string", "pattern": "^[0-9]+:[0-9]+$", "description": "major:minor" });

/// Version of the format: 1.
#[derive(Clone, Copy)]
pub(super) struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1, "description": "Version of the format" })
    }
}
