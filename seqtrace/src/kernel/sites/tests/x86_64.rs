//! Listings of x86-64, assembled by iced.

mod calls;
mod forms;
mod kernels;
mod paths;

use iced_x86::code_asm::*;

use super::*;

fn thunk(register: AsmRegister64) -> u64 {
    THUNKS + 32 * u64::try_from(iced_x86::Register::from(register).number()).unwrap()
}

fn part(name: &str, address: u64, build: impl FnOnce(&mut CodeAssembler)) -> Part {
    let mut assembler = CodeAssembler::new(64).unwrap();
    build(&mut assembler);
    Part { name: Arc::from(name), address, text: assembler.assemble(address).unwrap() }
}

fn analysed(build: impl FnOnce(&mut CodeAssembler)) -> Result<Analysis, SiteError> {
    analyse(Machine::X86_64, &[part("f", BASE, build)], &LAYOUT, &outside)
}

/// Returns the sites that were found, each as `role register`.
fn sites(build: impl FnOnce(&mut CodeAssembler)) -> Vec<String> {
    texts(&analysed(build).unwrap())
}

fn refusal(build: impl FnOnce(&mut CodeAssembler)) -> String {
    analysed(build).unwrap_err().to_string()
}

/// Moves m from rdi into rbx, as `traverse()` does.
fn prologue(a: &mut CodeAssembler) {
    a.endbr64().unwrap();
    a.nop_1::<AsmMemoryOperand>(dword_ptr(rax + rax)).unwrap();
    a.push(rbp).unwrap();
    a.push(rbx).unwrap();
    a.mov(rbx, rdi).unwrap();
}

fn epilogue(a: &mut CodeAssembler) {
    a.pop(rbx).unwrap();
    a.pop(rbp).unwrap();
    a.ret().unwrap();
    a.int3().unwrap();
}

/// Calls a callback through a retpoline.
fn retpoline(a: &mut CodeAssembler, displacement: i32) {
    a.mov(rax, qword_ptr(rbx + OP)).unwrap();
    a.mov(rdi, rbx).unwrap();
    a.mov(rax, qword_ptr(rax + displacement)).unwrap();
    a.call(thunk(rax)).unwrap();
}

/// Builds the fill loop with its branch back, as in the kernel.
fn with_loop(a: &mut CodeAssembler, inside: impl FnOnce(&mut CodeAssembler)) {
    let mut top = a.create_label();
    let mut out = a.create_label();
    prologue(a);
    retpoline(a, START);
    a.mov(rbp, rax).unwrap();
    a.set_label(&mut top).unwrap();
    inside(a);
    a.mov(rdx, rbp).unwrap();
    a.test(rbp, rbp).unwrap();
    a.je(out).unwrap();
    retpoline(a, NEXT);
    a.mov(rbp, rax).unwrap();
    a.jmp(top).unwrap();
    a.set_label(&mut out).unwrap();
    retpoline(a, STOP);
    epilogue(a);
}
