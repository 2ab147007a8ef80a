//! A seq_file that is read by steps: the loop of seq_read_iter() and traverse(), fs/seq_file.c, over
//! callbacks of a test.

use crate::check::{
    call::{Call, Syscall},
    plan::{Slot, Step},
};

const PAGE: usize = 4096;

/// Buffer that show() and start() print into.
pub(super) struct Out {
    pub(super) buf: Vec<u8>,
    size: usize,
}

impl Out {
    /// Prints as seq_puts() does.
    pub(super) fn put(&mut self, text: &[u8]) {
        if self.buf.len() + text.len() < self.size {
            self.buf.extend_from_slice(text);
        } else {
            self.buf.resize(self.size, b'?');
        }
    }
}

/// The callbacks. `private`: one for each open.
pub(super) trait Callbacks {
    fn start(&mut self, private: &mut i64, pos: &mut i64, out: &mut Out) -> Option<i64>;
    fn next(&mut self, private: &mut i64, v: i64, pos: &mut i64) -> Option<i64>;
    /// The errno of a failure.
    fn show(&mut self, private: &mut i64, v: i64, out: &mut Out) -> Result<(), i64>;
    fn stop(&mut self, _out: &mut Out) {}
    fn open(&mut self, _private: &mut i64) {}
    /// Called for each system call: lets time pass.
    fn tick(&mut self) {}
    /// Changes the return value of lseek.
    fn astray(&self, to: u64) -> u64 {
        to
    }
    fn lseeks(&self) -> bool {
        true
    }
    /// Returns true if the first byte of this call is to be wrong.
    fn garbles(&self, _syscall: Syscall) -> bool {
        false
    }
    fn splices(&self) -> bool {
        true
    }
}

struct Fd {
    slot: Slot,
    private: i64,
    out: Out,
    from: usize,
    index: i64,
    read_pos: u64,
    pos: u64,
}

/// A file and its open descriptors.
pub(super) struct Sim<F> {
    pub(super) file: F,
    open: Vec<Fd>,
}

impl<F: Callbacks> Sim<F> {
    pub(super) fn new(file: F) -> Self {
        Self { file, open: Vec::new() }
    }

    /// Carries steps out as a reading process does.
    pub(super) fn run(&mut self, steps: &[Step]) -> Vec<Call> {
        let mut calls = Vec::new();
        for step in steps {
            self.step(step, &mut calls);
        }
        calls
    }

    fn step(&mut self, step: &Step, calls: &mut Vec<Call>) {
        let slot = step.slot();
        if let Step::Open { slot } = step {
            let mut fd = Fd {
                slot: *slot,
                private: 0,
                out: Out { buf: Vec::new(), size: PAGE },
                from: 0,
                index: 0,
                read_pos: 0,
                pos: 0,
            };
            self.file.open(&mut fd.private);
            self.open.push(fd);
            calls.push(call(*slot, Syscall::Open, 0, 0, Ok(Vec::new())));
            return;
        }
        let Some(number) = self.open.iter().position(|fd| fd.slot == slot) else { return };
        let Self { file, open } = self;
        let fd = &mut open[number];
        match *step {
            Step::Open { .. } => {}
            Step::Close { .. } => {
                open.remove(number);
            }
            Step::Read { want, .. } => {
                fd.read(file, Syscall::Read, want, calls);
            }
            Step::Sizes { ref wants, .. } => {
                for want in wants {
                    if !fd.read(file, Syscall::Read, *want, calls) {
                        break;
                    }
                }
            }
            Step::Until { block_bytes, to, .. } => {
                while fd.pos < to
                    && fd.read(file, Syscall::Read, block_bytes.min(to - fd.pos), calls)
                {
                }
            }
            Step::Splice { block_bytes, to, .. } => {
                if !file.splices() {
                    calls.push(call(slot, Syscall::Splice, fd.pos, block_bytes, Err(22)));
                    return;
                }
                while fd.pos < to
                    && fd.read(file, Syscall::Splice, block_bytes.min(to - fd.pos), calls)
                {
                }
            }
            Step::Vectored { ref wants, .. } => {
                fd.read(file, Syscall::Readv, wants.iter().sum(), calls);
            }
            Step::Pread { at, want, .. } => {
                file.tick();
                let result = fd.read_at(file, at, want);
                calls.push(call(slot, Syscall::Pread, at, want, result));
            }
            Step::Seek { to, .. } => fd.seek(file, to, calls),
            Step::Skip { by, .. } => fd.seek(file, fd.pos.saturating_add_signed(by), calls),
        }
    }
}

fn call(slot: Slot, syscall: Syscall, at: u64, want: u64, result: Result<Vec<u8>, i64>) -> Call {
    let (ret, bytes) = match result {
        Ok(bytes) => (i64::try_from(bytes.len()).unwrap(), bytes),
        Err(errno) => (-errno, Vec::new()),
    };
    Call { process: 0, slot, syscall, at, want, ret, bytes }
}

