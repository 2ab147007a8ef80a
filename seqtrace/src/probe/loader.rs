//! Loading the programs and attaching them.
//!
//! The order is what makes a trace complete: everything that follows a session is attached before
//! the two programs that begin one ([`Probes::begin`]), so no session is ever seen without its
//! beginning, and nothing is recorded before everything is in place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    os::unix::fs::MetadataExt as _,
};

use aya::{
    Btf, Ebpf, EbpfLoader, Endianness,
    maps::{Array, HashMap, MapData, RingBuf},
    programs::{
        FEntry, FExit, KProbe, ProgramError, fentry::FEntryLink, fexit::FExitLink,
        kprobe::KProbeLink,
    },
};
use seqtrace_common::{
    config::{Config, FilterKey, Fnv, Namespace, flag},
    wire::PREVIEW_BYTES,
};
use zerocopy::IntoBytes;

use super::{
    cast::{self, Cast},
    error::{ProbeError, chain, why},
    functions::{self, BEGIN, BEGIN_PLAIN, FOLLOW, FOLLOW_PLAIN, Frame, How, ITERATOR, OPENERS},
    misses,
    opens::Opens,
};
use crate::{
    event::{OpTable, Role},
    faults::Faults,
    kernel::preflight::Kernel,
};

/// The compiled programs.
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SEQTRACE_EBPF_OBJ"));

/// What decides how the programs are loaded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The running kernel.
    pub kernel: Kernel,
    /// Opens of seqtrace's own files are told (not traced).
    pub show_own: bool,
    /// Bytes of each record to send, 0 to [`PREVIEW_BYTES`].
    pub preview: u32,
    /// Size of the ring in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// What the programs drop by themselves. Empty sets drop nothing.
    pub allow: Allow,
    /// The programs' own diagnostics are switched on.
    pub log: bool,
    /// Faults made to order.
    pub faults: Faults,
}

/// What is traced, as far as the programs decide: of each non-empty set one member must match.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    /// Process ids.
    pub pids: BTreeSet<u32>,
    /// Thread ids.
    pub tids: BTreeSet<u32>,
    /// Real user ids.
    pub uids: BTreeSet<u32>,
    /// Task names.
    pub comms: BTreeSet<Vec<u8>>,
    /// File names, without folders.
    pub names: BTreeSet<Vec<u8>>,
}

impl Allow {
    fn flags(&self) -> u32 {
        let bit = |empty: bool, flag: u32| if empty { 0 } else { flag };
        bit(self.pids.is_empty(), flag::FILTER_PID)
            | bit(self.tids.is_empty(), flag::FILTER_TID)
            | bit(self.uids.is_empty(), flag::FILTER_UID)
            | bit(self.comms.is_empty(), flag::FILTER_COMM)
            | bit(self.names.is_empty(), flag::FILTER_NAME)
    }

    fn keys(&self) -> impl Iterator<Item = FilterKey> + '_ {
        let ids = |what, set: &'_ BTreeSet<u32>| {
            set.iter().map(|&id| (what, u64::from(id))).collect::<Vec<_>>()
        };
        let texts = |what, set: &'_ BTreeSet<Vec<u8>>| {
            set.iter().map(|text| (what, Fnv::of(text))).collect::<Vec<_>>()
        };
        ids(flag::FILTER_PID, &self.pids)
            .into_iter()
            .chain(ids(flag::FILTER_TID, &self.tids))
            .chain(ids(flag::FILTER_UID, &self.uids))
            .chain(texts(flag::FILTER_COMM, &self.comms))
            .chain(texts(flag::FILTER_NAME, &self.names))
            .map(|(what, value)| FilterKey { what, pad: 0, value })
    }
}

/// A probe of the `core` backend: a program and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreProbe {
    /// The program's name: `core_show_rbx`.
    pub program: String,
    /// The instruction's address.
    pub address: u64,
}

/// A callback function that cannot be traced.
#[derive(Clone, Debug)]
pub struct Untraceable {
    /// Its address.
    pub address: u64,
    /// Which callback.
    pub role: Role,
    /// Why, in words for a person.
    pub reason: String,
}

/// What was not delivered, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By CPU: events for which the ring had no room.
    pub lost: Vec<u64>,
    /// Files and callbacks that were not followed because a map was full, and hits of probes that came to
    /// no program.
    pub missed: u64,
}

/// An attachment; dropping it detaches.
#[expect(dead_code, reason = "only held, to be dropped")]
enum Link {
    Kprobe(KProbeLink),
    Fentry(FEntryLink),
    Fexit(FExitLink),
}

