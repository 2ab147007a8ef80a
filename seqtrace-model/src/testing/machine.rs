//! Machine: a seq_file with text. It runs the core's loop over four closures, for readers with the usual system calls,
//! and emits the events that the probes would emit.
//!
//! The machine stores the bytes of records. The simulator stores only their lengths, but also the true fate of each
//! rendering.

pub use super::file::{File, Out};
use crate::event::{
    Callback, Event, EventKind, FileKind, OpTable, Open, Role, SeqState, Task, Via, Wrapper,
};
use crate::testing::resolve;

pub const PAGE: usize = 4096;
/// Address of the seq_file in the pointers that files return. Each open replaces it by the address of its own seq_file,
/// [`Fd::m`].
pub const M: u64 = 0xffff_8881_7700_0000;

/// Distance between seq_files, bytes.
const SIZE: u64 = 256;

/// State that all files share: the events so far.
#[derive(Default)]
pub struct World {
    pub events: Vec<Event>,
    /// True if previews are emitted.
    pub previews: bool,
    pub keys: u32,
}

impl World {
    pub fn emit(&mut self, body: EventKind) {
        let time = 1_000 * (self.events.len() as u64 + 1);
        self.events.push(Event { time, cpu: 0, body });
    }
}

/// An open descriptor of a file.
pub struct Fd {
    key: u32,
    file: File,
    buf: Vec<u8>,
    size: usize,
    index: i64,
    read_pos: i64,
    /// File offset of the descriptor, `file->f_pos`.
    pub f_pos: i64,
}

const EAGAIN: i64 = -11;

fn ends(v: u64) -> Option<i64> {
    match v {
        0 => Some(0),
        v if v >= 4095u64.wrapping_neg() => Some(v.cast_signed()),
        _ => None,
    }
}

fn len(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap()
}

impl Fd {
    /// Opens a file with inode number `ino`.
    pub fn open(world: &mut World, ino: u64, file: File, by: Wrapper) -> Self {
        world.keys += 1;
        let key = world.keys;
        let pointer = 0xffff_8881_6600_0000 + 256 * u64::from(key);
        Self::open_at(world, ino, file, by, pointer)
    }

    /// Opens a file whose `struct file` is at address `pointer`.
    pub fn open_at(world: &mut World, ino: u64, file: File, by: Wrapper, pointer: u64) -> Self {
        let key = world.keys;
        let table = OpTable { start: 0x100 + ino, next: 0x200, show: 0x300, stop: 0x400 };
        let kind = FileKind::Seq { m: Self::m(key), op: 2, table, private: 0, size: 0, inner: 0 };
        world.emit(EventKind::Open(Box::new(Open {
            file: pointer,
            ino,
            dev: 5,
            magic: 0x9fa0,
            mode: 1,
            via: (by != Wrapper::SeqOpen).then_some(by),
            ..resolve::open(key, task(), kind, &[b"foo"])
        })));
        Self { key, file, buf: Vec::new(), size: 0, index: 0, read_pos: 0, f_pos: 0 }
    }

    /// Returns the address of the seq_file of an open.
    fn m(key: u32) -> u64 {
        M + SIZE * u64::from(key)
    }

    pub fn release(self, world: &mut World, by: Wrapper) {
        let private = (self.file.private)();
        world.emit(EventKind::Release {
            key: self.key,
            tid: 1,
            wrapper: by,
            private,
            removed: false,
        });
    }

    fn state(&self) -> SeqState {
        SeqState {
            size: self.size as u64,
            from: 0,
            count: self.buf.len() as u64,
            index: self.index,
            read_pos: self.read_pos,
        }
    }

    fn call(&mut self, world: &mut World, role: Role, v: u64) -> u64 {
        let (count, size) = (self.buf.len(), self.size);
        if role == Role::Start {
            world.emit(EventKind::PassBegin {
                key: self.key,
                tid: 1,
                index: self.index,
                size: u32::try_from(size).unwrap(),
                count: 0,
                from: 0,
            });
        }
        let mut out = Out { buf: &mut self.buf, size };
        let ret = match role {
            Role::Start => {
                let pos = self.index;
                let ret = (self.file.start)(&mut self.index);
                if ends(ret).is_none() {
                    out.put((self.file.start_output)(pos));
                }
                ret
            }
            Role::Next => (self.file.next)(v, &mut self.index),
            Role::Show => i64::from((self.file.show)(v, &mut out)).cast_unsigned(),
            Role::Stop => {
                (self.file.stop)(v, &mut out);
                0
            }
        };
        // A pointer into the seq_file is moved to the seq_file of this open.
        let inside = matches!(role, Role::Start | Role::Next) && (M..M + SIZE).contains(&ret);
        let moved = if inside { ret - M + Self::m(self.key) } else { ret };
        world.emit(EventKind::Callback(Callback {
            index: self.index,
            count: u32::try_from(self.buf.len()).unwrap(),
            full: self.buf.len() == size,
            private: (role == Role::Start).then(|| (self.file.private)()),
            ..Callback::new(self.key, role, moved)
        }));
        if role == Role::Show && world.previews && self.buf.len() > count {
            let bytes: Vec<u8> = self.buf[count..].iter().take(64).copied().collect();
            world.emit(EventKind::Preview { key: self.key, bytes });
        }
        ret
    }

    fn show(&mut self, world: &mut World, v: u64) -> i64 {
        self.call(world, Role::Show, v).cast_signed()
    }

    fn grow(&mut self) {
        self.size *= 2;
        self.buf.clear();
    }

