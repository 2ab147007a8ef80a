//! A callback's object, written without serde.
//!
//! Nearly every line of a trace is one, and going through serializers would cost more than everything
//! else that happens to an event. What is written here is what [`super::object::Cb`] says, byte by
//! byte: a test compares both, and the schema is made from that.

use std::rc::Rc;

use super::super::digits::{self, EIGHT};
use super::super::scratch::{Memo, Scratch, Text};
use crate::event::{Ptr, PtrKind, Role, Task};
use crate::session::update::{CallbackUpdate, Fate, Phase, Session, SessionId, Update};

/// Writes callbacks' objects.
#[derive(Default)]
pub(super) struct Callbacks {
    /// A line for each role: most often its beginning is that of the role's next one, but for the times.
    lines: [Line; 4],
    last: Last,
}

/// The line that a role had last.
#[derive(Default)]
struct Line {
    scratch: Scratch,
    head: Option<Head>,
}

/// The beginning of a line, up to the first position.
struct Head {
    place: Place<Rc<Session>, Rc<Task>>,
    times: [Time; 2],
    end: usize,
}

/// A time in the beginning of a line.
struct Time {
    /// Without the last eight digits.
    base: u64,
    /// Where these are.
    low: usize,
}

/// Where a callback ran, beyond its role.
struct Place<S, T> {
    session: Option<S>,
    task: Option<T>,
    read: Option<u32>,
    pass: u32,
    cpu: u16,
    phase: Phase,
}

/// What was said of the callback before, and is often said of the next one too: a show is where the
/// next before it went, is given what that returned, and begins where the last show ended.
#[derive(Default)]
struct Last {
    position: Memo<i64, 16>,
    pointer: Memo<Ptr, 24>,
    room: Memo<(Option<u64>, bool), 48>,
    offset: Memo<i64, 16>,
}

impl Callbacks {
    /// Appends the line of a callback; `begin` is the zero of relative times.
    pub(super) fn write(
        &mut self,
        begin: u64,
        update: &Update,
        callback: &CallbackUpdate,
        out: &mut Vec<u8>,
    ) {
        let Line { scratch, head } = &mut self.lines[callback.role as usize];
        let place = Place::of(update, callback);
        let kept = head.as_ref().filter(|head| head.place.is(&place));
        let mut text = match kept.and_then(|head| head.again(scratch, begin, update.time)) {
            Some(text) => text,
            None => Head::write(head, scratch, begin, update, callback),
        };
        about(&mut text, callback, &mut self.last);
        out.extend_from_slice(text.bytes());
    }
}

impl Head {
    /// The same with other times, if only their last digits differ.
    #[inline]
    fn again<'a>(&self, scratch: &'a mut Scratch, begin: u64, time: u64) -> Option<Text<'a>> {
        let [relative, since_boot] = &self.times;
        // Of a time before the beginning too this is no number of eight digits.
        let lows = [
            time.wrapping_sub(begin).wrapping_sub(relative.base),
            time.wrapping_sub(since_boot.base),
        ];
        if lows.iter().any(|low| *low >= EIGHT) {
            return None;
        }
        let mut text = scratch.resume(self.end, self.end);
        text.replace(relative.low, &digits::eight(lows[0]));
        text.replace(since_boot.low, &digits::eight(lows[1]));
        Some(text)
    }

    /// `{"type":"cb","v":1,"t":3800,"time":"1000000003800","cpu":1,…,"pass":1,"pos_in":`, and keeps it.
    fn write<'a>(
        kept: &mut Option<Self>,
        scratch: &'a mut Scratch,
        begin: u64,
        update: &Update,
        callback: &CallbackUpdate,
    ) -> Text<'a> {
        let time = update.time;
        let distance = time.abs_diff(begin).min(i64::MAX.cast_unsigned());
        let mut text = scratch.begin();
        text.put(br#"{"type":"cb","v":1,"t":"#);
        if time < begin {
            text.put(b"-");
        }
        text.decimal(distance);
        let relative = Time::behind(&text, distance);
        text.put(br#","time":""#);
        text.decimal(time);
        let since_boot = Time::behind(&text, time);
        place(&mut text, update, callback);
        // Shorter ones are as long as the number is. Longer ones, or of such a beginning, could be
        // taken for what they are not: longer than a number can be, or before the beginning.
        let long = time >= begin && (EIGHT..1 << 62).contains(&distance) && begin < 1 << 62;
        *kept = long.then(|| Self {
            place: Place::of(update, callback).kept(),
            times: [relative, since_boot],
            end: text.length(),
        });
        text
    }
}

