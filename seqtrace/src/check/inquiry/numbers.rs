//! Compares two outputs that may differ in numbers only, and returns the pairs of numbers.

use crate::check::{
    call::{Call, Syscall, by_descriptor},
    oracle::Reference,
};

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// Words without digits, split at white space.
    Text(Vec<&'a [u8]>),
    /// A decimal number below 2^64, or a hexadecimal number after "0x". In an `i128` differences and multiples do not
    /// overflow.
    Number(i128),
}

/// Returns true if the bytes of each descriptor differ from the whole read in numbers only, each line is at the same
/// offset as in the whole read, and the descriptor was read sequentially.
pub(super) fn only_numbers_differ(calls: &[Call], reference: &Reference) -> bool {
    let expected: Vec<&[u8]> = lines(&reference.bytes);
    by_descriptor(calls).all(|calls| {
        let seeks =
            calls.iter().any(|call| matches!(call.syscall, Syscall::Lseek | Syscall::Pread));
        let got: Vec<u8> = calls.iter().flat_map(|call| call.bytes.iter().copied()).collect();
        !seeks && same_but_numbers(&lines(&got), &expected)
    })
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Returns true if the lines of `got`, which may end early, differ in numbers only.
fn same_but_numbers(got: &[&[u8]], expected: &[&[u8]]) -> bool {
    got.len() <= expected.len()
        && got.iter().zip(expected).enumerate().all(|(index, (got_line, line))| {
            let last = index + 1 == got.len() && !got_line.ends_with(b"\n");
            last || got_line == line
                || (!expected.contains(got_line)
                    && integers(got_line, line).is_some_and(|pairs| !pairs.is_empty()))
        })
}

/// Returns the integers of two lines, pair by pair; `None` if anything else differs.
fn integers(a: &[u8], b: &[u8]) -> Option<Vec<(i128, i128)>> {
    let (a, b) = (tokens(a), tokens(b));
    if a.len() == b.len() { pairs(&a, &b) } else { None }
}

/// Returns the integers of two outputs, pair by pair, up to the end of the shorter output; `None` if anything else
/// differs. The last token may be cut off and is left out.
pub(super) fn leading_integers(a: &[u8], b: &[u8]) -> Option<Vec<(i128, i128)>> {
    let (a, b) = (tokens(a), tokens(b));
    let common = a.len().min(b.len()).saturating_sub(1);
    pairs(a.get(..common)?, b.get(..common)?)
}

fn pairs(a: &[Token<'_>], b: &[Token<'_>]) -> Option<Vec<(i128, i128)>> {
    let mut pairs = Vec::new();
    for pair in a.iter().zip(b) {
        match pair {
            (Token::Number(a), Token::Number(b)) => pairs.push((*a, *b)),
            (a, b) if a == b => {}
            _ => return None,
        }
    }
    Some(pairs)
}

fn tokens(text: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let run = |bytes: &[u8], is_part: fn(&u8) -> bool| {
        bytes.iter().take_while(|byte| is_part(byte)).count()
    };
    while !rest.is_empty() {
        let hex = rest.strip_prefix(b"0x").map_or(0, |digits| run(digits, u8::is_ascii_hexdigit));
        let (len, radix, skip) = match (hex, run(rest, u8::is_ascii_digit)) {
            (1.., _) => (hex + 2, 16, 2),
            (_, 0) => (run(rest, |byte| !byte.is_ascii_digit()), 10, 0),
            (_, digits) => (digits, 10, 0),
        };
        let (piece, after) = rest.split_at(len);
        let digits = std::str::from_utf8(piece.get(skip..).unwrap_or_default());
        let number = digits.ok().and_then(|digits| u64::from_str_radix(digits, radix).ok());
        tokens.push(number.map_or_else(|| words(piece), |value| Token::Number(value.into())));
        rest = after;
    }
    tokens
}

/// Splits text into words: a number of another width changes the white space beside it.
fn words(text: &[u8]) -> Token<'_> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Token::Text(words.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::oracle::End;

    #[test]
    fn numbers_pair_up() {
        let of = |a: &str, b: &str| integers(a.as_bytes(), b.as_bytes());
        assert_eq!(of("shown 9\n", "shown 10\n"), Some(vec![(9, 10)]));
        assert_eq!(of("a   9 b\n", "a  10 b\n"), Some(vec![(9, 10)]));
        assert_eq!(of("p 0x1f, 7\n", "p 0x20, 7\n"), Some(vec![(31, 32), (7, 7)]));
        assert_eq!(of("a 9\n", "b 9\n"), None);
        // No counter of the kernel is that long.
        let long = "9".repeat(38);
        assert_eq!(of(&long, &long), Some(vec![]));
        assert_eq!(of(&long, "9"), None);
        assert_eq!(of("a 9\n", "a 9 9\n"), None);
        // A number that is cut off may have been longer.
        let leading = |a: &str, b: &str| leading_integers(a.as_bytes(), b.as_bytes());
        assert_eq!(leading("a 1 b 12", "a 1 b 1"), Some(vec![(1, 1)]));
        assert_eq!(leading("a 9\na 10\na", "a 10\na 11\n"), Some(vec![(9, 10), (10, 11)]));
    }

    #[test]
    fn lines_that_move_are_no_numbers() {
        let reference =
            Reference { bytes: b"record 0\nrecord 1\nrecord 2\n".to_vec(), end: End::Eof };
        let read = |bytes: &[u8]| {
            let call = Call {
                process: 0,
                slot: 0,
                syscall: Syscall::Read,
                at: 0,
                want: 99,
                ret: 1,
                bytes: bytes.to_vec(),
            };
            only_numbers_differ(&[call], &reference)
        };
        assert!(read(b"record 0\nrecord 7\nrecord 2\n"));
        assert!(!read(b"record 0\nrecord 2\n"));
        assert!(!read(b"record 0\nrecord x\n"));
        assert!(!read(b"record 0\nrecord 1\nrecord 2\nrecord 3\n"));
    }
}