/// An attempt to attach to a callback.
#[derive(Clone, Copy, Debug)]
struct Tried {
    /// In which load of its module.
    load: u64,
    /// It has its probes.
    attached: bool,
}

/// The programs on a callback.
struct By {
    /// On its return.
    exit: &'static str,
    /// On its entry.
    entry: Option<&'static str>,
    /// They follow passes, not calls.
    of_pass: bool,
}

impl By {
    const fn call(exit: &'static str, entry: &'static str) -> Self {
        Self { exit, entry: Some(entry), of_pass: false }
    }

    const fn pass(exit: &'static str, entry: Option<&'static str>) -> Self {
        Self { exit, entry, of_pass: true }
    }

    fn programs(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.exit).chain(self.entry)
    }
}

/// In the order of attaching.
const ROLES: [Role; 4] = [Role::Start, Role::Next, Role::Show, Role::Stop];

/// The programs that follow each call, by [`ROLES`].
const CALLS: [By; 4] = [
    By::call("start_return", "start_enter"),
    By::call("next_return", "next_enter"),
    By::call("show_return", "show_enter"),
    By::call("stop_return", "stop_enter"),
];

/// The programs that follow passes, by [`ROLES`].
const PASSES: [By; 4] = [
    By::pass("pass_start_return", Some("pass_start_enter")),
    By::pass("pass_next_return", None),
    By::pass("pass_show_return", None),
    By::pass("pass_stop_return", Some("pass_stop_enter")),
];

/// The loaded programs and their attachments. Dropping it detaches everything.
pub struct Probes {
    ebpf: Ebpf,
    btf: Btf,
    openers: Vec<&'static str>,
    plain: bool,
    iterators: bool,
    /// The core's call sites are probed.
    core: bool,
    links: Vec<Link>,
    /// By address of a callback: how it was tried to attach to it.
    tables: BTreeMap<u64, Tried>,
    /// The returns of next and show can be told without their entries; `None` before it was tried.
    passes: Option<bool>,
    /// How many functions have probes that follow passes.
    probed: u32,
    notes: Vec<String>,
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.detach();
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").field("attached", &self.links.len()).finish_non_exhaustive()
    }
}

/// `PROC_PID_INIT_INO` (include/linux/proc_ns.h): the initial pid namespace's inode.
const INITIAL_NAMESPACE: u64 = 0xefff_fffc;

/// The pid namespace that `std::process::id()` is a number of; zeroes for the initial one, whose
/// numbers the programs see anyway.
fn own_namespace() -> Namespace {
    match std::fs::metadata("/proc/self/ns/pid") {
        Ok(file) if file.ino() != INITIAL_NAMESPACE => {
            Namespace { dev: file.dev(), ino: file.ino() }
        }
        _ => Namespace { dev: 0, ino: 0 },
    }
}

impl Probes {
    /// Loads the maps and prepares the programs; nothing is attached yet.
    ///
    /// # Errors
    /// The kernel has no BTF or refuses the maps.
    pub fn load(settings: &Settings) -> Result<Self, ProbeError> {
        let offsets = &settings.kernel.offsets;
        let cast = Cast::of(&settings.kernel.btf).filter(|_| offsets.has_seq_head());
        let mut probes = Self::load_with(settings, cast)?;
        // Whether a program of ours may call it, the verifier alone knows.
        if cast.is_some() && !probes.is_accepted("core_next_rbx") {
            probes = Self::load_with(settings, None)?;
        }
        Ok(probes)
    }

    fn is_accepted(&mut self, program: &str) -> bool {
        self.load_kprobe(program).is_ok()
    }

    /// Loads a program, if it is not loaded.
    fn load_kprobe(&mut self, program: &str) -> Result<(), ProbeError> {
        let program = self.ebpf.program_mut(program).ok_or(ProbeError::Missing("a program"))?;
        match program.try_into().and_then(KProbe::load) {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(()),
            Err(error) => Err(ProbeError::Load(chain(&error))),
        }
    }

