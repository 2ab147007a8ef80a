//! Address ranges of the kernel's image and its modules.

use std::ops::Range;

use seqtrace_model::fixed::FixedRanges;

use super::Kallsyms;

/// Maximum distance between two symbols of a module that are taken to lie in the same allocation, bytes.
const ALLOCATION: u64 = 64 << 10;
/// Size of the smallest page: allocations for modules are whole pages.
const PAGE: u64 = 4096;
/// Maximum size of an image, bytes.
const IMAGE: u64 = 1 << 30;

impl Kallsyms {
    /// Returns the address ranges of the kernel's image and of the modules that are loaded. `machine`: architecture as
    /// `uname -m` prints it. If the ranges differ from kernel to kernel, those of modules that are loaded later are not
    /// known: the rules then treat pointers to their objects like pointers to allocated memory, which proves less.
    pub(in crate::kernel) fn fixed_ranges(&self, machine: &str) -> FixedRanges {
        let same = FixedRanges::of_machine(machine);
        if same != FixedRanges::new(Vec::new()) {
            return same;
        }
        let mut ranges: Vec<Range<u64>> = self.image().into_iter().collect();
        for module in self.modules.iter().skip(1) {
            // A module is one allocation before 6.4. Since then code, data and read-only data are allocated
            // separately (module_memory_alloc(), kernel/module/main.c): /proc/modules has the address of the code and
            // the sum of all sizes.
            ranges.extend(module.base.map(|base| base..base.saturating_add(module.size)));
        }
        // Where kallsyms has objects (CONFIG_KALLSYMS_ALL), the allocations of data follow from their symbols.
        let mut last = vec![None; self.modules.len()];
        for row in &self.rows {
            let owner = usize::from(row.owner);
            if self.modules[owner].base.is_none() {
                continue;
            }
            let page_end = (row.address & !(PAGE - 1)).saturating_add(PAGE);
            let begin = match last[owner].replace(row.address) {
                Some(before) if row.address - before <= ALLOCATION => before,
                _ => row.address,
            };
            ranges.push(begin..page_end);
        }
        FixedRanges::new(ranges)
    }

    /// Returns the address range of the image. Without CONFIG_KALLSYMS_ALL the symbol of its end is missing: the range
    /// then ends with the last function, and its data is not in it.
    fn image(&self) -> Option<Range<u64>> {
        let begin = ["_text", "_stext"].iter().find_map(|name| self.kernel_address(name))?;
        let end = self.kernel_address("_end").or_else(|| {
            let is_image = |address: u64| address >= begin && address - begin < IMAGE;
            let image = self.rows.iter().filter(|row| row.owner == 0 && is_image(row.address));
            image.map(|row| row.address).max()
        })?;
        Some(begin..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
ffff800008000000 T _text
ffff800008010000 T _stext
ffff800008010800 T seq_open
ffff800008f00000 T _etext
ffff800009a00000 B _end
ffff800001200000 t eof_next\t[seqbugs]
ffff800001201010 d eof_ops\t[seqbugs]
ffff800005600040 b items\t[seqbugs]
ffff800005604040 b more\t[seqbugs]
ffff800003300000 t bpf_prog_6deef7357e7b4530\t[bpf]
";
    const MODULES: &str = "seqbugs 20480 0 - Live 0xffff800001200000 (OE)\n";

    fn ranges(symbols: &str, modules: &str) -> String {
        let mut table = Kallsyms::parse(symbols.as_bytes()).unwrap();
        table.learn_bases(modules);
        table.fixed_ranges("aarch64").to_string()
    }

    #[test]
    fn image_and_modules_are_fixed() {
        assert_eq!(
            ranges(SYMBOLS, MODULES),
            "ffff800001200000-ffff800001205000 ffff800005600040-ffff800005605000 \
             ffff800008000000-ffff800009a00000"
        );
        // Without the end of the image, and with modules whose addresses are unknown.
        let hidden = SYMBOLS.replace("B _end", "B other");
        assert_eq!(ranges(&hidden, ""), "ffff800008000000-ffff800009a00000");
        assert_eq!(ranges("ffff800008010800 T seq_open\n", MODULES), "");
    }

    #[test]
    fn x86_64_has_one_range() {
        let table = Kallsyms::parse(SYMBOLS.as_bytes()).unwrap();
        assert_eq!(table.fixed_ranges("x86_64"), FixedRanges::default());
    }
}