    fn traverse(&mut self, world: &mut World, offset: i64) -> i64 {
        self.index = 0;
        self.buf.clear();
        if offset == 0 {
            return 0;
        }
        if self.size == 0 {
            self.size = PAGE;
        }
        let mut pos = 0;
        let mut error;
        let mut p = self.call(world, Role::Start, 0);
        loop {
            if let Some(end) = ends(p) {
                error = end;
                break;
            }
            error = self.show(world, p);
            if error < 0 {
                break;
            }
            if error > 0 {
                error = 0;
                self.buf.clear();
            }
            if self.buf.len() == self.size {
                self.call(world, Role::Stop, p);
                self.grow();
                return EAGAIN;
            }
            p = self.call(world, Role::Next, p);
            if pos + len(&self.buf) > offset {
                let from = usize::try_from(offset - pos).unwrap();
                self.buf.drain(..from);
                break;
            }
            pos += len(&self.buf);
            self.buf.clear();
            if pos == offset {
                break;
            }
        }
        self.call(world, Role::Stop, p);
        error
    }

    /// Reads at the file offset, as read() does.
    pub fn read(&mut self, world: &mut World, want: usize) -> Result<Vec<u8>, i64> {
        let bytes = self.pread(world, self.f_pos, want)?;
        self.f_pos += len(&bytes);
        Ok(bytes)
    }

    /// Reads at an offset, as pread() does.
    pub fn pread(&mut self, world: &mut World, pos: i64, want: usize) -> Result<Vec<u8>, i64> {
        let (key, state) = (self.key, self.state());
        let via = Some(Via::ReadIter);
        let body = EventKind::ReadEnter { key, task: task(), pos, want: want as u64, state, via };
        world.emit(body);
        let result = if want == 0 { Ok(Vec::new()) } else { self.read_iter(world, pos, want) };
        let ret = match &result {
            Ok(bytes) => len(bytes),
            Err(error) => *error,
        };
        world.emit(EventKind::ReadExit { key, tid: 1, ret, state: self.state() });
        result
    }

    fn read_iter(&mut self, world: &mut World, pos: i64, want: usize) -> Result<Vec<u8>, i64> {
        if pos == 0 {
            self.index = 0;
            self.buf.clear();
        }
        if pos != self.read_pos {
            let mut error = EAGAIN;
            while error == EAGAIN {
                error = self.traverse(world, pos);
            }
            if error < 0 {
                self.read_pos = 0;
                self.index = 0;
                self.buf.clear();
                return Err(error);
            }
            self.read_pos = pos;
        }
        if self.size == 0 {
            self.size = PAGE;
        }
        let left = self.buf.len().min(want);
        let mut got: Vec<u8> = self.buf.drain(..left).collect();
        let mut error = 0;
        if self.buf.is_empty() {
            error = self.fill(world, want - got.len());
            let more = self.buf.len().min(want - got.len());
            got.extend(self.buf.drain(..more));
        }
        if got.is_empty() && error < 0 {
            return Err(error);
        }
        self.read_pos += len(&got);
        Ok(got)
    }

    fn fill(&mut self, world: &mut World, room: usize) -> i64 {
        let mut p = self.call(world, Role::Start, 0);
        loop {
            if let Some(error) = ends(p) {
                self.call(world, Role::Stop, p);
                self.buf.clear();
                return error;
            }
            let error = self.show(world, p);
            if error < 0 {
                self.call(world, Role::Stop, p);
                self.buf.clear();
                return error;
            }
            if error > 0 {
                self.buf.clear();
            }
            if self.buf.is_empty() {
                p = self.call(world, Role::Next, p);
                continue;
            }
            if self.buf.len() < self.size {
                break;
            }
            self.call(world, Role::Stop, p);
            self.grow();
            p = self.call(world, Role::Start, 0);
        }
        let mut error;
        loop {
            let (count, pos) = (self.buf.len(), self.index);
            p = self.call(world, Role::Next, p);
            if self.index == pos {
                self.index = self.index.wrapping_add(1);
            }
            error = 0;
            if ends(p).is_some() || self.buf.len() >= room {
                break;
            }
            error = self.show(world, p);
            if error > 0 {
                self.buf.truncate(count);
            } else if error < 0 || self.buf.len() == self.size {
                self.buf.truncate(count);
                break;
            }
        }
        self.call(world, Role::Stop, p);
        error
    }

    /// Sets the file offset, as lseek(SEEK_SET) does.
    pub fn lseek(&mut self, world: &mut World, offset: i64) -> i64 {
        let key = self.key;
        world.emit(EventKind::LseekEnter { key, tid: 1, offset, whence: 0, state: self.state() });
        let mut ret = offset;
        if offset != self.read_pos {
            let mut error = EAGAIN;
            while error == EAGAIN {
                error = self.traverse(world, offset);
            }
            if error < 0 {
                (self.read_pos, self.index) = (0, 0);
                self.buf.clear();
                ret = error;
            } else {
                self.read_pos = offset;
            }
        }
        if ret >= 0 {
            self.f_pos = offset;
        }
        world.emit(EventKind::LseekExit { key, tid: 1, ret, state: self.state() });
        ret
    }

    /// Reads to the end of the file, at most `limit` times.
    pub fn drain(&mut self, world: &mut World, want: usize, limit: usize) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..limit {
            match self.read(world, want) {
                Ok(bytes) if !bytes.is_empty() => all.extend(bytes),
                _ => break,
            }
        }
        all
    }
}

pub fn task() -> Task {
    Task { pid: 1, tid: 1, uid: 0, comm: b"cat".to_vec() }
}
