//! Passes an open file from one process to another over a unix socket (SCM_RIGHTS, unix(7)).

use std::fs::{self, File};
use std::io::{IoSlice, IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Sends `file` to the process that listens at `socket`, and returns when that process has ended.
pub(crate) fn send(file: &File, socket: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("cannot connect to {}", socket.display()))?;
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    ensure!(
        message.push(SendAncillaryMessage::ScmRights(&files)),
        "the control message has no space for a descriptor"
    );
    // A descriptor is sent only with at least one byte of data (unix(7)).
    sendmsg(&stream, &[IoSlice::new(b"!")], &mut message, SendFlags::empty())
        .context("cannot send a descriptor")?;
    stream.read_to_end(&mut Vec::new()).context("cannot wait for the receiver")?;
    Ok(())
}

/// Waits at `socket` for a file and returns it. The sender waits until this process ends.
pub(crate) fn receive(socket: &Path) -> Result<File> {
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("cannot listen at {}", socket.display()))?;
    let (stream, _) = listener.accept().context("accept")?;
    fs::remove_file(socket).with_context(|| format!("cannot remove {}", socket.display()))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(&stream, &mut [IoSliceMut::new(&mut byte)], &mut message, RecvFlags::CMSG_CLOEXEC)
        .context("cannot receive a descriptor")?;
    // Stays open until the process ends, which the sender waits for.
    std::mem::forget(stream);
    let mut files = message.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let file =
        files.next().and_then(|mut files| files.next()).context("the message has no descriptor")?;
    Ok(file.into())
}
