//! The callbacks of a read or lseek, folded into one phrase per pass: `start 0 → show×3 next×3 (eof) stop`.

use super::super::line::{Line, Pointer};
use super::super::style::Color;
use crate::event::{Ptr, PtrKind, Role};
use crate::session::update::{CallbackUpdate, Fate, Phase};

/// Greatest number of passes that a line describes.
pub(super) const PASSES: usize = 4;

/// A read or lseek whose line has not been written yet.
#[derive(Default)]
pub(super) struct Folded {
    /// `None`: its begin was not seen.
    pub(super) begin: Option<Begin>,
    /// The first passes, at most [`PASSES`].
    passes: Vec<Pass>,
    /// Number of further passes.
    more: u64,
}

/// Arguments of the call.
#[derive(Clone, Copy)]
pub(super) enum Begin {
    Read { pos: i64, want: u64, rewind: bool },
    Lseek { offset: i64, whence: u32 },
}

/// The callbacks from one start to its stop, counted.
#[derive(Clone, Copy, Default)]
struct Pass {
    traverse: bool,
    /// Position that was passed to start(). `None`: start() was not seen.
    start: Option<i64>,
    shows: u64,
    nexts: u64,
    /// Number of calls of show() with each of these fates.
    skipped: u64,
    empty: u64,
    failed: u64,
    /// Number of next() calls that did not advance the position.
    stuck: u64,
    /// Last pointer that start() or next() returned.
    last: Option<Ptr>,
    stopped: bool,
    /// Buffer size after this pass in bytes, if the pass overflowed the buffer.
    grown: Option<u64>,
}

impl Folded {
    pub(super) fn of(begin: Begin) -> Self {
        Self { begin: Some(begin), ..Self::default() }
    }

    /// Returns true if no pass was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.passes.is_empty()
    }

    /// Returns the pass of the next callback, which begins one if `begins`. `None`: the pass is only counted.
    fn pass(&mut self, begins: bool) -> Option<&mut Pass> {
        let ended = self.passes.last().is_none_or(|pass| pass.stopped);
        if begins || ended {
            if self.passes.len() == PASSES {
                self.more += u64::from(begins);
                return None;
            }
            self.passes.push(Pass::default());
        }
        self.passes.last_mut()
    }

    pub(super) fn callback(&mut self, callback: &CallbackUpdate) {
        let begins = callback.role == Role::Start;
        if self.more > 0 && !begins {
            return;
        }
        let Some(pass) = self.pass(begins) else {
            return;
        };
        pass.traverse = callback.phase == Phase::Traverse;
        pass.last = callback.ret_ptr.or(pass.last);
        pass.stuck += u64::from(callback.fixed_up);
        match callback.role {
            Role::Start => pass.start = Some(callback.pos_in.unwrap_or(callback.pos_out)),
            Role::Next => pass.nexts += 1,
            Role::Stop => pass.stopped = true,
            Role::Show => {
                pass.shows += 1;
                match callback.fate {
                    Some(Fate::Skipped) => pass.skipped += 1,
                    Some(Fate::Empty) => pass.empty += 1,
                    Some(Fate::Failed) => pass.failed += 1,
                    _ => {}
                }
            }
        }
    }

    /// Notes that the last pass overflowed the buffer, which has `to` bytes now.
    pub(super) fn grow(&mut self, to: u64) {
        if let (0, Some(pass)) = (self.more, self.passes.last_mut()) {
            pass.grown = Some(to);
        }
    }

    pub(super) fn write(&self, line: &mut Line<'_>) {
        for pass in &self.passes {
            pass.write(line);
        }
        if self.more > 0 {
            let more = line.style.glyphs.more;
            line.color(Color::Dim, format_args!("  {more} {} more passes", self.more));
        }
    }
}

impl Pass {
    fn write(&self, line: &mut Line<'_>) {
        let glyphs = line.style.glyphs;
        line.put(if self.traverse { "  traverse " } else { "  " });
        match self.start {
            Some(pos) => line.put(format_args!("start {pos}")),
            None => line.glyph(glyphs.more),
        };
        if self.shows + self.nexts > 0 {
            line.put(" ").glyph(glyphs.arrow);
        }
        for (name, count) in [
            (" show", self.shows),
            (" next", self.nexts),
            (" SEQ_SKIP", self.skipped),
            (" empty", self.empty),
        ] {
            if count > 0 {
                line.put(name).glyph(glyphs.times).put(count);
            }
        }
        for (name, count) in [(" failed", self.failed), (" stuck", self.stuck)] {
            if count > 0 {
                line.color(Color::Error, name)
                    .color(Color::Error, glyphs.times)
                    .color(Color::Error, count);
            }
        }
        match self.last.map(Ptr::kind) {
            Some(PtrKind::Null) => {
                line.put(" (eof)");
            }
            Some(PtrKind::Err(_)) => {
                line.put(" ").color(Color::Error, Pointer(self.last.unwrap_or_default()));
            }
            _ => {}
        }
        if self.stopped {
            line.put(" stop");
        }
        if let Some(size) = self.grown {
            line.color(Color::Warn, format_args!("  OVERFLOW {} {size}", glyphs.arrow));
        }
    }
}
