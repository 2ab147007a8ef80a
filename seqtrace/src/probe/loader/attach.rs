//! Attaches the programs to functions of the kernel and to the core's call sites.

use aya::{
    maps::{Array, MapData},
    programs::{FEntry, FExit, ProgramError},
};

use seqtrace_common::config::heartbeat;

use super::{Probes, program_of};
use crate::probe::{
    error::{ProbeError, describe},
    functions::{
        AttachType, Frames, INLINED_OPENERS, ITERATOR_PROBES, OPENERS, PROCFS_OPENERS,
        PROCFS_SESSION_PROBES, ProbeSpec,
    },
};

/// A probe of the `core` backend: a program and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreProbe {
    /// The program's name, such as `core_show_rbx` on x86-64.
    pub(in crate::probe) program: String,
    /// Address of the instruction.
    pub(in crate::probe) address: u64,
}

/// An attachment; dropping it detaches the program.
pub(super) type Link = Box<dyn Send>;

impl Probes {
    /// Attaches the probes that begin sessions: events arrive from here on.
    ///
    /// # Errors
    /// The kernel refuses a required probe.
    pub(in crate::probe) fn attach_openers(&mut self) -> Result<(), ProbeError> {
        let inlined = self.inlined_openers.clone();
        for spec in INLINED_OPENERS.iter().filter(|spec| inlined.contains(&spec.function)) {
            self.attach_all(std::slice::from_ref(spec))?;
        }
        self.attach_all(OPENERS)
    }

    /// Attaches the probes for plain procfs files, unless they are attached. They are optional, because few traces need
    /// them and each function adds to the time of detaching.
    ///
    /// # Errors
    /// The kernel refuses a required probe.
    pub(in crate::probe) fn attach_procfs(&mut self) -> Result<(), ProbeError> {
        if !std::mem::replace(&mut self.procfs, true) {
            self.attach_all(PROCFS_SESSION_PROBES)?;
            self.attach_all(PROCFS_OPENERS)?;
        }
        Ok(())
    }

    /// Attaches the probes for reads of BPF iterators, unless they are attached. Called when the first iterator is
    /// opened.
    ///
    /// # Errors
    /// The map `ITERATORS_ONLY` cannot be written.
    pub(in crate::probe) fn attach_iterators(&mut self) -> Result<(), ProbeError> {
        if std::mem::replace(&mut self.iterators, true) {
            return Ok(());
        }
        let only = self.ebpf.map_mut("ITERATORS_ONLY").ok_or(ProbeError::Missing("a map"))?;
        let set = Array::try_from(only).and_then(|mut only| only.set(0, u32::from(self.core), 0));
        set.map_err(ProbeError::of_map("ITERATORS_ONLY"))?;
        self.attach_all(ITERATOR_PROBES)
    }

    /// Attaches probes to functions. Ignores refusals of probes that are not required.
    ///
    /// # Errors
    /// The kernel refuses a required probe.
    pub(in crate::probe) fn attach_all(&mut self, specs: &[ProbeSpec]) -> Result<(), ProbeError> {
        for spec in specs {
            if let Err(error) = self.attach(spec)
                && spec.required
            {
                let target = spec.function.to_owned();
                return Err(ProbeError::Attach { target, reason: describe(&error) });
            }
        }
        Ok(())
    }

    /// Attaches a probe to a function: a trampoline, or its twins if the kernel has refused the first trampoline of the
    /// trace because it has none on functions.
    fn attach(&mut self, spec: &ProbeSpec) -> Result<(), ProgramError> {
        if matches!(spec.attach_type, AttachType::Kprobe) {
            return self.attach_kprobe(spec.program, spec.function, 0);
        }
        if self.frames == Frames::Trampolines {
            match self.attach_trampoline(spec) {
                Err(error) if self.links.is_empty() && is_unsupported(&error) => {
                    self.frames = Frames::Kprobes;
                }
                result => return result,
            }
        }
        self.attach_twins(spec)
    }

    fn attach_trampoline(&mut self, spec: &ProbeSpec) -> Result<(), ProgramError> {
        let ProbeSpec { program, function, attach_type, required: _ } = *spec;
        let link: Link = if matches!(attach_type, AttachType::Fentry) {
            let program: &mut FEntry = program_of(&mut self.ebpf, program)?;
            program.load(function, &self.btf)?;
            let link = program.attach()?;
            Box::new(program.take_link(link)?)
        } else {
            let program: &mut FExit = program_of(&mut self.ebpf, program)?;
            program.load(function, &self.btf)?;
            let link = program.attach()?;
            Box::new(program.take_link(link)?)
        };
        self.links.push(link);
        Ok(())
    }

