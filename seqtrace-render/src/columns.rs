//! The columns before the event: time, CPU, task, session and so on.

use clap::ValueEnum;

use super::line::{self, Line};
use super::owner::LastOwner;
use super::pieces::Window;
use super::style::{Color, Style};
use super::{Clock, FieldError, Options, Ready, Time, clock, digits};
use crate::session::update::Update;

/// Column that `--fields` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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

impl Column {
    /// Returns the initial width and the limit up to which longer text widens the column.
    fn widths(self, mode: Time) -> (usize, usize) {
        match self {
            Self::Time => (clock::width(mode), 20),
            Self::Cpu => (3, 3),
            Self::Task => (12, 24),
            Self::Comm => (8, 16),
            Self::Delta | Self::Pid | Self::Tid | Self::Uid => (7, 7),
            Self::Session => (8, 14),
            Self::Path => (24, 36),
            Self::Event => (0, 0),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn heading(self) -> String {
        self.name().to_ascii_uppercase()
    }

    fn is_right_aligned(self) -> bool {
        use Column::{Cpu, Delta, Pid, Tid, Time, Uid};
        matches!(self, Time | Delta | Cpu | Pid | Tid | Uid)
    }
}

/// Writes the columns of each line. The event has no fixed width and always comes last.
pub(super) struct Columns {
    /// In the order of output, without [`Column::Event`].
    parts: Vec<Part>,
    event: bool,
    mode: Time,
    clock: Clock,
    /// Zero of relative times, ns since boot. `None`: no line was written yet.
    begin: Option<u64>,
    /// Time of the previous line, ns since boot.
    previous: Option<u64>,
    owner: LastOwner,
}

/// Columns that are written together.
enum Part {
    /// The time or the delta, which differ from line to line.
    Clock(Slot),
    Owner(OwnerColumns),
}

/// Adjacent columns that depend on an update's owner alone.
#[derive(Default)]
struct OwnerColumns {
    slots: Vec<Slot>,
    /// Text for the owner of the previous line.
    text: Vec<u8>,
    /// Width of `text` in terminal columns.
    columns: usize,
}

/// A column of this output.
struct Slot {
    column: Column,
    /// Current width in terminal columns. Grows with longer text up to `limit`.
    width: usize,
    limit: usize,
}

impl Slot {
    fn new(column: Column, mode: Time) -> Self {
        let (width, limit) = column.widths(mode);
        Self { column, width, limit }
    }

    /// Writes the text that `write` writes, which gets the column of its end, and blanks up to the next slot.
    #[inline]
    fn write(&mut self, line: &mut Line<'_>, write: impl FnOnce(&mut Line<'_>, usize)) {
        // `--fields` may name a column any number of times.
        line.flush_half();
        let start = line.column();
        write(line, start + self.width);
        self.width = self.width.max((line.column() - start).min(self.limit));
        line.pad(start + self.width, 0).piece(b" ");
    }
}

impl Part {
    fn slots(&self) -> &[Slot] {
        match self {
            Self::Clock(slot) => std::slice::from_ref(slot),
            Self::Owner(owner) => &owner.slots,
        }
    }
}

impl OwnerColumns {
    /// Renders the text for the owner of `update`.
    fn rebuild(&mut self, style: Style, update: &Update) {
        self.text.clear();
        let mut window = Window::default();
        let mut line = Line::new(&mut self.text, &mut window, style);
        for slot in &mut self.slots {
            let column = slot.column;
            slot.write(&mut line, |line, end| cell(line, column, end, update));
        }
        self.columns = line.column();
        line.flush();
    }
}

impl Columns {
    pub(super) fn new(options: &Options, default: &[&str]) -> Result<Self, FieldError> {
        let mode = options.time;
        let is_default = |name: &&str| match *name {
            "time" => mode != Time::None,
            "delta" => mode == Time::Delta,
            _ => true,
        };
        let names: Vec<&str> = match &options.fields {
            Some(fields) => fields.iter().map(String::as_str).collect(),
            None => default.iter().copied().filter(is_default).collect(),
        };
        let all = || Column::value_variants().iter().map(|column| column.name());
        let column = |name| Column::from_str(name, false).map_err(|_| FieldError::new(name, all()));
        let chosen: Vec<Column> = names.into_iter().map(column).collect::<Result<_, _>>()?;
        let mut parts = Vec::new();
        for column in &chosen {
            let slot = Slot::new(*column, mode);
            match (column, parts.last_mut()) {
                (Column::Event, _) => {}
                (Column::Time | Column::Delta, _) => parts.push(Part::Clock(slot)),
                (_, Some(Part::Owner(owner))) => owner.slots.push(slot),
                _ => {
                    let slots = vec![slot];
                    parts.push(Part::Owner(OwnerColumns { slots, ..OwnerColumns::default() }));
                }
            }
        }
        Ok(Self {
            event: chosen.contains(&Column::Event),
            parts,
            mode,
            clock: options.clock.clone(),
            begin: None,
            previous: None,
            owner: LastOwner::default(),
        })
    }

    pub(super) fn ready(&mut self, ready: &Ready) {
        self.begin = Some(ready.begin);
    }