impl Time {
    /// That which was just written.
    fn behind(text: &Text<'_>, time: u64) -> Self {
        Self { base: time - time % EIGHT, low: text.length().saturating_sub(8) }
    }
}

impl<'a> Place<&'a Rc<Session>, &'a Rc<Task>> {
    #[inline]
    fn of(update: &'a Update, callback: &CallbackUpdate) -> Self {
        Self {
            session: update.session.as_ref(),
            task: update.task.as_ref(),
            read: update.read,
            pass: callback.pass,
            cpu: update.cpu,
            phase: callback.phase,
        }
    }

    fn kept(self) -> Place<Rc<Session>, Rc<Task>> {
        let Self { session, task, read, pass, cpu, phase } = self;
        Place { session: session.cloned(), task: task.cloned(), read, pass, cpu, phase }
    }
}

impl Place<Rc<Session>, Rc<Task>> {
    /// Whether this is the same place. What it holds stays what it is, so that it can be told from
    /// others by its address.
    #[inline]
    fn is(&self, place: &Place<&Rc<Session>, &Rc<Task>>) -> bool {
        let Place { session, task, read, pass, cpu, phase } = place;
        same(self.session.as_ref(), *session)
            && same(self.task.as_ref(), *task)
            && self.read == *read
            && self.pass == *pass
            && self.cpu == *cpu
            && self.phase == *phase
    }
}

#[inline]
fn same<T>(one: Option<&Rc<T>>, other: Option<&Rc<T>>) -> bool {
    one.map(Rc::as_ptr) == other.map(Rc::as_ptr)
}

