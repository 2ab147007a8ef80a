//! Loads and attaches programs of a few instructions with bpf(2) and perf_event_open(2), and reads what the kernel counts
//! for them.
//!
//! aya 0.14 does not fit: it loads programs from ELF objects only, which needs a compiler for eBPF and a second build
//! script, and its fentry programs do not attach to functions of modules.
//! (Layouts of structs: include/uapi/linux/bpf.h and perf_event.h.)
#![expect(unsafe_code, reason = "system calls that no safe crate offers")]

use std::ffi::CString;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use anyhow::{Context as _, Result};
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

const PROG_LOAD: libc::c_long = 5;
const MAP_GET_NEXT_ID: libc::c_long = 12;
const MAP_GET_FD_BY_ID: libc::c_long = 14;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const BTF_GET_FD_BY_ID: libc::c_long = 19;
const BTF_GET_NEXT_ID: libc::c_long = 23;
const LINK_CREATE: libc::c_long = 28;
const ITER_CREATE: libc::c_long = 33;
const ENABLE_STATS: libc::c_long = 32;

const PROG_TYPE_KPROBE: u32 = 2;
const PROG_TYPE_TRACING: u32 = 26;
const TRACE_FENTRY: u32 = 24;
const TRACE_FEXIT: u32 = 25;
const TRACE_ITER: u32 = 28;

const PERF_EVENT_IOC_ENABLE: libc::c_ulong = 0x2400;
const PERF_EVENT_IOC_SET_BPF: libc::c_ulong = 0x4004_2408;

/// Program `r0 = 0; exit`.
const EMPTY: [u64; 2] = [0x0000_0000_0000_00b7, 0x0000_0000_0000_0095];

/// Program `bpf_seq_write(ctx->meta->seq, "it\n", 3); return 0`.
const WRITE_A_LINE: [u64; 9] = [
    // r6 = ctx->meta; r1 = r6->seq
    0x0000_0000_0000_1679,
    0x0000_0000_0000_6179,
    // *(u32 *)(r10 - 8) = "it\n"; r2 = r10 - 8; r3 = 3
    0x000a_7469_fff8_0a62,
    0x0000_0000_0000_a2bf,
    0xffff_fff8_0000_0207,
    0x0000_0003_0000_03b7,
    // call BPF_FUNC_seq_write
    0x0000_007f_0000_0085,
    EMPTY[0],
    EMPTY[1],
];

/// The member of union bpf_attr for BPF_PROG_LOAD.
#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log: [u32; 4],
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_btf_obj_fd: u32,
    pad: u32,
}

/// The beginning of struct perf_event_attr.
#[repr(C)]
#[derive(Default)]
struct PerfEvent {
    kind: u32,
    size: u32,
    config: u64,
    sample: [u64; 3],
    flags: u64,
    wakeup: u32,
    bp_type: u32,
    kprobe_func: u64,
    probe_addr: u64,
}

/// The member of union bpf_attr for BPF_*_GET_*_ID and BPF_*_GET_FD_BY_ID.
#[repr(C)]
#[derive(Default)]
struct ObjectId {
    start: u32,
    next: u32,
    open_flags: u32,
}

/// The member of union bpf_attr for BPF_OBJ_GET_INFO_BY_FD.
#[repr(C)]
struct ObjectInfo {
    fd: RawFd,
    len: u32,
    /// Address of the buffer for the information.
    info: u64,
}

/// Calls bpf(2) with the attributes of `command`.
fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: every caller passes the struct of the command. The kernel accesses no more than its size, and the memory
    // that its pointers refer to outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Converts the result of a system call to a file descriptor.
fn owned(result: libc::c_long) -> Result<OwnedFd> {
    let fd = RawFd::try_from(result)?;
    // SAFETY: the kernel has just created the descriptor, and it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn address<T: ?Sized>(of: &T) -> u64 {
    std::ptr::from_ref(of).cast::<u8>().addr() as u64
}

/// Point of a function at which a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbePoint {
    Entry,
    Return,
}

