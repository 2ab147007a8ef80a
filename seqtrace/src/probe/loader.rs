//! Loads the programs and owns them. [`attach`] attaches them to functions and to the core's call sites, [`callbacks`]
//! to the callbacks of files, [`detach`] detaches them; [`counters`] counts the events that they missed.
//!
//! The order of attaching makes a trace complete: the programs that follow a session are attached before those that
//! begin one ([`Probes::attach_openers`]). So every session is seen from its beginning, and nothing is emitted before
//! all probes are attached.

mod attach;
mod callbacks;
mod counters;
mod detach;

use std::collections::BTreeMap;

use aya::{
    Btf, Ebpf, EbpfLoader, Endianness,
    maps::{HashMap, MapData, RingBuf},
    programs::{KProbe, Program, ProgramError},
};
use seqtrace_common::config::{FilterKey, flag};
use zerocopy::IntoBytes;

pub(super) use self::{attach::CoreProbe, callbacks::Untraceable};
use self::{attach::Link, callbacks::AttachAttempt};
use super::{
    error::{ProbeError, describe},
    functions::{self, Frames},
    kfunc::{self, KfuncPatch},
    settings::Settings,
};

/// The compiled programs, an ELF file.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SEQTRACE_EBPF_OBJ"));

/// The loaded programs and their attachments.
pub(super) struct Probes {
    pub(super) ebpf: Ebpf,
    btf: Btf,
    /// Functions into which the compiler has inlined seq_open().
    inlined_openers: Vec<&'static str>,
    /// Kind of the probes on functions, as far as the kernel has shown it: trampolines until it refuses the first.
    pub(super) frames: Frames,
    /// True if plain procfs files are traced.
    pub(super) procfs: bool,
    /// True if reads of BPF iterators are traced.
    iterators: bool,
    /// True if the core's call sites are probed.
    core: bool,
    links: Vec<Link>,
    /// The last attempt to attach to each callback, by the callback's address.
    attempts: BTreeMap<u64, AttachAttempt>,
    /// True if the kernel accepts the programs that follow passes; `None` before they were loaded.
    pass_programs: Option<bool>,
    /// Number of functions in the map `PROBED`.
    probed: u32,
    /// Number of hits for which no program ran; `None` until the probes are detached: it still changes.
    missed_hits: Option<u64>,
}

impl Probes {
    /// Creates the maps and prepares the programs. Attaches nothing.
    ///
    /// # Errors
    /// The kernel has no BTF or refuses the maps.
    pub(super) fn load(settings: &Settings) -> Result<Self, ProbeError> {
        let kernel = &settings.kernel;
        let kfunc = KfuncPatch::find(&kernel.btf).filter(|_| kernel.offsets.has_seq_head());
        let mut probes = Self::load_with(settings, kfunc)?;
        // Only loading a program shows if programs of this type may call the kernel function.
        if kfunc.is_some() && !probes.accepts_kfunc() {
            probes = Self::load_with(settings, None)?;
        }
        Ok(probes)
    }

