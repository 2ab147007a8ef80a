//! Listings of arm64, from the encoders here. Distances of branches are in instructions.

mod assembler;
mod forms;
mod judge;
mod paths;

use self::assembler::*;
use super::*;

const BASE: u64 = 0xffff_8000_8030_0000;
const FUNCTION: u64 = 0xffff_8000_8110_0000;
/// No symbol is there.
const NOWHERE: u64 = 0xffff_8000_7f00_0120;

const OP: u32 = 0x60;
const START: u32 = 0;
const STOP: u32 = 8;
const NEXT: u32 = 0x10;
const SHOW: u32 = 0x18;

fn outside(address: u64) -> Outside {
    if address == FUNCTION { Outside::Function } else { Outside::Unknown }
}

/// Returns the code of `words`, each in the order of its bytes in memory.
fn text(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn analysed(words: &[u32]) -> Result<Analysis, SiteError> {
    let part = Part { name: Arc::from("f"), address: BASE, text: text(words) };
    analyse(Machine::Arm64, &[part], &LAYOUT, &outside)
}

/// Returns the sites that were found, each as `role register`.
fn sites(pieces: &[&[u32]]) -> Vec<String> {
    texts(&analysed(&pieces.concat()).unwrap())
}

fn refusal(pieces: &[&[u32]]) -> String {
    analysed(&pieces.concat()).unwrap_err().to_string()
}

/// Moves m from x0 into x19, as `traverse()` does.
const PROLOGUE: [u32; 4] = [
    stp_pre(29, 30, SP, -32),
    add(29, SP, 0), // mov x29, sp
    stp(19, 20, SP, 16),
    mov(19, 0),
];

const EPILOGUE: [u32; 3] = [ldp(19, 20, SP, 16), ldp_post(29, 30, SP, 32), RET];

/// Calls a callback of the m in x19.
const fn call(displacement: u32) -> [u32; 4] {
    [ldr(2, 19, OP), mov(0, 19), ldr(2, 2, displacement), blr(2)]
}

#[test]
fn all_roles() {
    let words = [
        &PROLOGUE[..],
        &call(START),
        &[mov(20, 0)],
        &call(STOP),
        &call(NEXT),
        &call(SHOW),
        &EPILOGUE,
    ];
    assert_eq!(sites(&words), ["start x19", "stop x19", "next x19", "show x19"]);
    let analysis = analysed(&words.concat()).unwrap();
    let site = &analysis.sites[0];
    assert_eq!((site.call_address(), site.return_address()), (BASE + 0x1c, BASE + 0x20));
    assert_eq!(site.to_string(), "f+0x1c..0x20 start m=x19");
}

#[test]
fn as_seq_read_iter_gets_m_from_the_file() {
    let words = [
        stp_pre(29, 30, SP, -48),
        stp(19, 20, SP, 16),
        stp(21, 22, SP, 32),
        mov(20, 0),
        ldr(8, 0, 0),
        ldr(21, 8, 0xc8),
        add(0, 21, 0x38),
        bl(7, FUNCTION),
        ldr(2, 21, OP),
        add(1, 21, 0x28),
        mov(0, 21),
        ldr(2, 2, START),
        blr(2),
        ldp(21, 22, SP, 32),
        ldp(19, 20, SP, 16),
        ldp_post(29, 30, SP, 48),
        b(16, FUNCTION),
    ];
    assert_eq!(sites(&[&words]), ["start x21"]);
    assert_eq!(analysed(&words).unwrap().calls, [FUNCTION, FUNCTION]);
}

#[test]
fn a_table_that_is_kept_and_an_m_that_moves() {
    assert_eq!(
        sites(&[&[
            sub(SP, SP, 0x40),
            stp(29, 30, SP, 0x20),
            mov(24, 0),
            ldr(25, 0, OP),
            // m and its table in two slots, written and read as a pair.
            stp(0, 25, SP, 0),
            ldr(9, 25, START),
            blr(9),
            movz(24, 0),
            ldp(20, 10, SP, 0),
            mov(0, 20),
            ldr(10, 10, SHOW),
            blr(10),
            // The slot by way of a post-index load, then back.
            ldr_post(26, SP, 16),
            sub(SP, SP, 16),
            mov(0, 26),
            ldr(11, 26, OP),
            ldr(11, 11, STOP),
            blr(11),
            ldp(29, 30, SP, 0x20),
            add(SP, SP, 0x40),
            RET,
        ]]),
        ["start x24", "show x20", "stop x20"]
    );
}

#[test]
fn the_second_load_of_a_pair_has_the_old_base() {
    assert_eq!(
        sites(&[
            &PROLOGUE,
            // x2 and x3: op->next and op->show, with the table in x2.
            &[ldr(2, 19, OP), mov(0, 19), ldp(2, 3, 2, NEXT), blr(3)],
            &[ldr(3, 19, OP), mov(0, 19), ldp(2, 3, 3, NEXT), blr(2)],
            &EPILOGUE
        ]),
        ["show x19", "next x19"]
    );
}

#[test]
fn frame_pointers() {
    let words = |load: u32| {
        [
            stp_pre(29, 30, SP, -48),
            add(29, SP, 0),
            str(21, 29, 16),
            mov(21, 0),
            stur(0, 29, 24),
            sub(SP, SP, 32),
            load,
            ldr(2, 0, OP),
            ldr(2, 2, NEXT),
            blr(2),
            add(SP, 29, 0), // mov sp, x29
            ldr(21, SP, 16),
            ldp_post(29, 30, SP, 48),
            RET,
        ]
    };
    assert_eq!(sites(&[&words(ldr(0, 29, 24))]), ["next x21"]);
    assert_eq!(sites(&[&words(ldr(0, SP, 56))]), ["next x21"]);
    let message = refusal(&[&words(ldr(0, SP, 48))]);
    assert!(message.contains("no register holds m"), "{message}");
}

#[test]
fn m_in_a_register_without_a_program() {
    // x29 is the frame pointer, and x18 changes with the shadow call stack.
    for register in [29, 18, 9] {
        let message = refusal(&[
            &[stp_pre(29, 30, SP, -16), mov(register, 0)],
            &[ldr(2, 0, OP), ldr(2, 2, SHOW), blr(2), ldp_post(29, 30, SP, 16), RET],
        ]);
        assert!(message.contains("no register holds m across the call"), "{message}");
    }
    let all = (19..29).flat_map(|register| {
        let [first, second] = [ldr(2, 0, OP), ldr(2, 2, SHOW)];
        sites(&[&[str_pre(30, SP, -16), mov(register, 0), first, second, blr(2), RET]])
    });
    let names: Vec<String> = (19..29).map(|register| format!("show x{register}")).collect();
    assert_eq!(all.collect::<Vec<_>>(), names);
}

#[test]
fn control_flow_integrity_around_the_call() {
    // clang's kCFI: the register of the call is the pointer itself.
    let checked = |displacement| {
        [
            ldr(8, 19, OP),
            ldr(8, 8, displacement),
            mov(0, 19),
            ldur_w(16, 8, -12),
            movk(17, 0x1234, 0),
            movk(17, 0x5678, 1),
            cmp_w(16, 17),
            b_cond(EQ, 2),
            brk(0x8228),
            blr(8),
        ]
    };
    // bti c; nop; nop; paciasp; str x30, [x18], #8: branch protection and a shadow call stack.
    let prologue = [BTI_C, NOP, NOP, PACIASP, str_post(30, 18, 8)];
    let epilogue = [ldp(19, 20, SP, 16), ldp_post(29, 30, SP, 32), ldr_pre(30, 18, -8)];
    assert_eq!(
        sites(&[&prologue, &PROLOGUE, &checked(START), &checked(STOP), &epilogue, &[AUTIASP, RET]]),
        ["start x19", "stop x19"]
    );
    // retaa instead of autiasp and ret.
    assert_eq!(
        sites(&[&[PACIASP], &PROLOGUE, &checked(SHOW), &EPILOGUE[..2], &[RETAA]]),
        ["show x19"]
    );
}

#[test]
fn paired_loads_behind_stop_restore_m() {
    // The probe sees the registers before the instruction behind the call.
    assert_eq!(sites(&[&PROLOGUE, &call(STOP), &EPILOGUE]), ["stop x19"]);
    assert_eq!(sites(&[&PROLOGUE, &call(STOP), &[ldp_post(19, 20, SP, 32)], &[RET]]), ["stop x19"]);
}

#[test]
fn other_indirect_calls_are_left_alone_if_that_is_proven() {
    assert_eq!(
        sites(&[
            &PROLOGUE,
            // file->f_op->something(), functions of fixed pointers, and a fixed function.
            &[ldr(1, 19, 0x70), ldr(1, 1, 0x28), ldr(1, 1, 0x10), blr(1)],
            &[adrp(8, 0x1234), ldr(8, 8, 0x88), blr(8)],
            &[adrp(8, 0x1234), ldr(8, 8, 0x88), ldr(8, 8, 0x18), blr(8)],
            &[adrp(8, 0x1234), add(8, 8, 0x88), blr(8)],
            &[ldr_literal(8, 64), blr(8)],
            &call(SHOW),
            &EPILOGUE
        ]),
        ["show x19"]
    );
    for (piece, why) in [
        // A table of unknown origin might be m->op.
        (&[bl(4, FUNCTION), mov(0, 19), ldr(2, 0, SHOW), blr(2)], "none of the callbacks"),
        (&[bl(4, FUNCTION), ldr(1, 20, 0), mov(0, 19), blr(1)], "through an unknown table"),
        (&[ldr(2, 19, OP), mov(0, 19), ldr(2, 2, 0x20), blr(2)], "none of the callbacks"),
        (&[ldr(2, 19, OP), mov(0, 19), ldr_w(2, 2, SHOW), blr(2)], "with an unknown target"),
        (&[NOP, NOP, NOP, blraa(2, 3)], "no compiler emits"),
        (&[NOP, NOP, NOP, blr(31)], "no compiler emits"),
    ] {
        let message = refusal(&[&PROLOGUE, piece, &EPILOGUE]);
        let loaded_from_m = why == "none of the callbacks" && piece[0] == bl(4, FUNCTION);
        let why = if loaded_from_m { "unknown table" } else { why };
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn thunks_against_straight_line_speculation() {
    let thunk = |symbol| Machine::Arm64.thunk_by_name(symbol);
    assert_eq!(thunk("__llvm_slsblr_thunk_x8"), Some(8));
    assert_eq!(thunk("__call_indirect_x28"), Some(28));
    assert_eq!(thunk("__llvm_slsblr_thunk_x99"), None);
    assert_eq!(thunk("seq_read_iter"), None);
    let words = [&PROLOGUE[..], &call(SHOW)[..3], &[bl(7, NOWHERE)], &EPILOGUE].concat();
    let part = Part { name: Arc::from("f"), address: BASE, text: text(&words) };
    let outside = |address| if address == NOWHERE { Outside::Thunk(2) } else { Outside::Unknown };
    let analysis = analyse(Machine::Arm64, &[part], &LAYOUT, &outside).unwrap();
    assert_eq!(texts(&analysis), ["show x19"]);
}
