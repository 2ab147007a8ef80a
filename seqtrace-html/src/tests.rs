//! The page of traces of the files of module/seqbugs.

mod browser;

use seqtrace_model::event::{EventKind, Wrapper};
use seqtrace_model::filter::Selection;
use seqtrace_model::pipeline::{Pipeline, Until};
use seqtrace_model::testing::files::{Memory, Shared, seqbug};
use seqtrace_model::testing::machine::{Fd, World};

use crate::{CheckedFile, Material, Page, Reproducer};

/// The greatest size of a page, bytes.
const BOUND: usize = 5_000_000;

/// Traces `sessions` sessions of a file, each read to its end in reads of `want` bytes.
fn trace(name: &str, sessions: u64, want: usize, path: &[u8], comm: &[u8]) -> Material {
    let mut world = World::default();
    for _ in 0..sessions {
        let file = seqbug(name, Memory::Image, &Shared::default()).expect("a file");
        let mut fd = Fd::open(&mut world, 1, file, Wrapper::SeqOpen);
        fd.drain(&mut world, want, 400);
        fd.release(&mut world, Wrapper::SeqRelease);
    }
    let mut pipeline = Pipeline::new(Selection::default(), Until::default());
    let mut material = Material::default();
    for event in &mut world.events {
        if let EventKind::Open(open) = &mut event.body {
            open.path = path.to_vec();
            open.task.comm = comm.to_vec();
        }
        pipeline.feed(event, &mut material);
    }
    pipeline.finish(u64::MAX >> 1, 0, &mut material);
    material
}

fn page(material: &Material) -> String {
    let page = Page { title: "eof.seqtrace", material, files: &[], cut: None };
    let text = page.render().expect("memory");
    assert!(text.len() < BOUND, "{} bytes", text.len());
    text
}

#[test]
fn a_double_emit_comes_first_and_is_drawn() {
    let text = page(&trace("early", 1, 1000, b"/proc/seqbugs/early", b"cat"));
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("no {wanted}"));
    assert!(at("class=\"verdict error\"") < at("id=\"findings\""));
    assert!(at("id=\"findings\"") < at("id=\"sessions\""));
    let root = at("SQ104");
    assert!(root < at("What follows from it") && at("SQ201 double emit") > root);
    assert!(text.contains("class=\"arc error\"") && text.contains("<rect class=\"error\""));
    assert!(text.contains("href=\"#s1\"") && text.contains("id=\"s1\""));
}

#[test]
fn a_correct_file_is_clean() {
    let text = page(&trace("ok_token", 2, 4096, b"/proc/ok", b"cat"));
    assert!(text.contains("<strong>clean</strong>") && !text.contains("id=\"findings\""));
    assert!(text.contains("<svg class=\"map\"") && !text.contains("id=\"losses\""));
}

#[test]
fn foreign_bytes_are_shown_and_not_obeyed() {
    let path = b"/proc/\"><script>alert(1)</script>\x1b[31m\n'&\xff";
    let text = page(&trace("stuck", 1, 1000, path, b"<script>"));
    assert_eq!(text.matches("<script").count(), 1, "the page's own");
    assert!(text.contains("&lt;script&gt;") || text.contains("&#60;script&#62;"), "comm");
    assert!(!text.contains('\u{1b}') && text.contains("\\x1b[31m\\n"));
    assert!(
        !text.contains("javascript:") && !text.contains(" onclick") && !text.contains(" style=")
    );
}

#[test]
fn the_policy_allows_what_is_on_the_page_only() {
    let text = page(&trace("ok_token", 1, 4096, b"/proc/ok", b"cat"));
    assert!(
        text.contains("default-src &#39;none&#39;") && text.contains("script-src &#39;sha256-")
    );
    assert!(
        !text.contains("http://") && !text.contains("https://") && !text.contains("unsafe-inline")
    );
}

#[test]
fn a_page_is_bounded_and_names_what_is_left_out() {
    let text = page(&trace("stuck", 700, 200, b"/proc/stuck", b"cat"));
    assert!(text.contains("200 more sessions are not on this page"));
    assert!(text.contains("688 more sessions have findings"));
}

#[test]
fn a_check_shows_its_verdicts_and_its_findings_only() {
    let material = trace("early", 1, 1000, b"/proc/early", b"seqtrace");
    let file = CheckedFile {
        path: "/proc/early".to_owned(),
        verdict: "findings",
        reason: String::new(),
        size: "300 records".to_owned(),
        failures: vec!["read 24: at byte 24".to_owned()],
        notes: Vec::new(),
        reproducer: Some(Reproducer {
            command: "dd bs=24 </proc/early | uniq -d".to_owned(),
            shows: "two lines".to_owned(),
        }),
        findings: material
            .0
            .findings
            .iter()
            .take(1)
            .map(|sum| (sum.finding.id, [sum.finding.session].into()))
            .collect(),
    };
    let files = &[file];
    let page = Page { title: "check", material: &material, files, cut: None };
    let text = page.render().expect("memory");
    assert!(text.contains("1 file: 1 findings") && text.contains("data-copy"));
    assert!(
        text.contains("dd bs=24 &lt;/proc/early") || text.contains("dd bs=24 &#60;/proc/early")
    );
    assert_eq!(text.matches("<div class=\"finding ").count(), 1);
}