    /// Attaches the twins of a program for trampolines; all of them, or none.
    fn attach_twins(&mut self, spec: &ProbeSpec) -> Result<(), ProgramError> {
        let before = self.links.len();
        let names =
            spec.attach_type.twins().iter().map(|suffix| format!("{}{suffix}", spec.program));
        let names: Vec<String> = names.filter(|name| self.ebpf.program(name).is_some()).collect();
        let result = names.iter().try_for_each(|name| self.attach_kprobe(name, spec.function, 0));
        if result.is_err() {
            self.links.truncate(before);
        }
        result
    }

    /// Attaches the probes of the `core` backend.
    ///
    /// # Errors
    /// The kernel refuses one of the probes; then none of them remains attached.
    pub(in crate::probe) fn attach_core(&mut self, probes: &[CoreProbe]) -> Result<(), ProbeError> {
        let before = self.links.len();
        for CoreProbe { program, address } in probes {
            if let Err(error) = self.attach_kprobe(program, "", *address) {
                self.links.truncate(before);
                let target = format!("the core's call site {address:#x} ({program})");
                return Err(ProbeError::Attach { target, reason: describe(&error) });
            }
        }
        self.core = true;
        Ok(())
    }

    /// Clears the stale records of ftrace ([`crate::kernel::ftrace`]) at these addresses: attaches a probe without effect
    /// to each function and detaches it. Other probes must be attached: the kernel examines all records when its last
    /// user of ftrace detaches.
    ///
    /// # Errors
    /// The kernel refuses a probe.
    pub(in crate::probe) fn repair(&mut self, stale: &[u64]) -> Result<(), ProbeError> {
        let before = self.links.len();
        for address in stale {
            if let Err(error) = self.attach_kprobe("repair", "", *address) {
                let target = format!("{address:#x}, which has a stale record of ftrace");
                return Err(ProbeError::Attach { target, reason: describe(&error) });
            }
        }
        self.links.truncate(before);
        Ok(())
    }

    /// Attaches a program to the start() of the heartbeat's file. Returns false if the kernel refuses it.
    pub(in crate::probe) fn attach_heartbeat(&mut self, start: u64) -> bool {
        // On entry of start() its argument `m` is in the same register as at the core's call.
        self.attach_kprobe("core_start_call", "", start).is_ok()
    }

    /// Marks the files that this process opens from now on as heartbeats.
    ///
    /// # Errors
    /// The map `HEARTBEAT` cannot be written.
    pub(in crate::probe) fn begin_heartbeat(&mut self) -> Result<(), ProbeError> {
        let set = self.heartbeat()?.set(0, heartbeat::ON, 0);
        set.map_err(ProbeError::of_map("HEARTBEAT"))
    }

    /// Ends the marking of files as heartbeats. Returns true if the ring had no space for one of their events.
    ///
    /// # Errors
    /// The map `HEARTBEAT` cannot be read or written.
    pub(in crate::probe) fn end_heartbeat(&mut self) -> Result<bool, ProbeError> {
        let mut map = self.heartbeat()?;
        let state = map.get(&0, 0).and_then(|state| map.set(0, heartbeat::NONE, 0).map(|()| state));
        Ok(state.map_err(ProbeError::of_map("HEARTBEAT"))? == heartbeat::LOST)
    }

    fn heartbeat(&mut self) -> Result<Array<&mut MapData, u32>, ProbeError> {
        let map = self.ebpf.map_mut("HEARTBEAT").ok_or(ProbeError::Missing("map HEARTBEAT"))?;
        Array::try_from(map).map_err(ProbeError::of_map("HEARTBEAT"))
    }

    /// Attaches a kprobe or kretprobe to a function; `""`: to the address `offset`. Loads its program first, unless it is
    /// loaded.
    pub(super) fn attach_kprobe(
        &mut self,
        program: &str,
        function: &str,
        offset: u64,
    ) -> Result<(), ProgramError> {
        let program = self.loaded_kprobe(program)?;
        // With an empty name the kernel uses the offset as an address (perf_event_open(2), kprobe_addr). Names do not
        // work for functions whose name is not unique.
        let link = program.attach(function, offset)?;
        let link = program.take_link(link)?;
        self.links.push(Box::new(link));
        Ok(())
    }
}

/// Returns true if the kernel has no trampolines on functions.
fn is_unsupported(error: &ProgramError) -> bool {
    /// `ENOTSUPP` (include/linux/errno.h), which bpf_trampoline_link_prog() (kernel/bpf/trampoline.c) returns then.
    const ENOTSUPP: i32 = 524;
    matches!(error, ProgramError::SyscallError(error) if error.io_error.raw_os_error() == Some(ENOTSUPP))
}
