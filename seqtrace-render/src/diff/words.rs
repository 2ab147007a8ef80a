//! The words of a row.

use seqtrace_diff::{CallbackRow, Record, Row};

use super::super::line::{self, Line};
use super::super::style::{Glyph, Style};
use super::super::wording;
use crate::errno::Errno;
use crate::event::Role;
use crate::session::update::Fate;

/// Column of the record that a callback gets.
const RECORD: usize = 21;
/// Column of what a callback returned or wrote.
const RESULT: usize = 29;
/// Column of the fate of a rendering.
const FATE: usize = 37;

/// Returns the words of a row, without colors.
pub(crate) fn text(row: &Row, ascii: bool) -> String {
    let mut text = line::text(Style::new(false, ascii), |line| write(line, row));
    text.truncate(text.trim_end().len());
    text
}

/// Writes a row to an empty line.
fn write(line: &mut Line<'_>, row: &Row) {
    let glyphs = line.style.glyphs;
    match row {
        Row::Open { by, adopted, functions } => {
            line.put("OPEN  ").put(by.name()).put("  ").bytes(functions.as_bytes());
            if *adopted {
                line.put("  was open already");
            }
        }
        Row::OpenFailed { ret, leaked } => {
            result(line.put("OPEN  "), (*ret).into());
            if *leaked {
                line.put("  after seq_open() had succeeded");
            }
        }
        Row::Read { off, want, traverse } => {
            bracket(line, glyphs.begin);
            read(line, *off, *want);
            if *traverse {
                line.put("  traverse");
            }
        }
        Row::ReadEnd { ret, eof } => {
            bracket(line, glyphs.end);
            size(line, *ret);
            if *eof {
                line.put("  end of file");
            }
        }
        Row::Callback(callback) => {
            bracket(line, if callback.traverse { glyphs.traverse } else { glyphs.inside });
            self::callback(line, callback);
        }
        Row::Grow { from, to, traverse } => {
            bracket(line, if *traverse { glyphs.traverse } else { glyphs.inside });
            line.put(format_args!("OVERFLOW {from} {} grow {to}", glyphs.arrow));
        }
        Row::LseekBegin { offset, whence } => {
            bracket(line, glyphs.begin);
            line.put(format_args!("LSEEK {} {offset}", wording::whence(*whence)));
        }
        Row::LseekEnd { ret } => {
            bracket(line, glyphs.end);
            result(line, *ret);
        }
        Row::Write { want, ret } => {
            line.put(format_args!("WRITE  {want} B  "));
            result(line, *ret);
        }
        Row::PlainRead { off, want, ret } => {
            read(line, *off, *want);
            size(line.put("  "), *ret);
        }
        Row::Close { by, undelivered, removed } => {
            line.put("CLOSE  ").put(by.map_or("no release was seen", |by| by.name()));
            if *undelivered > 0 {
                line.put(format_args!("  {undelivered} B never fetched"));
            }
            if *removed {
                line.put("  the file was removed while open");
            }
        }
        Row::Cut => {
            line.put(format_args!("{0} the recording is cut off here {0}", glyphs.rule));
        }
        Row::Finding { id, name, severity, blame } => {
            wording::mark(line, *severity, *id);
            line.put(" ").put(name);
            if let Some(blame) = blame {
                line.put("  in ").bytes(blame.as_bytes());
            }
        }
        Row::ReaderDied { role, pos } => wording::reader_died(line, *role, *pos),
    }
}

fn bracket(line: &mut Line<'_>, bracket: Glyph) {
    line.put(bracket).put(" ");
}

/// Writes `READ  off 6  want 131072`. `off`: `None` if the last call ended there.
fn read(line: &mut Line<'_>, off: Option<i64>, want: u64) {
    line.put("READ  ");
    if let Some(off) = off {
        line.put(format_args!("off {off}  "));
    }
    line.put(format_args!("want {want}"));
}

/// Writes `= 6`, or `= ENOMEM`.
fn result(line: &mut Line<'_>, ret: i64) {
    match Errno::of(ret) {
        Some(errno) => line.put(format_args!("= {errno}")),
        None => line.put(format_args!("= {ret}")),
    };
}

/// Writes `= 6 B`, or `= ENOMEM`. `None`: the size is not compared.
fn size(line: &mut Line<'_>, ret: Option<i64>) {
    match ret {
        None => _ = line.put("= done"),
        Some(ret) if ret < 0 => result(line, ret),
        Some(ret) => _ = line.put(format_args!("= {ret} B")),
    }
}

fn callback(line: &mut Line<'_>, callback: &CallbackRow) {
    let CallbackRow { role, traverse, pos_in, pos_out, record, returned, .. } = *callback;
    let CallbackRow { ret, bytes, fate, fixed_up, .. } = *callback;
    let arrow = line.style.glyphs.arrow;
    line.put(format_args!("{:<5} pos ", role.name()));
    match pos_in {
        Some(pos) if pos == pos_out && role != Role::Next => {}
        Some(pos) => _ = line.put(pos).put(arrow),
        None if matches!(role, Role::Start | Role::Next) => _ = line.put("?").put(arrow),
        None => {}
    }
    line.put(pos_out);
    if let Some(record) = record {
        line.pad(RECORD, 1);
        self::record(line, record);
    }
    if let Some(returned) = returned {
        line.pad(RESULT, 1).put(arrow).put(" ");
        self::record(line, returned);
    }
    if let Some(bytes) = bytes.filter(|bytes| role == Role::Show || *bytes > 0) {
        line.pad(RESULT, 1).put(format_args!("+{bytes} B"));
    }
    if let Some(fate) = fate {
        line.pad(FATE, 2).put(self::fate(fate, traverse));
    }
    // SEQ_SKIP is 1.
    let usual = i32::from(fate == Some(Fate::Skipped));
    if let Some(ret) = ret.filter(|ret| *ret != usual) {
        match Errno::of(ret.into()) {
            Some(errno) => line.put(format_args!("  returned {errno}")),
            None => line.put(format_args!("  returned {ret}")),
        };
    }
    if fixed_up {
        line.put("  did not advance: the core adds 1");
    }
}

/// Writes a record by the position at which the session saw it first: `#2`, or `#2.3` for the third one there.
fn record(line: &mut Line<'_>, record: Record) {
    match record {
        Record::Null => line.put("NULL"),
        Record::Token => line.put("TOKEN"),
        Record::Err(errno) => {
            line.put(format_args!("ERR_PTR(-{})", Errno(errno.unsigned_abs().into())))
        }
        Record::At { pos, number: 1 } => line.put(format_args!("#{pos}")),
        Record::At { pos, number } => line.put(format_args!("#{pos}.{number}")),
        Record::Any => line.put("#"),
    };
}

fn fate(fate: Fate, traverse: bool) -> &'static str {
    match fate {
        Fate::Emitted if traverse => "rest emitted",
        Fate::Emitted => "emitted",
        Fate::DiscardedOverflow => "OVERFLOW: discarded",
        Fate::DiscardedTail => "tail did not fit: dropped",
        Fate::Skipped => "SEQ_SKIP: discarded",
        Fate::PassedOver => "passed over",
        Fate::Empty => "empty",
        Fate::Failed => "failed",
        Fate::Unknown => "fate unknown",
    }
}
