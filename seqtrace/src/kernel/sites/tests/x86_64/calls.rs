//! Forms of calls, and the registers and stack slots that hold `m` and its table.

use super::*;

#[test]
fn retpolines_and_all_roles() {
    let build = |a: &mut CodeAssembler| {
        prologue(a);
        for displacement in [START, STOP, NEXT, SHOW] {
            retpoline(a, displacement);
            a.mov(rbp, rax).unwrap();
        }
        epilogue(a);
    };
    assert_eq!(sites(build), ["start rbx", "stop rbx", "next rbx", "show rbx"]);
    let analysis = analysed(build).unwrap();
    let site = &analysis.sites[0];
    assert_eq!(site.offset_after_call - site.offset_of_call, 5);
    assert_eq!(site.return_address(), BASE + site.offset_after_call);
    assert_eq!(site.to_string(), "f+0x17..0x1c start m=rbx");
}

#[test]
fn as_seq_read_iter_gets_m_from_the_file() {
    assert_eq!(
        sites(|a| {
            a.push(r13).unwrap();
            a.mov(r13, rsi).unwrap();
            a.push(r12).unwrap();
            a.mov(rax, qword_ptr(rdi)).unwrap();
            a.mov(r12, qword_ptr(rax + 0xc8)).unwrap();
            a.lea(rdi, qword_ptr(r12 + 0x38)).unwrap();
            a.call(FUNCTION).unwrap();
            a.mov(rdx, qword_ptr(r12 + OP)).unwrap();
            a.lea(rsi, qword_ptr(r12 + 0x28)).unwrap();
            a.mov(rdi, r12).unwrap();
            a.mov(rdx, qword_ptr(rdx)).unwrap();
            a.call(thunk(rdx)).unwrap();
            a.pop(r12).unwrap();
            a.pop(r13).unwrap();
            a.jmp(FUNCTION).unwrap();
        }),
        ["start r12"]
    );
}

