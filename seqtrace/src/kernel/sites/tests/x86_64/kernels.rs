//! Symbols and code of whole kernels.

use super::*;

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
        let sites = find(Machine::X86_64, &symbols, &offsets, &read)?;
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
