use super::*;

fn table() -> Kallsyms {
    Kallsyms::parse(SAMPLE.as_bytes()).unwrap()
}

#[test]
fn looks_up_by_address() {
    let table = table();
    let found = table.lookup(0xffff_ffff_8123_4610).unwrap();
    assert_eq!((found.symbol.name, found.offset, found.symbol.module), ("s_next", 0x10, None));
    let found = table.lookup(0xffff_ffff_c020_003f).unwrap();
    assert_eq!(
        (found.symbol.name, found.offset, found.symbol.module),
        ("eof_next", 0x3f, Some("seqbugs"))
    );
    assert_eq!(table.lookup(1), None);
    assert_eq!(table.lookup(0), None);
    assert_eq!(table.size_at(0xffff_ffff_8123_4700), Some(0x100));
    assert_eq!(table.size_at(u64::MAX), None);
}

#[test]
fn names_functions_exactly() {
    let table = table();
    let symbol = table.function(0xffff_ffff_c020_1000);
    assert_eq!(symbol.name.as_deref(), Some("eof_ops"));
    assert_eq!(symbol.module.as_deref(), Some("seqbugs"));
    assert_eq!(table.function(0xffff_ffff_8123_4550).module, None);
    assert_eq!(table.function(0xffff_ffff_8123_4551).name, None);
    assert_eq!(table.function(0).name, None);
    assert_eq!(table.function(0xffff_ffff_8100_0000).name.as_deref(), Some("_stext"));
}

#[test]
fn looks_up_by_name_all_of_them() {
    let table = table();
    let addresses: Vec<u64> = table.by_name("s_next").map(|entry| entry.address).collect();
    assert_eq!(addresses, [0xffff_ffff_8123_4550, 0xffff_ffff_8123_4600]);
    assert_eq!(table.by_name("nothing").count(), 0);
    assert_eq!(table.by_name("").count(), 0);
    assert_eq!(table.kernel_address("s_next"), None, "ambiguous");
    assert_eq!(table.kernel_address("traverse"), Some(0xffff_ffff_8123_4800));
    assert_eq!(table.kernel_address("eof_next"), None, "a module's");
    let variants: Vec<&str> = table.variants("traverse").iter().map(|entry| entry.name).collect();
    assert_eq!(variants, ["traverse.part.0.constprop.0", "traverse"]);
}

#[test]
fn lists_the_modules() {
    let table = table();
    assert_eq!(table.modules().collect::<Vec<_>>(), ["seqbugs", "other", "bpf"]);
}

#[test]
fn hidden_addresses_and_other_files_are_errors() {
    let zeros = "0000000000000000 T seq_open\n0000000000000000 t s_next\t[m]\n";
    assert!(matches!(Kallsyms::parse(zeros.as_bytes()), Err(KallsymsError::Hidden)));
    for text in ["", "\n", "hello world\n", "ffff\n", "ffff t \n", " t x\n"] {
        assert!(matches!(Kallsyms::parse(text.as_bytes()), Err(KallsymsError::Empty)));
    }
    let odd = Kallsyms::parse(b"ffff t \xff\xfe\nffff t ok").unwrap();
    assert_eq!(odd.by_name("ok").count(), 1);
}

#[test]
fn mapping_symbols_are_left_out() {
    let text = "\
ffffcf02ec63e000 t $x\t[seqbugs]
ffffcf02ec63e000 t eof_next\t[seqbugs]
ffffcf02ec63e010 t $d\t[seqbugs]
ffffcf02ec63e010 t $x.1\t[seqbugs]
ffffcf02ec63e020 t eof_show\t[seqbugs]
";
    let table = Kallsyms::parse(text.as_bytes()).unwrap();
    assert_eq!(table.len(), 2);
    let next = table.function(0xffff_cf02_ec63_e000);
    assert_eq!(next.name.as_deref(), Some("eof_next"));
    assert_eq!(table.size_at(0xffff_cf02_ec63_e000), Some(0x20));
    assert_eq!(table.modules().collect::<Vec<_>>(), ["seqbugs"]);
}

#[test]
fn merging_keeps_the_names_of_unloaded_modules() {
    let newer = "\
ffffffff81000000 T startup_64
ffffffffc0100008 t newcomer\t[newcomer]
ffffffffc00ff000 t newcomer_too\t[newcomer]
";
    let newer = Kallsyms::parse(newer.as_bytes()).unwrap();
    assert_eq!(newer.by_name("eof_next").count(), 0);
    let merged = newer.merge(&table());
    assert_eq!(
        merged.function(0xffff_ffff_c020_0040).name.as_deref(),
        Some("eof_show"),
        "unloaded, and its addresses are unused"
    );
    assert_eq!(merged.by_name("eof_next").count(), 1);
    assert_eq!(merged.function(0xffff_ffff_c010_0008).module.as_deref(), Some("newcomer"));
    assert_eq!(merged.by_name("traverse").count(), 0, "the kernel's own are not merged");
    assert!(merged.rows.is_sorted_by_key(|row| row.address));
}

#[test]
fn this_machines_own_kernel() {
    match Kallsyms::of_running_kernel() {
        Ok(table) => {
            assert!(table.rows.is_sorted_by_key(|row| row.address));
            let address = table.kernel_address("seq_read_iter").unwrap();
            assert_eq!(table.function(address).name.as_deref(), Some("seq_read_iter"));
        }
        Err(KallsymsError::Empty) => panic!("not understood"),
        Err(KallsymsError::Hidden | KallsymsError::Read(_)) => {}
    }
}
