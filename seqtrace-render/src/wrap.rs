//! Fits text into the width of a terminal: wraps lines, and leaves out the middle of names.

use unicode_width::UnicodeWidthChar;

use super::style::RESET;

/// Least number of columns that lines are wrapped at.
pub(super) const LEAST: usize = 20;

/// A position at which a line may be wrapped, as byte offsets: the blanks between them are dropped.
#[derive(Clone, Copy)]
struct Gap {
    /// Begin of the blanks.
    end: usize,
    /// End of the blanks.
    next: usize,
    /// Column of the text behind the blanks.
    column: usize,
}

/// Returns the number of terminal columns that printable text fills.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    match c {
        // U+FE0F shows the character before it as an emoji, which is wider in some terminals.
        ' '..='~' | '\u{fe0f}' => 1,
        _ => c.width().unwrap_or(0),
    }
}

/// Wraps the lines from the byte `from` on that are wider than `width` columns. Their further lines begin at the column
/// `indent`, or at most in the middle.
pub(super) fn wrap(data: &mut Vec<u8>, from: usize, width: usize, indent: usize) {
    let width = width.max(LEAST);
    let lines = data.get(from..).unwrap_or_default();
    // A character has at least as many bytes as columns.
    if lines.split(|byte| *byte == b'\n').all(|line| line.len() <= width) {
        return;
    }
    let lines = String::from_utf8_lossy(lines).into_owned();
    data.truncate(from);
    for line in lines.lines() {
        wrap_line(data, line, width, indent.min(width / 2));
        data.push(b'\n');
    }
}

