//! Random files with one fault, read in random ways: a root cause names the function whose change repairs the file, and
//! the same files without the fault have no findings.

use proptest::prelude::*;

use super::faults::{
    around, begins_again, counts_by_itself, ends_early, miscounts_header, one_page, prints,
    set_back_at_end, short, walks_again,
};
use super::verdicts::{findings, milder_roots};
use crate::event::{Role, Wrapper};
use crate::rules::{Finding, Id, Severity};
use crate::testing::files::Memory;
use crate::testing::machine::{Fd, File, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    OnePage,
    SetBackAtEnd,
    Around,
    EndsEarly(i64),
    BeginsAgain,
    WalksAgain,
    CountsByItself(bool),
    Prints,
    MiscountsHeader,
}

impl Fault {
    fn file(self, memory: Memory, count: i64) -> File {
        match self {
            Self::OnePage => one_page(memory, count),
            Self::SetBackAtEnd => set_back_at_end(memory, count),
            Self::Around => around(memory, count),
            Self::EndsEarly(group) => ends_early(memory, count, group),
            Self::BeginsAgain => begins_again(memory, count),
            Self::WalksAgain => walks_again(memory, count),
            Self::CountsByItself(own) => counts_by_itself(count, own),
            Self::Prints => prints(memory, count, false),
            Self::MiscountsHeader => miscounts_header(memory, count),
        }
    }

    /// Returns the rules that may be root causes, and the callback that they point to.
    fn roots(self) -> (&'static [u16], Role) {
        match self {
            Self::OnePage | Self::SetBackAtEnd | Self::Around => (&[104, 105], Role::Start),
            Self::EndsEarly(_) => (&[106], Role::Next),
            Self::BeginsAgain | Self::WalksAgain | Self::CountsByItself(_) => (&[104], Role::Start),
            Self::Prints => (&[305], Role::Start),
            Self::MiscountsHeader => (&[101, 102], Role::Next),
        }
    }
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::OnePage),
        Just(Fault::SetBackAtEnd),
        Just(Fault::Around),
        (1..20_i64).prop_map(Fault::EndsEarly),
        Just(Fault::BeginsAgain),
        Just(Fault::WalksAgain),
        any::<bool>().prop_map(Fault::CountsByItself),
        Just(Fault::Prints),
        Just(Fault::MiscountsHeader),
    ]
}

/// Reads of a descriptor: their size, and the offset of the first one.
pub(super) fn ways() -> impl Strategy<Value = Vec<(usize, i64)>> {
    let want = prop_oneof![2 => Just(131_072_usize), 3 => 20..200_usize, 2 => 200..5000_usize];
    let from = prop_oneof![4 => Just(0_i64), 1 => (0..60_i64).prop_map(|nr| 27 * nr)];
    prop::collection::vec((want, from), 1..5)
}

/// Returns the findings of two whole reads and of further reads.
fn play(open: &dyn Fn() -> File, ways: &[(usize, i64)]) -> Vec<Finding> {
    let mut world = World { previews: true, ..World::default() };
    for (want, from) in [(131_072, 0); 2].iter().chain(ways) {
        let mut fd = Fd::open(&mut world, 1, open(), Wrapper::SeqOpen);
        fd.f_pos = *from;
        fd.drain(&mut world, *want, 60);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    let found = findings(&world.events);
    assert_eq!(milder_roots(&found), [""; 0]);
    found.into_iter().filter(|finding| finding.severity > Severity::Info).collect()
}

pub(super) fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn the_root_is_the_fault(
        fault in faults(),
        heap: bool,
        count in prop_oneof![2..30_i64, 140..300_i64],
        ways in ways(),
    ) {
        let memory = if heap { Memory::Heap } else { Memory::Image };
        let found = play(&|| fault.file(memory, count), &ways);
        let (ids, role) = fault.roots();
        for finding in found.iter().filter(|finding| finding.cause.is_none()) {
            let known = ids.iter().any(|id| finding.id == Id(*id));
            let blamed = finding.blame.as_ref().map(|blame| blame.role);
            prop_assert!(known && blamed == Some(role), "{fault:?} {finding:#?}");
        }
        // If the fault is in resuming, a whole read of a file of one page does not show it.
        let resumes =
            matches!(fault, Fault::BeginsAgain | Fault::WalksAgain | Fault::CountsByItself(_));
        let silent = resumes || matches!(fault, Fault::EndsEarly(group) if group >= count);
        let silent = silent || fault == Fault::Prints && count < 150;
        prop_assert!(silent || !found.is_empty(), "{fault:?}");
        if matches!(fault, Fault::BeginsAgain | Fault::WalksAgain) && count > 151 {
            prop_assert!(!found.is_empty(), "{fault:?}");
        }
    }

    #[test]
    fn without_the_fault_it_is_clean(
        heap: bool,
        header: bool,
        count in prop_oneof![1..30_i64, 140..300_i64],
        ways in ways(),
    ) {
        let memory = if heap { Memory::Heap } else { Memory::Image };
        let right = || if header { prints(memory, count, true) } else { short(memory, count) };
        let found = play(&right, &ways);
        prop_assert!(found.is_empty(), "{found:#?}");
    }
}
