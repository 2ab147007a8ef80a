//! Field offsets and types of this kernel, from its own BTF or from a file (`--btf`).

use std::{cell::RefCell, collections::HashMap, path::Path, sync::Arc};

use seqtrace_common::config::Offsets;

use super::{
    btf::{Btf, BtfError, fit},
    kallsyms::Kallsyms,
    machine::Machine,
    sites::{self, Site},
    text::{self, TextError},
};

/// Bound on the offset of `seq_file.op` that is looked for, in bytes. It is 80 to 88 in 5.10 to 7.2; lock debugging adds
/// some 64.
const MAX_OP: u32 = 512;

/// Field offsets of this kernel, and the BTF from which they are.
#[derive(Clone, Debug)]
pub(super) struct Types {
    /// The BTF with the offsets.
    pub(super) btf: Arc<Btf>,
    /// The kernel's own BTF, which trampolines and kernel functions need; `None` if it has none.
    pub(super) own: Option<Arc<Btf>>,
    pub(super) offsets: Offsets,
    /// True if the offsets are from a file.
    from_file: bool,
}

impl Types {
    /// Reads the BTF in a file, or the kernel's own for `None`.
    ///
    /// # Errors
    /// There is no BTF, or it lacks a field that all traces need.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, BtfError> {
        let own = Btf::of_running_kernel().map(Arc::new);
        let (btf, own) = match file {
            Some(file) => (Arc::new(Btf::of_file(file)?), own.ok()),
            None => own.map(|own| (Arc::clone(&own), Some(own)))?,
        };
        Ok(Self { offsets: btf.offsets()?, btf, own, from_file: file.is_some() })
    }

    /// Returns the BTF with the most types of the kernel.
    pub(super) fn richest(&self) -> &Btf {
        self.own.as_ref().unwrap_or(&self.btf)
    }

    /// Compares offsets from a file with the kernel's code. `sites`: the core sites that were found with them, or the
    /// reason why there are none. Returns the reason why the comparison is not possible; `None` if the offsets fit.
    ///
    /// # Errors
    /// [`BtfError::Foreign`]: the code contradicts the offsets.
    pub(super) fn compare(
        &self,
        symbols: &Kallsyms,
        sites: &Result<Vec<Site>, String>,
        read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
    ) -> Result<Option<String>, BtfError> {
        const FUNCTION: &str = "seq_read_iter";
        if !self.from_file {
            return Ok(None);
        }
        let file = &self.btf.owner;
        let foreign = |what| Err(BtfError::Foreign { file: file.clone(), what });
        if let Err(why) = sites {
            return match self.find_op(symbols, read) {
                Some(op) => foreign(format!(
                    "in it seq_file.op is at offset {}, and in the code of {FUNCTION}() at {op}",
                    self.offsets.seq_file_op
                )),
                None => {
                    Ok(Some(format!("{file} could not be compared with the kernel's code: {why}")))
                }
            };
        }
        let code = symbols.kernel_address(FUNCTION).map(|at| text::of_function(symbols, at, read));
        let Some(Ok(code)) = code else { return Ok(None) };
        let unseen = Machine::running()
            .and_then(|machine| fit::unseen(&self.offsets, &fit::displacements(machine, &code)));
        match unseen {
            Some((field, offset)) => foreign(format!(
                "in it {field} is at offset {offset}, where the code of {FUNCTION}() reads nothing"
            )),
            None => Ok(None),
        }
    }

    /// Finds the offset of `seq_file.op` with which the core sites are found.
    fn find_op(
        &self,
        symbols: &Kallsyms,
        read: &dyn Fn(u64, usize) -> Result<Vec<u8>, TextError>,
    ) -> Option<u32> {
        // The order of struct seq_operations has not changed since 2.6.
        let [start, stop, next, show] = [0, 8, 16, 24];
        let known = RefCell::new(HashMap::new());
        let read = |address, len| {
            let mut known = known.borrow_mut();
            let bytes = known.entry((address, len)).or_insert_with(|| read(address, len).ok());
            bytes.clone().ok_or(TextError::NotMapped { address, len })
        };
        let finds = |&op: &u32| {
            let offsets = Offsets {
                seq_file_op: op,
                seq_operations_start: start,
                seq_operations_stop: stop,
                seq_operations_next: next,
                seq_operations_show: show,
                ..self.offsets
            };
            op != self.offsets.seq_file_op && sites::core_sites(symbols, &offsets, &read).is_ok()
        };
        (0..MAX_OP).step_by(8).find(finds)
    }
}