    fn load_with(settings: &Settings, kfunc: Option<KfuncPatch>) -> Result<Self, ProbeError> {
        let btf = settings.kernel.btf.of_functions(&functions::trampolines());
        let btf = Btf::parse(&btf, Endianness::default())
            .map_err(|error| ProbeError::Btf(describe(&error)))?;
        let config = settings.config(kfunc.map_or(0, |kfunc| kfunc.seq_file));
        let cpus = aya::util::nr_cpus()
            .map_err(|(file, error)| ProbeError::Load(format!("{file}: {error}")))?;
        let cpus = u32::try_from(cpus).unwrap_or(1);
        let log_level: u8 = if settings.log { 0xff } else { 0 };
        let mut loader = EbpfLoader::new();
        let faults = settings.faults;
        for (map, capacity) in [
            ("SESSION", faults.sessions),
            ("KEYS", faults.sessions),
            ("CALLS", faults.calls),
            ("TASK_SLOT_OWNERS", faults.calls),
            ("PASS_OVERFLOW", faults.calls),
            ("PASS_SLOT_OWNERS", faults.calls),
        ] {
            if let Some(capacity) = capacity {
                loader.map_max_entries(map, capacity);
            }
        }
        let ebpf = loader
            // The programs have no BTF relocations.
            .btf(None)
            .override_global("CONFIG", config.as_bytes(), true)
            .override_global("AYA_LOG_LEVEL", &log_level, false)
            .map_max_entries("EVENTS", settings.ring_bytes)
            .map_max_entries("LOST", cpus)
            .map_max_entries("NEXT_KEY", cpus)
            .load(kfunc::patch(OBJECT, kfunc).as_bytes())
            .map_err(|error| ProbeError::Load(describe(&error)))?;
        let mut probes = Self {
            ebpf,
            btf,
            inlined_openers: settings.kernel.openers.clone(),
            frames: if faults.no_trampolines { Frames::Kprobes } else { Frames::Trampolines },
            procfs: false,
            iterators: false,
            core: false,
            links: Vec::new(),
            attempts: BTreeMap::new(),
            pass_programs: None,
            probed: 0,
            missed_hits: None,
        };
        probes.extend_filter(settings.filter.0.iter().copied())?;
        Ok(probes)
    }

    /// Returns true if the kernel accepts a kprobe's program that calls a kernel function: those of next() do.
    fn accepts_kfunc(&mut self) -> bool {
        let names = self.ebpf.programs().map(|(name, _)| name);
        let next = names.filter(|name| name.starts_with("core_next_")).map(str::to_owned).next();
        next.is_some_and(|name| self.is_accepted(&name))
    }

    /// Returns true if the kernel accepts a kprobe's program.
    fn is_accepted(&mut self, program: &str) -> bool {
        self.loaded_kprobe(program).is_ok()
    }

    /// Returns a kprobe's program. Loads it, unless it is loaded.
    fn loaded_kprobe(&mut self, program: &str) -> Result<&mut KProbe, ProgramError> {
        let program: &mut KProbe = program_of(&mut self.ebpf, program)?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(program),
            Err(error) => Err(error),
        }
    }

    /// Adds a process to the filter. This has an effect only if the filter contains pids already.
    ///
    /// # Errors
    /// The map is full.
    pub(super) fn allow_pid(&mut self, pid: u32) -> Result<(), ProbeError> {
        self.extend_filter([FilterKey { what: flag::FILTER_PID, pad: 0, value: u64::from(pid) }])
    }

    fn extend_filter(
        &mut self,
        keys: impl IntoIterator<Item = FilterKey>,
    ) -> Result<(), ProbeError> {
        let error = ProbeError::of_map("FILTER");
        let map = self.ebpf.map_mut("FILTER").ok_or(ProbeError::Missing("map FILTER"))?;
        let mut filter: HashMap<_, [u8; 16], u8> = HashMap::try_from(map).map_err(&error)?;
        for key in keys {
            let key: [u8; 16] = zerocopy::transmute!(key);
            filter.insert(key, 1, 0).map_err(&error)?;
        }
        Ok(())
    }

    /// Removes and returns the ring from the maps.
    ///
    /// # Errors
    /// The ring was removed before.
    pub(super) fn take_ring(&mut self) -> Result<RingBuf<MapData>, ProbeError> {
        let map = self.ebpf.take_map("EVENTS").ok_or(ProbeError::Missing("map EVENTS"))?;
        RingBuf::try_from(map).map_err(ProbeError::of_map("EVENTS"))
    }

    /// Returns the number of probes that are attached.
    pub(super) fn attached(&self) -> usize {
        self.links.len()
    }
}

/// Returns a program of the type `P`.
fn program_of<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, ProgramError>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program = ebpf.program_mut(name);
    program.ok_or_else(|| ProgramError::InvalidName { name: name.to_owned() })?.try_into()
}
