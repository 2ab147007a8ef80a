//! Any trace, any keys, any size: nothing panics, and no foreign byte reaches the terminal.

mod screen;

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use proptest::{collection::vec, prelude::*};
use seqtrace_model::escape::is_deceptive;
use seqtrace_model::session::update::UpdateKind;
use seqtrace_model::testing::simulator::reader::plans;
use seqtrace_model::testing::updates::{of_plans, of_seqbug};

use crate::app::Input;
use crate::folds::{Branch, Folds, Tree, reveal};
use crate::model::Progress;

use self::screen::{Screen, hostile, model};

/// Keys that mean something, and one that does not.
const KEYS: &str = "jjjkGgeEcCdimpLzxXfnNhl<>  ?qy%";

fn keys() -> impl Strategy<Value = Vec<KeyCode>> {
    let letters: Vec<char> = KEYS.chars().collect();
    let named = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::Left,
    ];
    let key = prop_oneof![
        3 => prop::sample::select(letters).prop_map(KeyCode::Char),
        1 => prop::sample::select(named.to_vec()),
    ];
    vec(key, 0..24)
}

fn mouse() -> impl Strategy<Value = MouseEvent> {
    let kinds = vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
    ];
    (prop::sample::select(kinds), 0..200u16, 0..60u16).prop_map(|(kind, column, row)| MouseEvent {
        kind,
        column,
        row,
        modifiers: crossterm::event::KeyModifiers::NONE,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_keys_in_any_size(
        plans in vec(plans(), 1..4),
        keys in keys(),
        mouse in vec(mouse(), 0..6),
        (width, height) in (1..200u16, 1..60u16),
        (color, ascii) in any::<(bool, bool)>(),
        broken in any::<bool>(),
    ) {
        let mut model = model(&of_plans(plans));
        if broken {
            model.progress = Progress::Broken("cut \u{1b}[31m off".to_owned());
        }
        let mut screen = Screen::new((width, height), color, ascii);
        screen.draw(&model);
        for key in keys {
            screen.key(key, &model);
            screen.draw(&model);
            screen.input(Input::Tick { ms: 50 }, &model);
        }
        for mouse in mouse {
            screen.input(Input::Mouse(mouse), &model);
            screen.draw(&model);
        }
        screen.resize(200 - width, 60 - height);
        screen.draw(&model);
    }

    #[test]
    fn foreign_bytes_are_shown_and_never_obeyed(
        plans in vec(plans(), 1..3),
        names in vec(vec(any::<u8>(), 0..40), 4),
        ascii in any::<bool>(),
    ) {
        let mut updates = of_plans(plans);
        hostile(&mut updates, &names);
        let model = model(&updates);
        let mut screen = Screen::new((120, 40), true, ascii);
        for keys in ["", "G", "\tE", "jjjj", "x", "i", "m", "p", "dzG"] {
            screen.press(keys, &model);
            for symbol in screen.symbols(&model) {
                let plain = |c: char| !c.is_control() && !is_deceptive(c) && (!ascii || c.is_ascii());
                prop_assert!(symbol.chars().all(plain), "{symbol:?}");
            }
        }
    }

    #[test]
    fn moving_down_visits_what_moving_up_visits(
        plans in vec(plans(), 1..2),
        opened in vec((any::<prop::sample::Index>(), any::<bool>()), 0..20),
        open in any::<bool>(),
    ) {
        let model = model(&of_plans(plans));
        let Some(session) = model.trace.sessions.first() else { return Ok(()) };
        let mut folds = Folds::default();
        folds.set_all(open);
        for (at, open) in opened {
            let row = u32::try_from(at.index(session.rows.end() as usize)).unwrap();
            let tree = Tree { session, folds: &folds, end: session.rows.end() };
            if let Some(branch) = tree.branch(row) {
                folds.set(branch, open);
                prop_assert_eq!(folds.is_open(branch), open);
            }
        }
        let tree = Tree { session, folds: &folds, end: session.rows.end() };
        let mut down: Vec<u32> = std::iter::successors(tree.first(), |row| tree.below(*row)).collect();
        let up: Vec<u32> = std::iter::successors(tree.last(), |row| tree.above(*row)).collect();
        down.reverse();
        prop_assert_eq!(down, up);
        for row in 0..session.rows.end() {
            let head = tree.head(row);
            prop_assert!(head <= row && tree.hidden_with(head).contains(&row));
        }
        if let Some(row) = session.rows.end().checked_sub(1) {
            reveal(&mut folds, session, row);
            let tree = Tree { session, folds: &folds, end: session.rows.end() };
            prop_assert_eq!(tree.head(row), row);
        }
    }
}

#[test]
fn a_screen_that_is_too_small_goes_on_when_it_grows() {
    let model = model(&of_seqbug("early", 1000));
    let mut screen = Screen::new((20, 5), true, false);
    assert!(screen.text(&model).contains("needs 40x12"));
    screen.resize(80, 24);
    let text = screen.text(&model);
    assert!(text.contains("Sessions 1") && text.contains("READ"), "{text}");
}

#[test]
fn a_pause_freezes_the_view() {
    let updates = of_seqbug("early", 1000);
    let (before, after) = updates.split_at(updates.len() / 2);
    let mut model = model(before);
    let mut screen = Screen::new((100, 30), true, false);
    screen.press("\tEG ", &model);
    let frozen = screen.text(&model);
    for update in after {
        model.push(update);
    }
    screen.press("G", &model);
    let lines = |text: &str| text.lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
    assert!(frozen.contains("PAUSED"));
    assert_eq!(lines(&screen.text(&model))[..14], lines(&frozen)[..14]);
    screen.press(" G", &model);
    assert!(screen.text(&model).contains("CLOSE"));
}

#[test]
fn follow_shows_the_newest_row() {
    let updates = of_seqbug("ok_large", 1000);
    let mut model = model(&updates[..10]);
    let mut screen = Screen::new((100, 30), true, false);
    screen.press("f\tE", &model);
    for update in &updates[10..] {
        model.push(update);
    }
    screen.press("f", &model);
    assert!(screen.text(&model).contains("CLOSE"));
}

#[test]
fn a_finding_explains_itself() {
    let updates = of_seqbug("early", 1000);
    let model = model(&updates);
    assert!(updates.iter().any(|update| matches!(update.what, UpdateKind::Finding(_))));
    let mut screen = Screen::new((120, 60), true, false);
    screen.press("xdz", &model);
    let text = screen.text(&model);
    assert!(text.contains("Why it matters") && text.contains("The fix"), "{text}");
}

#[test]
fn a_click_selects_and_a_second_one_folds() {
    let model = model(&of_seqbug("early", 1000));
    let mut screen = Screen::new((100, 30), true, false);
    let text = screen.text(&model);
    let row = text.lines().position(|line| line.contains("READ")).unwrap();
    let click = |row: usize| {
        Input::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 20,
            row: u16::try_from(row).unwrap(),
            modifiers: crossterm::event::KeyModifiers::NONE,
        })
    };
    assert!(!text.contains("start pos"));
    for _ in 0..2 {
        screen.input(click(row), &model);
        screen.draw(&model);
    }
    assert!(screen.text(&model).contains("start pos"));
    assert!(screen.app.viewed[&0].folds.is_open(Branch::Item(screen.app.viewed[&0].row)));
}

#[test]
fn sessions_that_the_trace_drops_leave_the_view() {
    let updates = of_seqbug("early", 1000);
    let (open, close) = (&updates[0], updates.last().unwrap());
    let mut model = model(&[]);
    model.trace = seqtrace_view::Trace::with_limit(1 << 20);
    let mut screen = Screen::new((100, 30), true, false);
    for id in 0..110_000 {
        model.push(&screen::renamed(open, id));
        model.push(&screen::renamed(close, id));
        if id == 1000 {
            screen.press("G", &model);
        }
        if id % 20_000 == 0 {
            screen.press("k", &model);
        }
    }
    screen.press("G", &model);
    let text = screen.text(&model);
    assert!(text.contains("s109999") && text.contains("dropped from view"), "{text}");
    assert_eq!(screen.app.list.listed.len(), model.trace.sessions.len());
}
