"""Lists the files that a full sweep checks: a few of each kind.

Files of one kind have the same iterator. Their paths differ in numbers only, or match the same pattern in KINDS.
"""

import collections
import os
import re
import stat

ROOTS = [
    "/proc", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security", "/sys/fs/cgroup",
    "/sys/fs/resctrl", "/cgroup1", "/dlmfs",
]

# Patterns of files that are not read.
LEFT_OUT = [
    # gfs2_glockfd_seq_start() returns NULL at positions above 0, and gfs2_glockfd_seq_stop() then releases the same
    # object again: reading the file in two parts is a use after free (docs/kernel-bugs.md).
    r"^/sys/kernel/debug/gfs2/[^/]*/glockfd$",
    # Reading consumes the text, or waits for an event.
    r"/(kmsg|trace_pipe|trace_pipe_raw|snapshot_raw|usbmon|vmcore|events?)$", r"/usbmon/",
    # Reading has side effects or returns memory.
    r"/(kcore|pagemap|clear_refs|sysrq-trigger|mem)$",
    # /proc/sys has no seq files, walk_task() lists those of tasks, and debugfs contains tracefs again.
    r"^/proc/(\d+|self|thread-self|sys)(/|$)", r"^/sys/kernel/debug/tracing(/|$)",
    # Files for each CPU and each interrupt with the same iterator.
    r"/per_cpu/cpu[1-9]", r"^/proc/irq/\d",
    # These are not seq files.
    r"^/sys/kernel/tracing/(instances/[^/]*/)?options/",
]

# Kinds whose paths differ in more than numbers. The groups of the pattern identify the kind; the number is how many files
# of a kind are listed.
KINDS = [
    (r"^/sys/fs/cgroup/.*?(?P<k>[^/]*(procs|threads))$", 4),
    (r"^/sys/fs/cgroup/.*?(?P<k>[^/]*)$", 2),
    (r"^/cgroup1/(?P<k>[^/]*/).*?(?P<l>[^/]*)$", 2),
    (r"/debug/(?P<k>slab)/[^/]*/(?P<l>.*)$", 3),
    (r"/instances/.*/events/.*/(?P<k>[^/]*)$", 1),
    # One file of each subsystem.
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

# Folders of a task that are not searched.
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
    """Adds the files of a task, including its network namespace, one of each name."""
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
    """Adds the fdinfo of one open descriptor of each kind."""
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
