"""Lists the files that a full sweep checks: of those that have one iterator, a few.

Files are of one kind if their paths are the same but for numbers, or as KINDS says.
"""

import collections
import os
import re
import stat

ROOTS = [
    "/proc", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security", "/sys/fs/cgroup",
    "/sys/fs/resctrl", "/cgroup1", "/dlmfs",
]

# Files that are not read, and why.
LEFT_OUT = [
    # gfs2_glockfd_seq_start() returns NULL at positions above 0 and gfs2_glockfd_seq_stop() then releases what it has
    # released before: reading it in two parts is a use after free (docs/kernel-bugs.md).
    r"^/sys/kernel/debug/gfs2/[^/]*/glockfd$",
    # Reading consumes them, or waits for an event.
    r"/(kmsg|trace_pipe|trace_pipe_raw|snapshot_raw|usbmon|vmcore|events?)$", r"/usbmon/",
    # Reading does something.
    r"/(kcore|pagemap|clear_refs|sysrq-trigger|mem)$",
    # /proc/sys has no seq files, tasks have theirs below, debugfs shows tracefs again.
    r"^/proc/(\d+|self|thread-self|sys)(/|$)", r"^/sys/kernel/debug/tracing(/|$)",
    # One file a CPU and an interrupt of the same iterator.
    r"/per_cpu/cpu[1-9]", r"^/proc/irq/\d",
    # No seq files.
    r"^/sys/kernel/tracing/(instances/[^/]*/)?options/",
]

# Kinds whose names differ by more than numbers: what of the path makes the kind, how many files of a kind.
KINDS = [
    (r"^/sys/fs/cgroup/.*?(?P<k>[^/]*(procs|threads))$", 4),
    (r"^/sys/fs/cgroup/.*?(?P<k>[^/]*)$", 2),
    (r"^/cgroup1/(?P<k>[^/]*/).*?(?P<l>[^/]*)$", 2),
    (r"/debug/(?P<k>slab)/[^/]*/(?P<l>.*)$", 3),
    (r"/instances/.*/events/.*/(?P<k>[^/]*)$", 1),
    # One of each subsystem.
    (r"/tracing/events/(?P<k>[^/]*)/.*/(?P<l>format)$", 1),
    (r"/tracing/events/sched/(?P<k>sched_(?:switch|wakeup))/(?P<l>.*)$", 1),
    (r"/tracing/events/(?P<k>raw_syscalls/sys_enter|kmem/kmalloc)/(?P<l>.*)$", 1),
    (r"/tracing/(?P<k>events)/.*/(?P<l>[^/]*)$", 1),
    (r"/debug/(?P<k>block|bdi|regmap|dri|usb)/[^/]*/(?P<l>.*)$", 2),
    (r"/debug/(?P<k>ieee80211)/[^/]*/(?P<l>.*)$", 1),
    (r"/debug/(?P<k>mmc\d*|clk|pinctrl|opp|pm_genpd|bluetooth)/[^/]*/(?P<l>.*)$", 2),
    (r"/proc/net/(?P<k>dev_snmp6|bonding|pktgen|ipt_hashlimit|xt_recent|rpc)/(?P<l>.)", 2),
    (r"/proc/net/(?P<k>vlan)/(?P<l>config)?", 2),
    (r"^(?P<k>/dlmfs)/", 2),
]

# Of a task, the files about itself.
TASK = {"task", "fd", "fdinfo", "map_files", "cwd", "root", "ns", "attr"}

counts = collections.Counter()
found = {}


def kind(path):
    for pattern, most in KINDS:
        match = re.search(pattern, path)
        if match:
            return (pattern,) + match.groups(), most
    return re.sub(r"0x[0-9a-f]+|[0-9A-F]{12,}|\d+", "#", path), 3


def add(path, key, most):
    if any(re.search(pattern, path) for pattern in LEFT_OUT):
        return
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode) or not mode & 0o444:
        return
    counts[key] += 1
    if counts[key] <= most:
        found[path] = None


def walk(root):
    for folder, folders, files in os.walk(root):
        folders.sort()
        folders[:] = [d for d in folders if not any(re.search(p, os.path.join(folder, d)) for p in LEFT_OUT)]
        for name in sorted(files):
            path = os.path.join(folder, name)
            add(path, *kind(path))


def walk_task(root, pid):
    """The files of a task, its network name space included, one of each name."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(d for d in folders if d not in TASK)
        for name in sorted(files):
            path = os.path.join(folder, name)
            if re.search(r"/(pagemap|clear_refs|mem)$", path):
                continue
            key, most = kind(re.sub(r"^/proc/[^/]*/net/", "/proc/net/", path))
            if "/net/" in path:
                add(path.replace(root + "/net/", "/proc/net/") if pid == "self" else path, (pid, key), most)
            else:
                found[path] = None


def descriptors(pid):
    """fdinfo of one descriptor of each kind that a task has open."""
    seen = set()
    for number in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        try:
            target = re.sub(r"\d+", "#", os.readlink(f"/proc/{pid}/fd/{number}"))
        except OSError:
            continue
        if target not in seen:
            seen.add(target)
            found[f"/proc/{pid}/fdinfo/{number}"] = None


for root in ROOTS:
    walk(root)
walk_task("/proc/self", "self")
walk_task("/proc/1", "1")
try:
    holder = open("/run/sockets.pid").read().strip()
    walk_task(f"/proc/{holder}", holder)
    descriptors(holder)
except OSError:
    pass
print("\n".join(found))
