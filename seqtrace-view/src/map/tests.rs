use crate::Window;
use crate::testing::{buggy, map_of};

#[test]
fn a_double_emit_is_linked_to_the_first_emission() {
    let map = map_of(&buggy("early", 1000));
    let link = map.links.first().expect("a finding about two ranges");
    assert!(link.from.start < link.to.start, "{link:?}");
    let again = map.segments.iter().find(|segment| segment.range == link.to).expect("a segment");
    assert_eq!(again.severity, Some(link.severity));
    assert!(map.lost.is_empty());
}

#[test]
fn a_lost_record_has_a_mark_between_those_that_came() {
    let trace = buggy("late", 1000);
    let map = map_of(&trace);
    let mark = map.lost.first().expect("a lost record");
    assert!(mark.offset > 0 && mark.offset <= map.end, "{mark:?}");
    let mut window = Window::default();
    let row = trace.sessions[0].rows.get(mark.row, &mut window).expect("the row of the finding");
    assert!(matches!(row.what, super::UpdateKind::Finding(_)));
}

#[test]
fn reads_are_ticks_and_a_correct_file_has_no_marks() {
    let map = map_of(&buggy("ok_large", 1000));
    assert!(map.links.is_empty() && map.lost.is_empty());
    assert!(map.segments.iter().all(|segment| segment.severity.is_none()));
    assert!(map.reads.len() > 1 && map.reads.iter().all(|range| range.end <= map.end));
}
