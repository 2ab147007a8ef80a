//! The columns before the event: when, where, who, which session and read.

mod kept;

use std::rc::Rc;

use self::kept::{Kept, seconds};
use super::duration::Duration;
use super::line::LineWriter;
use super::scratch::{Scratch, Text};
use super::style::{Color, Glyph, Style};
use super::{Clock, FieldError, Options, Ready, Time, clock, field};
use crate::event::Task;
use crate::session::update::{SessionId, Update};

/// A column that `--fields` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Delta,
    Cpu,
    Task,
    Comm,
    Pid,
    Tid,
    Uid,
    Session,
    Path,
    Event,
}

const COLUMNS: [(&str, Column); 11] = [
    ("time", Column::Time),
    ("delta", Column::Delta),
    ("cpu", Column::Cpu),
    ("task", Column::Task),
    ("comm", Column::Comm),
    ("pid", Column::Pid),
    ("tid", Column::Tid),
    ("uid", Column::Uid),
    ("session", Column::Session),
    ("path", Column::Path),
    ("event", Column::Event),
];

/// What columns that say whose an update is most often need at most, bytes.
const SHORT: usize = 64;

/// How many bytes of columns may be before others, and before the event; with these, a text has room.
const ENOUGH: usize = 256;

/// Writes the columns; the event, which has no fixed width, always comes last.
pub(super) struct Columns {
    /// Without [`Column::Event`].
    parts: Vec<Part>,
    scratch: Scratch,
    times: clock::Times,
    micros: Glyph,
    event: bool,
    mode: Time,
    clock: Clock,
    /// Zero of relative times, and the line before; ns since boot.
    begin: Option<u64>,
    before: Option<u64>,
    /// Whose the line before was.
    owner: Option<Owner>,
    kept: Kept,
}

/// Columns side by side.
enum Part {
    /// Those that are different in each line; a few, so that they have room.
    Times(Vec<Slot>),
    /// Those that are most often as in the line before.
    Whose(Whose),
}

/// Columns that say whose an update is, and their text in the line before.
#[derive(Default)]
struct Whose {
    slots: Vec<Slot>,
    /// Filled up to [`SHORT`].
    text: Vec<u8>,
    length: usize,
    columns: usize,
}

/// Whose an update is. A session has one path.
struct Owner {
    cpu: u16,
    session: Option<SessionId>,
    read: Option<u32>,
    task: Option<Rc<Task>>,
}

/// A column and how wide it has become: names grow it, up to a limit.
struct Slot {
    column: Column,
    width: usize,
    limit: usize,
}

impl Slot {
    fn new(column: Column, mode: Time) -> Self {
        let (width, limit) = match column {
            Column::Time => (clock::width(mode), 20),
            Column::Cpu => (3, 3),
            Column::Task => (12, 24),
            Column::Comm => (8, 16),
            Column::Delta | Column::Pid | Column::Tid | Column::Uid => (7, 7),
            Column::Session => (8, 14),
            Column::Path => (24, 36),
            Column::Event => (0, 0),
        };
        Self { column, width, limit }
    }
}

impl Columns {
    pub(super) fn new(options: &Options, default: &[&str]) -> Result<Self, FieldError> {
        let mode = options.time;
        let chosen: Vec<Column> = match &options.fields {
            Some(fields) => {
                fields.iter().map(|word| field(word, &COLUMNS)).collect::<Result<_, _>>()?
            }
            None => default
                .iter()
                .map(|word| field(word, &COLUMNS))
                .filter(|column| match column {
                    Ok(Column::Time) => mode != Time::None,
                    Ok(Column::Delta) => mode == Time::Delta,
                    _ => true,
                })
                .collect::<Result<_, _>>()?,
        };
        let mut parts = Vec::new();
        for column in chosen.iter().filter(|column| **column != Column::Event) {
            let slot = Slot::new(*column, mode);
            match (column, parts.last_mut()) {
                (Column::Time | Column::Delta, Some(Part::Times(slots))) if slots.len() < 4 => {
                    slots.push(slot);
                }
                (Column::Time | Column::Delta, _) => parts.push(Part::Times(vec![slot])),
                (_, Some(Part::Whose(whose))) => whose.slots.push(slot),
                _ => parts.push(Part::Whose(Whose { slots: vec![slot], ..Whose::default() })),
            }
        }
        Ok(Self {
            event: chosen.contains(&Column::Event),
            parts,
            scratch: Scratch::default(),
            times: clock::Times::default(),
            micros: Glyph::micros(Style::new(false, options.ascii).glyphs),
            mode,
            clock: options.clock.clone(),
            begin: None,
            before: None,
            owner: None,
            kept: Kept::nothing(),
        })
    }

