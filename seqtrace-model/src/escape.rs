//! Escapes text for a terminal.
//!
//! A kernel module, a file or a program can have any name: a comm may be `\x1b]0;…`, a path may contain a right-to-left
//! override. All such names are printed through [`text`], which leaves printable characters unchanged and replaces
//! others by escapes. Escapes are unambiguous, because backslashes are escaped too.

use std::fmt::{self, Write};

/// Returns a value that displays bytes as one line of printable text.
///
/// Newline, tab, carriage return and backslash are escaped as in C, other control characters and bytes that are not
/// UTF-8 as `\x1b`, invisible and direction-changing characters as `\u{202e}`. If `ascii`, all bytes that are not ASCII
/// are escaped.
pub fn text(bytes: &[u8], ascii: bool) -> Text<'_> {
    Text { bytes, ascii }
}

/// Displays escaped bytes. Created by [`text`].
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    bytes: &'a [u8],
    ascii: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most names are plain ASCII and need no decoding.
        if let Ok(plain) = str::from_utf8(self.bytes)
            && plain.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\')
        {
            return f.write_str(plain);
        }
        for chunk in self.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                self.character(c, f)?;
            }
            hex(chunk.invalid(), f)?;
        }
        Ok(())
    }
}

impl Text<'_> {
    fn character(self, c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match c {
            '\n' => f.write_str("\\n"),
            '\t' => f.write_str("\\t"),
            '\r' => f.write_str("\\r"),
            '\\' => f.write_str("\\\\"),
            ' '..='~' => f.write_char(c),
            '\0'..='\x7f' => write!(f, "\\x{:02x}", u32::from(c)),
            _ if self.ascii => hex(c.encode_utf8(&mut [0; 4]).as_bytes(), f),
            _ if is_deceptive(c) => write!(f, "\\u{{{:x}}}", u32::from(c)),
            _ => f.write_char(c),
        }
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// Returns true for characters outside ASCII that a terminal interprets or hides, or that reorder the line: C1 controls,
/// format characters (Unicode category Cf) that occur in text, line separators and blank fillers.
pub fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unicode(bytes: &[u8]) -> String {
        text(bytes, false).to_string()
    }

    #[test]
    fn what_can_be_printed_stays() {
        assert_eq!(unicode(b"/proc/net/tcp 100%"), "/proc/net/tcp 100%");
        assert_eq!(unicode("größe→日本".as_bytes()), "größe→日本");
    }

    #[test]
    fn controls_are_shown() {
        assert_eq!(unicode(b"\x1b[31mred\x07"), "\\x1b[31mred\\x07");
        assert_eq!(unicode(b"a\nb\tc\rd\\e\x7f\0"), "a\\nb\\tc\\rd\\\\e\\x7f\\x00");
        // U+009B is CSI to a terminal that takes C1 controls.
        assert_eq!(unicode("\u{9b}31m".as_bytes()), "\\u{9b}31m");
    }

    #[test]
    fn text_direction_cannot_be_changed() {
        assert_eq!(
            unicode("a\u{202e}b\u{2066}c\u{200b}".as_bytes()),
            "a\\u{202e}b\\u{2066}c\\u{200b}"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown() {
        assert_eq!(unicode(b"\xff\xc3(\x9b"), "\\xff\\xc3(\\x9b");
    }

    #[test]
    fn ascii_shows_bytes() {
        assert_eq!(
            text("µ→\u{202e}".as_bytes(), true).to_string(),
            "\\xc2\\xb5\\xe2\\x86\\x92\\xe2\\x80\\xae"
        );
    }

    /// Reverses the escaping.
    fn undo(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c != '\\' {
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            match rest.next() {
                Some('n') => bytes.push(b'\n'),
                Some('t') => bytes.push(b'\t'),
                Some('r') => bytes.push(b'\r'),
                Some('\\') => bytes.push(b'\\'),
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                Some('u') => {
                    let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    let c = char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap();
                    bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => panic!("unknown escape {other:?} in {text:?}"),
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn no_control_survives(bytes in prop::collection::vec(any::<u8>(), 0..64), ascii: bool) {
            let shown = text(&bytes, ascii).to_string();
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_deceptive(c)), "{shown:?}");
            prop_assert!(!ascii || shown.is_ascii());
        }

        #[test]
        fn no_control_character_survives(original in any::<String>()) {
            let shown = unicode(original.as_bytes());
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_deceptive(c)), "{shown:?}");
        }

        #[test]
        fn nothing_is_lost(bytes in prop::collection::vec(any::<u8>(), 0..64), ascii: bool) {
            prop_assert_eq!(undo(&text(&bytes, ascii).to_string()), bytes);
        }
    }
}