#[test]
fn retpolines_off_in_their_forms() {
    assert_eq!(
        sites(|a| {
            prologue(a);
            // Patched at boot: call *%rax and a nop of three bytes.
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.mov(rax, qword_ptr(rax + SHOW)).unwrap();
            a.call(rax).unwrap();
            a.nop_1::<AsmMemoryOperand>(dword_ptr(rax)).unwrap();
            // AMD: lfence; call *%rax
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(rax, qword_ptr(rax + NEXT)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.lfence().unwrap();
            a.call(rax).unwrap();
            // Built without: a memory operand.
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.call(qword_ptr(rax + STOP)).unwrap();
            // cs call *%rax
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.mov(rax, qword_ptr(rax)).unwrap();
            a.db(&[0x2e, 0x2e, 0x2e, 0xff, 0xd0]).unwrap();
            epilogue(a);
        }),
        ["show rbx", "next rbx", "stop rbx", "start rbx"]
    );
}

#[test]
fn the_call_names_the_register_not_the_last_load() {
    assert_eq!(
        sites(|a| {
            prologue(a);
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(rcx, qword_ptr(rax + SHOW)).unwrap();
            a.mov(rdx, qword_ptr(rax + STOP)).unwrap();
            a.mov(rax, qword_ptr(rbx + 0x18)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.call(thunk(rcx)).unwrap();
            epilogue(a);
        }),
        ["show rbx"]
    );
}

#[test]
fn a_table_that_is_kept_and_an_m_that_moves() {
    // clang often keeps the table in a register, or spills it.
    assert_eq!(
        sites(|a| {
            a.push(r15).unwrap();
            a.push(r14).unwrap();
            a.sub(rsp, 0x18).unwrap();
            a.mov(r14, rdi).unwrap();
            a.mov(r15, qword_ptr(rdi + OP)).unwrap();
            a.mov(qword_ptr(rsp + 8), r15).unwrap();
            a.mov(qword_ptr(rsp), rdi).unwrap();
            a.call(qword_ptr(r15)).unwrap();
            a.xor(r14d, r14d).unwrap();
            a.mov(rbp, qword_ptr(rsp)).unwrap();
            a.mov(rdi, rbp).unwrap();
            a.mov(r11, qword_ptr(rsp + 8)).unwrap();
            a.mov(r11, qword_ptr(r11 + SHOW)).unwrap();
            a.call(r11).unwrap();
            a.add(rsp, 0x18).unwrap();
            a.pop(r14).unwrap();
            a.pop(r15).unwrap();
            a.ret().unwrap();
        }),
        ["start r14", "show rbp"]
    );
}

#[test]
fn frame_pointers() {
    assert_eq!(
        sites(|a| {
            a.push(rbp).unwrap();
            a.mov(rbp, rsp).unwrap();
            a.push(r13).unwrap();
            a.mov(r13, rdi).unwrap();
            a.mov(qword_ptr(rbp - 0x30), rdi).unwrap();
            a.mov(rax, qword_ptr(rbp - 0x30)).unwrap();
            a.mov(rax, qword_ptr(rax + OP)).unwrap();
            a.call(qword_ptr(rax + NEXT)).unwrap();
            a.pop(r13).unwrap();
            a.leave().unwrap();
            a.ret().unwrap();
        }),
        ["next r13"]
    );
}

#[test]
fn control_flow_integrity_around_the_call() {
    // clang's kCFI, and FineIBT, which calls 16 bytes before the function.
    assert_eq!(
        sites(|a| {
            let mut good = a.create_label();
            prologue(a);
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(r11, qword_ptr(rax + SHOW)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.mov(r10d, 0x1234_5678).unwrap();
            a.add(r10d, dword_ptr(r11 - 4)).unwrap();
            a.je(good).unwrap();
            a.ud2().unwrap();
            a.set_label(&mut good).unwrap();
            a.call(thunk(r11)).unwrap();
            a.mov(rax, qword_ptr(rbx + OP)).unwrap();
            a.mov(r11, qword_ptr(rax + STOP)).unwrap();
            a.mov(rdi, rbx).unwrap();
            a.mov(r10d, 0x1234_5678).unwrap();
            a.sub(r11, 0x10).unwrap();
            a.nop().unwrap();
            a.call(r11).unwrap();
            epilogue(a);
        }),
        ["show rbx", "stop rbx"]
    );
}

#[test]
fn m_must_survive_the_call() {
    let message = refusal(|a| {
        a.mov(r9, rdi).unwrap();
        a.mov(rax, qword_ptr(rdi + OP)).unwrap();
        a.call(qword_ptr(rax + SHOW)).unwrap();
        a.ret().unwrap();
    });
    assert!(message.contains("no register holds m across the call"), "{message}");
    let message = refusal(|a| {
        prologue(a);
        a.mov(rax, qword_ptr(rbx + OP)).unwrap();
        a.pop(rbx).unwrap();
        a.pop(rbp).unwrap();
        a.jmp(qword_ptr(rax + STOP)).unwrap();
    });
    assert!(message.contains("does not return to the core"), "{message}");
    let message = refusal(|a| {
        prologue(a);
        a.mov(rax, qword_ptr(rbx + OP)).unwrap();
        a.mov(rax, qword_ptr(rax + STOP)).unwrap();
        a.jmp(thunk(rax)).unwrap();
    });
    assert!(message.contains("does not return to the core"), "{message}");
}

#[test]
fn other_indirect_calls_are_left_alone_if_that_is_proven() {
    assert_eq!(
        sites(|a| {
            prologue(a);
            // file->f_op->something(), and a call through a fixed address (paravirt).
            a.mov(rax, qword_ptr(rbx + 0x70)).unwrap();
            a.mov(rax, qword_ptr(rax + 0x28)).unwrap();
            a.mov(rax, qword_ptr(rax + 0x10)).unwrap();
            a.call(thunk(rax)).unwrap();
            a.db(&[0xff, 0x15, 0, 0x10, 0, 0]).unwrap();
            retpoline(a, SHOW);
            epilogue(a);
        }),
        ["show rbx"]
    );
    // A table of unknown origin might be m->op.
    let message = refusal(|a| {
        prologue(a);
        a.call(FUNCTION).unwrap();
        a.mov(rdi, rbx).unwrap();
        a.call(qword_ptr(rax + SHOW)).unwrap();
        epilogue(a);
    });
    assert!(message.contains("through an unknown table"), "{message}");
    let message = refusal(|a| {
        prologue(a);
        retpoline(a, 0x20);
        epilogue(a);
    });
    assert!(message.contains("none of the callbacks"), "{message}");
    let message = refusal(|a| {
        prologue(a);
        a.db(&[0x65, 0xff, 0x14, 0x25, 0, 0x10, 0, 0]).unwrap();
        epilogue(a);
    });
    assert!(message.contains("with an unknown target"), "{message}");
}
