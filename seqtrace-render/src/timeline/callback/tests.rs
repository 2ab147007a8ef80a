use proptest::prelude::*;

use super::super::super::arbitrary::story;
use super::super::super::line::{self, Line, Pointer};
use super::super::super::style::Style;
use super::*;
use crate::session::update::UpdateKind;

/// Renders a callback through `fmt`: what [`write`] is compared with.
fn plain(line: &mut Line<'_>, layout: &Layout, session: Option<Color>, callback: &CallbackUpdate) {
    let CallbackUpdate { role, v, ret_ptr, bytes, count, size, duration, .. } = callback;
    let arrow = line.style.glyphs.arrow;
    plain_beginning(line, session, callback);
    line.pad(layout.pointer, 1);
    if let Some(v) = v {
        line.put(Pointer(*v));
    }
    if let Some(record) = ret_ptr {
        match layout.returned {
            Some(column) => line.pad(column, 1),
            None => line.put(if v.is_some() { " " } else { "" }),
        }
        .put(arrow)
        .put(" ");
        if matches!(record.kind(), crate::event::PtrKind::Err(_)) {
            line.color(Color::Error, Pointer(*record));
        } else {
            line.put(Pointer(*record));
        }
    }
    if let Some(bytes) = bytes.filter(|bytes| *role == Role::Show || *bytes > 0) {
        match layout.returned {
            Some(column) => line.pad(column + 2, 2),
            None => line.pad(0, 2),
        };
        let fill = line.column() + 7;
        line.put(format_args!("+{bytes} B")).pad(fill, 0);
        line.put(format_args!("  buf {count}"));
        if let Some(size) = size {
            line.put(format_args!("/{size}"));
        }
    }
    if let Some(ns) = duration {
        line.duration_before(*ns, layout.end, 2);
    }
    plain_result(line, callback);
}

fn plain_beginning(line: &mut Line<'_>, session: Option<Color>, callback: &CallbackUpdate) {
    let CallbackUpdate { role, phase, pos_in, pos_out, .. } = callback;
    let glyphs = line.style.glyphs;
    let bracket = if *phase == Phase::Traverse { glyphs.traverse } else { glyphs.inside };
    match session {
        Some(color) => line.color(color, bracket),
        None => line.put(bracket),
    };
    line.put(" ");
    line.put(format_args!("{:<5} pos ", role.name()));
    match pos_in {
        Some(before) if before == pos_out && *role != Role::Next => line.put(before),
        Some(before) => line.put(before).put(glyphs.arrow).put(pos_out),
        None if matches!(role, Role::Start | Role::Next) => {
            line.put("?").put(glyphs.arrow).put(pos_out)
        }
        None => line.put(pos_out),
    };
}

fn plain_result(line: &mut Line<'_>, callback: &CallbackUpdate) {
    let CallbackUpdate { ret_int, fate, range, held, fixed_up, .. } = callback;
    if let Some(fate) = fate {
        line.put("  ");
        plain_fate(line, *fate, callback);
    } else if let Some(ret) = ret_int.filter(|ret| *ret != 0) {
        line.put(format_args!("  returned {ret}"));
    }
    if let (None, Some(range)) = (fate, range) {
        line.put(format_args!("  {}..{}", range.start, range.end));
    }
    if let Some(held) = held {
        line.color(Color::Dim, "  held ").colored(Color::Dim, |line| {
            line.duration(*held);
        });
    }
    if *fixed_up {
        line.color(Color::Warn, "  did not advance: the core adds 1");
    }
}

fn plain_fate(line: &mut Line<'_>, fate: Fate, callback: &CallbackUpdate) {
    match fate {
        Fate::Emitted if callback.phase == Phase::Traverse => line.put("rest emitted"),
        Fate::Emitted => line.put("emitted"),
        Fate::DiscardedOverflow => {
            line.color(Color::Warn, "OVERFLOW").color(Color::Dim, ": discarded, shown again")
        }
        Fate::DiscardedTail => line.color(Color::Dim, "tail did not fit: dropped, shown again"),
        Fate::Skipped => {
            let line = line.color(Color::Dim, "SEQ_SKIP: discarded");
            match callback.ret_int {
                Some(1) | None => line,
                Some(ret) => line.color(Color::Warn, format_args!(" (returned {ret})")),
            }
        }
        Fate::PassedOver => line.color(Color::Dim, "passed over"),
        Fate::Empty => line.color(Color::Dim, "empty"),
        Fate::Failed => {
            let ret = callback.ret_int.unwrap_or(0);
            line.color(Color::Error, "failed ")
                .color(Color::Error, Errno(ret.unsigned_abs().into()))
        }
        Fate::Unknown => line.color(Color::Warn, "fate unknown"),
    };
    if let Some(range) = callback.range {
        let dim = fate != Fate::Emitted;
        let of = if callback.phase == Phase::Traverse && !dim { "of " } else { "" };
        let range = format_args!(" {of}{}..{}", range.start, range.end);
        if dim {
            line.color(Color::Dim, range)
        } else {
            line.put(range)
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_line_is_the_same_as_through_fmt(
        updates in story(),
        (color, ascii, narrow) in any::<(bool, bool, bool)>(),
    ) {
        let style = Style::new(color, ascii);
        let layout = if narrow { &Layout::NARROW } else { &Layout::WIDE };
        for update in updates {
            let UpdateKind::Callback(callback) = &update.what else { continue };
            let session = update.session.as_ref().map(|session| session.id);
            let (mut width, mut plain_width) = (0, 0);
            let shown = line::text(style, |line| {
                write(line, layout, session, callback);
                width = line.column();
            });
            let color = session.map(Color::Session);
            let expected = line::text(style, |line| {
                plain(line, layout, color, callback);
                plain_width = line.column();
            });
            prop_assert_eq!((width, shown), (plain_width, expected));
        }
    }
}
