//! Small listings written for the purpose, in the forms that compilers and the kernel's own patching
//! make of the core's calls, and the forms that must be refused.

use iced_x86::code_asm::*;

use super::*;

const BASE: u64 = 0xffff_ffff_8120_0000;
const COLD: u64 = 0xffff_ffff_8110_0000;
/// `__x86_indirect_thunk_rax` in the tests; the others follow by number, 32 bytes each.
const THUNKS: u64 = 0xffff_ffff_8200_0000;
const FUNCTION: u64 = 0xffff_ffff_8230_0000;
/// No symbol is there.
const NOWHERE: u64 = 0xffff_ffff_c000_0123;

/// Offsets for the tests. They are those of no real kernel.
const OP: i32 = 0x60;
const LAYOUT: Layout = Layout { op: 0x60, start: 0, stop: 8, next: 0x10, show: 0x18 };
const START: i32 = 0;
const STOP: i32 = 8;
const NEXT: i32 = 0x10;
const SHOW: i32 = 0x18;

fn outside(address: u64) -> Outside {
    match address {
        FUNCTION => Outside::Function,
        THUNKS..0xffff_ffff_8200_0200 if address.is_multiple_of(32) => {
            Outside::Thunk(usize::try_from((address - THUNKS) / 32).unwrap())
        }
        _ => Outside::Unknown,
    }
}

fn thunk(register: AsmRegister64) -> u64 {
    THUNKS + 32 * u64::try_from(iced_x86::Register::from(register).number()).unwrap()
}

fn part(name: &str, address: u64, build: impl FnOnce(&mut CodeAssembler)) -> Part {
    let mut assembler = CodeAssembler::new(64).unwrap();
    build(&mut assembler);
    Part { name: Arc::from(name), address, text: assembler.assemble(address).unwrap() }
}

fn analysed(build: impl FnOnce(&mut CodeAssembler)) -> Result<Analysis, SiteError> {
    analyse(&[part("f", BASE, build)], &LAYOUT, &outside)
}

/// Returns the sites that were found, each as `role register`.
fn sites(build: impl FnOnce(&mut CodeAssembler)) -> Vec<String> {
    let analysis = analysed(build).unwrap();
    let text = |site: &Site| {
        let shared = if site.shared { " shared" } else { "" };
        format!("{} {}{shared}", site.role.name(), site.m.name())
    };
    analysis.sites.iter().map(text).collect()
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
    let analysis = analyse(&[main, cold], &LAYOUT, &outside).unwrap();
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
    assert!(analyse(&[], &LAYOUT, &outside).is_err());
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
            let _ = analyse(&[part], &LAYOUT, &outside);
        }
    }
}

#[test]
fn thunks_by_name_and_by_what_they_do() {
    assert_eq!(thunk_register("__x86_indirect_thunk_r11"), Some(11));
    assert_eq!(thunk_register("__x86_indirect_call_thunk_rbx"), Some(3));
    assert_eq!(thunk_register("__x86_indirect_its_thunk_rax"), Some(0));
    assert_eq!(thunk_register("__x86_indirect_thunk_array"), None);
    assert_eq!(thunk_register("__x86_return_thunk"), None);
    // cs cs jmp *%r11; int3: the mitigation of indirect target selection.
    assert_eq!(cfg::jump_register(&[0x2e, 0x2e, 0x41, 0xff, 0xe3, 0xcc], BASE), Some(11));
    assert_eq!(cfg::jump_register(&[0x0f, 0xae, 0xe8, 0xff, 0xe0], BASE), Some(0));
    assert_eq!(cfg::jump_register(&[0xff, 0x20], BASE), None);
    assert_eq!(cfg::jump_register(&[0xc3], BASE), None);
}

/// A kernel of two functions and a thunk.
struct Kernel {
    symbols: String,
    memory: Vec<Part>,
}

