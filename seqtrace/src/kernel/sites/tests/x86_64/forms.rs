//! Parts and ends of functions, code that was patched at run time, and code of no compiler.

use super::*;
use crate::kernel::sites::x86_64::jump_register;

#[test]
fn cold_parts_belong_to_the_function() {
    let main = part("f", BASE, |a| {
        prologue(a);
        a.test(rsi, rsi).unwrap();
        a.je(COLD).unwrap();
        retpoline(a, SHOW);
        epilogue(a);
    });
    let cold = part("f.cold", COLD, |a| {
        a.call(FUNCTION).unwrap();
        retpoline(a, STOP);
        a.jmp(BASE + 0xd).unwrap();
    });
    let analysis = analyse(Machine::X86_64, &[main, cold], &LAYOUT, &outside).unwrap();
    let texts: Vec<String> = analysis.sites.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["f.cold+0x10..0x15 stop m=rbx", "f+0x21..0x26 show m=rbx"]);
    assert_eq!(analysis.calls, [FUNCTION]);
}

#[test]
fn ftrace_at_the_entry_is_fine() {
    let hooked = |with_endbr: bool| {
        sites(move |a| {
            if with_endbr {
                a.endbr64().unwrap();
            }
            a.call(NOWHERE).unwrap();
            a.push(rbx).unwrap();
            a.mov(rbx, rdi).unwrap();
            retpoline(a, SHOW);
            a.pop(rbx).unwrap();
            a.jmp(FUNCTION).unwrap();
        })
    };
    // The content of rdi after the trampoline, whatever it is, is also that of rbx and later of rdi.
    assert_eq!(hooked(true), ["show rbx"]);
    assert_eq!(hooked(false), ["show rbx"]);
}

#[test]
fn other_peoples_probes_are_recognised() {
    let breakpoint = refusal(|a| {
        prologue(a);
        retpoline(a, SHOW);
        a.int3().unwrap();
        a.add(al, 1).unwrap();
        epilogue(a);
    });
    assert!(breakpoint.contains("another tracer"), "{breakpoint}");
    assert!(breakpoint.contains("f+0x1d is patched"), "{breakpoint}");
    let optimised = refusal(|a| {
        prologue(a);
        a.jmp(NOWHERE).unwrap();
        epilogue(a);
    });
    assert!(optimised.contains("a jump to 0xffffffffc0000123"), "{optimised}");
    let conditional = refusal(|a| {
        prologue(a);
        a.je(NOWHERE).unwrap();
        epilogue(a);
    });
    assert!(conditional.contains("another tracer"), "{conditional}");
    let call = refusal(|a| {
        prologue(a);
        a.call(NOWHERE).unwrap();
        epilogue(a);
    });
    assert!(call.contains("a call of 0xffffffffc0000123"), "{call}");
}

#[test]
fn the_end_of_a_function() {
    // The last call may be of a function that does not return. Filler follows it.
    let noreturn = |filler: &'static [u8]| {
        sites(move |a| {
            prologue(a);
            retpoline(a, STOP);
            a.call(FUNCTION).unwrap();
            if !filler.is_empty() {
                a.db(filler).unwrap();
            }
        })
    };
    for filler in [&[][..], &[0xcc, 0xcc, 0xcc], &[0x90, 0x66, 0x90, 0xcc]] {
        assert_eq!(noreturn(filler), ["stop rbx"]);
    }
    for build in [(|a| prologue(a)) as fn(&mut CodeAssembler), |a| retpoline(a, STOP)] {
        let message = refusal(build);
        assert!(message.contains("not understood"), "{message}");
    }
    assert!(analyse(Machine::X86_64, &[], &LAYOUT, &outside).is_err());
}

#[test]
fn odd_text_is_refused() {
    let overlapping = refusal(|a| {
        a.db(&[0x75, 0x01, 0x48, 0x89, 0xdf, 0xc3]).unwrap();
    });
    assert!(overlapping.contains("overlap"), "{overlapping}");
    let jump_table = refusal(|a| {
        prologue(a);
        a.jmp(qword_ptr(rax * 8 + 0x1000)).unwrap();
    });
    assert!(jump_table.contains("with an unknown target"), "{jump_table}");
    let unreached = refusal(|a| {
        prologue(a);
        epilogue(a);
        retpoline(a, SHOW);
        a.ret().unwrap();
    });
    assert!(unreached.contains("nothing leads to"), "{unreached}");
    // All bytes of a listing changed one at a time: sites or a refusal, and never a panic.
    let good = part("f", BASE, |a| with_loop(a, |a| a.nop().unwrap()));
    for at in 0..good.text.len() {
        for value in 0..=255 {
            let mut part = good.clone();
            part.text[at] = value;
            let _ = analyse(Machine::X86_64, &[part], &LAYOUT, &outside);
        }
    }
}

#[test]
fn thunks_by_name_and_by_what_they_do() {
    assert_eq!(Machine::X86_64.thunk_by_name("__x86_indirect_thunk_r11"), Some(11));
    assert_eq!(Machine::X86_64.thunk_by_name("__x86_indirect_call_thunk_rbx"), Some(3));
    assert_eq!(Machine::X86_64.thunk_by_name("__x86_indirect_its_thunk_rax"), Some(0));
    assert_eq!(Machine::X86_64.thunk_by_name("__x86_indirect_thunk_array"), None);
    assert_eq!(Machine::X86_64.thunk_by_name("__x86_return_thunk"), None);
    // cs cs jmp *%r11; int3: the mitigation of indirect target selection.
    assert_eq!(jump_register(&[0x2e, 0x2e, 0x41, 0xff, 0xe3, 0xcc], BASE), Some(11));
    assert_eq!(jump_register(&[0x0f, 0xae, 0xe8, 0xff, 0xe0], BASE), Some(0));
    assert_eq!(jump_register(&[0xff, 0x20], BASE), None);
    assert_eq!(jump_register(&[0xc3], BASE), None);
}
