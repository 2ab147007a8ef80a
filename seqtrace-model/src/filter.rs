//! Selection of the sessions that are analysed and displayed.
//!
//! The decision is made once for a session, by its opener, its path and the modules of its callbacks. Either all
//! updates of a session are displayed or none: a part of a session proves nothing. The result is the same for a live
//! trace and for a recording. In a live trace, [`kernel_prefilter`] returns a filter for the kernel, which may accept
//! more sessions than are selected, but never rejects a selected one.

mod duration;
pub mod glob;
mod paths;
pub mod target;

pub(crate) use self::duration::LongReads;
use self::glob::Glob;
pub use self::target::Target;
use crate::session::update::{Callbacks, Session, Symbol};

/// Accepted and rejected values of one kind of filter. A value is accepted if `only` is empty or contains it, and if
/// `not` does not contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// Accepted values, e.g. from `--pid 1 --pid 2`; empty: all values.
    pub only: Vec<T>,
    /// Rejected values, e.g. from `--not-pid 3`.
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

/// Filters of a command line. Each of them must accept a session.
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
    /// Name of the module that contains any of the callbacks; `vmlinux` matches files whose callbacks are all in the
    /// kernel image; see [`Glob::module`].
    pub module: Rule<Glob>,
}

impl Filter {
    /// Returns true if a session is accepted.
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

    /// Returns false if `--path` and `--not-path` reject every session of the file at a path, for
    /// all openers.
    pub fn may_accept(&self, path: &[u8]) -> bool {
        if paths::is_per_reader(path) {
            return true;
        }
        let forms = paths::shared(path);
        self.path.allows(|glob| forms.iter().any(|form| glob.matches(form)))
    }

    /// Returns false if `--module` and `--not-module` reject every session of a file with these
    /// callbacks.
    pub fn may_accept_callbacks(&self, callbacks: &Callbacks) -> bool {
        self.module.allows(|module| are_in_module(module, functions(callbacks)))
    }
}

fn paths_allow(rule: &Rule<Glob>, session: &Session) -> bool {
    if *rule == Rule::default() {
        return true;
    }
    let forms = paths::forms(session);
    let is = |glob: &Glob| forms.iter().any(|form| glob.matches(form));
    // If the beginning of the path is missing, a pattern that may match is sufficient.
    let only = rule.only.is_empty()
        || rule
            .only
            .iter()
            .any(|glob| is(glob) || (session.path_cut && glob.may_end_as(&session.path)));
    only && !rule.not.iter().any(is)
}

/// Returns the symbols of the callbacks and of their table.
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
    /// Filters that must accept a session, too.
    pub filter: Filter,
}

impl Selection {
    /// Returns true if a session is accepted.
    pub fn accepts(&self, session: &Session) -> bool {
        let Self { targets, filter } = self;
        (targets.is_empty() || targets.iter().any(|target| target.matches(session)))
            && filter.accepts(session)
    }
}

/// Filter that the eBPF programs apply when a session is opened. Each field lists accepted values; `None`: all values.
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

/// Returns a filter for the kernel. It accepts every session that `filter` accepts and that matches at least one target
/// (any session if there are no targets). It may accept others, too.
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

/// Returns the values of all elements, sorted and without duplicates; `None` if there are no elements, or if an element
/// has no value.
fn all<T, V: Ord>(from: &[T], value: impl FnMut(&T) -> Option<V>) -> Option<Vec<V>> {
    let mut values: Vec<V> = from.iter().map(value).collect::<Option<_>>()?;
    values.sort();
    values.dedup();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests;