/// `","cpu":1,"session":"s1","read":"s1.r1","pid":4123,"tid":4123,"role":"show","phase":"fill","pass":1,"pos_in":`
fn place(text: &mut Text<'_>, update: &Update, callback: &CallbackUpdate) {
    text.put(br#"","cpu":"#);
    text.decimal(update.cpu.into());
    match &update.session {
        None => text.put(br#","session":null,"read":null"#),
        Some(session) => {
            let SessionId(id) = session.id;
            text.put(br#","session":"s"#);
            text.decimal(id.into());
            match update.read {
                None => text.put(br#"","read":null"#),
                Some(read) => {
                    text.put(br#"","read":"s"#);
                    text.decimal(id.into());
                    text.put(b".r");
                    text.decimal(read.into());
                    text.put(b"\"");
                }
            }
        }
    }
    match &update.task {
        None => text.put(br#","pid":null,"tid":null"#),
        Some(task) => {
            text.put(br#","pid":"#);
            text.decimal(task.pid.into());
            text.put(br#","tid":"#);
            text.decimal(task.tid.into());
        }
    }
    match callback.role {
        Role::Start => text.put(br#","role":"start","phase":""#),
        Role::Next => text.put(br#","role":"next","phase":""#),
        Role::Show => text.put(br#","role":"show","phase":""#),
        Role::Stop => text.put(br#","role":"stop","phase":""#),
    }
    match callback.phase {
        Phase::Traverse => text.put(br#"traverse","pass":"#),
        Phase::First => text.put(br#"first","pass":"#),
        Phase::Fill => text.put(br#"fill","pass":"#),
        Phase::Unknown => text.put(br#"unknown","pass":"#),
    }
    text.decimal(callback.pass.into());
    text.put(br#","pos_in":"#);
}

/// The keys that only callbacks have, and the end of the line. What is most often null or false is
/// written at once where it is.
#[inline]
fn about(text: &mut Text<'_>, callback: &CallbackUpdate, last: &mut Last) {
    let Last { position, pointer, room, offset } = last;
    let CallbackUpdate {
        // Said before.
        role: _,
        phase: _,
        pass: _,
        pos_in,
        pos_out,
        v,
        ret_ptr,
        ret_int,
        bytes,
        count,
        size,
        full,
        duration,
        fate,
        range,
        held,
        fixed_up,
        private,
    } = callback;
    if let Some(pos) = pos_in {
        position.put(text, *pos, |text| text.signed(*pos));
        text.put(br#","pos_out":"#);
    } else {
        text.put(br#"null,"pos_out":"#);
    }
    position.put(text, *pos_out, |text| text.signed(*pos_out));
    if let Some(v) = v {
        text.put(br#","ptr_in":""#);
        pointer.put(text, *v, |text| name(text, *v));
        text.put(br#"","ptr_out":"#);
    } else {
        text.put(br#","ptr_in":null,"ptr_out":"#);
    }
    match (ret_ptr, ret_int, bytes) {
        // As of a start or next, and of a show.
        (Some(returned), None, None) => {
            text.put(b"\"");
            pointer.put(text, *returned, |text| name(text, *returned));
            text.put(br#"","ret":null,"bytes":null,"count":"#);
        }
        (None, Some(ret), Some(bytes)) => {
            text.put(br#"null,"ret":"#);
            text.signed((*ret).into());
            text.put(br#","bytes":"#);
            text.decimal(*bytes);
            text.put(br#","count":"#);
        }
        _ => returned(text, *ret_ptr, *ret_int, *bytes),
    }
    text.decimal(*count);
    room.put(text, (*size, *full), |text| {
        text.put(br#","size":"#);
        match size {
            Some(size) => text.decimal(*size),
            None => text.put(b"null"),
        }
        if *full {
            text.put(br#","full":true,"duration":"#);
        } else {
            text.put(br#","full":false,"duration":"#);
        }
    });
    if let Some(duration) = duration {
        text.decimal(*duration);
    } else {
        text.put(b"null");
    }
    let nothing = (None, None, None, false, None);
    if (*fate, *range, *held, *fixed_up, *private) == nothing {
        text.put(
            b",\"fate\":null,\"range\":null,\"held\":null,\"fixed_up\":false,\"private\":null}\n",
        );
        return;
    }
    match fate {
        None => text.put(br#","fate":null,"range":"#),
        Some(Fate::Emitted) => text.put(br#","fate":"emitted","range":"#),
        Some(Fate::DiscardedOverflow) => text.put(br#","fate":"discarded_overflow","range":"#),
        Some(Fate::DiscardedTail) => text.put(br#","fate":"discarded_tail","range":"#),
        Some(Fate::Skipped) => text.put(br#","fate":"skipped","range":"#),
        Some(Fate::PassedOver) => text.put(br#","fate":"passed_over","range":"#),
        Some(Fate::Empty) => text.put(br#","fate":"empty","range":"#),
        Some(Fate::Failed) => text.put(br#","fate":"failed","range":"#),
        Some(Fate::Unknown) => text.put(br#","fate":"unknown","range":"#),
    }
    if let Some(range) = range {
        text.put(br#"{"start":"#);
        offset.put(text, range.start, |text| text.signed(range.start));
        text.put(br#","end":"#);
        offset.put(text, range.end, |text| text.signed(range.end));
        text.put(br#"},"held":"#);
    } else {
        text.put(br#"null,"held":"#);
    }
    match (held, fixed_up, private) {
        (None, false, None) => text.put(b"null,\"fixed_up\":false,\"private\":null}\n"),
        _ => rest(text, *held, *fixed_up, *private),
    }
}

/// What other combinations of values look like than those that callbacks have when all is well.
fn returned(text: &mut Text<'_>, ret_ptr: Option<Ptr>, ret_int: Option<i32>, bytes: Option<u64>) {
    if let Some(returned) = ret_ptr {
        text.put(b"\"");
        name(text, returned);
        text.put(br#"","ret":"#);
    } else {
        text.put(br#"null,"ret":"#);
    }
    if let Some(ret) = ret_int {
        text.signed(ret.into());
        text.put(br#","bytes":"#);
    } else {
        text.put(br#"null,"bytes":"#);
    }
    if let Some(bytes) = bytes {
        text.decimal(bytes);
        text.put(br#","count":"#);
    } else {
        text.put(br#"null,"count":"#);
    }
}

/// What is rarely more than nothing.
fn rest(text: &mut Text<'_>, held: Option<u64>, fixed_up: bool, private: Option<u64>) {
    match held {
        None => text.put(b"null"),
        Some(held) => text.decimal(held),
    }
    if fixed_up {
        text.put(br#","fixed_up":true,"private":"#);
    } else {
        text.put(br#","fixed_up":false,"private":"#);
    }
    match private {
        None => text.put(b"null}\n"),
        Some(private) => {
            text.put(b"\"0x");
            text.hex(private);
            text.put(b"\"}\n");
        }
    }
}

/// A pointer by name where it has one.
fn name(text: &mut Text<'_>, ptr: Ptr) {
    match ptr.kind() {
        PtrKind::Null => text.put(b"NULL"),
        PtrKind::Token => text.put(b"TOKEN"),
        PtrKind::Err(errno) => {
            text.put(b"ERR_PTR(-");
            text.decimal(errno.unsigned_abs().into());
            text.put(b")");
        }
        PtrKind::Record(value) => {
            text.put(b"0x");
            text.hex(value);
        }
    }
}
