//! Attaches the programs to the callbacks of files: the `callbacks` backend, and BPF iterators with both backends.

use aya::{
    maps::{Array, HashMap},
    programs::ProgramError,
};

use super::Probes;
use crate::{
    event::{OpTable, Role},
    probe::error::{ProbeError, describe, describe_kprobe_error},
};

/// A callback that cannot be traced.
#[derive(Clone, Debug)]
pub(in crate::probe) struct Untraceable {
    pub(in crate::probe) address: u64,
    pub(in crate::probe) role: Role,
    /// The reason, as a message for the user.
    pub(in crate::probe) reason: String,
}

/// Result of the last attempt to attach to a callback.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttachAttempt {
    /// Generation of the callback's module at the attempt; 0 for the kernel itself.
    generation: u64,
    /// True if the callback has its probes.
    attached: bool,
}

/// The programs on a callback.
struct CallbackPrograms {
    exit: &'static str,
    entry: Option<&'static str>,
    /// True if the programs follow passes, false if they follow single calls.
    follow_passes: bool,
}

impl CallbackPrograms {
    const fn call(exit: &'static str, entry: &'static str) -> Self {
        Self { exit, entry: Some(entry), follow_passes: false }
    }

    const fn pass(exit: &'static str, entry: Option<&'static str>) -> Self {
        Self { exit, entry, follow_passes: true }
    }

    /// Returns the names of the programs in the order of attaching. The exit comes first: a call whose entry is seen
    /// and whose exit is not would stay open.
    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.exit).chain(self.entry)
    }
}

/// The callbacks in the order of attaching.
const ROLES: [Role; 4] = [Role::Start, Role::Next, Role::Show, Role::Stop];

/// The programs that follow calls, one element for each of [`ROLES`].
const CALLS: [CallbackPrograms; 4] = [
    CallbackPrograms::call("start_return", "start_enter"),
    CallbackPrograms::call("next_return", "next_enter"),
    CallbackPrograms::call("show_return", "show_enter"),
    CallbackPrograms::call("stop_return", "stop_enter"),
];

/// The programs that follow passes, one element for each of [`ROLES`].
const PASSES: [CallbackPrograms; 4] = [
    CallbackPrograms::pass("pass_start_return", Some("pass_start_enter")),
    CallbackPrograms::pass("pass_next_return", None),
    CallbackPrograms::pass("pass_show_return", None),
    CallbackPrograms::pass("pass_stop_return", Some("pass_stop_enter")),
];

impl Probes {
    /// Loads the programs on callbacks in advance: a file's first pass may begin right after its open.
    ///
    /// # Errors
    /// The kernel refuses them.
    pub(in crate::probe) fn load_callback_programs(&mut self) -> Result<(), ProbeError> {
        self.callback_programs()
            .iter()
            .flat_map(CallbackPrograms::names)
            .try_for_each(|name| self.loaded_kprobe(name).map(drop))
            .map_err(|error| ProbeError::Load(describe(&error)))
    }

    fn callback_programs(&mut self) -> &'static [CallbackPrograms; 4] {
        // Only loading a program shows if a kretprobe's program may call bpf_get_func_ip().
        let follow_passes = self.pass_programs.unwrap_or_else(|| {
            PASSES.iter().all(|programs| programs.names().all(|name| self.is_accepted(name)))
        });
        self.pass_programs = Some(follow_passes);
        if follow_passes { &PASSES } else { &CALLS }
    }

    /// Attaches to the four callbacks of a table. Several tables may share a callback: it is attached to once, and
    /// again when its module has been loaded again, because the kernel disarms probes when it unloads a module. Returns
    /// the callbacks that cannot be traced.
    pub(in crate::probe) fn attach_callbacks(
        &mut self,
        table: &OpTable,
        generation: u64,
    ) -> Vec<Untraceable> {
        let mut untraceable = Vec::new();
        let mut programs = self.callback_programs();
        for (index, role) in ROLES.into_iter().enumerate() {
            let address = table.of(role);
            if address == 0 {
                continue;
            }
            let attached = match self.attempt(address, generation) {
                Some(attempt) => attempt.attached,
                None => match self.attach_callback(&programs[index], address) {
                    Ok(()) => true,
                    Err(error) => {
                        let reason = describe_kprobe_error(&error);
                        untraceable.push(Untraceable { address, role, reason });
                        false
                    }
                },
            };
            self.attempts.insert(address, AttachAttempt { generation, attached });
            // The programs that follow passes depend on that of start.
            if role == Role::Start && !attached {
                programs = &CALLS;
            }
        }
        untraceable
    }

    /// Returns true if attaching to all callbacks of a table has been attempted.
    pub(in crate::probe) fn has_attempted(&self, table: &OpTable, generation: u64) -> bool {
        ROLES
            .iter()
            .map(|role| table.of(*role))
            .all(|address| address == 0 || self.attempt(address, generation).is_some())
    }

    fn attempt(&self, address: u64, generation: u64) -> Option<AttachAttempt> {
        let attempt = self.attempts.get(&address).copied();
        attempt.filter(|attempt| attempt.generation == generation)
    }

    fn attach_callback(
        &mut self,
        programs: &CallbackPrograms,
        address: u64,
    ) -> Result<(), ProgramError> {
        let before = self.links.len();
        let result = programs.names().try_for_each(|name| self.attach_kprobe(name, "", address));
        match result {
            Ok(()) if programs.follow_passes => self.mark_probed(address),
            Ok(()) => {}
            Err(_) => self.links.truncate(before),
        }
        result
    }

    /// Enters a function into the map `PROBED`. In passes that begin from now on, the programs count its missed returns.
    fn mark_probed(&mut self, address: u64) {
        let number = self.probed;
        let Some(map) = self.ebpf.map_mut("PROBED") else { return };
        let inserted = HashMap::<_, u64, u32>::try_from(map)
            .and_then(|mut probed| probed.insert(address, number, 0));
        let Some(map) = self.ebpf.map_mut("PROBES") else { return };
        let counted = Array::<_, u32>::try_from(map)
            .and_then(|mut probes| probes.set(0, number.saturating_add(1), 0));
        // If the map is full, missed returns of this function are not counted. It is traced nevertheless.
        if inserted.and(counted).is_ok() {
            self.probed = number.saturating_add(1);
        }
    }
}