    fn load_with(settings: &Settings, cast: Option<Cast>) -> Result<Self, ProbeError> {
        let btf = settings.kernel.btf.of_functions(&functions::trampolines());
        let btf = Btf::parse(&btf, Endianness::default())
            .map_err(|error| ProbeError::Btf(chain(&error)))?;
        let bit = |on: bool, flag: u32| if on { flag } else { 0 };
        let preview_limit = u32::try_from(PREVIEW_BYTES).unwrap_or(u32::MAX);
        let config = Config {
            offsets: settings.kernel.offsets,
            flags: settings.allow.flags()
                | bit(settings.show_own, flag::SHOW_OWN)
                | bit(settings.kernel.offsets.has_seq_head(), flag::SEQ_HEAD),
            own_pid: std::process::id(),
            preview: settings.preview.min(preview_limit),
            seq_file_type: cast.map_or(0, |cast| cast.seq_file),
            pad: 0,
            own_namespace: own_namespace(),
            wrappers: settings.kernel.wrappers,
            callers: settings.kernel.callers,
        };
        let cpus = u32::try_from(
            aya::util::nr_cpus()
                .map_err(|(file, error)| ProbeError::Load(format!("{file}: {error}")))?,
        )
        .unwrap_or(1);
        let log_level: u8 = if settings.log { 0xff } else { 0 };
        let mut loader = EbpfLoader::new();
        let faults = settings.faults;
        for (map, room) in [
            ("SESSION", faults.sessions),
            ("KEYS", faults.sessions),
            ("CALLS", faults.calls),
            ("TASK_SLOT_OWNERS", faults.calls),
            ("PASS_OVERFLOW", faults.calls),
            ("PASS_SLOT_OWNERS", faults.calls),
        ] {
            if let Some(room) = room {
                loader.map_max_entries(map, room);
            }
        }
        let ebpf = loader
            // The programs ask nothing of the kernel's types.
            .btf(None)
            .override_global("CONFIG", config.as_bytes(), true)
            .override_global("AYA_LOG_LEVEL", &log_level, false)
            .map_max_entries("EVENTS", settings.ring_bytes)
            .map_max_entries("LOST", cpus)
            .map_max_entries("NEXT_KEY", cpus)
            .load(cast::linked(OBJECT, cast).as_bytes())
            .map_err(|error| ProbeError::Load(chain(&error)))?;
        let mut probes = Self {
            ebpf,
            btf,
            openers: settings.kernel.openers.clone(),
            plain: false,
            iterators: false,
            core: false,
            links: Vec::new(),
            tables: BTreeMap::new(),
            passes: None,
            probed: 0,
            notes: Vec::new(),
        };
        probes.filter(settings.allow.keys())?;
        Ok(probes)
    }

    /// Allows one more process, if only some are allowed.
    ///
    /// # Errors
    /// The map is full.
    pub fn allow_pid(&mut self, pid: u32) -> Result<(), ProbeError> {
        self.filter([FilterKey { what: flag::FILTER_PID, pad: 0, value: u64::from(pid) }])
    }

    fn filter(&mut self, keys: impl IntoIterator<Item = FilterKey>) -> Result<(), ProbeError> {
        let mut filter: HashMap<_, [u8; 16], u8> = HashMap::try_from(
            self.ebpf.map_mut("FILTER").ok_or(ProbeError::Missing("map FILTER"))?,
        )
        .map_err(|source| ProbeError::Map { map: "FILTER", source })?;
        for key in keys {
            let bytes: [u8; 16] = zerocopy::transmute!(key);
            filter
                .insert(bytes, 1, 0)
                .map_err(|source| ProbeError::Map { map: "FILTER", source })?;
        }
        Ok(())
    }

    /// The ring, once.
    ///
    /// # Errors
    /// It was taken already.
    pub fn take_ring(&mut self) -> Result<RingBuf<MapData>, ProbeError> {
        let map = self.ebpf.take_map("EVENTS").ok_or(ProbeError::Missing("map EVENTS"))?;
        RingBuf::try_from(map).map_err(|source| ProbeError::Map { map: "EVENTS", source })
    }

    /// Attaches what follows sessions, but not yet what begins them.
    ///
    /// # Errors
    /// The kernel refuses a probe without which nothing can be told.
    pub fn follow(&mut self) -> Result<(), ProbeError> {
        self.frames(FOLLOW)
    }

    /// Attaches what sees opens of such files fail after `seq_open()` has succeeded. Apart from the rest because each
    /// function adds to the time of detaching.
    ///
    /// # Errors
    /// The kernel refuses a required probe; none of these is.
    pub fn failed_opens(&mut self, kinds: &[Opens]) -> Result<(), ProbeError> {
        kinds.iter().try_for_each(|kind| self.frames(kind.frames()))
    }

