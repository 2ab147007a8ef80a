//! Durations of the callbacks of each file.

use seqtrace_model::event::Role;
use seqtrace_model::summary::Durations;

use crate::align::FilePair;

/// Durations of the calls of one callback of a file.
#[derive(Clone, Debug)]
pub struct CallbackDurations {
    /// Name of the function, of the file's first session. Can have any characters.
    pub function: String,
    /// Distribution of the durations.
    pub durations: Durations,
}

/// Durations of one callback of a file in two traces.
#[derive(Clone, Copy, Debug)]
pub struct DurationPair<'a> {
    /// Paths of the file. Not escaped.
    pub paths: [&'a [u8]; 2],
    /// Kind of the callback in both traces.
    pub role: Role,
    /// Durations in each trace.
    pub callbacks: [&'a CallbackDurations; 2],
}

impl DurationPair<'_> {
    /// Returns the medians in ns.
    pub fn medians(&self) -> [u64; 2] {
        self.callbacks.map(|callback| callback.durations.quantile(0.5))
    }

    /// Returns the second median as a multiple of the first; `None`: the first is 0.
    pub fn ratio(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a median has two significant digits")]
        let [a, b] = self.medians().map(|median| median as f64);
        (a > 0.0).then_some(b / a)
    }
}

/// Returns the callbacks for which both traces have durations, by file and callback.
pub fn durations<'a>(files: &[FilePair<'a>]) -> Vec<DurationPair<'a>> {
    let mut pairs = Vec::new();
    for pair in files {
        let [Some(a), Some(b)] = pair.files else { continue };
        let paths = [a.path.as_slice(), &b.path];
        for role in [Role::Start, Role::Next, Role::Show, Role::Stop] {
            if let (Some(a), Some(b)) = (a.durations(role), b.durations(role)) {
                pairs.push(DurationPair { paths, role, callbacks: [a, b] });
            }
        }
    }
    pairs
}
