//! Loading the programs and attaching them.
//!
//! The order is what makes a trace complete: everything that follows a session is attached before
//! the two programs that begin one ([`Probes::begin`]), so no session is ever seen without its
//! beginning, and nothing is recorded before everything is in place.

use std::{collections::BTreeSet, fmt};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{Array, HashMap, MapData, MapError, RingBuf},
    programs::{
        FEntry, FExit, KProbe, ProgramError, fentry::FEntryLink, fexit::FExitLink,
        kprobe::KProbeLink,
    },
};
use seqtrace_common::{
    config::{Config, FilterKey, Fnv, Offsets, flag},
    wire::PREVIEW_BYTES,
};
use thiserror::Error;
use zerocopy::IntoBytes;

use crate::{
    cli::Backend,
    event::{OpTable, Role},
    probe::backend::Plan,
};

/// The compiled programs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SEQTRACE_EBPF_OBJ"));

/// How a program gets to a kernel function.
#[derive(Clone, Copy)]
enum How {
    /// A kprobe on the entry. Quick to detach.
    Kprobe,
    /// A trampoline on the entry: cheaper to run, slow to detach unless the function has one already.
    Fentry,
    /// A trampoline on the return, with the arguments.
    Fexit,
}

/// A program on a kernel function.
struct Frame {
    program: &'static str,
    function: &'static str,
    how: How,
    /// Without it nothing works; the others cost only what they tell.
    required: bool,
}

const fn frame(program: &'static str, function: &'static str, how: How, required: bool) -> Frame {
    Frame { program, function, how, required }
}

/// What follows a session, in the order of attaching.
const FOLLOW: &[Frame] = &[
    frame("seq_release", "seq_release", How::Kprobe, true),
    frame("single_release", "single_release", How::Kprobe, true),
    frame("seq_release_private", "seq_release_private", How::Kprobe, true),
    frame("seq_read_iter_exit", "seq_read_iter", How::Fexit, true),
    frame("seq_read", "seq_read", How::Kprobe, false),
    frame("seq_lseek_enter", "seq_lseek", How::Fentry, true),
    frame("seq_lseek_exit", "seq_lseek", How::Fexit, true),
    frame("proc_reg_write", "proc_reg_write", How::Fexit, false),
    frame("single_open", "single_open", How::Kprobe, false),
    frame("single_open_size", "single_open_size", How::Kprobe, false),
    frame("seq_open_private", "seq_open_private", How::Kprobe, false),
    frame("seq_open_private_raw", "__seq_open_private", How::Kprobe, false),
];

/// What follows a plain procfs file.
const FOLLOW_PLAIN: &[Frame] = &[
    frame("proc_reg_release", "proc_reg_release", How::Kprobe, true),
    frame("proc_reg_read", "proc_reg_read", How::Fexit, true),
    frame("proc_reg_read_iter", "proc_reg_read_iter", How::Fexit, false),
];

/// What begins a session. The entry of a read begins one for a file that is open already.
const BEGIN: &[Frame] = &[
    frame("seq_read_iter_enter", "seq_read_iter", How::Fentry, true),
    frame("seq_open", "seq_open", How::Fexit, true),
];
const BEGIN_PLAIN: &[Frame] = &[frame("proc_reg_open", "proc_reg_open", How::Fexit, true)];

/// What decides how the programs are loaded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the running kernel's fields are.
    pub offsets: Offsets,
    /// Plain procfs files are traced too.
    pub plain: bool,
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

/// Why tracing could not be set up.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The kernel refused the programs or a map.
    #[error("cannot load the eBPF programs: {0}")]
    Load(String),
    /// The kernel's BTF could not be read.
    #[error("cannot read the kernel's BTF: {0}")]
    Btf(String),
    /// The kernel refused a probe.
    #[error("cannot attach to {target}: {reason}")]
    Attach {
        /// The function or address.
        target: String,
        /// Why.
        reason: String,
    },
    /// The programs lack something that this version of user space expects.
    #[error("the eBPF object has no {0}: it does not belong to this version")]
    Missing(&'static str),
    /// A map could not be read or written.
    #[error("map {map}: {source}")]
    Map {
        /// Its name.
        map: &'static str,
        /// Why.
        source: MapError,
    },
}

