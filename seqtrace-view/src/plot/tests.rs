use super::Step;
use crate::testing::{buggy, plot_of};

#[test]
fn steps_that_do_not_advance_stand_out() {
    let plot = plot_of(&buggy("stuck", 1000));
    let stuck = plot.points.iter().find(|point| point.step == Step::Stuck).expect("a stuck next");
    assert_eq!((stuck.calls, stuck.from), (1, Some(stuck.to)));
    assert!(stuck.severity.is_some());
    let plot = plot_of(&buggy("back", 1000));
    assert!(plot.points.iter().any(|point| point.step == Step::Back && point.severity.is_some()));
    let plot = plot_of(&buggy("ok_negative", 1000));
    assert!(plot.points.iter().all(|point| point.severity.is_none()));
    assert!(plot.points.iter().any(|point| point.to < 0));
}