/// Loads the empty program. `fill` can change the attributes, including the instructions.
fn load(kind: u32, fill: impl FnOnce(&mut ProgLoad)) -> Result<OwnedFd> {
    let license = CString::new("GPL")?;
    let mut attributes = ProgLoad {
        prog_type: kind,
        insn_cnt: u32::try_from(EMPTY.len())?,
        insns: address(&EMPTY),
        license: address(license.as_c_str()),
        prog_name: *b"empty\0\0\0\0\0\0\0\0\0\0\0",
        ..ProgLoad::default()
    };
    fill(&mut attributes);
    owned(bpf(PROG_LOAD, &mut attributes).context("cannot load the program")?)
}

/// An attached program. Dropping it detaches the program.
pub(crate) struct AttachedProgram {
    program: OwnedFd,
    _link: OwnedFd,
}

impl AttachedProgram {
    /// Attaches the empty program as a kprobe or kretprobe to an address. `pmu` is the type of the kprobe PMU.
    pub(crate) fn kprobe(pmu: u32, at: u64, point: ProbePoint) -> Result<Self> {
        let program = load(PROG_TYPE_KPROBE, |_| ())?;
        let mut event = PerfEvent {
            kind: pmu,
            size: u32::try_from(size_of::<PerfEvent>())?,
            // Bit 0 makes it a return probe (/sys/bus/event_source/devices/kprobe/format/retprobe).
            config: u64::from(point == ProbePoint::Return),
            probe_addr: at,
            ..PerfEvent::default()
        };
        let (any, cpu, none) = (-1, 0, -1);
        // SAFETY: the struct contains its size. The kernel reads it and keeps no pointer to it.
        let result =
            unsafe { libc::syscall(libc::SYS_perf_event_open, &raw mut event, any, cpu, none, 0) };
        if result < 0 {
            return Err(io::Error::last_os_error())
                .with_context(|| format!("cannot set a probe at {at:#x}"));
        }
        let link = owned(result)?;
        // SAFETY: the argument of both is an integer.
        let done = unsafe {
            libc::ioctl(link.as_raw_fd(), PERF_EVENT_IOC_SET_BPF, program.as_raw_fd()) == 0
                && libc::ioctl(link.as_raw_fd(), PERF_EVENT_IOC_ENABLE, 0) == 0
        };
        if !done {
            return Err(io::Error::last_os_error())
                .context("cannot attach the program to the probe");
        }
        Ok(Self { program, _link: link })
    }

    /// Attaches the empty program to fentry or fexit of the function with the BTF id `id`. `module` is the BTF of the
    /// function's module; `None`: the kernel's own function.
    pub(crate) fn trampoline(id: u32, module: Option<&OwnedFd>, point: ProbePoint) -> Result<Self> {
        let module = module.map_or(Ok(0), |fd| u32::try_from(fd.as_raw_fd()))?;
        let program = load(PROG_TYPE_TRACING, |attributes| {
            attributes.expected_attach_type =
                if point == ProbePoint::Entry { TRACE_FENTRY } else { TRACE_FEXIT };
            attributes.attach_btf_id = id;
            attributes.attach_btf_obj_fd = module;
        })?;
        // struct { name, prog_fd }
        let mut attributes = [0, u64::try_from(program.as_raw_fd())?];
        let link = bpf(RAW_TRACEPOINT_OPEN, &mut attributes)
            .context("cannot attach the program to the function")?;
        Ok(Self { program, _link: owned(link)? })
    }

    /// Returns the number of runs while the result of [`count_runs`] existed.
    pub(crate) fn runs(&self) -> Result<u64> {
        // `run_cnt` is at byte 200 of struct bpf_prog_info.
        let mut info = [0_u64; 26];
        get_info(&self.program, &mut info)?;
        Ok(info[25])
    }
}

