//! Loops, branches, writes that make values unknown, and values that differ between paths.

use super::*;

/// Builds the fill loop with its branch back, as in the kernel.
fn with_loop(inside: u32) -> Vec<u32> {
    let top = [inside, mov(1, 20), cbz(20, 7)];
    [
        &PROLOGUE[..],
        &call(START),
        &[mov(20, 0)],
        &top,
        &call(NEXT),
        &[mov(20, 0), jump(-8)],
        &call(STOP),
        &EPILOGUE,
    ]
    .concat()
}

#[test]
fn loops_keep_what_every_round_has() {
    assert_eq!(sites(&[&with_loop(NOP)]), ["start x19", "next x19", "stop x19"]);
    let message = refusal(&[&with_loop(ldr(19, 19, 0x10))]);
    assert!(message.contains("callbacks of two different seq_files"), "{message}");
    // All bits of a listing changed one at a time: sites or a refusal, and never a panic.
    let good = with_loop(NOP);
    for at in 0..good.len() {
        for bit in 0..32 {
            let mut words = good.clone();
            words[at] ^= 1 << bit;
            let _ = analysed(&words);
        }
    }
}

#[test]
fn two_paths_to_a_call() {
    let words = |role| {
        [
            &PROLOGUE[..],
            &[mov(0, 19), ldr(2, 19, OP), tbz(1, 3)],
            &[ldr(2, 2, SHOW), jump(3)],
            &[ldr(2, 0, OP), ldr(2, 2, role)],
            &[blr(2)],
            &EPILOGUE,
        ]
        .concat()
    };
    assert_eq!(sites(&[&words(SHOW)]), ["show x19"]);
    let message = refusal(&[&words(STOP)]);
    assert!(message.contains("with an unknown target"), "{message}");
}

#[test]
fn writes_make_a_value_unknown() {
    let spoils = [
        mov_w(0, 19),
        csel(0, 19, 20),
        ldrb(0, 19, 3),
        bl(6, FUNCTION),
        movk(0, 1, 0) | 1 << 31,
        mov(0, 31),
        0xd538_4100, // mrs x0, sp_el0
        0xc800_7e75, // stxr w0, x21, [x19]
        0xc85f_7e60, // ldxr x0, [x19]
        0xf821_0260, // ldadd x1, x0, [x19]
        0xc8e0_7e75, // casa x0, x21, [x19]
        0x4820_7e62, // casp x0, x1, x2, x3, [x19]
        0xf83f_d3e0, // ld64b x0, [sp]
        0x9e66_0000, // fmov x0, d0
        0x04e0_e000, // cntd x0
        0xffff_ffe0, // unallocated
    ];
    for spoil in spoils {
        let message = refusal(&[
            &PROLOGUE,
            &[mov(0, 19), ldr(2, 19, OP), spoil],
            &[ldr(2, 19, OP), ldr(2, 2, SHOW), blr(2)],
            &EPILOGUE,
        ]);
        let first = message.contains("first argument is not known to be m");
        assert!(first || message.contains("unknown t"), "{spoil:#x} {message}");
    }
    let harmless = [
        NOP,
        cmp_w(0, 19),
        str(1, 19, 8),
        str_index(1, 20, 21),
        0xd503_3bbf, // dmb ish
        0xd503_43df, // msr daifset, #3
        0x3dc0_0000, // ldr q0, [x0]
        0xf980_0000, // prfm pldl1keep, [x0]
        0xfa40_0000, // ccmp x0, x0, #0, eq
        0x88df_fe75, // ldar w21, [x19]
        0xb821_027f, // stadd w1, [x19]
    ];
    for word in harmless {
        let words = [&PROLOGUE[..], &[mov(0, 19), ldr(2, 19, OP), word]].concat();
        let rest = [&[ldr(2, 2, SHOW), blr(2)][..], &EPILOGUE].concat();
        assert_eq!(sites(&[&words, &rest]), ["show x19"], "{word:#x}");
    }
}

