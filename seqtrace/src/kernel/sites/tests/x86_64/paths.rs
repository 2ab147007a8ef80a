//! Loops, branches, and values that differ between paths.

use super::*;

#[test]
fn loops_keep_what_every_round_has() {
    assert_eq!(sites(|a| with_loop(a, |_| ())), ["start rbx", "next rbx", "stop rbx"]);
}

#[test]
fn loops_forget_what_a_round_changes() {
    let message = refusal(|a| with_loop(a, |a| a.mov(rbx, qword_ptr(rbx + 0x10)).unwrap()));
    assert!(message.contains("callbacks of two different seq_files"), "{message}");
}

#[test]
fn two_paths_two_callbacks_are_refused() {
    let message = refusal(|a| {
        let mut other = a.create_label();
        let mut call = a.create_label();
        prologue(a);
        a.mov(rdi, rbx).unwrap();
        a.mov(rax, qword_ptr(rbx + OP)).unwrap();
        a.test(rsi, rsi).unwrap();
        a.je(other).unwrap();
        a.mov(rax, qword_ptr(rax + SHOW)).unwrap();
        a.jmp(call).unwrap();
        a.set_label(&mut other).unwrap();
        a.mov(rax, qword_ptr(rax + STOP)).unwrap();
        a.set_label(&mut call).unwrap();
        a.call(thunk(rax)).unwrap();
        epilogue(a);
    });
    assert!(message.contains("with an unknown target"), "{message}");
}

#[test]
fn one_callback_by_two_paths_is_fine() {
    assert_eq!(
        sites(|a| {
            let mut call = a.create_label();
            prologue(a);
            a.mov(rdi, rbx).unwrap();
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.test(rsi, rsi).unwrap();
            a.je(call).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.mov(rax, qword_ptr(rdi + OP)).unwrap();
            a.set_label(&mut call).unwrap();
            a.mov(rax, qword_ptr(rax + SHOW)).unwrap();
            a.call(thunk(rax)).unwrap();
            epilogue(a);
        }),
        ["show rbx"]
    );
}

#[test]
fn partial_and_conditional_writes_make_a_value_unknown() {
    type Spoil = fn(&mut CodeAssembler);
    let spoils: [Spoil; 6] = [
        |a| a.mov(edi, ebx).unwrap(),
        |a| a.cmove(rdi, rbp).unwrap(),
        |a| a.mov(dil, bl).unwrap(),
        |a| a.xchg(rdi, rdx).unwrap(),
        |a| a.call(FUNCTION).unwrap(),
        |a| a.inc(rdi).unwrap(),
    ];
    for spoil in spoils {
        let message = refusal(|a| {
            prologue(a);
            a.mov(rdi, rbx).unwrap();
            spoil(a);
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.call(qword_ptr(rax + SHOW)).unwrap();
            epilogue(a);
        });
        assert!(message.contains("first argument is not known to be m"), "{message}");
    }
}

/// Builds a call and a path that jumps to the instruction after it.
fn shared(a: &mut CodeAssembler, displacement: i32, spoil: bool) {
    let mut behind = a.create_label();
    prologue(a);
    a.test(rsi, rsi).unwrap();
    if spoil {
        a.mov(rbx, rsi).unwrap();
    }
    a.je(behind).unwrap();
    a.mov(rbx, rdi).unwrap();
    retpoline(a, displacement);
    a.set_label(&mut behind).unwrap();
    a.mov(eax, ebp).unwrap();
    epilogue(a);
}

#[test]
fn what_follows_a_call_may_be_shared_by_stop_only() {
    assert_eq!(sites(|a| shared(a, STOP, false)), ["stop rbx shared"]);
    let message = refusal(|a| shared(a, SHOW, false));
    assert!(message.contains("also reached by a jump"), "{message}");
    let message = refusal(|a| shared(a, STOP, true));
    assert!(message.contains("no register holds m across the call"), "{message}");
}

#[test]
fn a_switched_off_branch_behind_the_call_counts_too() {
    let message = refusal(|a| {
        let mut behind = a.create_label();
        prologue(a);
        retpoline(a, SHOW);
        a.set_label(&mut behind).unwrap();
        a.mov(ebp, eax).unwrap();
        epilogue(a);
        // Only a static key, now a nop, leads here.
        a.xor(ebx, ebx).unwrap();
        a.jmp(behind).unwrap();
    });
    assert!(message.contains("also reached by a jump"), "{message}");
}

#[test]
fn an_escaped_slot_is_not_trusted_after_a_call() {
    let message = refusal(|a| {
        prologue(a);
        a.sub(rsp, 0x10).unwrap();
        a.mov(qword_ptr(rsp + 8), rdi).unwrap();
        a.lea(rdi, qword_ptr(rsp + 8)).unwrap();
        a.call(FUNCTION).unwrap();
        a.mov(rdi, qword_ptr(rsp + 8)).unwrap();
        a.mov(rax, qword_ptr(rbx + OP)).unwrap();
        a.call(qword_ptr(rax + SHOW)).unwrap();
        a.add(rsp, 0x10).unwrap();
        epilogue(a);
    });
    assert!(message.contains("first argument"), "{message}");
}

#[test]
fn slots_are_forgotten_after_writes_at_unknown_distances() {
    type Spoil = fn(&mut CodeAssembler);
    let spilled = |spoil: Spoil| {
        move |a: &mut CodeAssembler| {
            a.push(rbp).unwrap();
            a.mov(rbp, rsp).unwrap();
            a.sub(rsp, 0x40).unwrap();
            a.mov(qword_ptr(rbp - 8), rbx).unwrap();
            a.mov(rbx, rdi).unwrap();
            a.mov(qword_ptr(rbp - 0x10), rdi).unwrap();
            spoil(a);
            a.mov(rdi, qword_ptr(rbp - 0x10)).unwrap();
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.call(qword_ptr(rax + SHOW)).unwrap();
            a.mov(rbx, qword_ptr(rbp - 8)).unwrap();
            a.leave().unwrap();
            a.ret().unwrap();
        }
    };
    let harmless: [Spoil; 2] =
        [|a| a.mov(qword_ptr(rbp - 0x18), rcx).unwrap(), |a| a.and(rsp, -16).unwrap()];
    for spoil in harmless {
        assert_eq!(sites(spilled(spoil)), ["show rbx"]);
    }
    let spoils: [Spoil; 4] = [
        |a| a.mov(qword_ptr(rsp + rcx * 8), rcx).unwrap(),
        |a| {
            a.lea(rdi, qword_ptr(rbp - 0x20)).unwrap();
            a.rep().stosq().unwrap();
        },
        |a| {
            a.and(rsp, -16).unwrap();
            a.mov(qword_ptr(rsp + 8), rcx).unwrap();
        },
        |a| {
            a.and(rsp, -16).unwrap();
            a.mov(dword_ptr(rsp + 8), ecx).unwrap();
        },
    ];
    for spoil in spoils {
        let message = refusal(spilled(spoil));
        assert!(message.contains("first argument"), "{message}");
    }
    // A load through a stack pointer of unknown value has no known origin either.
    let message = refusal(|a| {
        prologue(a);
        a.and(rsp, -16).unwrap();
        a.mov(qword_ptr(rsp + 8), rdi).unwrap();
        a.mov(rdi, qword_ptr(rsp + 8)).unwrap();
        a.mov(rax, qword_ptr(rdi + OP)).unwrap();
        a.call(qword_ptr(rax + SHOW)).unwrap();
        epilogue(a);
    });
    assert!(message.contains("no register holds m"), "{message}");
}
