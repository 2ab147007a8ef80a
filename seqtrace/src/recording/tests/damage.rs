//! Recordings that were cut off or changed after they were written.

use std::sync::LazyLock;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use seqtrace_model::testing::simulator::reader::{Act, plans};

use crate::recording::{
    Ending, ReadError,
    testing::live::{Setting, live, replay, sessions},
};

/// A small recording in several batches, with its setting and the text of its trace.
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

/// Returns the number of lines at the beginning that both texts have in common.
fn common(one: &str, other: &str) -> usize {
    one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count()
}

/// Distance between the bytes that a quick test tries. Each replay takes milliseconds without optimisation; the ignored
/// tests try all bytes.
const STEP: usize = 41;

#[test]
fn cut_at_some_bytes() {
    cut(STEP);
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
                // The replay ends with the last lines of sessions that are still open.
                let same = common(&shown, whole);
                assert!(same >= lines, "{length}: {same} {lines}");
                lines = same;
                // Both the last eight bytes and the last row mark the end.
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
        // The change is in padding, or in a name of a type, which is not read.
        Ok(Ending::Whole) => assert_eq!(shown, whole),
        // With a larger length the input seems to end too early.
        Ok(Ending::Cut) | Err(_) => {}
    }
}

#[test]
fn some_byte_changed() {
    change(STEP, &[0x01, 0x80, 0xff]);
}

#[test]
#[ignore = "takes minutes"]
fn any_byte_changed() {
    change(1, &[0x01]);
    change(1, &[0x02, 0x40, 0x80, 0xff]);
}

fn change(step: usize, masks: &[u8]) {
    let (setting, whole, recording) = recording();
    for (offset, mask) in (0..recording.len()).step_by(step).zip(masks.iter().cycle()) {
        let mut damaged = recording.clone();
        damaged[offset] ^= mask;
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
        for (offset, value) in changes {
            let offset = offset.index(bytes.len());
            bytes[offset] = value;
        }
        let (start, end) = (part.0.index(bytes.len()), part.1.index(bytes.len()));
        let range = start.min(end)..start.max(end);
        if dropped {
            bytes.drain(range);
        } else {
            let copy = bytes[range].to_vec();
            let offset = part.2.index(bytes.len());
            bytes.splice(offset..offset, copy);
        }
        unharmed(setting, whole, &bytes);
    }
}