/// What was not delivered, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By CPU: events for which the ring had no room.
    pub lost: Vec<u64>,
    /// Files and callbacks that were not followed because a map was full.
    pub missed: u64,
}

/// An attachment; dropping it detaches.
#[expect(dead_code, reason = "only held, to be dropped")]
enum Link {
    Kprobe(KProbeLink),
    Fentry(FEntryLink),
    Fexit(FExitLink),
}

/// The loaded programs and their attachments. Dropping it detaches everything.
pub struct Probes {
    ebpf: Ebpf,
    btf: Btf,
    plain: bool,
    links: Vec<Link>,
    tables: BTreeSet<u64>,
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

impl Probes {
    /// Loads the maps and prepares the programs; nothing is attached yet.
    ///
    /// # Errors
    /// The kernel has no BTF or refuses the maps.
    pub fn load(settings: &Settings) -> Result<Self, ProbeError> {
        let btf = Btf::from_sys_fs().map_err(|error| ProbeError::Btf(chain(&error)))?;
        let bit = |on: bool, flag: u32| if on { flag } else { 0 };
        let preview_limit = u32::try_from(PREVIEW_BYTES).unwrap_or(u32::MAX);
        let config = Config {
            offsets: settings.offsets,
            flags: settings.allow.flags()
                | bit(settings.plain, flag::PLAIN)
                | bit(settings.show_own, flag::SHOW_OWN),
            own_pid: std::process::id(),
            preview: settings.preview.min(preview_limit),
            pad: 0,
        };
        let cpus = u32::try_from(
            aya::util::nr_cpus()
                .map_err(|(file, error)| ProbeError::Load(format!("{file}: {error}")))?,
        )
        .unwrap_or(1);
        let log_level: u8 = if settings.log { 0xff } else { 0 };
        let ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global("CONFIG", config.as_bytes(), true)
            .override_global("AYA_LOG_LEVEL", &log_level, false)
            .map_max_entries("EVENTS", settings.ring_bytes)
            .map_max_entries("LOST", cpus)
            .map_max_entries("NEXT_KEY", cpus)
            .map_max_entries("VIA_SEQ_READ", cpus)
            .load(OBJECT)
            .map_err(|error| ProbeError::Load(chain(&error)))?;
        let mut probes = Self {
            ebpf,
            btf,
            plain: settings.plain,
            links: Vec::new(),
            tables: BTreeSet::new(),
            notes: Vec::new(),
        };
        let mut filter: HashMap<_, [u8; 16], u8> = HashMap::try_from(
            probes.ebpf.map_mut("FILTER").ok_or(ProbeError::Missing("map FILTER"))?,
        )
        .map_err(|source| ProbeError::Map { map: "FILTER", source })?;
        for key in settings.allow.keys() {
            let bytes: [u8; 16] = zerocopy::transmute!(key);
            filter
                .insert(bytes, 1, 0)
                .map_err(|source| ProbeError::Map { map: "FILTER", source })?;
        }
        Ok(probes)
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
        self.frames(FOLLOW)?;
        if self.plain {
            self.frames(FOLLOW_PLAIN)?;
        }
        Ok(())
    }

