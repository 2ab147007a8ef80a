"""Opens sockets of every family and holds them; also locks, leases, timers, watches and maps."""

import collections
import ctypes
import fcntl
import mmap
import os
import select
import socket
import struct
import sys
import time

held = []
errors = collections.Counter()
libc = ctypes.CDLL(None)


def attempt(name, call, *arguments):
    """Calls; what fails is counted, because not every kernel has everything."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001
        errors[f"{name}: {error}"] += 1
        return None


def sock(family, kind, protocol=0):
    made = attempt(f"socket {family}/{kind}/{protocol}", socket.socket, family, kind, protocol)
    held.append(made)
    return made


def bound(name, address, family, kind, protocol=0, listen=False):
    made = sock(family, kind, protocol)
    if made:
        attempt(name, made.bind, address)
        if listen:
            attempt(name, made.listen, 5)
    return made


V4, V6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
STREAM, DGRAM, RAW, SEQPACKET = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET


def internet():
    for i in range(110):
        bound("tcp", ("127.0.0.1", 20000 + i), V4, STREAM, listen=True)
        bound("tcp6", ("::1", 20000 + i), V6, STREAM, listen=True)
        bound("udp", ("127.0.0.1", 21000 + i), V4, DGRAM)
        bound("udp6", ("::1", 22000 + i), V6, DGRAM)
        sock(V4, RAW, i + 1)
        sock(V6, RAW, i + 1)
        sock(socket.AF_PACKET, RAW, socket.htons(0x800 + i))
    for i in range(60):
        client = sock(V4, STREAM)
        attempt("connect", client.connect, ("127.0.0.1", 20000 + i))
        for kind in (STREAM, SEQPACKET):
            bound("sctp", ("127.0.0.1", 24000 + 500 * (kind == SEQPACKET) + i), V4, kind, 132, listen=True)
    for i in range(50):
        for family, address in ((V4, "127.0.0.1"), (V6, "::1")):
            bound("udplite", (address, 23000 + i), family, DGRAM, 136)
            bound("ping", (address, 0), family, DGRAM, 1 if family == V4 else 58)
    for i in range(30):
        bound("mptcp", ("127.0.0.1", 25000 + i), V4, STREAM, 262, listen=True)


def local():
    for i in range(110):
        bound("unix", f"\0abstract{i}", UNIX, STREAM)
        bound("unix", f"/tmp/socket{i}", UNIX, DGRAM)
        sock(UNIX, SEQPACKET)
        made = sock(socket.AF_NETLINK, RAW, i % 20)
        if made:
            attempt("netlink", made.bind, (0, 1))


def families():
    """Sockets that are only there: family, type, protocol."""
    for _ in range(30):
        for arguments in (
            (43, STREAM), (30, STREAM), (40, STREAM), (38, SEQPACKET), (41, DGRAM), (21, SEQPACKET), (35, DGRAM),
            (35, SEQPACKET), (3, DGRAM), (3, SEQPACKET), (6, SEQPACKET), (11, SEQPACKET), (5, DGRAM), (20, DGRAM),
            (8, DGRAM), (36, DGRAM), (39, SEQPACKET), (39, RAW, 1), (26, STREAM), (26, DGRAM), (33, DGRAM, 2),
            (31, SEQPACKET), (31, STREAM, 3), (31, 5, 2), (15, RAW, 2), (44, RAW), (9, SEQPACKET), (10, DGRAM, 17),
        ):
            sock(*arguments)
        for protocol in range(8):
            sock(31, RAW, protocol)


def can():
    for i in range(30):
        bound("can", ("vc1",), socket.AF_CAN, RAW, 1)
        manager = sock(socket.AF_CAN, DGRAM, 2)
        if manager and attempt("bcm", manager.connect, (f"vc{i % 5 + 1}",)) is None:
            for k in range(5):
                attempt("bcm", manager.send, struct.pack("@IIIllllII", 5, 0x10, 0, 0, 0, 0, 0, 0x100 + k, 0))
            frame = struct.pack("@IBBBB8s", 0x200 + i, 8, 0, 0, 0, b"abcdefgh")
            head = struct.pack("@IIIllllII", 1, 3, 0, 0, 0, 1, 0, 0x200 + i, 1)
            attempt("bcm", manager.send, head + frame)


def address6(text):
    return socket.inet_pton(V6, text)


def long_address(text):
    return (struct.pack("=HHI", V6, 0, 0) + address6(text) + struct.pack("@I", 0)).ljust(128, b"\0")


def multicast():
    group, index = sock(V4, DGRAM), socket.if_nametoindex
    for i in range(20):
        for k in range(1, 30):
            where = socket.inet_aton(f"239.{i}.0.{k}") + socket.inet_aton(f"10.{k}.0.1")
            try:
                group.setsockopt(0, socket.IP_ADD_MEMBERSHIP, where)
            except OSError:
                # The number of groups per socket is limited.
                group = sock(V4, DGRAM)
                source = socket.inet_aton(f"232.{i}.0.{k}") + where[4:] + socket.inet_aton("9.9.9.9")
                attempt("source", group.setsockopt, 0, 39, source)
    group = sock(V6, DGRAM)
    for i in range(60):
        device = attempt("device", index, f"du{i % 40 + 1}") or 0
        join = address6(f"ff05::{i + 256:x}") + struct.pack("@I", device)
        attempt("mld", group.setsockopt, 41, 20, join)
        attempt("anycast", group.setsockopt, 41, 27, address6(f"fd00:{i % 40 + 1}::99") + struct.pack("@I", device))
        source = struct.pack("@II", device, 0) + long_address(f"ff35::{i + 1:x}") + long_address(f"fd01::{i + 1:x}")
        attempt("source6", group.setsockopt, 41, 46, source)
        label = struct.pack("!I", 0x1000 + i) + struct.pack("@BBHHHI", 0, 255, 1, 600, 600, 0)
        attempt("flow", group.setsockopt, 41, 32, address6("fd00:1::1") + label)
    router = sock(V4, RAW, 2)
    attempt("mroute", router.setsockopt, 0, 200, 1)
    for i in range(10):
        device = attempt("device", index, f"du{i + 1}") or 0
        attempt("mroute", router.setsockopt, 0, 202, struct.pack("@HBBIi4s", i, 8, 1, 0, device, b"\0\0\0\0"))
    for i in range(100):
        entry = socket.inet_aton(f"10.1.0.{i + 1}") + socket.inet_aton(f"239.3.0.{i + 1}")
        entry += struct.pack("@H32s", i % 10, bytes([1] * 10 + [0] * 22)) + b"\0" * 18
        attempt("mroute", router.setsockopt, 0, 204, entry)


def traffic():
    """What the filters of net.sh remember."""
    sender = sock(V4, DGRAM)
    for i in range(1, 200):
        for net in (31, 32, 33, 36):
            attempt("send", sender.sendto, b"x" * 10, (f"10.{net}.0.{i}", 1000 + i))


def descriptors():
    """What fdinfo shows more of than an offset."""
    watches = libc.inotify_init1(0)
    for folder in ("/usr/lib/", "/etc/"):
        for name in os.listdir(folder)[:150]:
            libc.inotify_add_watch(watches, (folder + name).encode(), 0xFFF)
    marks = libc.fanotify_init(0, 0)
    for name in os.listdir("/etc")[:100]:
        libc.fanotify_mark(marks, 1, ctypes.c_uint64(3), -100, ("/etc/" + name).encode())
    poll = select.epoll()
    for made in held[:300]:
        attempt("epoll", lambda made=made: made and poll.register(made, 1))
    held.append(poll)
    libc.eventfd(0, 0)
    libc.timerfd_create(1, 0)
    timer = ctypes.c_int()
    for _ in range(100):
        libc.syscall(222, 1, None, ctypes.byref(timer))
    for i in range(500):
        held.append(mmap.mmap(-1, 4096 * (1 + i % 3), prot=1 if i % 2 else 3))


def locks():
    for i in range(300):
        file = open(f"/tmp/lock{i % 20}", "w+")
        held.append(file)
        if i % 3 == 0:
            attempt("flock", fcntl.flock, file, fcntl.LOCK_SH)
        elif i % 3 == 1:
            attempt("lockf", fcntl.lockf, file, fcntl.LOCK_EX, 1, i * 10)
        else:
            libc.fcntl(file.fileno(), 38, struct.pack("@hhllii", 1, 0, i * 10 + 5, 1, 0, 0))
    lease = open("/tmp/lease", "w+")
    held.append(lease)
    attempt("lease", fcntl.fcntl, lease, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    for _ in range(8):
        if os.fork() == 0:
            waiting = open("/tmp/lock1", "r+")
            attempt("lockf", fcntl.lockf, waiting, fcntl.LOCK_EX, 1, 10)
            time.sleep(1e6)


def ipc():
    create = 0o1600
    for get, control, arguments in (
        (libc.shmget, libc.shmctl, (4096, create)),
        (libc.msgget, libc.msgctl, (create,)),
        (libc.semget, lambda i, command, none: libc.semctl(i, 0, command), (3, create)),
    ):
        ids = [get(0, *arguments) for _ in range(150)]
        for number in ids[::3]:
            control(number, 0, None)


for part in (internet, local, families, can, multicast, traffic, descriptors, locks, ipc):
    attempt(part.__name__, part)
for error, count in errors.most_common(30):
    print(count, error)
print(len(held), "held")
sys.stdout.flush()
with open("/run/sockets.pid", "w") as pid:
    pid.write(str(os.getpid()))
time.sleep(1e7)
