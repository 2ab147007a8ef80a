//! The kernel's loop (fs/seq_file.c, 6.12), from its description.

use crate::event::{Callback, EventKind, Key, Ptr, PtrKind, Role, SeqState};
use crate::session::update::{Fate, Phase, Range, Totals};
use crate::testing::simulator::file::{Output, SeqFile};
use crate::testing::simulator::log::{Delivered, Log, TrueCall};

const ENOMEM: i64 = -12;
const EFAULT: i64 = -14;
const EINVAL: i64 = -22;
const EAGAIN: i64 = -11;

/// Destination of a read: `struct iov_iter`.
#[derive(Clone, Copy, Debug)]
pub struct Iter {
    /// Number of bytes that are still requested.
    pub room: u64,
    /// Number of bytes after which the memory of the reader faults; `None`: it does not.
    pub fault: Option<u64>,
}

/// `struct seq_file`, with facts for the log.
pub struct Seq {
    pub key: Key,
    pub log: Log,
    file: Box<dyn SeqFile>,
    /// Size of a first buffer, bytes.
    pub page: u64,
    /// For each byte the call that wrote it, and its index in the output of that call; `None`
    /// without a buffer.
    buf: Option<Vec<(u64, u32)>>,
    size: u64,
    from: u64,
    count: u64,
    index: i64,
    read_pos: i64,
    /// Number of allocations until one fails; `None`: none fails.
    pub memory: Option<u32>,
    /// Thread of the current call.
    pub tid: u32,
    pub read: Option<u32>,
    /// Sums of the current call.
    pub totals: Totals,
    pub end_seen: bool,
    pub drained: u64,
    pass: u32,
    began: u64,
    phase: Phase,
    /// State after each event, with the time of the event.
    pub states: Vec<(u64, SeqState)>,
}

impl Seq {
    /// Creates a seq_file with small pages, so that buffers are full after a few records.
    pub fn new(key: Key, file: Box<dyn SeqFile>) -> Self {
        Self {
            key,
            log: Log::default(),
            file,
            page: 64,
            buf: None,
            size: 0,
            from: 0,
            count: 0,
            index: 0,
            read_pos: 0,
            memory: None,
            tid: 0,
            read: None,
            totals: Totals::default(),
            end_seen: false,
            drained: 0,
            pass: 0,
            began: 0,
            phase: Phase::Unknown,
            states: Vec::new(),
        }
    }

    /// Returns the state that a probe reads.
    pub fn state(&self) -> SeqState {
        SeqState {
            size: self.size,
            from: self.from,
            count: self.count,
            index: self.index,
            read_pos: self.read_pos,
        }
    }

    pub fn emit(&mut self, body: EventKind) -> u64 {
        let time = self.log.emit(body);
        self.states.push((time, self.state()));
        time
    }

    /// Begins a call: resets the sums.
    pub fn enter(&mut self, tid: u32, read: Option<u32>) {
        self.tid = tid;
        self.read = read;
        self.totals = Totals::default();
        self.end_seen = false;
        self.drained = 0;
        self.states.clear();
    }

    fn alloc(&mut self, size: u64) -> bool {
        let fails = self.memory == Some(0);
        self.memory = self.memory.map(|left| left.saturating_sub(1));
        let len = usize::try_from(size).expect("a small buffer");
        self.buf = (!fails).then(|| vec![(0, 0); len]);
        !fails
    }

    fn has_overflowed(&self) -> bool {
        self.count == self.size
    }

    /// Counts the bytes in the buffer as undelivered and drops them.
    fn drop_buffer(&mut self) {
        self.log.undelivered += self.count;
        self.count = 0;
    }

    fn call(&mut self, role: Role, v: u64) -> u64 {
        if role == Role::Start {
            self.pass += 1;
            self.totals.passes += 1;
            let narrow = |value| u32::try_from(value).expect("small");
            self.began = self.emit(EventKind::PassBegin {
                key: self.key,
                tid: self.tid,
                index: self.index,
                size: narrow(self.size),
                count: narrow(self.count),
                from: narrow(self.from),
            });
        }
        let before = self.log.now;
        let (pos_in, count, size) = (self.index, self.count, self.size);
        let mut out = Output {
            buffer: self.buf.as_mut().expect("a buffer"),
            count: &mut self.count,
            size,
            call: before + super::log::TICK,
            written: 0,
        };
        let ret = match role {
            Role::Start => self.file.start(&mut self.index, &mut out),
            Role::Next => self.file.next(v, &mut self.index, &mut out),
            Role::Show => i64::from(self.file.show(v, &mut out)).cast_unsigned(),
            Role::Stop => {
                self.file.stop(v, &mut out);
                0
            }
        };
        let time = self.emit(EventKind::Callback(Callback {
            index: self.index,
            count: u32::try_from(self.count).expect("small"),
            full: self.has_overflowed(),
            ..Callback::new(self.key, role, ret)
        }));
        self.totals.callbacks += 1;
        let fetched = matches!(role, Role::Start | Role::Next);
        self.end_seen |= fetched && ret == 0 && self.phase != Phase::Traverse;
        let truth = TrueCall {
            role,
            phase: self.phase,
            pass: self.pass,
            pos_in,
            v: (role != Role::Start).then_some(Ptr(v)),
            bytes: self.count.saturating_sub(count),
            size,
            duration: time - before,
            held: time - self.began,
            fate: None,
            range: None,
            fixed_up: false,
            read: self.read,
            tid: self.tid,
        };
        self.log.calls.insert(time, truth);
        ret
    }