impl Fd {
    fn read<F: Callbacks>(
        &mut self,
        file: &mut F,
        syscall: Syscall,
        want: u64,
        calls: &mut Vec<Call>,
    ) -> bool {
        file.tick();
        let at = self.pos;
        let mut result = self.read_at(file, at, want);
        if let (true, Ok([first, ..])) = (file.garbles(syscall), result.as_deref_mut()) {
            *first = b'!';
        }
        self.pos += result.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let more = result.as_ref().is_ok_and(|bytes| !bytes.is_empty());
        calls.push(call(self.slot, syscall, at, want, result));
        more
    }

    fn seek<F: Callbacks>(&mut self, file: &mut F, to: u64, calls: &mut Vec<Call>) {
        file.tick();
        if !file.lseeks() {
            calls.push(call(self.slot, Syscall::Lseek, to, 0, Err(29)));
            return;
        }
        let mut ret = to;
        if to != self.read_pos {
            match self.traverse(file, to) {
                Ok(()) => self.read_pos = to,
                Err(errno) => {
                    (self.read_pos, self.index) = (0, 0);
                    self.out.buf.clear();
                    calls.push(call(self.slot, Syscall::Lseek, to, 0, Err(errno)));
                    return;
                }
            }
        }
        self.pos = to;
        ret = file.astray(ret);
        let head = call(self.slot, Syscall::Lseek, to, 0, Ok(Vec::new()));
        calls.push(Call { ret: i64::try_from(ret).unwrap(), ..head });
    }

    /// Reads as seq_read_iter() does.
    fn read_at<F: Callbacks>(&mut self, file: &mut F, at: u64, want: u64) -> Result<Vec<u8>, i64> {
        let want = usize::try_from(want).unwrap();
        if want == 0 {
            return Ok(Vec::new());
        }
        if at == 0 {
            self.index = 0;
            self.clear();
        }
        if at != self.read_pos {
            if let Err(errno) = self.traverse(file, at) {
                (self.read_pos, self.index) = (0, 0);
                self.clear();
                return Err(errno);
            }
            self.read_pos = at;
        }
        let mut got = Vec::new();
        self.copy(&mut got, want);
        if self.out.buf.len() > self.from {
            self.read_pos += got.len() as u64;
            return Ok(got);
        }
        self.clear();
        let failed = self.fill(file, want - got.len());
        self.copy(&mut got, want);
        self.read_pos += got.len() as u64;
        match failed {
            Some(errno) if got.is_empty() => Err(errno),
            _ => Ok(got),
        }
    }

    fn fill<F: Callbacks>(&mut self, file: &mut F, want: usize) -> Option<i64> {
        let mut failed = None;
        let mut v = file.start(&mut self.private, &mut self.index, &mut self.out);
        while let Some(record) = v {
            if let Err(errno) = file.show(&mut self.private, record, &mut self.out) {
                failed = Some(errno);
                self.clear();
                break;
            }
            if self.out.buf.is_empty() {
                v = file.next(&mut self.private, record, &mut self.index);
                continue;
            }
            if self.out.buf.len() < self.out.size {
                self.more(file, record, want);
                return None;
            }
            file.stop(&mut self.out);
            self.clear();
            self.out.size *= 2;
            v = file.start(&mut self.private, &mut self.index, &mut self.out);
        }
        file.stop(&mut self.out);
        failed
    }

    fn more<F: Callbacks>(&mut self, file: &mut F, mut record: i64, want: usize) {
        loop {
            let (offs, pos) = (self.out.buf.len(), self.index);
            let v = file.next(&mut self.private, record, &mut self.index);
            if pos == self.index {
                self.index += 1;
            }
            let Some(v) = v else { break };
            if self.out.buf.len() >= want {
                break;
            }
            record = v;
            let shown = file.show(&mut self.private, record, &mut self.out);
            if shown.is_err() || self.out.buf.len() == self.out.size {
                self.out.buf.truncate(offs);
                break;
            }
        }
        file.stop(&mut self.out);
    }

    fn traverse<F: Callbacks>(&mut self, file: &mut F, offset: u64) -> Result<(), i64> {
        self.index = 0;
        self.clear();
        let offset = usize::try_from(offset).unwrap();
        if offset == 0 {
            return Ok(());
        }
        'again: loop {
            self.index = 0;
            let mut pos = 0;
            let mut v = file.start(&mut self.private, &mut self.index, &mut self.out);
            while let Some(record) = v {
                if let Err(errno) = file.show(&mut self.private, record, &mut self.out) {
                    file.stop(&mut self.out);
                    return Err(errno);
                }
                let len = self.out.buf.len();
                if len == self.out.size {
                    file.stop(&mut self.out);
                    self.clear();
                    self.out.size *= 2;
                    continue 'again;
                }
                v = file.next(&mut self.private, record, &mut self.index);
                if pos + len > offset {
                    self.from = offset - pos;
                    break;
                }
                pos += len;
                self.clear();
                if pos == offset {
                    break;
                }
            }
            file.stop(&mut self.out);
            return Ok(());
        }
    }

    fn clear(&mut self) {
        self.out.buf.clear();
        self.from = 0;
    }

    fn copy(&mut self, got: &mut Vec<u8>, want: usize) {
        let left = self.out.buf.get(self.from..).unwrap_or_default();
        let count = left.len().min(want - got.len());
        got.extend_from_slice(&left[..count]);
        self.from += count;
        if self.from == self.out.buf.len() {
            self.clear();
        }
    }
}