    pub(super) fn has_event(&self) -> bool {
        self.event
    }

    /// Returns the current width of everything before the event.
    pub(super) fn width(&self) -> usize {
        self.slots().map(|slot| slot.width + 1).sum()
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.parts.iter().flat_map(Part::slots)
    }

    pub(super) fn heading(&self, out: &mut Vec<u8>, style: Style) {
        line::write(out, style, |line| {
            for slot in self.slots() {
                let end = line.column() + slot.width;
                let name = slot.column.heading();
                if slot.column.is_right_aligned() {
                    line.pad(end.saturating_sub(name.len()), 0).color(Color::Strong, name);
                } else {
                    line.color(Color::Strong, name).pad(end, 0);
                }
                line.piece(b" ");
            }
            if self.event {
                line.color(Color::Strong, Column::Event.heading());
            }
        });
    }

    /// Appends the columns of an update, up to where the event begins.
    pub(super) fn write(&mut self, line: &mut Line<'_>, update: &Update) {
        let Self { parts, event: _, mode, clock, begin, previous, owner } = self;
        let begin = *begin.get_or_insert(update.time);
        let delta = previous.and_then(|previous| update.time.checked_sub(previous));
        *previous = Some(update.time);
        let rebuild = owner.changes_with(update);
        for part in parts {
            match part {
                Part::Clock(slot) => {
                    let is_delta = slot.column == Column::Delta;
                    slot.write(line, |line, end| match delta {
                        _ if !is_delta => clock::write(line, *mode, clock, begin, update.time, end),
                        Some(ns) => _ = line.duration_before(ns, end, 0),
                        None => {}
                    });
                }
                Part::Owner(owner) => {
                    if rebuild {
                        owner.rebuild(line.style, update);
                    }
                    line.written(&owner.text, owner.columns);
                }
            }
        }
    }
}

/// Writes the text of a column that depends on the update's owner alone. Numbers end at `end`.
fn cell(line: &mut Line<'_>, column: Column, end: usize, update: &Update) {
    let Update { time: _, cpu, session, read, task, what: _ } = update;
    match (column, session, task) {
        (Column::Cpu, _, _) => number(line, end, (*cpu).into()),
        (Column::Session, Some(session), _) => {
            line.colored(Color::Session(session.id), |line| {
                line.piece(b"s").decimal(session.id.0.into());
                if let Some(read) = read {
                    line.piece(b".r").decimal((*read).into());
                }
            });
        }
        (Column::Path, Some(session), _) => super::wording::path(line, session),
        (Column::Task, _, Some(task)) => {
            line.bytes(&task.comm).piece(b"/").decimal(task.pid.into());
            if task.tid != task.pid {
                line.piece(b":").decimal(task.tid.into());
            }
        }
        (Column::Comm, _, Some(task)) => _ = line.bytes(&task.comm),
        (Column::Pid, _, Some(task)) => number(line, end, task.pid),
        (Column::Tid, _, Some(task)) => number(line, end, task.tid),
        (Column::Uid, _, Some(task)) => number(line, end, task.uid),
        // Unknown, or it depends on more than the owner.
        _ => {}
    }
}

fn number(line: &mut Line<'_>, end: usize, value: u32) {
    let value = value.into();
    line.pad(end.saturating_sub(digits::count(value)), 0).decimal(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::story;
    use super::*;
    use crate::session::update::UpdateKind;

    #[test]
    fn columns_can_be_repeated() {
        let fields = ["time", "cpu"].iter().flat_map(|name| vec![(*name).to_owned(); 400]);
        let (time, fields) = (Time::Boot, Some(fields.collect()));
        let options = Options { time, fields, ..Options::default() };
        let mut columns = Columns::new(&options, &[]).unwrap();
        let update = Update {
            time: 7_000_000_000,
            cpu: 0,
            session: None,
            read: None,
            task: None,
            what: UpdateKind::Open,
        };
        let shown = line::text(Style::new(false, false), |line| columns.write(line, &update));
        assert_eq!(shown, "     7.000000 ".repeat(400) + &"  0 ".repeat(400));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn kept_text_is_that_of_the_owner(
            updates in story(),
            fields in proptest::sample::subsequence(Column::value_variants().to_vec(), 1..11).prop_shuffle(),
            (color, ascii) in any::<(bool, bool)>(),
            time in proptest::sample::select(vec![Time::Delta, Time::Boot, Time::Wall, Time::Utc]),
        ) {
            let fields = fields.into_iter().map(Column::name).collect();
            let options = Options { fields: Some(fields), color, ascii, time, ..Options::default() };
            let mut columns = Columns::new(&options, &[]).unwrap();
            let mut forgetful = Columns::new(&options, &[]).unwrap();
            let style = Style::new(color, ascii);
            for update in updates {
                let shown = |columns: &mut Columns| {
                    let mut width = 0;
                    let text = line::text(style, |line| {
                        columns.write(line, &update);
                        width = line.column();
                    });
                    (width, text)
                };
                forgetful.owner = LastOwner::default();
                prop_assert_eq!(shown(&mut columns), shown(&mut forgetful));
            }
        }
    }
}