    /// Attaches what begins sessions: from here on events come.
    ///
    /// # Errors
    /// The kernel refuses a probe.
    pub fn begin(&mut self) -> Result<(), ProbeError> {
        if self.plain {
            self.frames(BEGIN_PLAIN)?;
        }
        self.frames(BEGIN)
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

    /// Attaches the `core` backend; if the kernel refuses a site, none stays attached.
    fn core(&mut self, probes: &[CoreProbe]) -> Result<(), ProbeError> {
        let before = self.links.len();
        for CoreProbe { program, address } in probes {
            if let Err(error) = self.kprobe(program, *address) {
                self.links.truncate(before);
                let target = format!("the core's call site {address:#x} ({program})");
                return Err(ProbeError::Attach { target, reason: chain(&error) });
            }
        }
        Ok(())
    }

    /// Attaches what a plan says. If it is `core` and the kernel refuses one of the sites, the other
    /// backend is taken, unless `core` was asked for by name.
    ///
    /// # Errors
    /// `core` was asked for and the kernel refuses.
    pub fn callbacks_by(&mut self, plan: Plan, wish: Backend) -> Result<Plan, ProbeError> {
        let Plan::Core(probes) = &plan else { return Ok(plan) };
        match self.core(probes) {
            Ok(()) => Ok(plan),
            Err(error) if wish == Backend::Auto => Ok(Plan::Callbacks(Some(error.to_string()))),
            Err(error) => Err(error),
        }
    }

    /// Attaches the `callbacks` backend to a table's four functions, each once however many tables
    /// share it. What cannot be traced is returned, with the reason.
    pub fn table(&mut self, table: &OpTable) -> Vec<Untraceable> {
        let mut untraceable = Vec::new();
        for (role, address) in [
            (Role::Start, table.start),
            (Role::Next, table.next),
            (Role::Show, table.show),
            (Role::Stop, table.stop),
        ] {
            if address == 0 || !self.tables.insert(address) {
                continue;
            }
            let (entry, exit) = match role {
                Role::Start => ("start_enter", "start_return"),
                Role::Next => ("next_enter", "next_return"),
                Role::Show => ("show_or_stop_enter", "show_return"),
                Role::Stop => ("show_or_stop_enter", "stop_return"),
            };
            // The return first: an entry without its return would leave a call open for ever.
            let before = self.links.len();
            let result = self.kprobe(exit, address).and_then(|()| self.kprobe(entry, address));
            if let Err(error) = result {
                self.links.truncate(before);
                untraceable.push(Untraceable { address, role, reason: why(&error) });
            }
        }
        untraceable
    }

    /// True if a table's functions have all been attached, or tried.
    pub fn has_table(&self, table: &OpTable) -> bool {
        [table.start, table.next, table.show, table.stop]
            .iter()
            .all(|address| *address == 0 || self.tables.contains(address))
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

    /// The programs themselves, for their log.
    pub fn ebpf_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }

    /// What was not delivered so far.
    ///
    /// # Errors
    /// A counter cannot be read.
    pub fn counts(&self) -> Result<Counts, ProbeError> {
        Ok(Counts { lost: self.array("LOST")?, missed: self.array("MISSED")?.iter().sum() })
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

/// Lines of an error that are shown from its beginning and its end: the verifier's log has thousands.
const ERROR_LINES: (usize, usize) = (2, 8);

/// An error and what caused it, shortened in the middle.
fn chain(error: &dyn std::error::Error) -> String {
    let text = causes(error);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (head, tail) = ERROR_LINES;
    if lines.len() <= head + tail + 1 {
        return lines.join("\n");
    }
    let cut = lines.len() - head - tail;
    let (first, last) = (&lines[..head], &lines[lines.len() - tail..]);
    format!(
        "{}\n  … {cut} lines of the kernel's log left out …\n{}",
        first.join("\n"),
        last.join("\n")
    )
}

/// An error and what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// Why the kernel refuses a kprobe on a callback, in words.
fn why(error: &ProgramError) -> String {
    let errno = match error {
        ProgramError::SyscallError(error) => error.io_error.raw_os_error(),
        _ => None,
    };
    match errno {
        // check_kprobe_address_safe() and ftrace's own functions (kernel/kprobes.c, 6.12).
        Some(22) => "the kernel does not allow probes there (notrace or blacklisted)".to_owned(),
        Some(2) => "there is no code at that address (module unloaded?)".to_owned(),
        _ => chain(error),
    }
}