/// Appends a line, in as many lines as it needs. A color that is in effect at a break is in effect behind it, too.
fn wrap_line(out: &mut Vec<u8>, line: &str, width: usize, indent: usize) {
    let (mut rest, mut column, mut color) = (line, 0, String::new());
    while let Some(gap) = first_break(rest, column, width, indent) {
        let (head, tail) = rest.split_at(gap.next);
        let head = head.get(..gap.end).unwrap_or(head);
        out.extend_from_slice(head.as_bytes());
        follow(&mut color, head);
        if !color.is_empty() {
            out.extend_from_slice(RESET);
        }
        out.push(b'\n');
        out.resize(out.len() + indent, b' ');
        out.extend_from_slice(color.as_bytes());
        (rest, column) = (tail, indent);
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Returns the gap at which a text that begins at a column must be broken. `None`: it fits.
///
/// Parts of a line are separated by two blanks or more. A break between two parts is preferred if it leaves less than
/// half of the line empty.
fn first_break(text: &str, begin: usize, width: usize, indent: usize) -> Option<Gap> {
    // The last gap between parts, the last one between words, and the blanks before the next character.
    let [mut parts, mut words, mut blank]: [Option<Gap>; 3] = [None; 3];
    let mut column = begin;
    let mut escaped = false;
    for (offset, c) in text.char_indices() {
        if escaped || c == '\x1b' {
            escaped = c != 'm';
            continue;
        }
        let next = offset + c.len_utf8();
        column += self::width(c);
        if c == ' ' {
            let end = blank.map_or(offset, |gap| gap.end);
            blank = Some(Gap { end, next, column });
            continue;
        }
        if let Some(gap) = blank.take().filter(|gap| gap.column > indent) {
            let of_parts = gap.next - gap.end > 1;
            *(if of_parts { &mut parts } else { &mut words }) = Some(gap);
        }
        if column > width {
            let half = indent.midpoint(width);
            let between_parts = parts.filter(|gap| gap.column > half);
            let last = parts.into_iter().chain(words).max_by_key(|gap| gap.column);
            let here = Gap { end: offset, next: offset, column };
            return Some(between_parts.or(last).unwrap_or(here));
        }
    }
    None
}

/// Updates the color that is in effect by the escape sequences of a text.
fn follow(color: &mut String, text: &str) {
    for sequence in text.split('\x1b').skip(1) {
        let length = sequence.find('m').map_or(sequence.len(), |end| end + 1);
        let sequence = format!("\x1b{}", sequence.get(..length).unwrap_or_default());
        if sequence.as_bytes() == RESET {
            color.clear();
        } else {
            color.push_str(&sequence);
        }
    }
}

/// Returns begin and end of a text that is wider than `limit` columns, without its middle, so that they fill at most
/// `limit` columns together with `more` columns between them. `None`: all of the text fits. The end of a path
/// identifies the file, so it gets two thirds.
pub(super) fn without_middle(text: &str, limit: usize, more: usize) -> Option<(&str, &str)> {
    if columns(text) <= limit {
        return None;
    }
    let kept = limit.saturating_sub(more);
    let mut left = kept / 3;
    let head = text.char_indices().find(|(_, c)| !takes(&mut left, *c)).map_or(0, |(at, _)| at);
    let mut left = kept - kept / 3;
    let mut tail = text.len();
    for (at, c) in text.char_indices().rev() {
        if !takes(&mut left, c) {
            break;
        }
        tail = at;
    }
    Some((text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default()))
}

/// Subtracts the width of a character from the number of columns that are left. Returns false if it does not fit.
fn takes(left: &mut usize, c: char) -> bool {
    let rest = left.checked_sub(width(c));
    *left = rest.unwrap_or(0);
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(line: &str, width: usize, indent: usize) -> String {
        let mut data = format!("before\n{line}\n").into_bytes();
        wrap(&mut data, "before\n".len(), width, indent);
        let text = String::from_utf8(data).unwrap();
        text.strip_prefix("before\n").unwrap().replace('\x1b', "^")
    }

    #[test]
    fn lines_break_between_words_and_rather_between_parts() {
        assert_eq!(wrapped("a line that fits", 20, 4), "a line that fits\n");
        assert_eq!(
            wrapped("0.1 s1 a long line of many words", 20, 7),
            "0.1 s1 a long line\n       of many words\n"
        );
        assert_eq!(
            wrapped("0.1 s1 two parts  next part", 24, 7),
            "0.1 s1 two parts\n       next part\n"
        );
        assert_eq!(
            wrapped("0.1 s1 abcdefghijklmnopqrstuvwxyz", 20, 7),
            "0.1 s1 abcdefghijklm\n       nopqrstuvwxyz\n"
        );
    }

    #[test]
    fn colors_go_on_in_the_next_line() {
        assert_eq!(
            wrapped("\x1b[1m\x1b[31mred words of a line\x1b[0m and more", 20, 2),
            "^[1m^[31mred words of a line^[0m\n  and more\n"
        );
        assert_eq!(
            wrapped("\x1b[1m\x1b[31mred words of a line that is long\x1b[0m.", 20, 2),
            "^[1m^[31mred words of a line^[0m\n  ^[1m^[31mthat is long^[0m.\n"
        );
    }

    #[test]
    fn the_middle_is_left_out() {
        assert_eq!(without_middle("/proc/foo", 9, 1), None);
        assert_eq!(without_middle("/proc/net/tcp6", 10, 1), Some(("/pr", "t/tcp6")));
        assert_eq!(without_middle("日本日本日本", 8, 1), Some(("日", "日本")));
        assert_eq!(without_middle("abc", 0, 1), Some(("", "")));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_word_is_lost(
            words in prop::collection::vec("(\u{1b}\\[31m)?[a-z日é→]{1,40}(\u{1b}\\[0m)?", 0..12),
            gap in "  {0,3}",
            width in LEAST..90,
            indent in 0usize..100,
        ) {
            let line = words.join(&gap);
            let mut data = format!("{line}\n").into_bytes();
            wrap(&mut data, 0, width, indent);
            let text = String::from_utf8(data).unwrap();
            for line in text.lines() {
                let plain = line.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
                prop_assert!(columns(&plain) <= width, "{plain:?}");
                prop_assert!(!plain.ends_with(' '));
            }
            let letters = |text: &str| -> String {
                let plain = text.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
                plain.chars().filter(|c| !c.is_whitespace()).collect()
            };
            prop_assert_eq!(letters(&text), letters(&line));
        }

        #[test]
        fn what_is_left_of_a_name_fits(name in "\\PC{0,60}", limit in 0usize..50, more in 0usize..4) {
            if let Some((head, tail)) = without_middle(&name, limit, more) {
                prop_assert!(columns(head) + more.min(limit) + columns(tail) <= limit);
            }
        }
    }
}
