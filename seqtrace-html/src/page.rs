//! The values of the page, in the order of its sections.

mod findings;
mod numbers;
mod sessions;

use std::collections::BTreeSet;

use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use seqtrace_model::escape;
use seqtrace_model::finding::{Id, Severity};
use seqtrace_model::rules::Verdict;
use seqtrace_model::session::update::SessionId;
use seqtrace_model::summary::TraceSummary;
use seqtrace_render::{Count, texts};
use seqtrace_view::Trace;
use sha2::{Digest as _, Sha256};

use findings::Group;
use numbers::{Calls, Fact};
use sessions::{Pictures, Row};

const STYLE: &str = include_str!("../templates/page.css");
const SCRIPT: &str = include_str!("../templates/page.js");

/// The facts of a trace that a page shows: a [`Sink`](seqtrace_model::trace::Sink) that is complete at the end of the
/// trace.
pub type Material = (TraceSummary, Trace);

/// Creates empty material whose rows take at most `bytes` bytes of memory. The oldest make space.
pub fn material(bytes: usize) -> Material {
    (TraceSummary::default(), Trace::with_limit(bytes))
}

/// A trace to be shown as a page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Heading of the page, e.g. the name of the recording. Any text.
    pub title: &'a str,
    /// The trace that the page is about.
    pub material: &'a Material,
    /// The files that `check` has judged; empty for a report on a recording.
    pub files: &'a [CheckedFile],
    /// Reason why the trace is not whole, as a sentence; `None`: it is whole.
    pub cut: Option<&'a str>,
}

/// A file that `check` has judged. All texts are free of control characters.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// Path as the user named it.
    pub path: String,
    /// Verdict in a word: `clean`, `findings`, `inconclusive` or `refused`.
    pub verdict: &'static str,
    /// Reason of the verdict; empty: the findings are the reason.
    pub reason: String,
    /// Size of the file when it was read as a whole, in words.
    pub size: String,
    /// Ways of reading that got wrong bytes, a line each.
    pub failures: Vec<String>,
    /// Further facts, a line each.
    pub notes: Vec<String>,
    /// Command that shows the bug without seqtrace; `None`: none was found.
    pub reproducer: Option<Reproducer>,
    /// The findings that count, each with its sessions. Others of the trace have an innocent explanation.
    pub findings: Vec<(Id, BTreeSet<SessionId>)>,
}

/// A command that shows a bug without seqtrace.
#[derive(Clone, Debug)]
pub struct Reproducer {
    /// Shell code that prints the wrong output.
    pub command: String,
    /// Description of the wrong output, in a line.
    pub shows: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Values<'a> {
    title: String,
    style: &'static str,
    script: &'static str,
    policy: String,
    verdict: &'static str,
    class: &'static str,
    sentence: String,
    cut: Option<&'a str>,
    facts: Vec<Fact>,
    files: &'a [CheckedFile],
    groups: Vec<Group>,
    groups_left_out: usize,
    pictures: Vec<Pictures>,
    pictures_left_out: usize,
    sessions: Vec<Row>,
    sessions_left_out: usize,
    calls: Vec<Calls>,
    renderings: Vec<Fact>,
    losses: Vec<Fact>,
}

impl Page<'_> {
    /// Renders the page. It is smaller than 5 MB, whatever the trace.
    ///
    /// # Errors
    /// Never, unless memory is the limit.
    pub fn render(&self) -> Result<String, askama::Error> {
        let (summary, trace) = self.material;
        let verdict = Verdict::of(&summary.sums);
        let (word, class, sentence) = self.verdict(verdict);
        let (groups, groups_left_out) = findings::groups(self);
        let (pictures, pictures_left_out) = sessions::pictures(trace)?;
        let (sessions, sessions_left_out) = sessions::rows(trace);
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
        let values = Values {
            title: printable(self.title.as_bytes()),
            style: STYLE,
            script: SCRIPT,
            policy: format!(
                "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
                hash(STYLE),
                hash(SCRIPT)
            ),
            verdict: word,
            class,
            sentence,
            cut: self.cut,
            facts: numbers::facts(trace, summary),
            files: self.files,
            groups,
            groups_left_out,
            pictures,
            pictures_left_out,
            sessions,
            sessions_left_out,
            calls: numbers::calls(summary),
            renderings: numbers::renderings(summary),
            losses: numbers::losses(trace, summary),
        };
        values.render()
    }

    /// Returns the verdict as a word, its class and a sentence.
    fn verdict(&self, trace: Verdict) -> (&'static str, &'static str, String) {
        if !self.files.is_empty() {
            let count = |word| self.files.iter().filter(|file| file.verdict == word).count();
            let all =
                ["findings", "inconclusive", "refused", "clean"].map(|word| (word, count(word)));
            let present = || all.iter().filter(|(_, count)| *count > 0);
            let (word, _) = present().next().copied().unwrap_or(all[3]);
            let parts: Vec<String> =
                present().map(|(word, count)| format!("{count} {word}")).collect();
            let files = Count(self.files.len() as u64, "file");
            return (word, class_of_verdict(word), format!("{files}: {}", parts.join(", ")));
        }
        let seen = Count(self.material.0.sums.sessions, "session");
        match trace {
            Verdict::Clean => ("clean", "clean", format!("{seen}, no rule is broken")),
            Verdict::Inconclusive => (
                "inconclusive",
                "warning",
                format!("{seen}, not seen whole; no rule is broken in what was seen"),
            ),
            Verdict::Findings { worst, inconclusive } => {
                let class = if worst == Severity::Error { "error" } else { "warning" };
                let more = if inconclusive { "; not everything was seen" } else { "" };
                let rules = self
                    .material
                    .0
                    .sums
                    .findings
                    .iter()
                    .filter(|count| !count.id.is_quality())
                    .count();
                ("findings", class, format!("{seen}, {} broken{more}", Count(rules as u64, "rule")))
            }
        }
    }
}

fn class_of_verdict(word: &str) -> &'static str {
    match word {
        "findings" => "error",
        "clean" => "clean",
        _ => "warning",
    }
}

/// Returns foreign bytes without control characters.
fn printable(bytes: &[u8]) -> String {
    escape::text(bytes, false).to_string()
}

/// Returns the time of an update since the trace began: `12.5ms`.
fn since(trace: &Trace, time: u64) -> String {
    let begin = trace.ready.map_or_else(
        || trace.sessions.first().map_or(time, |session| session.begin),
        |ready| ready.begin,
    );
    texts::duration(time.saturating_sub(begin))
}