    pub(super) fn ready(&mut self, ready: &Ready) {
        self.begin = Some(ready.begin);
    }

    /// Whether what happened is told at all.
    pub(super) fn has_event(&self) -> bool {
        self.event
    }

    /// How wide everything before the event is now.
    pub(super) fn width(&self) -> usize {
        self.slots().map(|slot| slot.width + 1).sum()
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.parts.iter().flat_map(|part| match part {
            Part::Times(slots) => slots,
            Part::Whose(whose) => &whose.slots,
        })
    }

    pub(super) fn heading(&self, out: &mut Vec<u8>, style: Style) {
        let mut line = LineWriter::new(out, style);
        for Slot { column, width, limit: _ } in self.slots() {
            let end = line.column() + width;
            let name = match column {
                Column::Time => "TIME",
                Column::Delta => "DELTA",
                Column::Cpu => "CPU",
                Column::Task => "TASK",
                Column::Comm => "COMM",
                Column::Pid => "PID",
                Column::Tid => "TID",
                Column::Uid => "UID",
                Column::Session => "SESSION",
                Column::Path => "PATH",
                Column::Event => "EVENT",
            };
            match column {
                Column::Time
                | Column::Delta
                | Column::Cpu
                | Column::Pid
                | Column::Tid
                | Column::Uid => {
                    line.pad(end.saturating_sub(name.len()), 0).color(Color::Strong, name);
                }
                _ => {
                    line.color(Color::Strong, name).pad(end, 0);
                }
            }
            line.pad(0, 1);
        }
        if self.event {
            line.color(Color::Strong, "EVENT");
        }
        line.end();
    }

    /// Writes the columns of an update. The event, if it is told, can go on in what is returned, and
    /// whoever does so appends it to the line.
    #[inline]
    pub(super) fn write(&mut self, line: &mut LineWriter<'_>, update: &Update) -> Text<'_> {
        let begin = *self.begin.get_or_insert(update.time);
        let delta = self.before.and_then(|before| update.time.checked_sub(before));
        self.before = Some(update.time);
        let same = self.owner.as_ref().is_some_and(|owner| owner.is_of(update));
        let shown = seconds(self.mode, begin, update.time);
        if same && let Some(changes) = self.kept.changes(shown, delta) {
            return self.kept.again(&mut self.scratch, &changes);
        }
        self.anew(line, update, delta, same)
    }

    /// All of the columns.
    // Out of the way of what is done for nearly each line.
    #[inline(never)]
    fn anew(
        &mut self,
        line: &mut LineWriter<'_>,
        update: &Update,
        delta: Option<u64>,
        same: bool,
    ) -> Text<'_> {
        let begin = self.begin.unwrap_or(update.time);
        let dim = line.style.color.then_some(Color::Dim);
        let mut kept = Kept::default();
        if !same {
            self.owner = Some(Owner::of(update));
        }
        let mut text = self.scratch.begin();
        for part in &mut self.parts {
            if text.length() > ENOUGH {
                kept.once();
                line.written(text.bytes(), text.column());
                text = text.anew();
            }
            match part {
                Part::Times(slots) => {
                    for slot in slots {
                        let start = text.column();
                        if slot.column == Column::Time {
                            let (mode, width) = (self.mode, slot.width);
                            let time = update.time;
                            self.times.write(&mut text, mode, &self.clock, begin, time, width);
                            kept.time(&text, seconds(mode, begin, time));
                        } else if let Some(delta) = delta {
                            let shown = Duration::new(delta, line.style.glyphs.micro);
                            text.pad((start + slot.width).saturating_sub(shown.width()), 0);
                            text.colored(dim, |text| {
                                kept.delta(text, delta);
                                text.duration(&shown, self.micros);
                            });
                        } else {
                            kept.once();
                        }
                        slot.widen(text.column() - start);
                        text.pad(start + slot.width, 0);
                        text.put(b" ");
                    }
                }
                Part::Whose(whose) => {
                    if !same {
                        whose.learn(line.style, update);
                    }
                    if let Some(short) = whose.text.first_chunk().filter(|_| whose.length <= SHORT)
                    {
                        text.part::<SHORT>(short, whose.length, whose.columns);
                    } else {
                        kept.once();
                        line.written(text.bytes(), text.column());
                        line.written(whose.text(), whose.columns);
                        text = text.anew();
                    }
                }
            }
        }
        self.kept = kept.end(&text);
        text
    }
}