    /// Records the fate of the rendering of the last show.
    fn fate(&mut self, time: u64, fate: Fate, range: Option<Range>) {
        match fate {
            Fate::Emitted => self.totals.emitted += 1,
            Fate::PassedOver => self.totals.passed_over += 1,
            Fate::DiscardedOverflow | Fate::DiscardedTail | Fate::Skipped => {
                self.totals.discarded += 1;
            }
            Fate::Empty | Fate::Failed | Fate::Unknown => {}
        }
        let call = self.log.calls.get_mut(&time).expect("a show");
        call.fate = Some(fate);
        call.range = range;
    }

    /// Runs the algorithm of `seq_read_iter()`.
    #[expect(clippy::too_many_lines, reason = "one function, as in the kernel, to compare")]
    pub fn read_iter(&mut self, ki_pos: &mut i64, iter: &mut Iter) -> i64 {
        if iter.room == 0 {
            return 0;
        }
        let start_pos = *ki_pos;
        let mut copied = 0;
        let mut err = 0;
        if *ki_pos == 0 {
            self.index = 0;
            self.drop_buffer();
        }
        'done: {
            if *ki_pos != self.read_pos {
                loop {
                    err = self.traverse(*ki_pos);
                    if err != EAGAIN {
                        break;
                    }
                }
                if err != 0 {
                    self.read_pos = 0;
                    self.index = 0;
                    self.count = 0;
                    break 'done;
                }
                self.read_pos = *ki_pos;
            }
            if self.buf.is_none() {
                self.size = self.page;
                if !self.alloc(self.page) {
                    err = ENOMEM;
                    break 'done;
                }
            }
            if self.count > 0 {
                let n = self.copy_to_iter(self.from, start_pos, iter);
                self.count -= n;
                self.from += n;
                copied += n;
                self.drained = n;
                if self.count > 0 {
                    break 'done;
                }
            }
            self.from = 0;
            let base = start_pos.saturating_add_unsigned(copied);
            self.phase = Phase::First;
            let mut p = self.call(Role::Start, 0);
            let fill = loop {
                err = error(p);
                if p == 0 || err != 0 {
                    break false;
                }
                let before = self.count;
                err = self.call(Role::Show, p).cast_signed();
                let shown = self.log.now;
                let range = self.range(base, before);
                let wrote = self.count > before;
                if err < 0 {
                    self.fate(shown, Fate::Failed, None);
                    break false;
                }
                if err > 0 {
                    self.count = 0;
                    self.fate(shown, Fate::Skipped, None);
                }
                if self.count == 0 {
                    if err == 0 {
                        self.fate(shown, Fate::Empty, None);
                    }
                    p = self.call(Role::Next, p);
                    continue;
                }
                if !self.has_overflowed() {
                    if wrote {
                        self.fate(shown, Fate::Emitted, Some(range));
                    } else {
                        self.fate(shown, Fate::Empty, None);
                    }
                    break true;
                }
                self.fate(shown, Fate::DiscardedOverflow, None);
                self.call(Role::Stop, p);
                self.count = 0;
                self.size *= 2;
                if !self.alloc(self.size) {
                    err = ENOMEM;
                    break 'done;
                }
                self.totals.restarts += 1;
                p = self.call(Role::Start, 0);
            };
            if !fill {
                self.call(Role::Stop, p);
                self.count = 0;
                break 'done;
            }
            self.phase = Phase::Fill;
            loop {
                let offs = self.count;
                let pos = self.index;
                p = self.call(Role::Next, p);
                if self.index == pos {
                    self.index = self.index.wrapping_add(1);
                    self.log.last_call().fixed_up = true;
                }
                if p == 0 || error(p) != 0 {
                    break;
                }
                if self.count >= iter.room {
                    break;
                }
                let before = self.count;
                err = self.call(Role::Show, p).cast_signed();
                let shown = self.log.now;
                let range = self.range(base, before);
                let wrote = self.count > before;
                if err > 0 {
                    self.count = offs;
                    self.fate(shown, Fate::Skipped, None);
                } else if err < 0 || self.has_overflowed() {
                    self.count = offs;
                    let fate = if err < 0 { Fate::Failed } else { Fate::DiscardedTail };
                    self.fate(shown, fate, None);
                    break;
                } else if wrote {
                    self.fate(shown, Fate::Emitted, Some(range));
                } else {
                    self.fate(shown, Fate::Empty, None);
                }
            }
            let before = self.count;
            self.call(Role::Stop, p);
            if self.count > before {
                let range = self.range(base, before);
                self.log.last_call().range = Some(range);
            }
            let n = self.copy_to_iter(0, base, iter);
            copied += n;
            self.count -= n;
            self.from = n;
        }
        if copied == 0 {
            return if self.count > 0 { EFAULT } else { err };
        }
        *ki_pos = ki_pos.saturating_add_unsigned(copied);
        self.read_pos = self.read_pos.saturating_add_unsigned(copied);
        i64::try_from(copied).expect("few bytes")
    }

    /// Runs the algorithm of `traverse()`, up to a file offset.
    fn traverse(&mut self, offset: i64) -> i64 {
        self.index = 0;
        self.drop_buffer();
        self.from = 0;
        if offset == 0 {
            return 0;
        }
        if self.buf.is_none() {
            self.size = self.page;
            if !self.alloc(self.page) {
                return ENOMEM;
            }
        }
        self.phase = Phase::Traverse;
        let mut pos = 0_i64;
        let mut err = 0;
        let mut p = self.call(Role::Start, 0);
        while p != 0 {
            err = error(p);
            if err != 0 {
                break;
            }
            let before = self.count;
            err = self.call(Role::Show, p).cast_signed();
            let shown = self.log.now;
            let wrote = self.count > before;
            let range = self.range(pos, before);
            if err < 0 {
                self.fate(shown, Fate::Failed, None);
                break;
            }
            let skipped = err > 0;
            if skipped {
                err = 0;
                self.count = 0;
                self.fate(shown, Fate::Skipped, None);
            }
            if self.has_overflowed() {
                self.fate(shown, Fate::DiscardedOverflow, None);
                self.call(Role::Stop, p);
                self.count = 0;
                self.size *= 2;
                if !self.alloc(self.size) {
                    return ENOMEM;
                }
                self.totals.restarts += 1;
                return EAGAIN;
            }
            if !skipped && !wrote {
                self.fate(shown, Fate::Empty, None);
            } else if !skipped {
                // The rest of a record that is entered in the middle is for the reader.
                let fate = if range.end > offset { Fate::Emitted } else { Fate::PassedOver };
                self.fate(shown, fate, Some(range));
            }
            p = self.call(Role::Next, p);
            if pos.saturating_add_unsigned(self.count) > offset {
                self.from = offset.abs_diff(pos);
                self.count -= self.from;
                break;
            }
            pos = pos.saturating_add_unsigned(self.count);
            self.count = 0;
            if pos == offset {
                break;
            }
        }
        let before = self.count;
        self.call(Role::Stop, p);
        if self.count > before {
            // The callback wrote at m->buf + m->count, but the leftover begins at m->from: a consequence of the bug.
            if let Some(buf) = &mut self.buf {
                buf.fill((0, 0));
            }
        }
        if err != 0 {
            // These bytes are lost: the caller or the next attempt drops them.
            self.count = 0;
        }
        err
    }

    /// Runs the algorithm of `seq_lseek()`. `f_pos`: file offset of the descriptor.
    pub fn lseek(&mut self, f_pos: &mut i64, offset: i64, whence: u32) -> i64 {
        let offset = match whence {
            0 => offset,
            1 => offset.saturating_add(*f_pos),
            _ => return EINVAL,
        };
        if offset < 0 {
            return EINVAL;
        }
        if offset == self.read_pos {
            *f_pos = offset;
            return offset;
        }
        let err = loop {
            let err = self.traverse(offset);
            if err != EAGAIN {
                break err;
            }
        };
        if err != 0 {
            *f_pos = 0;
            self.read_pos = 0;
            self.index = 0;
            self.count = 0;
            return err;
        }
        self.read_pos = offset;
        *f_pos = offset;
        offset
    }

    /// Releases the file for the last time.
    pub fn release(&mut self) {
        self.drop_buffer();
    }

    fn range(&self, base: i64, before: u64) -> Range {
        Range {
            start: base.saturating_add_unsigned(before),
            end: base.saturating_add_unsigned(self.count),
        }
    }

    /// Copies the buffer from index `from` to the reader, at a file offset, as `copy_to_iter()`
    /// does.
    fn copy_to_iter(&mut self, from: u64, offset: i64, iter: &mut Iter) -> u64 {
        let mut copied = 0;
        while copied < self.count && iter.room > 0 && iter.fault != Some(0) {
            let at = usize::try_from(from + copied).expect("small");
            let (call, nth) =
                self.buf.as_ref().and_then(|buf| buf.get(at)).copied().unwrap_or_default();
            let offset = offset.saturating_add_unsigned(copied);
            self.log.delivered.push(Delivered { offset, call, nth });
            copied += 1;
            iter.room -= 1;
            iter.fault = iter.fault.map(|left| left - 1);
        }
        copied
    }
}

/// Returns the errno of an ERR_PTR, negative; 0 for other pointers.
fn error(p: u64) -> i64 {
    match Ptr(p).kind() {
        PtrKind::Err(errno) => i64::from(-errno),
        _ => 0,
    }
}
