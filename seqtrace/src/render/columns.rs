//! The columns before the event: when, where, who, which session and read.

use super::line::Line;
use super::style::{Look, Tone};
use super::{Clock, FieldError, Options, Ready, Time, clock, field};
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

/// Writes the columns; the event, which has no fixed width, always comes last.
pub(super) struct Columns {
    /// Without [`Column::Event`].
    list: Vec<Slot>,
    event: bool,
    mode: Time,
    clock: Clock,
    /// Zero of relative times, and the line before; ns since boot.
    begin: Option<u64>,
    before: Option<u64>,
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
        Ok(Self {
            event: chosen.contains(&Column::Event),
            list: chosen
                .into_iter()
                .filter(|column| *column != Column::Event)
                .map(|column| Slot::new(column, mode))
                .collect(),
            mode,
            clock: options.clock.clone(),
            begin: None,
            before: None,
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
        self.list.iter().map(|slot| slot.width + 1).sum()
    }

    pub(super) fn heading(&self, out: &mut Vec<u8>, look: Look) {
        let mut line = Line::new(out, look);
        for Slot { column, width, limit: _ } in &self.list {
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
                    line.pad(end.saturating_sub(name.len()), 0).tone(Tone::Strong, name);
                }
                _ => {
                    line.tone(Tone::Strong, name).pad(end, 0);
                }
            }
            line.pad(0, 1);
        }
        if self.event {
            line.tone(Tone::Strong, "EVENT");
        }
        line.end();
    }

    /// Writes the columns of an update. False if no event is to follow.
    pub(super) fn write(&mut self, line: &mut Line<'_>, update: &Update) -> bool {
        let begin = *self.begin.get_or_insert(update.time);
        let delta = self.before.and_then(|before| update.time.checked_sub(before));
        self.before = Some(update.time);
        let tone = update.session.as_ref().map(|session| Tone::Session(session.id));
        for slot in &mut self.list {
            let start = line.column();
            let end = start + slot.width;
            match slot.column {
                Column::Time => {
                    // See Line::put.
                    let _ =
                        clock::write(line, self.mode, &self.clock, begin, update.time, slot.width);
                }
                Column::Delta => {
                    if let Some(delta) = delta {
                        let delta = line.duration(delta);
                        line.pad(end.saturating_sub(delta.width()), 0).tone(Tone::Dim, delta);
                    }
                }
                Column::Cpu => number(line, end, update.cpu.into()),
                Column::Session => {
                    if let (Some(session), Some(tone)) = (&update.session, tone) {
                        line.tone(tone, Id { session: session.id, read: update.read });
                    }
                }
                Column::Path => {
                    if let Some(session) = &update.session {
                        super::phrase::path(line, session);
                    }
                }
                Column::Task => {
                    if let Some(task) = &update.task {
                        line.bytes(&task.comm).put(format_args!("/{}", task.pid));
                        if task.tid != task.pid {
                            line.put(format_args!(":{}", task.tid));
                        }
                    }
                }
                Column::Comm => {
                    if let Some(task) = &update.task {
                        line.bytes(&task.comm);
                    }
                }
                Column::Pid | Column::Tid | Column::Uid => {
                    if let Some(task) = &update.task {
                        number(
                            line,
                            end,
                            match slot.column {
                                Column::Pid => task.pid,
                                Column::Tid => task.tid,
                                _ => task.uid,
                            },
                        );
                    }
                }
                Column::Event => {}
            }
            slot.width = slot.width.max((line.column() - start).min(slot.limit));
            line.pad(start + slot.width, 0).pad(0, 1);
        }
        self.event
    }
}

fn number(line: &mut Line<'_>, end: usize, value: u32) {
    let digits = 1 + value.checked_ilog10().unwrap_or(0) as usize;
    line.right(end, digits, value);
}

/// `s1` or `s1.r2`.
pub(super) struct Id {
    pub(super) session: SessionId,
    pub(super) read: Option<u32>,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{}", self.session.0)?;
        self.read.map_or(Ok(()), |read| write!(f, ".r{read}"))
    }
}
