//! Finds tables of callbacks, `struct seq_operations`, among the symbols of the kernel and its modules.
//!
//! The type of an object is in no symbol. An object is taken for a table if its first four words are the addresses of
//! four different functions, and the names show it: two functions are named after their members (`foo_start`, `foo_next`
//! …), or the object has `seq` in its name. The names exclude objects of other types with four functions, such as
//! struct trace_event_functions (include/linux/trace_events.h).

use super::kallsyms::Kallsyms;
use crate::symbol::{Callbacks, Symbol};

/// Size of a `struct seq_operations` (include/linux/seq_file.h), in bytes.
const BYTES: usize = 32;
/// The members of `struct seq_operations`, in their order.
const MEMBERS: [&str; 4] = ["start", "stop", "next", "show"];

/// Returns the tables, sorted by module and name. `read` reads memory at an address.
pub(crate) fn find(
    symbols: &Kallsyms,
    read: &dyn Fn(u64, usize) -> Option<Vec<u8>>,
) -> Vec<Callbacks> {
    let objects = symbols
        .objects()
        .filter(|object| symbols.size_at(object.address).is_none_or(|size| size >= BYTES as u64));
    let mut tables: Vec<Callbacks> = objects
        .filter_map(|object| {
            let bytes = read(object.address, BYTES).filter(|bytes| bytes.len() == BYTES)?;
            table(symbols, object.address, object.name, &bytes)
        })
        .collect();
    let key = |table: &Callbacks| {
        let object = table.table.as_ref();
        object.map(|object| (object.module.clone(), object.name.clone(), object.address))
    };
    tables.sort_by_cached_key(key);
    tables.dedup();
    tables
}

/// Returns the table at an address with this content; `None` if the object is not taken for a table.
fn table(symbols: &Kallsyms, address: u64, name: &str, bytes: &[u8]) -> Option<Callbacks> {
    let mut words = bytes.chunks_exact(8).filter_map(<[u8]>::first_chunk).copied();
    let mut word = || words.next().map(u64::from_ne_bytes);
    let pointers = [word()?, word()?, word()?, word()?];
    let different = (1..4).all(|at| !pointers[..at].contains(&pointers[at]));
    if !different || !pointers.iter().all(|pointer| symbols.is_function(*pointer)) {
        return None;
    }
    let functions = pointers.map(|pointer| symbols.function(pointer));
    let is_named = |(function, member): (&Symbol, &&str)| {
        function.name.as_ref().is_some_and(|name| name.contains(*member))
    };
    let named = functions.iter().zip(&MEMBERS).filter(|pair| is_named(*pair)).count();
    if named < 2 && !name.contains("seq") {
        return None;
    }
    let [start, stop, next, show] = functions;
    Some(Callbacks { table: Some(symbols.function(address)), start, next, show, stop })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
ffffffff81000100 t foo_start
ffffffff81000200 t foo_stop
ffffffff81000300 t foo_next
ffffffff81000400 t foo_show
ffffffff81000500 t print
ffffffff82000000 r foo_ops
ffffffff82000040 d trace_funcs
ffffffff82000080 d odd_seq_ops
ffffffff820000c0 d short
ffffffff820000d0 d unmapped
ffffffffc0200000 t bar_show\t[bar]
ffffffffc0300000 r bar_ops\t[bar]
";

    #[test]
    fn tables_are_found_by_their_pointers_and_names() {
        let symbols = Kallsyms::parse(SYMBOLS.as_bytes()).unwrap();
        let [start, stop, next, show, print] =
            [1, 2, 3, 4, 5].map(|n| 0xffff_ffff_8100_0000 + n * 0x100);
        let bar = 0xffff_ffff_c020_0000_u64;
        let read = |address: u64, _| {
            let words = match address {
                0xffff_ffff_8200_0000 => [start, stop, next, show],
                0xffff_ffff_8200_0040 | 0xffff_ffff_8200_0080 => [print, show, next, start],
                0xffff_ffff_c030_0000 => [start, stop, next, bar],
                _ => return None,
            };
            Some(words.iter().flat_map(|word: &u64| word.to_ne_bytes()).collect())
        };
        let found = find(&symbols, &read);
        let names: Vec<_> =
            found.iter().map(|one| one.table.clone().unwrap().name.unwrap()).collect();
        assert_eq!(
            names,
            ["foo_ops".into(), "odd_seq_ops".into(), "bar_ops".into()] as [std::sync::Arc<str>; 3]
        );
        let shows: Vec<_> = found.iter().map(|one| one.show.address).collect();
        assert_eq!(shows, [show, start, bar]);
        assert_eq!(found[2].table.as_ref().unwrap().module.as_deref(), Some("bar"));
        for words in
            [[start, stop, next, next], [start, stop, next, 0], [start, stop, next, show + 1]]
        {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            assert_eq!(
                table(&symbols, 0xffff_ffff_8200_0000, "foo_ops", &bytes),
                None,
                "{words:x?}"
            );
        }
    }
}
