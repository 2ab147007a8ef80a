//! Which sessions are shown.
//!
//! A session is judged once, by who opened it, its path and its callbacks' modules, and then shown
//! whole or not at all: half a session proves nothing. The judgement is the same live and from a
//! recording. Live, [`kernel_prefilter`] says what need not even leave the kernel: never less than
//! what is shown, often more.

pub mod glob;
mod paths;
pub mod target;

use self::glob::Glob;
pub use self::target::Target;
use crate::session::update::{Callbacks, Session, Symbol};

/// The values of one kind of filter: any of `only`, if there are any, and none of `not`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// `--pid 1 --pid 2`
    pub only: Vec<T>,
    /// `--not-pid 3`
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

/// All filters of a command line; each kind has to agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Process id of the opener.
    pub pid: Rule<u32>,
    /// Thread id of the opener.
    pub tid: Rule<u32>,
    /// Real user id of the opener.
    pub uid: Rule<u32>,
    /// Name of the opening task; [`Glob::comm`].
    pub comm: Rule<Glob>,
    /// The file; [`Glob::path`].
    pub path: Rule<Glob>,
    /// The module of any of the callbacks; `vmlinux` for files all of whose callbacks are the
    /// kernel's own; [`Glob::module`].
    pub module: Rule<Glob>,
}

impl Filter {
    /// Whether a session is shown.
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
    // Of a path whose beginning is missing, more may be wanted than can be proven.
    let only = rule.only.is_empty()
        || rule
            .only
            .iter()
            .any(|glob| is(glob) || (session.path_cut && glob.may_end_as(&session.path)));
    only && !rule.not.iter().any(is)
}

impl Filter {
    /// False if `--path` and `--not-path` leave no session of the file at a path, whoever opens it.
    pub fn may_accept(&self, path: &[u8]) -> bool {
        let Rule { only, not } = &self.path;
        if paths::is_per_reader(path) {
            return true;
        }
        let forms = paths::shared(path);
        let is = |glob: &Glob| forms.iter().any(|form| glob.matches(form));
        (only.is_empty() || only.iter().any(is)) && !not.iter().any(is)
    }

    /// False if `--module` and `--not-module` leave no session of a file with these callbacks.
    pub fn may_accept_callbacks(&self, callbacks: &Callbacks) -> bool {
        self.module.allows(|module| are_in_module(module, functions(callbacks)))
    }
}

/// The functions and the table.
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

/// Targets and filters together: what a trace shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Any of these; all files if there are none.
    pub targets: Vec<Target>,
    /// And each of these.
    pub filter: Filter,
}

impl Selection {
    /// Whether a session is shown.
    pub fn accepts(&self, session: &Session) -> bool {
        let Self { targets, filter } = self;
        (targets.is_empty() || targets.iter().any(|target| target.matches(session)))
            && filter.accepts(session)
    }
}

/// What the kernel can drop by itself. `None`: any. All of a session's events are kept or dropped by
/// its open, as in [`Filter`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefilter {
    /// Last path components.
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

/// What the kernel can drop: whatever passes [`Target::matches`] for any target (all, if there is
/// none) and [`Filter::accepts`] passes this.
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

/// The values of all of them, each once; `None` if there are none or one of them has no value.
fn all<T, V: Ord>(from: &[T], value: impl FnMut(&T) -> Option<V>) -> Option<Vec<V>> {
    let mut values: Vec<V> = from.iter().map(value).collect::<Option<_>>()?;
    values.sort();
    values.dedup();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests;
