//! Beginnings and ends of functions, code that was patched at run time, and data between functions.

use super::*;

#[test]
fn ftrace_at_the_entry_is_fine() {
    let body = [&PROLOGUE[..], &call(SHOW), &EPILOGUE].concat();
    // mov x9, x30 and bl replace two nops when the function is traced.
    let save = mov(9, 30);
    assert_eq!(sites(&[&[NOP, NOP], &body]), ["show x19"]);
    assert_eq!(sites(&[&[save, NOP], &body]), ["show x19"]);
    assert_eq!(sites(&[&[save, bl(1, NOWHERE)], &body]), ["show x19"]);
    assert_eq!(sites(&[&[BTI_C, save, bl(2, NOWHERE), PACIASP], &body]), ["show x19"]);
    let message = refusal(&[&[PACIASP, bl(1, NOWHERE)], &body]);
    assert!(message.contains("a call of 0xffff80007f000120"), "{message}");
}

#[test]
fn other_peoples_probes_are_recognised() {
    for number in [4, 6, 7, 0x400] {
        let message = refusal(&[&PROLOGUE, &call(SHOW), &[brk(number)], &EPILOGUE]);
        assert!(message.contains("f+0x20 is patched: another tracer"), "{message}");
        assert!(message.contains("a breakpoint"), "{message}");
    }
    let message = refusal(&[&PROLOGUE, &[b(4, NOWHERE)]]);
    assert!(message.contains("a jump to 0xffff80007f000120"), "{message}");
}

#[test]
fn the_end_of_a_function() {
    // The last call may be of a function that does not return.
    let end = |words: &[u32]| {
        sites(&[&PROLOGUE, &call(STOP), &[cbz(1, 4)], &EPILOGUE, &[bl(12, FUNCTION)], words])
    };
    // nop, BUG() and zeros fill the space between functions. With kCFI the type of the next function is there.
    let fillers: [&[u32]; 7] = [
        &[],
        &[NOP, NOP, NOP],
        &[brk(0x800), NOP],
        &[0, 0],
        &[0x1234_5678],
        &[0x1234_5678, NOP, NOP],
        &[NOP, 0xd2cf_8c41, NOP, NOP],
    ];
    for filler in fillers {
        assert_eq!(end(filler), ["stop x19"], "{filler:x?}");
    }
    // WARN() continues behind its brk.
    assert_eq!(sites(&[&PROLOGUE, &[brk(0x800)], &call(STOP), &EPILOGUE]), ["stop x19"]);
    for words in [&PROLOGUE[..], &[&PROLOGUE[..], &call(STOP)].concat(), &[0x0000_1234]] {
        let message = refusal(&[words]);
        assert!(message.contains("not understood"), "{message}");
    }
    assert!(analyse(Machine::Arm64, &[], &LAYOUT, &outside).is_err());
}

#[test]
fn odd_instructions_are_refused() {
    let odd = [
        0xd400_0001, // svc
        0xd69f_03e0, // eret
        0xd65f_0120, // ret x9
        0x7400_0040, // cbgt (FEAT_CMPBR)
        0x5500_001f, // retaasppc
    ];
    for word in odd {
        let message = refusal(&[&PROLOGUE, &[word], &call(STOP), &EPILOGUE]);
        assert!(message.contains("no compiler emits"), "{word:#x} {message}");
    }
}

#[test]
fn data_behind_a_function() {
    let behind = |words: &[u32], address| Machine::Arm64.data_behind(&text(words), address);
    // The pointer 0xffff8000d63f0040 begins with a word that is also `blr x2`.
    let pointer = [blr(2), 0xffff_8000];
    assert_eq!(behind(&[RET, NOP, pointer[0], pointer[1]], BASE), 8);
    assert_eq!(behind(&[RET, pointer[0], pointer[1]], BASE), 0, "pointers are aligned");
    assert_eq!(behind(&[RET, NOP, pointer[0], 0xfff0_0000], BASE), 8, "52-bit addresses");
    assert_eq!(behind(&[RET, NOP, NOP, NOP], BASE), 0);
    assert_eq!(behind(&[0xffff_8000], BASE), 0);
    assert_eq!(behind(&[], BASE), 0);
}

/// Returns the sites of a kernel whose functions are given as name, distance from [`BASE`], and words.
fn kernel(functions: &[(&str, u64, Vec<u32>)]) -> Result<Vec<String>, SiteError> {
    let lines = functions.iter().map(|(name, at, words)| {
        let end = BASE + at + 4 * words.len() as u64;
        format!("{:x} t {name}\n{end:x} t behind_{name}\n", BASE + at)
    });
    let symbols = format!("{}{FUNCTION:x} T function\n", lines.collect::<String>());
    let symbols = Kallsyms::parse(symbols.as_bytes()).unwrap();
    let read = |address: u64, len: usize| {
        let function = functions.iter().find(|(_, at, _)| BASE + at == address);
        let code = function.map(|(.., words)| text(words));
        code.filter(|code| code.len() == len).ok_or(TextError::NotMapped { address, len })
    };
    let offsets = Offsets {
        seq_file_op: 0x60,
        seq_operations_stop: 8,
        seq_operations_next: 0x10,
        seq_operations_show: 0x18,
        ..zerocopy::FromZeros::new_zeroed()
    };
    let sites = find(Machine::Arm64, &symbols, &offsets, &read)?;
    Ok(sites.iter().map(ToString::to_string).collect())
}

#[test]
fn a_whole_kernel_with_data_between_its_functions() {
    let function = |displacements: &[u32], called: u32, data: [u32; 2]| {
        let calls: Vec<u32> = displacements.iter().flat_map(|&at| call(at)).collect();
        [&PROLOGUE[..], &calls, &[called, NOP], &EPILOGUE, &[NOP], &data].concat()
    };
    let functions = |data| {
        let traverse = BASE + 0x1000;
        let reader = [START, SHOW, NEXT, START, NEXT, SHOW, STOP];
        vec![
            ("seq_read_iter", 0, function(&reader, bl(32, traverse), data)),
            ("traverse.part.0", 0x1000, function(&[START, SHOW, NEXT, STOP], NOP, data)),
        ]
    };
    let sites = kernel(&functions([blr(2), 0xffff_8000])).unwrap();
    assert_eq!(sites.len(), 11);
    assert_eq!(sites[0], "seq_read_iter+0x1c..0x20 start m=x19");
    assert_eq!(sites[10], "traverse.part.0+0x4c..0x50 stop m=x19");
    // Not the address of a kernel: it is code.
    let error = kernel(&functions([blr(2), 0x7fff_8000])).unwrap_err().to_string();
    assert!(error.contains("an indirect call that nothing leads to"), "{error}");
}