/// Creates a BPF iterator that writes a line for each object, and returns its descriptor. `id` is the BTF id of the
/// kernel's function bpf_iter_NAME().
pub(crate) fn iterator(id: u32) -> Result<OwnedFd> {
    let program = load(PROG_TYPE_TRACING, |attributes| {
        attributes.insns = address(&WRITE_A_LINE);
        attributes.insn_cnt = u32::try_from(WRITE_A_LINE.len()).unwrap_or(0);
        attributes.expected_attach_type = TRACE_ITER;
        attributes.attach_btf_id = id;
    })?;
    // struct { prog_fd, target_fd, attach_type, flags, iter_info, iter_info_len }
    let mut attributes = [u32::try_from(program.as_raw_fd())?, 0, TRACE_ITER, 0, 0, 0, 0, 0];
    let link = owned(bpf(LINK_CREATE, &mut attributes).context("cannot attach the iterator")?)?;
    // struct { link_fd, flags }
    let mut attributes = [u32::try_from(link.as_raw_fd())?, 0];
    owned(bpf(ITER_CREATE, &mut attributes).context("cannot create the iterator")?)
}

/// Enables the kernel's counting of program runs until the result is dropped.
pub(crate) fn count_runs() -> Result<OwnedFd> {
    // BPF_STATS_RUN_TIME
    owned(bpf(ENABLE_STATS, &mut 0_u32).context("cannot make the kernel count runs of programs")?)
}

/// Opens all BPF objects of a kind. `next` and `open` are the commands that find the next id and open an id.
fn all(next: libc::c_long, open: libc::c_long) -> Result<Vec<OwnedFd>> {
    let mut found = Vec::new();
    let mut id = ObjectId::default();
    while bpf(next, &mut id).is_ok() {
        id.start = id.next;
        // An object may have been removed since its id was found.
        if let Ok(fd) = bpf(open, &mut ObjectId { start: id.start, ..ObjectId::default() }) {
            found.push(owned(fd)?);
        }
    }
    Ok(found)
}

/// Reads the information about an object into `info`, which has the layout of its struct bpf_*_info.
fn get_info<T>(fd: &impl AsFd, info: &mut T) -> Result<()> {
    let mut attributes = ObjectInfo {
        fd: fd.as_fd().as_raw_fd(),
        len: u32::try_from(size_of::<T>())?,
        info: address(info),
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attributes)?;
    Ok(())
}

/// Returns a descriptor of a module's BTF.
pub(crate) fn module_btf(module: &str) -> Result<OwnedFd> {
    for fd in all(BTF_GET_NEXT_ID, BTF_GET_FD_BY_ID)? {
        let name = [0_u8; 64];
        // struct bpf_btf_info: btf; btf_size, id; name; name_len, kernel_btf.
        let mut info = [0, 0, address(&name), 64];
        get_info(&fd, &mut info)?;
        if name.split(|byte| *byte == 0).next() == Some(module.as_bytes()) {
            return Ok(fd);
        }
    }
    anyhow::bail!("the kernel has no BTF of module {module}")
}

/// Returns the number of bytes ever reserved in a ring buffer; `None` if the map is of another type.
fn produced(map: &OwnedFd) -> Result<Option<u64>> {
    const RINGBUF: u32 = 27;
    let mut info = [0_u32; 10];
    get_info(map, &mut info)?;
    if info[0] != RINGBUF {
        return Ok(None);
    }
    let page = NonZeroUsize::new(4096).context("the page size is 0")?;
    // SAFETY: this is a new read-only mapping of the map's second page, which has the producer's position (struct
    // bpf_ringbuf, kernel/bpf/ringbuf.c). No reference to it outlives this block, which unmaps it.
    unsafe {
        let at = mmap(None, page, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, map, 4096)?;
        let position = at.cast::<u64>().read_volatile();
        munmap(at, page.get())?;
        Ok(Some(position))
    }
}

/// Returns the number of bytes ever reserved in all ring buffers together.
pub(crate) fn produced_in_all() -> Result<u64> {
    let mut sum = 0;
    for map in all(MAP_GET_NEXT_ID, MAP_GET_FD_BY_ID)? {
        sum += produced(&map)?.unwrap_or(0);
    }
    Ok(sum)
}
