//! Everything that is known about the selected row.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use seqtrace_model::finding::{Evidence, Finding, Value};
use seqtrace_model::rules;
use seqtrace_model::session::update::{Range, Update, UpdateKind};
use seqtrace_view::{ItemKind, Session, Window};
use serde_json::Value as Json;

use crate::repro::last_rows;
use crate::text::{self, escaped};
use crate::theme::{Theme, bold, dim};

/// Number of bytes in a line of a preview.
const HEX: usize = 16;

/// Fields that are shown before all others.
const FIRST: [&str; 4] = ["type", "session", "read", "t"];

/// A line of the detail.
pub(crate) struct DetailLine {
    pub(crate) line: Line<'static>,
    /// The thing that the line refers to; `None`: Enter does nothing.
    pub(crate) jump: Option<Jump>,
}

/// A thing that a line refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jump {
    /// The show() with these file offsets.
    Range(Range),
    /// The last row up to this time, ns since boot.
    Time(u64),
    /// The callback at this position.
    Position(i64),
    /// A row of the session.
    Row(u32),
}

/// Makes the lines of a row.
pub(crate) struct Detail<'a> {
    pub(crate) session: &'a Session,
    pub(crate) window: &'a mut Window,
    pub(crate) theme: Theme,
    /// Zero of relative times, ns since boot.
    pub(crate) begin: u64,
    /// Number of columns of the pane.
    pub(crate) width: usize,
}

impl Detail<'_> {
    /// Returns the lines of a row.
    pub(crate) fn lines(mut self, row: u32) -> Vec<DetailLine> {
        let Some(update) = self.session.rows.get(row, self.window).cloned() else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if let UpdateKind::Finding(finding) = &update.what {
            self.finding(finding, &mut lines);
        }
        self.fields(row, &update, &mut lines);
        self.preview(row, &update, &mut lines);
        self.findings_of(row, &mut lines);
        if let UpdateKind::Finding(finding) = &update.what {
            self.rule(finding, &mut lines);
        }
        lines
    }

    fn plain(text: impl Into<String>, style: Style) -> DetailLine {
        DetailLine { line: Line::styled(text.into(), style), jump: None }
    }

    fn finding(&self, finding: &Finding, lines: &mut Vec<DetailLine>) {
        let title =
            format!("{} {} {}", self.theme.mark(finding.severity), finding.id, finding.name);
        lines.push(Self::plain(title, self.theme.severity(finding.severity)));
        let message = escaped(finding.message.as_bytes(), self.theme);
        lines.extend(
            wrap(&message, self.width).into_iter().map(|line| Self::plain(line, Style::new())),
        );
        for Evidence { label, value } in &finding.evidence {
            let (text, jump) = evidence(value);
            let hint = if jump.is_some() { "   Enter shows it" } else { "" };
            let spans = vec![
                Span::styled(format!("  {label:<12} "), dim()),
                Span::raw(text),
                Span::styled(hint, dim()),
            ];
            lines.push(DetailLine { line: Line::from(spans), jump });
        }
    }

    /// Adds all fields, as JSON names them.
    fn fields(&mut self, row: u32, update: &Update, lines: &mut Vec<DetailLine>) {
        let end = match update.what {
            UpdateKind::ReadBegin { .. } | UpdateKind::LseekBegin { .. } => self.end_of_call(row),
            _ => None,
        };
        let begin = match update.what {
            UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. } => self.begin_of_call(row),
            _ => None,
        };
        let object = match (&end, &begin) {
            (Some(end), _) => text::object(self.theme, self.begin, Some(update), end),
            (None, begin) => text::object(self.theme, self.begin, begin.as_ref(), update),
        };
        let Some(Json::Object(object)) = object else {
            let state = format!("{:?}", update.what);
            lines.extend(
                wrap(&state, self.width).into_iter().map(|line| Self::plain(line, Style::new())),
            );
            return;
        };
        let mut cells = Vec::new();
        let ahead = |key: &&String| FIRST.contains(&key.as_str());
        let first = FIRST.iter().filter_map(|key| object.get_key_value(*key));
        for (key, value) in first.chain(object.iter().filter(|(key, _)| !ahead(key))) {
            if !matches!(key.as_str(), "v" | "evidence" | "message") {
                flatten(key, value, self.theme, &mut cells);
            }
        }
        lines.extend(
            flow(&cells, self.width).into_iter().map(|line| DetailLine { line, jump: None }),
        );
    }

    /// Returns the end of the call that begins at a row.
    fn end_of_call(&mut self, row: u32) -> Option<Update> {
        let item = self.session.item_at(row).filter(|item| item.kind != ItemKind::Single)?;
        let is_end = |update: &&Update| {
            matches!(update.what, UpdateKind::ReadEnd(_) | UpdateKind::LseekEnd { .. })
        };
        last_rows(item.range().end)
            .find_map(|row| self.session.rows.get(row, self.window).filter(is_end).cloned())
    }

    fn begin_of_call(&mut self, row: u32) -> Option<Update> {
        let item = self.session.item_at(row).filter(|item| item.kind != ItemKind::Single)?;
        self.session.rows.get(item.first, self.window).cloned()
    }

    /// Adds the first bytes of the record, which are in the row itself or in the one behind it.
    fn preview(&mut self, row: u32, update: &Update, lines: &mut Vec<DetailLine>) {
        let row = match &update.what {
            UpdateKind::Callback(_) => row + 1,
            UpdateKind::Preview { .. } => row,
            _ => return,
        };
        let Some(UpdateKind::Preview { bytes }) =
            self.session.rows.get(row, self.window).map(|update| &update.what)
        else {
            return;
        };
        for (index, bytes) in bytes.chunks(HEX).enumerate() {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let hex = hex.join(" ");
            let printable =
                |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
            let text: String = bytes.iter().map(printable).collect();
            let line = format!("  {:04x}  {hex:<48} {text}", index * HEX);
            lines.push(Self::plain(line, Style::new()));
        }
    }

    /// Adds the findings that a row proves: the rows behind it.
    fn findings_of(&mut self, row: u32, lines: &mut Vec<DetailLine>) {
        for row in row + 1.. {
            let Some(update) = self.session.rows.get(row, self.window) else { return };
            match &update.what {
                UpdateKind::Finding(finding) => {
                    let mark = self.theme.mark(finding.severity);
                    let text = format!("{mark} {} {}   Enter shows it", finding.id, finding.name);
                    let line = Line::styled(text, self.theme.severity(finding.severity));
                    lines.push(DetailLine { line, jump: Some(Jump::Row(row)) });
                }
                UpdateKind::Preview { .. } => {}
                _ => return,
            }
        }
    }

    fn rule(&self, finding: &Finding, lines: &mut Vec<DetailLine>) {
        let Some(rule) = rules::find(finding.id) else { return };
        for (title, body) in [
            ("The rule", rule.what),
            ("Why it matters", rule.why),
            ("The contract", rule.contract),
            ("The fix", rule.fix),
        ] {
            lines.push(Self::plain(title, bold()));
            let body = escaped(body.as_bytes(), self.theme);
            let width = self.width.saturating_sub(2);
            let body = wrap(&body, width).into_iter();
            lines.extend(body.map(|line| Self::plain(format!("  {line}"), Style::new())));
        }
        for line in rule.code.lines() {
            lines.push(Self::plain(format!("    {}", line.replace('\t', "        ")), dim()));
        }
    }
}