#[cfg(test)]
mod tests {
    use iced_x86::code_asm::{CodeAssembler, qword_ptr, r12, rax, rbx, rdi};

    use super::*;
    use crate::kernel::btf::testing;

    const READER: u64 = 0xffff_ffff_8100_1000;
    const TRAVERSE: u64 = 0xffff_ffff_8100_2000;
    const OP: u32 = 88;

    fn offsets() -> Offsets {
        Offsets {
            seq_file_size: 8,
            seq_file_from: 16,
            seq_file_count: 24,
            seq_file_index: 40,
            seq_file_read_pos: 48,
            seq_file_op: OP,
            seq_operations_stop: 8,
            seq_operations_next: 16,
            seq_operations_show: 24,
            file_private_data: 32,
            kiocb_ki_pos: 8,
            ..zerocopy::FromZeros::new_zeroed()
        }
    }

    /// Assembles calls of start, stop, next and show, each so many times, with `m` in rbx.
    fn calls(code: &mut CodeAssembler, counts: [usize; 4]) {
        for (index, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                code.mov(rax, qword_ptr(rbx + OP)).unwrap();
                code.mov(rdi, rbx).unwrap();
                code.call(qword_ptr(rax + 8 * index)).unwrap();
            }
        }
    }

    /// Returns the code of a core, which reads the fields of [`offsets`].
    fn core() -> [(u64, Vec<u8>); 2] {
        let mut code = CodeAssembler::new(64).unwrap();
        code.mov(r12, rdi).unwrap();
        code.mov(rax, qword_ptr(r12)).unwrap();
        code.mov(rbx, qword_ptr(rax + 32)).unwrap();
        code.mov(rax, qword_ptr(r12 + 8)).unwrap();
        for field in [8, 16, 24, 40, 48] {
            code.mov(rax, qword_ptr(rbx + field)).unwrap();
        }
        calls(&mut code, [2, 1, 2, 2]);
        code.mov(rdi, rbx).unwrap();
        code.call(TRAVERSE).unwrap();
        code.ret().unwrap();
        let mut traverse = CodeAssembler::new(64).unwrap();
        traverse.mov(rbx, rdi).unwrap();
        calls(&mut traverse, [1; 4]);
        traverse.ret().unwrap();
        [(READER, code.assemble(READER).unwrap()), (TRAVERSE, traverse.assemble(TRAVERSE).unwrap())]
    }

    /// Compares these offsets, from a file or from the kernel itself, with the code of [`core`].
    fn compare(
        offsets: Offsets,
        from_file: bool,
        has_code: bool,
    ) -> Result<Option<String>, String> {
        let btf = Btf::parse(testing::dentry().bytes(), "kernel.btf".into()).unwrap();
        let types = Types { btf: Arc::new(btf), own: None, offsets, from_file };
        let symbols = format!(
            "{READER:x} T seq_read_iter\n{TRAVERSE:x} t traverse\n{:x} T end\n",
            TRAVERSE + 4096
        );
        let symbols = Kallsyms::parse(symbols.as_bytes()).unwrap();
        let parts = core();
        let read = |address, len: usize| {
            let part = parts.iter().find(|(at, _)| has_code && *at == address);
            let code = part.map(|(_, code)| code[..len.min(code.len())].to_vec());
            code.ok_or(TextError::NotMapped { address, len })
        };
        let sites = sites::core_sites(&symbols, &types.offsets, &read);
        let sites = sites.map_err(|error| error.to_string());
        types.compare(&symbols, &sites, &read).map_err(|error| error.to_string())
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn offsets_of_another_kernel_are_refused() {
        assert_eq!(compare(offsets(), true, true), Ok(None));
        assert_eq!(
            compare(Offsets { seq_file_op: 80, ..offsets() }, true, true).unwrap_err(),
            "kernel.btf is not the BTF of this kernel: in it seq_file.op is at offset 80, \
             and in the code of seq_read_iter() at 88"
        );
        assert_eq!(
            compare(Offsets { file_private_data: 200, ..offsets() }, true, true).unwrap_err(),
            "kernel.btf is not the BTF of this kernel: in it file.private_data is at offset 200, \
             where the code of seq_read_iter() reads nothing"
        );
        // The kernel's own BTF needs no proof.
        let unproven = compare(Offsets { seq_file_op: 80, ..offsets() }, false, true);
        assert_eq!(unproven, Ok(None));
        let unread = compare(offsets(), true, false).unwrap().unwrap();
        assert!(
            unread.starts_with("kernel.btf could not be compared with the kernel's code: "),
            "{unread}"
        );
    }
}
