//! Recordings that were cut off, or changed on their way here.

use std::sync::LazyLock;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use seqtrace_model::testing::simulator::reader::{Act, plans};

use super::live::{Setting, live, replay, sessions};
use crate::recording::{Ending, ReadError};

/// A small recording in several batches, and what it shows.
fn recording() -> &'static (Setting, String, Vec<u8>) {
    static RECORDING: LazyLock<(Setting, String, Vec<u8>)> = LazyLock::new(record);
    &RECORDING
}

fn record() -> (Setting, String, Vec<u8>) {
    let mut runner = TestRunner::deterministic();
    let mut plan = plans().new_tree(&mut runner).unwrap().current();
    plan.acts = vec![Act::Read { want: 10, fault: None }; 4];
    let setting = Setting::default();
    let (shown, recording) = live(&setting, &sessions(vec![plan.clone(), plan]));
    (setting, String::from_utf8(shown.data).unwrap(), recording)
}

/// The lines that both texts have in common at their beginning.
fn common(one: &str, other: &str) -> usize {
    one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count()
}

/// Each replay takes milliseconds without optimisation: tests try one byte of so many, all of them
/// on demand.
const SOME: usize = 41;

#[test]
fn cut_at_some_bytes() {
    cut(SOME);
}

#[test]
#[ignore = "takes minutes"]
fn cut_at_any_byte() {
    cut(1);
}

fn cut(step: usize) {
    let (setting, whole, recording) = recording();
    let (mut lines, mut headless) = (0, 0);
    for length in (0..recording.len()).step_by(step).chain([recording.len() - 1]) {
        let (shown, ending) = replay(setting, &recording[..length]);
        let shown = String::from_utf8(shown.data).unwrap();
        match ending {
            Ok(ending) => {
                // What remains to be said of sessions that are still open comes behind.
                let same = common(&shown, whole);
                assert!(same >= lines, "{length}: {same} {lines}");
                lines = same;
                // The last eight bytes say that nothing follows; the last row says so, too.
                assert!(ending.ending == Ending::Cut || length + 8 >= recording.len());
            }
            Err(ReadError::Headless) => headless += 1,
            Err(error) => panic!("{length}: {error}"),
        }
    }
    assert_eq!(lines, whole.lines().count());
    assert!(headless > 1000 / step);
}

fn unharmed(setting: &Setting, whole: &str, damaged: &[u8]) {
    let (shown, ending) = replay(setting, damaged);
    let shown = String::from_utf8(shown.data).unwrap();
    match ending.map(|played| played.ending) {
        // Padding, or a name of a type that we do not look at.
        Ok(Ending::Whole) => assert_eq!(shown, whole),
        // A length may well say that more should follow.
        Ok(Ending::Cut) | Err(_) => {}
    }
}

#[test]
fn some_byte_changed() {
    change(SOME, &[0x01, 0x80, 0xff]);
}

#[test]
#[ignore = "takes minutes"]
fn any_byte_changed() {
    change(1, &[0x01]);
    change(1, &[0x02, 0x40, 0x80, 0xff]);
}

fn change(step: usize, masks: &[u8]) {
    let (setting, whole, recording) = recording();
    for (place, mask) in (0..recording.len()).step_by(step).zip(masks.iter().cycle()) {
        let mut damaged = recording.clone();
        damaged[place] ^= mask;
        unharmed(setting, whole, &damaged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_changed_moved_and_dropped(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        part in any::<(prop::sample::Index, prop::sample::Index, prop::sample::Index)>(),
        dropped in any::<bool>(),
    ) {
        let (setting, whole, bytes) = recording();
        let mut bytes = bytes.clone();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let (start, end) = (part.0.index(bytes.len()), part.1.index(bytes.len()));
        let range = start.min(end)..start.max(end);
        if dropped {
            bytes.drain(range);
        } else {
            let copy = bytes[range].to_vec();
            let place = part.2.index(bytes.len());
            bytes.splice(place..place, copy);
        }
        unharmed(setting, whole, &bytes);
    }
}
