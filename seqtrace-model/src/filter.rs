//! Selection of the sessions that are shown.
//!
//! A session is judged once, by its opener, its path and the modules of its callbacks. It is shown
//! whole or not at all: half a session proves nothing. The result is the same live and from a
//! recording. Live, [`kernel_prefilter`] gives the kernel a filter that may pass more than what is
//! shown, but never less.

pub mod glob;
mod paths;
pub mod target;

use self::glob::Glob;
pub use self::target::Target;
use crate::session::update::{Callbacks, Session, Symbol};

/// Values of one kind of filter: any of `only` if there are any, and none of `not`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// Accepted values, as of `--pid 1 --pid 2`; empty: all.
    pub only: Vec<T>,
    /// Rejected values, as of `--not-pid 3`.
    pub not: Vec<T>,
}

impl<T> Default for Rule<T> {
    fn default() -> Self {
        Self { only: Vec::new(), not: Vec::new() }
    }
}

impl<T> Rule<T> {
    fn allows(&self, mut is: impl FnMut(&T) -> bool) -> bool {
        (self.only.is_empty() || self.only.iter().any(&mut is)) && !self.not.iter().any(is)
    }
}

/// Filters of a command line. A session must pass each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Process id of the opener.
    pub pid: Rule<u32>,
    /// Thread id of the opener.
    pub tid: Rule<u32>,
    /// Real user id of the opener.
    pub uid: Rule<u32>,
    /// Name of the opening task; see [`Glob::comm`].
    pub comm: Rule<Glob>,
    /// Path of the file; see [`Glob::path`].
    pub path: Rule<Glob>,
    /// Module of any of the callbacks; `vmlinux` for files all of whose callbacks are in the kernel
    /// image; see [`Glob::module`].
    pub module: Rule<Glob>,
}

impl Filter {
    /// Returns true if a session is shown.
    pub fn accepts(&self, session: &Session) -> bool {
        let Self { pid, tid, uid, comm, path, module } = self;
        let opener = &session.opener;
        pid.allows(|pid| *pid == opener.pid)
            && tid.allows(|tid| *tid == opener.tid)
            && uid.allows(|uid| *uid == opener.uid)
            && comm.allows(|comm| comm.matches(&opener.comm))
            && paths_allow(path, session)
            && module.allows(|module| in_module(module, session))
    }
}

fn paths_allow(rule: &Rule<Glob>, session: &Session) -> bool {
    if *rule == Rule::default() {
        return true;
    }
    let forms = paths::forms(session);
    let is = |glob: &Glob| forms.iter().any(|form| glob.matches(form));
    // If the beginning of a path is missing, more is accepted than can be proven.
    let only = rule.only.is_empty()
        || rule
            .only
            .iter()
            .any(|glob| is(glob) || (session.path_cut && glob.may_end_as(&session.path)));
    only && !rule.not.iter().any(is)
}

impl Filter {
    /// Returns false if `--path` and `--not-path` reject every session of the file at a path, for
    /// all openers.
    pub fn may_accept(&self, path: &[u8]) -> bool {
        let Rule { only, not } = &self.path;
        if paths::is_per_reader(path) {
            return true;
        }
        let forms = paths::shared(path);
        let is = |glob: &Glob| forms.iter().any(|form| glob.matches(form));
        (only.is_empty() || only.iter().any(is)) && !not.iter().any(is)
    }

    /// Returns false if `--module` and `--not-module` reject every session of a file with these
    /// callbacks.
    pub fn may_accept_callbacks(&self, callbacks: &Callbacks) -> bool {
        self.module.allows(|module| are_in_module(module, functions(callbacks)))
    }
}

/// Returns the functions and the table.
fn functions(callbacks: &Callbacks) -> impl Iterator<Item = &Symbol> {
    let Callbacks { table, start, next, show, stop } = callbacks;
    [start, next, show, stop].into_iter().chain(table)
}

fn in_module(module: &Glob, session: &Session) -> bool {
    if session.callbacks.is_none() && session.handlers.is_none() {
        return false;
    }
    let callbacks = session.callbacks.iter().flat_map(functions);
    let handlers = session.handlers.iter().flatten();
    are_in_module(module, callbacks.chain(handlers))
}

fn are_in_module<'a>(module: &Glob, functions: impl Iterator<Item = &'a Symbol>) -> bool {
    let mut modules = functions.filter_map(|function| function.module.as_deref());
    if module.text() == b"vmlinux" {
        return modules.next().is_none();
    }
    modules.any(|name| module.matches(name.as_bytes()))
}

/// Targets and filters of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Targets, of which a session must match one; empty: all files.
    pub targets: Vec<Target>,
    /// Filters that a session must pass, too.
    pub filter: Filter,
}

impl Selection {
    /// Returns true if a session is shown.
    pub fn accepts(&self, session: &Session) -> bool {
        let Self { targets, filter } = self;
        (targets.is_empty() || targets.iter().any(|target| target.matches(session)))
            && filter.accepts(session)
    }
}

/// Filter that the eBPF programs apply when a session is opened. Fields list accepted values;
/// `None`: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefilter {
    /// Last components of paths.
    pub names: Option<Vec<Vec<u8>>>,
    /// Process ids of openers.
    pub pids: Option<Vec<u32>>,
    /// Thread ids of openers.
    pub tids: Option<Vec<u32>>,
    /// User ids of openers.
    pub uids: Option<Vec<u32>>,
    /// Names of opening tasks.
    pub comms: Option<Vec<Vec<u8>>>,
}

/// Returns a filter that passes every session that matches any of the targets (all, if there are
/// none) and passes [`Filter::accepts`].
pub fn kernel_prefilter(targets: &[Target], filter: &Filter) -> Prefilter {
    let names = all(targets, Target::last_name)
        .or_else(|| all(&filter.path.only, |glob| glob.last_name().map(<[u8]>::to_vec)));
    Prefilter {
        names,
        pids: all(&filter.pid.only, |pid| Some(*pid)),
        tids: all(&filter.tid.only, |tid| Some(*tid)),
        uids: all(&filter.uid.only, |uid| Some(*uid)),
        comms: all(&filter.comm.only, |comm| comm.is_literal().then(|| comm.text().to_vec())),
    }
}

/// Returns the value of each element, without repetition; `None` if there are no elements or one
/// has no value.
fn all<T, V: Ord>(from: &[T], value: impl FnMut(&T) -> Option<V>) -> Option<Vec<V>> {
    let mut values: Vec<V> = from.iter().map(value).collect::<Option<_>>()?;
    values.sort();
    values.dedup();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests;