impl Kernel {
    fn new() -> Self {
        Self {
            symbols: format!(
                "{:x} t other\n{THUNKS:x} T __x86_indirect_thunk_array\n\
                 {THUNKS:x} T __x86_indirect_thunk_rax\n{:x} T behind\n{FUNCTION:x} T function\n",
                BASE - 16,
                THUNKS + 32,
            ),
            memory: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, at: u64, build: impl FnOnce(&mut CodeAssembler)) {
        use std::fmt::Write as _;
        let part = part(name, at, build);
        let size = u64::try_from(part.text.len()).unwrap();
        write!(self.symbols, "{at:x} t {name}\n{:x} t end_of_{name}\n", at + size).unwrap();
        self.memory.push(part);
    }

    fn sites(&self) -> Result<Vec<String>, SiteError> {
        let symbols = Kallsyms::parse(self.symbols.as_bytes()).unwrap();
        let read = |address: u64, len: usize| {
            let part = self.memory.iter().find(|part| part.address == address);
            let text = part.map(|part| part.text[..len.min(part.text.len())].to_vec());
            text.ok_or(TextError::NotMapped { address, len })
        };
        let offsets = Offsets {
            seq_file_op: 0x60,
            seq_operations_stop: 8,
            seq_operations_next: 0x10,
            seq_operations_show: 0x18,
            ..zerocopy::FromZeros::new_zeroed()
        };
        let sites = core_sites(&symbols, &offsets, &read)?;
        Ok(sites.iter().map(|site| format!("{} {}", site.function, site.role.name())).collect())
    }
}

fn calls(a: &mut CodeAssembler, displacements: &[i32]) {
    prologue(a);
    for &displacement in displacements {
        retpoline(a, displacement);
    }
}

const READER: [i32; 7] = [START, SHOW, NEXT, START, NEXT, SHOW, STOP];

#[test]
fn a_whole_kernel() {
    let mut kernel = Kernel::new();
    kernel.add("seq_read_iter", BASE, |a| {
        calls(a, &READER);
        a.call(BASE + 0x1000).unwrap();
        epilogue(a);
    });
    kernel.add("traverse.part.0", BASE + 0x1000, |a| {
        calls(a, &[START, SHOW, NEXT, STOP]);
        epilogue(a);
    });
    let found = kernel.sites().unwrap();
    assert_eq!(found.len(), 11);
    assert_eq!(found[10], "traverse.part.0 stop");

    // A function of that name in another file is not the core's. Then seq_lseek() is analysed, too.
    kernel.add("traverse", BASE + 0x4000, epilogue);
    assert!(matches!(kernel.sites(), Err(SiteError::NoSymbol("seq_lseek"))));
    kernel.add("seq_lseek", BASE + 0x5000, |a| {
        prologue(a);
        a.call(BASE + 0x1000).unwrap();
        epilogue(a);
    });
    assert_eq!(kernel.sites().unwrap().len(), 11);
}

#[test]
fn too_few_calls_are_refused() {
    for missing in [START, NEXT, SHOW, STOP] {
        let mut kernel = Kernel::new();
        let mut displacements = READER.to_vec();
        let at = displacements.iter().position(|&d| d == missing).unwrap();
        displacements.remove(at);
        kernel.add("seq_read_iter", BASE, |a| {
            calls(a, &displacements);
            a.call(BASE + 0x1000).unwrap();
            epilogue(a);
        });
        kernel.add("traverse", BASE + 0x1000, |a| {
            calls(a, &[START, SHOW, NEXT, STOP]);
            epilogue(a);
        });
        let error = kernel.sites().unwrap_err();
        assert!(matches!(&error, SiteError::Incomplete { .. }), "{error}");
    }
    assert!(matches!(Kernel::new().sites(), Err(SiteError::NoSymbol("seq_read_iter"))));
}

#[test]
fn a_traverse_that_was_inlined() {
    let mut kernel = Kernel::new();
    kernel.add("seq_read_iter", BASE, |a| {
        calls(a, &READER);
        for displacement in [START, SHOW, NEXT, STOP] {
            retpoline(a, displacement);
        }
        epilogue(a);
    });
    kernel.add("seq_lseek", BASE + 0x1000, |a| {
        calls(a, &[START, SHOW, NEXT, STOP]);
        epilogue(a);
    });
    assert_eq!(kernel.sites().unwrap().len(), 15);
}