    /// Attaches what begins sessions: from here on events come.
    ///
    /// # Errors
    /// The kernel refuses a probe.
    pub fn begin(&mut self) -> Result<(), ProbeError> {
        let openers = self.openers.clone();
        for frame in OPENERS.iter().filter(|frame| openers.contains(&frame.function)) {
            self.frames(std::slice::from_ref(frame))?;
        }
        self.frames(BEGIN)
    }

    /// Attaches what sees plain procfs files, if that has not been done. Apart from the rest because
    /// few traces need it and each function adds to the time of detaching.
    ///
    /// # Errors
    /// The kernel refuses a probe.
    pub fn plain(&mut self) -> Result<(), ProbeError> {
        if !std::mem::replace(&mut self.plain, true) {
            self.frames(FOLLOW_PLAIN)?;
            self.frames(BEGIN_PLAIN)?;
        }
        Ok(())
    }

    /// Attaches what sees reads of BPF iterators, if that has not been done: when the first is opened.
    ///
    /// # Errors
    /// The kernel refuses a map.
    pub fn iterators(&mut self) -> Result<(), ProbeError> {
        if std::mem::replace(&mut self.iterators, true) {
            return Ok(());
        }
        let only = self.ebpf.map_mut("ITERATORS_ONLY").ok_or(ProbeError::Missing("a map"))?;
        let set = Array::try_from(only).and_then(|mut only| only.set(0, u32::from(self.core), 0));
        set.map_err(|source| ProbeError::Map { map: "ITERATORS_ONLY", source })?;
        self.frames(ITERATOR)
    }

    /// True if plain procfs files are seen.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    fn frames(&mut self, frames: &[Frame]) -> Result<(), ProbeError> {
        for frame in frames {
            match self.frame(frame) {
                Ok(()) => {}
                Err(error) if frame.required => {
                    return Err(ProbeError::Attach {
                        target: frame.function.to_owned(),
                        reason: chain(&error),
                    });
                }
                Err(error) => {
                    self.notes.push(format!("{} is not traced: {}", frame.function, chain(&error)));
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), ProgramError> {
        let program = self
            .ebpf
            .program_mut(frame.program)
            .ok_or(ProgramError::InvalidName { name: frame.program.to_owned() })?;
        let link = match frame.how {
            How::Kprobe => {
                let program: &mut KProbe = program.try_into()?;
                program.load()?;
                let link = program.attach(frame.function, 0)?;
                Link::Kprobe(program.take_link(link)?)
            }
            How::Fentry => {
                let program: &mut FEntry = program.try_into()?;
                program.load(frame.function, &self.btf)?;
                let link = program.attach()?;
                Link::Fentry(program.take_link(link)?)
            }
            How::Fexit => {
                let program: &mut FExit = program.try_into()?;
                program.load(frame.function, &self.btf)?;
                let link = program.attach()?;
                Link::Fexit(program.take_link(link)?)
            }
        };
        self.links.push(link);
        Ok(())
    }

    /// Attaches the `core` backend.
    ///
    /// # Errors
    /// The kernel refuses a site: then none stays attached.
    pub fn core(&mut self, probes: &[CoreProbe]) -> Result<(), ProbeError> {
        let before = self.links.len();
        for CoreProbe { program, address } in probes {
            if let Err(error) = self.kprobe(program, *address) {
                self.links.truncate(before);
                let target = format!("the core's call site {address:#x} ({program})");
                return Err(ProbeError::Attach { target, reason: chain(&error) });
            }
        }
        self.core = true;
        Ok(())
    }

    /// Loads the programs of the `callbacks` backend: when a table is met there is no time to lose.
    ///
    /// # Errors
    /// The kernel refuses them.
    pub fn prepare_tables(&mut self) -> Result<(), ProbeError> {
        self.by().iter().flat_map(By::programs).try_for_each(|name| self.load_kprobe(name))
    }

    /// The programs on callbacks.
    fn by(&mut self) -> &'static [By; 4] {
        // Whether a return may ask which function it is of, the verifier alone knows.
        let passes = self.passes.unwrap_or_else(|| {
            PASSES.iter().all(|by| by.programs().all(|name| self.is_accepted(name)))
        });
        self.passes = Some(passes);
        if passes { &PASSES } else { &CALLS }
    }

    /// Attaches the `callbacks` backend to a table's four functions, each once however many tables
    /// share it, and once more when its module has been loaded again: the kernel has disarmed the probes of
    /// the load before. What cannot be traced is returned, with the reason.
    pub fn table(&mut self, table: &OpTable, load: u64) -> Vec<Untraceable> {
        let mut untraceable = Vec::new();
        let mut programs = self.by();
        for place in 0..ROLES.len() {
            let (role, by) = (ROLES[place], &programs[place]);
            let address = table.of(role);
            if address == 0 {
                continue;
            }
            let tried = self.tables.get(&address).filter(|tried| tried.load == load);
            let attached = match tried {
                Some(tried) => tried.attached,
                None => match self.attach_callback(by, address) {
                    Ok(()) => true,
                    Err(error) => {
                        untraceable.push(Untraceable { address, role, reason: why(&error) });
                        false
                    }
                },
            };
            self.tables.insert(address, Tried { load, attached });
            // A pass begins with start.
            if role == Role::Start && !attached {
                programs = &CALLS;
            }
        }
        untraceable
    }

    fn attach_callback(&mut self, by: &By, address: u64) -> Result<(), ProgramError> {
        let before = self.links.len();
        // The return first: an entry without its return would leave a call open for ever.
        let result = by.programs().try_for_each(|program| self.kprobe(program, address));
        match result {
            Ok(()) if by.of_pass => self.probed(address),
            Ok(()) => {}
            Err(_) => self.links.truncate(before),
        }
        result
    }

    /// Tells the programs that the returns of a function are seen, in passes that begin from now on.
    fn probed(&mut self, address: u64) {
        let number = self.probed;
        let Some(map) = self.ebpf.map_mut("PROBED") else { return };
        let told = HashMap::<_, u64, u32>::try_from(map)
            .and_then(|mut probed| probed.insert(address, number, 0));
        let Some(map) = self.ebpf.map_mut("PROBES") else { return };
        let counted = Array::<_, u32>::try_from(map)
            .and_then(|mut probes| probes.set(0, number.saturating_add(1), 0));
        // Without room none of its returns would be counted as missed: that is all.
        if told.and(counted).is_ok() {
            self.probed = number.saturating_add(1);
        }
    }

    /// True if a table's functions have all been attached, or tried.
    pub fn has_table(&self, table: &OpTable, load: u64) -> bool {
        ROLES.iter().map(|role| table.of(*role)).all(|address| {
            address == 0 || self.tables.get(&address).is_some_and(|it| it.load == load)
        })
    }

    fn kprobe(&mut self, program: &str, address: u64) -> Result<(), ProgramError> {
        let program: &mut KProbe = self
            .ebpf
            .program_mut(program)
            .ok_or_else(|| ProgramError::InvalidName { name: program.to_owned() })?
            .try_into()?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
            Err(error) => return Err(error),
        }
        // An empty name makes the kernel take the offset as an address (perf_event_open(2),
        // kprobe_addr), the only way to functions whose name exists several times.
        let link = program.attach("", address)?;
        self.links.push(Link::Kprobe(program.take_link(link)?));
        Ok(())
    }

