//! Ways to read a file that no safe crate offers: io_uring, and the kernel's asynchronous I/O (io_submit(2)).
#![expect(unsafe_code, reason = "system calls for which no safe crate exists")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::ptr;

use anyhow::{Context as _, Result, bail};
use io_uring::{IoUring, opcode, types};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

// include/uapi/linux/aio_abi.h
const IOCB_CMD_PREAD: u16 = 0;

/// Layout of `struct iocb` on a little-endian machine (include/uapi/linux/aio_abi.h).
#[repr(C)]
#[derive(Default)]
struct Iocb {
    data: u64,
    key: u32,
    rw_flags: i32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    result_fd: u32,
}

/// Layout of `struct io_event` (include/uapi/linux/aio_abi.h).
#[repr(C)]
#[derive(Default)]
struct IoEvent {
    data: u64,
    object: u64,
    result: i64,
    result2: i64,
}

/// Converts a result of the kernel, a count or a negative error number.
fn count(result: i64) -> io::Result<usize> {
    usize::try_from(result)
        .map_err(|_| io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EIO)))
}

/// Reads from the file by io_uring, at `offset`, or at the file's offset, which it advances.
pub(crate) fn io_uring(file: &File, buffer: &mut [u8], offset: Option<u64>) -> io::Result<usize> {
    let mut ring = IoUring::new(1)?;
    let length = u32::try_from(buffer.len()).map_err(io::Error::other)?;
    // -1 is the file's offset (io_kiocb_update_pos(), io_uring/rw.c).
    let read = opcode::Read::new(types::Fd(file.as_raw_fd()), buffer.as_mut_ptr(), length)
        .offset(offset.unwrap_or(u64::MAX))
        .build();
    // SAFETY: file and buffer are borrowed until this function returns, and it waits for the end of the read.
    unsafe { ring.submission().push(&read) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    let done = ring.completion().next().ok_or_else(|| io::Error::other("no completion"))?;
    count(done.result().into())
}

/// Reads from the file at `offset` by io_submit(2).
pub(crate) fn aio(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut context: libc::c_ulong = 0;
    // SAFETY: the kernel writes one unsigned long.
    count(unsafe { libc::syscall(libc::SYS_io_setup, 1, &raw mut context) }.into_result()?)?;
    let mut request = Iocb {
        opcode: IOCB_CMD_PREAD,
        fd: u32::try_from(file.as_raw_fd()).map_err(io::Error::other)?,
        buffer: buffer.as_mut_ptr() as u64,
        length: buffer.len() as u64,
        offset: offset.try_into().map_err(io::Error::other)?,
        ..Iocb::default()
    };
    let mut requests = [&raw mut request];
    let mut event = IoEvent::default();
    // SAFETY: request, buffer and file live until the request is done, because io_destroy() waits for it.
    let submitted =
        unsafe { libc::syscall(libc::SYS_io_submit, context, 1, requests.as_mut_ptr()) }
            .into_result();
    let result = submitted.and_then(|_| {
        // SAFETY: the kernel writes one event.
        let get = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                context,
                1,
                1,
                &raw mut event,
                ptr::null_mut::<libc::timespec>(),
            )
        };
        get.into_result()
    });
    // SAFETY: it takes no pointer. An error leaves a context behind until this process ends.
    unsafe { libc::syscall(libc::SYS_io_destroy, context) };
    result.and_then(|_| count(event.result))
}

/// Conversion of the result of syscall(2).
trait IntoResult {
    /// Returns the last error if the result is -1.
    fn into_result(self) -> io::Result<i64>;
}

impl IntoResult for libc::c_long {
    fn into_result(self) -> io::Result<i64> {
        if self == -1 { Err(io::Error::last_os_error()) } else { Ok(self) }
    }
}

/// Fails if the file can be mapped.
pub(crate) fn not_mapped(file: &File) -> Result<()> {
    const LENGTH: usize = 4096;
    let flags = MapFlags::PRIVATE;
    // SAFETY: the kernel chooses an address that is not in use, and nothing reads the mapping.
    let mapped = unsafe { mmap(ptr::null_mut(), LENGTH, ProtFlags::READ, flags, file.as_fd(), 0) };
    let Ok(address) = mapped else { return Ok(()) };
    // SAFETY: the mapping has this address and length, and no reference to it exists.
    unsafe { munmap(address, LENGTH) }.context("munmap")?;
    bail!("the file was mapped")
}