impl Owner {
    fn of(update: &Update) -> Self {
        let Update { time: _, cpu, session, read, task, what: _ } = update;
        let session = session.as_ref().map(|session| session.id);
        Self { cpu: *cpu, session, read: *read, task: task.clone() }
    }

    #[inline]
    fn is_of(&self, update: &Update) -> bool {
        let Update { time: _, cpu, session, read, task, what: _ } = update;
        self.cpu == *cpu
            && self.session == session.as_ref().map(|session| session.id)
            && self.read == *read
            // An Rc is asked first whether it is the same one.
            && self.task == *task
    }
}

impl Slot {
    /// Something in it was so wide.
    fn widen(&mut self, width: usize) {
        self.width = self.width.max(width.min(self.limit));
    }
}

impl Whose {
    fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }

    /// Takes what is to be said of an update.
    fn learn(&mut self, style: Style, update: &Update) {
        self.text.clear();
        let mut text = LineWriter::new(&mut self.text, style);
        for slot in &mut self.slots {
            let start = text.column();
            cell(&mut text, slot.column, start + slot.width, update);
            slot.widen(text.column() - start);
            text.pad(start + slot.width, 0).ascii(b" ");
        }
        self.columns = text.column();
        self.length = self.text.len();
        self.text.resize(self.length.max(SHORT), b' ');
    }
}

/// What a column that ends at `end` says of an update.
fn cell(line: &mut LineWriter<'_>, column: Column, end: usize, update: &Update) {
    let Update { time: _, cpu, session, read, task, what: _ } = update;
    match column {
        Column::Cpu => number(line, end, (*cpu).into()),
        Column::Session => {
            if let Some(session) = session {
                line.colored(Color::Session(session.id), |line| {
                    line.ascii(b"s").decimal(session.id.0.into());
                    if let Some(read) = read {
                        line.ascii(b".r").decimal((*read).into());
                    }
                });
            }
        }
        Column::Path => {
            if let Some(session) = session {
                super::wording::path(line, session);
            }
        }
        Column::Task => {
            if let Some(task) = task {
                line.bytes(&task.comm).ascii(b"/").decimal(task.pid.into());
                if task.tid != task.pid {
                    line.ascii(b":").decimal(task.tid.into());
                }
            }
        }
        Column::Comm => {
            if let Some(task) = task {
                line.bytes(&task.comm);
            }
        }
        Column::Pid | Column::Tid | Column::Uid => {
            if let Some(task) = task {
                number(
                    line,
                    end,
                    match column {
                        Column::Pid => task.pid,
                        Column::Tid => task.tid,
                        _ => task.uid,
                    },
                );
            }
        }
        // Not one of these.
        Column::Time | Column::Delta | Column::Event => {}
    }
}

fn number(line: &mut LineWriter<'_>, end: usize, value: u32) {
    let digits = 1 + value.checked_ilog10().unwrap_or(0) as usize;
    line.pad(end.saturating_sub(digits), 0).decimal(value.into());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::story;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_kept_of_the_line_before_is_right(
            updates in story(),
            fields in proptest::sample::subsequence(COLUMNS.to_vec(), 1..COLUMNS.len()).prop_shuffle(),
            (color, ascii) in any::<(bool, bool)>(),
            time in proptest::sample::select(vec![Time::Delta, Time::Boot, Time::Wall, Time::Utc]),
        ) {
            let fields = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
            let options = Options { fields: Some(fields), color, ascii, time, ..Options::default() };
            let mut columns = Columns::new(&options, &[]).unwrap();
            let mut forgetful = Columns::new(&options, &[]).unwrap();
            let style = Style::new(color, ascii);
            for update in updates {
                let (mut one, mut other) = (Vec::new(), Vec::new());
                let mut line = LineWriter::new(&mut one, style);
                let text = columns.write(&mut line, &update);
                line.written(text.bytes(), text.column());
                let width = line.column();
                forgetful.times = clock::Times::default();
                forgetful.owner = None;
                let mut line = LineWriter::new(&mut other, style);
                let text = forgetful.write(&mut line, &update);
                line.written(text.bytes(), text.column());
                prop_assert_eq!(width, line.column());
                prop_assert_eq!(String::from_utf8(one), String::from_utf8(other));
            }
        }
    }
}