    /// Detaches everything. The kernel waits for a grace period or two with each probe, so several
    /// threads wait at once.
    pub fn detach(&mut self) {
        const THREADS: usize = 8;
        let mut shares: Vec<Vec<Link>> = std::iter::repeat_with(Vec::new).take(THREADS).collect();
        for (turn, link) in self.links.drain(..).enumerate() {
            shares[turn % THREADS].push(link);
        }
        std::thread::scope(|scope| {
            for share in shares {
                scope.spawn(move || drop(share));
            }
        });
    }

    /// Probes attached now.
    pub fn attached(&self) -> usize {
        self.links.len()
    }

    /// What is not traced and why, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The programs themselves, for their maps.
    pub fn ebpf(&self) -> &Ebpf {
        &self.ebpf
    }

    /// The programs themselves, for their log.
    pub fn ebpf_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }

    /// What was not delivered so far.
    ///
    /// # Errors
    /// A counter cannot be read.
    pub fn counts(&self) -> Result<Counts, ProbeError> {
        Ok(Counts {
            lost: self.array("LOST")?,
            missed: self.array("MISSED")?.iter().sum::<u64>() + misses::of_this_process(),
        })
    }

    fn array(&self, name: &'static str) -> Result<Vec<u64>, ProbeError> {
        let map = self.ebpf.map(name).ok_or(ProbeError::Missing("a counter"))?;
        let array: Array<_, u64> =
            Array::try_from(map).map_err(|source| ProbeError::Map { map: name, source })?;
        (0..array.len())
            .map(|index| array.get(&index, 0))
            .collect::<Result<_, _>>()
            .map_err(|source| ProbeError::Map { map: name, source })
    }
}
