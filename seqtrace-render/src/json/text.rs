//! Values that JSON has as strings.

use std::borrow::Cow;
use std::fmt::{self, Display};
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

/// Defines values that JSON has as strings: name and content, pattern and description in the schema, and the text.
macro_rules! strings {
    ($(
        $(#[$meta:meta])*
        $name:ident $(<$life:lifetime>)? ($($content:ty),*): $pattern:literal, $description:literal,
        |$value:ident, $f:ident| $write:expr;
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub(super) struct $name $(<$life>)? ($(pub(super) $content),*);

        impl $(<$life>)? Display for $name $(<$life>)? {
            fn fmt(&self, $f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                $write
            }
        }

        impl $(<$life>)? Serialize for $name $(<$life>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl $(<$life>)? JsonSchema for $name $(<$life>)? {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": $description
                })
            }
        }
    )*};
}

strings! {
    Raw<'a>(&'a [u8]): "^([0-9a-f]{2})*$", "Bytes in hex",
    |raw, f| raw.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"));

    Address(u64): "^0x[0-9a-f]{1,16}$", "An address",
    |address, f| write!(f, "{:#x}", address.0);

    Pointer(Ptr): "^(NULL|TOKEN|ERR_PTR\\(-[0-9]{1,4}\\)|0x[0-9a-f]{1,16})$",
    "An iterator's pointer; TOKEN is SEQ_START_TOKEN, the number in ERR_PTR an errno",
    |pointer, f| match pointer.0.kind() {
        PtrKind::Null => f.write_str("NULL"),
        PtrKind::Token => f.write_str("TOKEN"),
        PtrKind::Err(errno) => write!(f, "ERR_PTR(-{errno})"),
        PtrKind::Record(value) => write!(f, "{value:#x}"),
    };

    /// A time, ns since boot. A string, because JSON numbers above 2^53 lose digits in many parsers.
    BootTime(u64): "^[0-9]+$", "CLOCK_MONOTONIC, ns since boot",
    |time, f| write!(f, "{}", time.0);

    ErrorName(Errno): "^(E[A-Z0-9_]+|errno [0-9]+)$",
    "ENOMEM; `errno 999` where the number has no name",
    |name, f| name.0.fmt(f);

    SessionName(SessionId): "^s[0-9]+$", "A session",
    |name, f| write!(f, "s{}", name.0.0);

    ReadName(SessionId, u32): "^s[0-9]+\\.r[0-9]+$", "A read",
    |name, f| write!(f, "s{}.r{}", name.0.0, name.1);

    RuleName(Id): "^SQ[0-9]{3}$", "A rule",
    |name, f| name.0.fmt(f);

    Device(u32): "^[0-9]+:[0-9]+$", "major:minor",
    // MINORBITS, include/linux/kdev_t.h
    |device, f| write!(f, "{}:{}", device.0 >> 20, device.0 & 0xf_ffff);
}

impl ErrorName {
    /// Returns the name of the error in a return value. `None`: the value is no error.
    pub(super) fn of(ret: i64) -> Option<Self> {
        Errno::of(ret).map(Self)
    }
}

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