#[test]
fn slots_are_forgotten_when_they_are_written() {
    let spilled = |spoils: &[u32]| {
        [
            &[stp_pre(29, 30, SP, -64), add(29, SP, 0), str(19, SP, 16), mov(19, 0)][..],
            &[str(0, SP, 24)],
            spoils,
            &[ldr(0, 29, 24), ldr(2, 19, OP), ldr(2, 2, SHOW), blr(2)],
            &[ldr(19, 29, 16), ldp_post(29, 30, SP, 64), RET],
        ]
        .concat()
    };
    let harmless: [&[u32]; 5] = [
        &[str(1, SP, 32)],
        &[str_w(1, SP, 20)],
        &[stp(1, 31, SP, 32)],
        &[str_index(1, 20, 21)],
        &[str_pre(1, SP, -16), ldr_post(1, SP, 16)],
    ];
    for spoils in harmless {
        assert_eq!(sites(&[&spilled(spoils)]), ["show x19"]);
    }
    let spoils: [&[u32]; 10] = [
        &[str(31, SP, 24)],
        &[str_w(1, SP, 28)],
        &[stp(1, 31, SP, 16)],
        &[stur(1, 29, 31)],
        &[str_index(1, SP, 21)],
        &[str_index(1, 20, 29)],
        &[0x3d80_07e0],                     // str q0, [sp, #16]
        &[0x4c00_2ba0],                     // st1 {v0.4s-v3.4s}, [x29]
        &[sub_sp(9), str(1, SP, 0)],        // the stack pointer is unknown then
        &[add(0, SP, 24), bl(6, FUNCTION)], // the function may write there
    ];
    for spoils in spoils {
        let message = refusal(&[&spilled(spoils)]);
        assert!(message.contains("first argument"), "{message}");
    }
}

#[test]
fn m_must_survive_the_call() {
    let message = refusal(&[&PROLOGUE, &call(STOP)[..3], &EPILOGUE[..2], &[br(2)]]);
    assert!(message.contains("does not return to the core"), "{message}");
}

#[test]
fn a_shared_epilogue_reached_by_jumps() {
    let words = |displacement, spoil| {
        [
            &PROLOGUE[..],
            &[spoil, cbz(1, 7), tbz(20, 6), b_cond(EQ, 5)],
            &call(displacement),
            &[mov_w(0, 20)],
            &EPILOGUE,
        ]
        .concat()
    };
    assert_eq!(sites(&[&words(STOP, NOP)]), ["stop x19 shared"]);
    let message = refusal(&[&words(SHOW, NOP)]);
    assert!(message.contains("also reached by a jump"), "{message}");
    // One of the paths has another m.
    let other = [&PROLOGUE[..], &[mov(19, 1), cbz(1, 6), mov(19, 0)], &call(STOP), &EPILOGUE];
    let message = refusal(&other);
    assert!(message.contains("no register holds m across the call"), "{message}");
}

#[test]
fn static_keys() {
    // Switched on, the jump is taken; switched off, nothing leads to the code behind the function's end.
    let words = |key| {
        let behind = [mov(20, 0), jump(-5)];
        [&PROLOGUE[..], &call(NEXT), &[key, NOP], &EPILOGUE, &behind].concat()
    };
    assert_eq!(sites(&[&words(NOP)]), ["next x19"]);
    assert_eq!(sites(&[&words(jump(5))]), ["next x19"]);
    // The code jumps to the instruction behind a call.
    let behind = [movz(0, 0), jump(-5)];
    let message = refusal(&[&PROLOGUE, &[NOP], &call(SHOW), &[mov(20, 0)], &EPILOGUE, &behind]);
    assert!(message.contains("also reached by a jump"), "{message}");
    let message = refusal(&[&PROLOGUE, &EPILOGUE, &call(SHOW), &[RET]]);
    assert!(message.contains("an indirect call that nothing leads to"), "{message}");
}