/// Returns a fact as text, and the thing that it refers to.
fn evidence(value: &Value) -> (String, Option<Jump>) {
    match value {
        Value::Position(at) => (format!("position {at}"), Some(Jump::Position(*at))),
        Value::Pointer(pointer) => (format!("pointer {pointer:?}"), None),
        Value::Range(range) => {
            (format!("bytes {}..{}", range.start, range.end), Some(Jump::Range(*range)))
        }
        Value::Event { time, read } => {
            let read = read.map_or(String::new(), |read| format!(" in read {read}"));
            (format!("event{read}"), Some(Jump::Time(*time)))
        }
        Value::Count(count) => (format!("count {count}"), None),
        Value::Delta(delta) => (format!("distance {delta}"), None),
        Value::Errno(errno) => (format!("errno {errno}"), None),
        Value::Witnesses(witnesses) => {
            let names: Vec<&str> = witnesses.iter().map(|witness| witness.name()).collect();
            (names.join(", "), None)
        }
    }
}

/// Adds the members of a JSON value as pairs of a key and a text. Unknown values are left out.
fn flatten(key: &str, value: &Json, theme: Theme, cells: &mut Vec<(String, String)>) {
    let text = match value {
        Json::Null => return,
        Json::Object(members) if members.contains_key("address") => symbol(members),
        Json::Object(members) if members.contains_key("start") => {
            let end = members.get("end").unwrap_or(&Json::Null);
            members.get("start").map_or(String::new(), |start| format!("{start}..{end}"))
        }
        Json::Object(members) => {
            for (member, value) in members {
                flatten(&format!("{key}.{member}"), value, theme, cells);
            }
            return;
        }
        Json::String(text) => text.clone(),
        Json::Array(values) if values.is_empty() => return,
        other => other.to_string(),
    };
    cells.push((key.to_owned(), escaped(text.as_bytes(), theme)));
}

/// Returns a function or table with its module and its address.
fn symbol(members: &serde_json::Map<String, Json>) -> String {
    let text = |key: &str| members.get(key).and_then(Json::as_str);
    let mut shown = text("name").unwrap_or("?").to_owned();
    if let Some(module) = text("module") {
        let offset = members.get("offset").and_then(Json::as_u64);
        let offset = offset.map_or(String::new(), |offset| format!("+{offset:#x}"));
        shown = format!("{shown} [{module}{offset}]");
    }
    text("address").map_or(shown.clone(), |address| format!("{shown} at {address}"))
}

/// Arranges pairs in lines of a width.
fn flow(cells: &[(String, String)], width: usize) -> Vec<Line<'static>> {
    let (mut lines, mut spans, mut column) = (Vec::new(), Vec::new(), 0);
    for (key, value) in cells {
        let length = key.chars().count() + 1 + value.chars().count();
        if column > 0 && column + 3 + length > width {
            lines.push(Line::from(std::mem::take(&mut spans)));
            column = 0;
        }
        if column > 0 {
            spans.push(Span::raw("   "));
            column += 3;
        }
        spans.push(Span::styled(format!("{key} "), dim()));
        spans.push(Span::raw(value.clone()));
        column += length;
    }
    if !spans.is_empty() {
        lines.push(Line::from(spans));
    }
    lines
}

/// Breaks a text into lines of a width, at blanks if possible.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        while let Some(line) = lines.last_mut() {
            let used = line.chars().count();
            let blank = usize::from(used > 0);
            let length = word.chars().count();
            if used + blank + length <= width {
                if used > 0 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if used > 0 {
                lines.push(String::new());
                continue;
            }
            let rest = word.chars().skip(width).collect();
            line.extend(word.chars().take(width));
            lines.push(String::new());
            word = rest;
        }
    }
    lines
}
