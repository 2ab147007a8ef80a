//! Correct files whose records move or vanish.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::files::{Memory, N, TOKEN, list, text};
use super::machine::File;

/// Returns a file whose iterator is allocated by start and freed by stop: at a new address each time, or at the
/// recycled address of another one. `header`: with a header; `same_text`: with the same bytes for all records.
pub fn allocated(header: bool, same_text: bool) -> File {
    const HEAP: u64 = 0xffff_8881_3300_0000;
    let at = Rc::new(Cell::new(0));
    let address = Rc::new(Cell::new(HEAP));
    let allocate = {
        let address = Rc::clone(&address);
        move || {
            address.set(HEAP + 64 * ((address.get() - HEAP) / 64 * 5 + 3) % (64 * 37));
            address.get()
        }
    };
    let (start_at, next_at, show_at) = (Rc::clone(&at), Rc::clone(&at), at);
    let start_alloc = allocate.clone();
    let next_alloc = allocate;
    File {
        start: Box::new(move |pos| {
            start_at.set(*pos);
            match *pos {
                0 if header => TOKEN,
                pos if pos < N => start_alloc(),
                _ => 0,
            }
        }),
        next: Box::new(move |v, pos| {
            *pos += 1;
            next_at.set(*pos);
            match v {
                _ if *pos >= N => 0,
                TOKEN => next_alloc(),
                v => v,
            }
        }),
        show: Box::new(move |_, m| {
            m.put(&text(if same_text { 0 } else { show_at.get() }));
            0
        }),
        stop: Box::new(|_, _| ()),
        private: Box::new(|| 0),
        start_output: Box::new(|_| ""),
    }
}

/// Returns a list that changes: positions are keys that stay with their records.
pub fn volatile(memory: Memory) -> File {
    let dead: Rc<RefCell<Vec<i64>>> = Rc::default();
    let find = {
        let dead = Rc::clone(&dead);
        move |from: i64, pos: &mut i64| {
            let slot = (from..N).find(|nr| !dead.borrow().contains(nr)).unwrap_or(N);
            *pos = slot;
            memory.rec(slot)
        }
    };
    let next_find = find.clone();
    let mut seed = 1_u32;
    File {
        start: Box::new(move |pos| find(*pos, pos)),
        next: Box::new(move |_, pos| next_find(*pos + 1, pos)),
        stop: Box::new(move |v, _| {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let kill = |nr: i64| {
                let mut dead = dead.borrow_mut();
                if !dead.contains(&nr) {
                    dead.push(nr);
                }
                if dead.len() > 40 {
                    dead.remove(0);
                }
            };
            kill(i64::from(seed >> 16) % N);
            if v != 0 && (seed >> 16).is_multiple_of(4) {
                kill(memory.nr(v));
            }
        }),
        ..list(memory)
    }
}
