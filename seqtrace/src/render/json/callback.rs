//! A callback's object, written without serde.
//!
//! Nearly every line of a trace is one, and going through serializers would cost more than everything
//! else that happens to an event. What is written here is what [`super::object::Cb`] says, byte by
//! byte: a test compares both, and the schema is made from that.

use super::super::digits;
use super::super::scratch::{PIECE, Scratch, Slow, Text};
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase, SessionId, Update};

/// Writes callbacks' objects.
#[derive(Default)]
pub(super) struct Callbacks {
    scratch: Scratch,
    /// For each role, the last callback's place and what is said of it: most often the next one's.
    places: [Option<(Place, Said)>; 4],
    /// A show is given what the next before it returned.
    pointer: Pointer,
    times: [Slow; 2],
}

/// The last pointer and its text.
#[derive(Default)]
struct Pointer(Ptr, [u8; 24], usize);

/// Where a callback ran, beyond its role.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    cpu: u16,
    session: Option<SessionId>,
    read: Option<u32>,
    /// Process and thread.
    task: Option<(u32, u32)>,
    phase: Phase,
    pass: u32,
}

/// Text, and how long it is.
#[derive(Clone, Copy)]
struct Said([u8; PIECE], usize);

impl Callbacks {
    /// Appends the line of a callback; `begin` is the zero of relative times.
    pub(super) fn write(
        &mut self,
        begin: u64,
        update: &Update,
        callback: &CallbackUpdate,
        out: &mut Vec<u8>,
    ) {
        let Update { time, cpu, session, read, task, what: _ } = update;
        let place = Place {
            cpu: *cpu,
            session: session.as_ref().map(|session| session.id),
            read: *read,
            task: task.as_ref().map(|task| (task.pid, task.tid)),
            phase: callback.phase,
            pass: callback.pass,
        };
        let known = &mut self.places[callback.role as usize];
        let said = match known {
            Some((of, said)) if *of == place => said,
            _ => &mut known.insert((place, say(&mut self.scratch, place, callback.role))).1,
        };
        let mut text = self.scratch.begin();
        let distance = time.abs_diff(begin).min(i64::MAX.cast_unsigned());
        if *time < begin {
            text.put(br#"{"type":"cb","v":1,"t":-"#);
        } else {
            text.put(br#"{"type":"cb","v":1,"t":"#);
        }
        let [relative, since_boot] = &mut self.times;
        relative.put(&mut text, distance);
        text.put(br#","time":""#);
        since_boot.put(&mut text, *time);
        text.put_some(&said.0, said.1);
        about(&mut text, callback, &mut self.pointer);
        out.extend_from_slice(text.bytes());
    }
}

/// `","cpu":1,"session":"s1","read":"s1.r1","pid":4123,"tid":4123,"role":"show","phase":"fill","pass":1`
fn say(scratch: &mut Scratch, place: Place, role: Role) -> Said {
    let Place { cpu, session, read, task, phase, pass } = place;
    let mut text = scratch.begin();
    text.put(br#"","cpu":"#);
    text.decimal(cpu.into());
    match session {
        None => text.put(br#","session":null,"read":null"#),
        Some(SessionId(id)) => {
            text.put(br#","session":"s"#);
            text.decimal(id.into());
            match read {
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
    match task {
        None => text.put(br#","pid":null,"tid":null"#),
        Some((pid, tid)) => {
            text.put(br#","pid":"#);
            text.decimal(pid.into());
            text.put(br#","tid":"#);
            text.decimal(tid.into());
        }
    }
    match role {
        Role::Start => text.put(br#","role":"start","phase":""#),
        Role::Next => text.put(br#","role":"next","phase":""#),
        Role::Show => text.put(br#","role":"show","phase":""#),
        Role::Stop => text.put(br#","role":"stop","phase":""#),
    }
    match phase {
        Phase::Traverse => text.put(br#"traverse","pass":"#),
        Phase::First => text.put(br#"first","pass":"#),
        Phase::Fill => text.put(br#"fill","pass":"#),
        Phase::Unknown => text.put(br#"unknown","pass":"#),
    }
    text.decimal(pass.into());
    // The longest has 165 bytes.
    let mut said = [0; PIECE];
    said.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = *from);
    Said(said, text.bytes().len())
}

/// The keys that only callbacks have, and the end of the line. What is most often null or false is
/// written at once where it is.
#[inline]
fn about(text: &mut Text<'_>, callback: &CallbackUpdate, pointer: &mut Pointer) {
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
        text.put(br#","pos_in":"#);
        text.signed(*pos);
        text.put(br#","pos_out":"#);
    } else {
        text.put(br#","pos_in":null,"pos_out":"#);
    }
    text.signed(*pos_out);
    if let Some(v) = v {
        text.put(br#","ptr_in":""#);
        pointer.put(text, *v);
        text.put(br#"","ptr_out":"#);
    } else {
        text.put(br#","ptr_in":null,"ptr_out":"#);
    }
    if let Some(returned) = ret_ptr {
        text.put(b"\"");
        pointer.put(text, *returned);
        text.put(br#"","ret":"#);
    } else {
        text.put(br#"null,"ret":"#);
    }
    if let Some(ret) = ret_int {
        text.signed((*ret).into());
        text.put(br#","bytes":"#);
    } else {
        text.put(br#"null,"bytes":"#);
    }
    if let Some(bytes) = bytes {
        text.decimal(*bytes);
        text.put(br#","count":"#);
    } else {
        text.put(br#"null,"count":"#);
    }
    text.decimal(*count);
    if let Some(size) = size {
        text.put(br#","size":"#);
        text.decimal(*size);
    } else {
        text.put(br#","size":null"#);
    }
    if *full {
        text.put(br#","full":true,"duration":"#);
    } else {
        text.put(br#","full":false,"duration":"#);
    }
    if let Some(duration) = duration {
        text.decimal(*duration);
    } else {
        text.put(b"null");
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
        text.signed(range.start);
        text.put(br#","end":"#);
        text.signed(range.end);
        text.put(br#"},"held":"#);
    } else {
        text.put(br#"null,"held":"#);
    }
    match (held, fixed_up, private) {
        (None, false, None) => text.put(b"null,\"fixed_up\":false,\"private\":null}\n"),
        _ => rest(text, *held, *fixed_up, *private),
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

impl Pointer {
    #[inline]
    fn put(&mut self, text: &mut Text<'_>, ptr: Ptr) {
        // An empty text is that of no pointer yet.
        if self.0 != ptr || self.2 == 0 {
            *self = Self::of(ptr);
        }
        text.put_some(&self.1, self.2);
    }

    /// By name where it has one.
    fn of(ptr: Ptr) -> Self {
        let mut text = [0; 24];
        let length = match ptr.kind() {
            PtrKind::Null => {
                text[..4].copy_from_slice(b"NULL");
                4
            }
            PtrKind::Token => {
                text[..5].copy_from_slice(b"TOKEN");
                5
            }
            PtrKind::Err(errno) => {
                let (digits, length) = digits::leading(errno.unsigned_abs().into());
                text[..9].copy_from_slice(b"ERR_PTR(-");
                text[9..13].copy_from_slice(&digits);
                text[9 + length] = b')';
                10 + length
            }
            PtrKind::Record(value) => {
                let (digits, length) = digits::short_hex(value);
                text[..2].copy_from_slice(b"0x");
                text[2..18].copy_from_slice(&digits);
                2 + length
            }
        };
        Self(ptr, text, length)
    }
}
