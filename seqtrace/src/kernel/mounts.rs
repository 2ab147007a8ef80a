//! Translates the names of a file within its filesystem to the path that a user types.
//!
//! The eBPF programs walk a file's dentries up to the root of its filesystem, which costs less than walking mounts and
//! is bounded. /proc/self/mountinfo has the mount points of that filesystem, by device number. Names in procfs depend
//! on the process that opens a file: its own directory is `/proc/self`, and `/proc/net` and `/proc/mounts` are links
//! into `/proc/self` (fs/proc/root.c, fs/proc/proc_net.c).

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// `super_block.s_magic` (include/uapi/linux/magic.h), type and usual mount point of filesystems.
const USUAL: [(u32, &[u8], &[u8]); 9] = [
    (0x9fa0, b"proc", b"/proc"),
    (0x6265_6572, b"sysfs", b"/sys"),
    (0x7472_6163, b"tracefs", b"/sys/kernel/tracing"),
    (0x6462_6720, b"debugfs", b"/sys/kernel/debug"),
    (0x6367_7270, b"cgroup2", b"/sys/fs/cgroup"),
    (0x0027_e0eb, b"cgroup", b"/sys/fs/cgroup"),
    (0x7363_6673, b"securityfs", b"/sys/kernel/security"),
    (0xcafe_4a11, b"bpf", b"/sys/fs/bpf"),
    (0x6265_6570, b"configfs", b"/sys/kernel/config"),
];

/// `ANON_INODE_FS_MAGIC`: files that have a name, but no path.
const ANONYMOUS: u32 = 0x0904_1934;

/// A mount: a directory of a filesystem and its mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// `super_block.s_dev`: major << 20 | minor.
    dev: u32,
    /// Names from the root of the filesystem to the mounted directory; empty: the root itself.
    root: Vec<Vec<u8>>,
    /// Path of the mount point.
    point: Vec<u8>,
    fstype: Vec<u8>,
}

/// The mounts that this process sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounts {
    mounts: Vec<Mount>,
}

/// The properties of a file that an event has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File<'a> {
    /// `super_block.s_dev`: major << 20 | minor.
    pub(crate) dev: u32,
    /// `super_block.s_magic`.
    pub(crate) magic: u32,
    /// Names from the root of the filesystem to the file.
    pub(crate) names: &'a [Vec<u8>],
    /// True if the first names are missing.
    pub(crate) cut: bool,
    /// Process id of the opener, in the initial pid namespace.
    pub(crate) pid: u32,
}

impl Mounts {
    /// Reads the mounts of this process.
    ///
    /// # Errors
    /// /proc/self/mountinfo cannot be read. In that case `Mounts::default()` has the usual mount points.
    pub fn of_this_process() -> std::io::Result<Self> {
        std::fs::read(MOUNTINFO).map(|text| Self::parse(&text))
    }

    /// Parses mountinfo (Documentation/filesystems/proc.rst, 3.5) and skips lines that are not understood.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self { mounts: text.split(|&byte| byte == b'\n').filter_map(mount).collect() }
    }

    /// Returns true if a filesystem with this device number is mounted.
    pub(crate) fn knows(&self, dev: u32) -> bool {
        self.mounts.iter().any(|mount| mount.dev == dev)
    }

    /// Returns the path that [`path`](Self::path) returns for the file at `path`, which must not contain links. `dev`
    /// is the file's `super_block.s_dev`. `None` if no such filesystem is mounted there.
    pub(crate) fn canonical(&self, path: &[u8], dev: u32) -> Option<Vec<u8>> {
        let below = |mount: &Mount| {
            let rest = path.strip_prefix(mount.point.strip_suffix(b"/").unwrap_or(&mount.point))?;
            (rest.is_empty() || rest.starts_with(b"/")).then(|| {
                let names = rest.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
                mount.root.iter().cloned().chain(names.map(<[u8]>::to_vec)).collect()
            })
        };
        let mounts = self.mounts.iter().filter(|mount| mount.dev == dev);
        let found = mounts.filter_map(|mount| Some((mount.point.len(), below(mount)?)));
        // If several filesystems are mounted at one point, the last one covers the others.
        let (_, names): (_, Vec<Vec<u8>>) = found.max_by_key(|(depth, _)| *depth)?;
        Some(self.path(&File { dev, magic: 0, names: &names, cut: false, pid: 0 }))
    }

    /// Returns the path as a user types it, as raw bytes. The path is `…/` and the names if the first names
    /// are missing, or if the filesystem is not mounted and its type is not known.
    pub(crate) fn path(&self, file: &File<'_>) -> Vec<u8> {
        if file.cut {
            return join("…".as_bytes(), file.names);
        }
        if file.magic == ANONYMOUS {
            // The same form as in /proc/PID/fd.
            return [b"anon_inode:".as_slice(), &file.names.concat()].concat();
        }
        let usual = USUAL.iter().find(|usual| usual.0 == file.magic);
        let mounted = self
            .mounts
            .iter()
            .filter(|mount| mount.dev == file.dev)
            .filter_map(|mount| Some((mount, file.names.strip_prefix(mount.root.as_slice())?)))
            // The usual mount point, or else the mount with the shortest root, or else the first.
            .min_by_key(|(mount, _)| {
                let usual = USUAL
                    .iter()
                    .any(|(_, fstype, point)| *fstype == mount.fstype && *point == mount.point);
                (!usual, mount.root.len())
            });
        let (point, names) = match (mounted, usual) {
            (Some((mount, names)), _) => (mount.point.as_slice(), names),
            (None, Some((_, _, point))) => (*point, file.names),
            (None, None) => ("…".as_bytes(), file.names),
        };
        let proc = mounted.map_or_else(
            || usual.is_some_and(|usual| usual.1 == b"proc"),
            |(mount, _)| mount.fstype == b"proc" && mount.root.is_empty(),
        );
        match names {
            [pid, rest @ ..] if proc && !rest.is_empty() && is_number(pid, file.pid) => {
                join_self(point, rest)
            }
            _ => join(point, names),
        }
    }
}

/// Returns a path below the opener's own directory in procfs. An event has the same names for `self` and for the
/// number; processes rarely open their own files by number.
fn join_self(point: &[u8], rest: &[Vec<u8>]) -> Vec<u8> {
    let is_link = rest[0] == b"net" || rest == [b"mounts".as_slice()];
    if is_link { join(point, rest) } else { join(&[point, b"/self"].concat(), rest) }
}

fn is_number(text: &[u8], number: u32) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse() == Ok(number))
}

fn join(point: &[u8], names: &[Vec<u8>]) -> Vec<u8> {
    let mut path = point.strip_suffix(b"/").unwrap_or(point).to_vec();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

/// Parses `36 35 98:0 /root /point options [tags…] - type source options`.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let dev = std::str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = dev.split_once(':')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let fstype = fields.skip_while(|field| *field != b"-").nth(1)?.to_vec();
    // In a cgroup namespace the root may begin with /.. : such a mount shows nothing under these names.
    let root: Vec<Vec<u8>> = root
        .split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    Some(Mount { dev: major << 20 | minor & 0xf_ffff, root, point, fstype })
}

/// Decodes the octal escapes of space, tab, newline and backslash, like `\040`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let byte;
        (byte, rest) = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), tail)
            }
            _ => (*first, tail),
        };
        out.push(byte);
    }
    out
}

/// Lines of a mountinfo, made up for tests and as a seed of fuzzing.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) const SAMPLE: &str = "\
22 27 0:21 / /proc rw,relatime shared:5 master:1 - proc proc rw
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
40 23 0:7 / /sys/kernel/debug rw - debugfs debugfs rw
41 40 0:12 / /sys/kernel/debug/tracing rw - tracefs tracefs rw
42 23 0:12 / /sys/kernel/tracing rw - tracefs tracefs rw
43 23 0:30 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw
27 1 254:0 / / rw - ext4 /dev/vda rw
50 27 254:1 /a/b /mnt/with\\040space rw - ext4 /dev/vdb rw
51 27 254:1 / /mnt/whole rw - ext4 /dev/vdb rw
52 27 0:60 / /mnt/tracing rw - tracefs other rw
53 27 0:61 / /chroot/proc rw - proc proc rw
54 27 0:21 /tty /mnt/tty rw - proc proc rw
damaged line
";

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dev: (u32, u32), magic: u32, names: &str, pid: u32) -> String {
        let names: Vec<Vec<u8>> =
            names.split('/').filter(|n| !n.is_empty()).map(|n| n.as_bytes().to_vec()).collect();
        let file = File { dev: dev.0 << 20 | dev.1, magic, names: &names, cut: false, pid };
        String::from_utf8(Mounts::parse(SAMPLE.as_bytes()).path(&file)).unwrap()
    }

    #[test]
    fn filesystems_at_their_mount_points() {
        assert_eq!(path((0, 21), 0x9fa0, "seqfiles/seqfile", 7), "/proc/seqfiles/seqfile");
        assert_eq!(path((0, 7), 0, "bdi/7:0/stats", 7), "/sys/kernel/debug/bdi/7:0/stats");
        assert_eq!(path((254, 0), 0, "etc/fstab", 7), "/etc/fstab");
        assert_eq!(path((254, 0), 0, "", 7), "/");
    }

    #[test]
    fn anonymous_files_have_only_a_name() {
        assert_eq!(path((0, 14), ANONYMOUS, "[hoge]", 7), "anon_inode:[hoge]");
    }

    #[test]
    fn tracefs_prefers_its_own_mount_point_over_the_automount() {
        assert_eq!(path((0, 12), 0, "trace", 7), "/sys/kernel/tracing/trace");
        assert_eq!(path((0, 60), 0x7472_6163, "trace", 7), "/mnt/tracing/trace");
    }

    #[test]
    fn bind_mounts_and_spaces() {
        assert_eq!(path((0, 30), 0, "docker/abc/x/memory.stat", 7), "/sys/fs/cgroup/x/memory.stat");
        assert_eq!(path((254, 1), 0, "a/b/c", 7), "/mnt/whole/a/b/c", "the whole one is preferred");
        let only_part = Mounts::parse(SAMPLE.lines().nth(7).unwrap().as_bytes());
        let names = [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
        let mut file = File { dev: 254 << 20 | 1, magic: 0, names: &names, cut: false, pid: 1 };
        assert_eq!(only_part.path(&file), b"/mnt/with space/c");
        let outside = [b"x".to_vec()];
        file.names = &outside;
        assert_eq!(only_part.path(&file), "…/x".as_bytes());
    }

    #[test]
    fn the_canonical_path_of_a_filesystem_that_is_mounted_twice() {
        let mounts = Mounts::parse(SAMPLE.as_bytes());
        let canonical = |path: &str, dev: (u32, u32)| {
            let path = mounts.canonical(path.as_bytes(), dev.0 << 20 | dev.1)?;
            Some(String::from_utf8(path).unwrap())
        };
        let is = |path: &str| Some(path.to_owned());
        assert_eq!(canonical("/proc/uptime", (0, 21)), is("/proc/uptime"));
        assert_eq!(canonical("/mnt/tty/drivers", (0, 21)), is("/proc/tty/drivers"));
        assert_eq!(canonical("/mnt/tty", (0, 21)), is("/proc/tty"));
        assert_eq!(canonical("/mnt/ttys", (0, 21)), None);
        assert_eq!(canonical("/proc/self/maps", (0, 21)), is("/proc/self/maps"));
        assert_eq!(
            canonical("/sys/kernel/debug/tracing/trace", (0, 12)),
            is("/sys/kernel/tracing/trace")
        );
        assert_eq!(canonical("/mnt/with space/c", (254, 1)), is("/mnt/whole/a/b/c"));
        assert_eq!(canonical("/chroot/proc/self/maps", (0, 61)), is("/chroot/proc/self/maps"));
        assert_eq!(canonical("/etc/passwd", (254, 0)), is("/etc/passwd"));
        assert_eq!(canonical("/", (254, 0)), is("/"));
        assert_eq!(canonical("/proc/uptime", (0, 99)), None);
    }

    #[test]
    fn a_filesystem_that_is_not_mounted_is_known_by_its_type() {
        assert_eq!(path((0, 99), 0x9fa0, "net/tcp", 7), "/proc/net/tcp");
        assert_eq!(path((0, 99), 0x6367_7270, "a/cpu.stat", 7), "/sys/fs/cgroup/a/cpu.stat");
        assert_eq!(path((0, 99), 0x1234, "a/b", 7), "…/a/b");
        // A container's cgroup mounts elsewhere in the tree: outside of what this process sees.
        assert_eq!(
            path((0, 30), 0x6367_7270, "system.slice/x", 7),
            "/sys/fs/cgroup/system.slice/x"
        );
    }

    #[test]
    fn procfs_knows_the_opener() {
        let proc = |names, pid| path((0, 21), 0x9fa0, names, pid);
        assert_eq!(proc("123/maps", 123), "/proc/self/maps");
        assert_eq!(proc("123/maps", 7), "/proc/123/maps");
        assert_eq!(proc("123/net/tcp", 123), "/proc/net/tcp");
        assert_eq!(proc("123/net/tcp", 7), "/proc/123/net/tcp");
        assert_eq!(proc("123/mounts", 123), "/proc/mounts");
        assert_eq!(proc("123/mountinfo", 123), "/proc/self/mountinfo");
        assert_eq!(proc("123/task/124/maps", 123), "/proc/self/task/124/maps");
        assert_eq!(proc("123/task/124/net/tcp", 123), "/proc/self/task/124/net/tcp");
        assert_eq!(proc("123", 123), "/proc/123");
        assert_eq!(path((0, 61), 0x9fa0, "123/maps", 123), "/chroot/proc/self/maps");
        assert_eq!(path((254, 0), 0, "123/maps", 123), "/123/maps", "not procfs");
    }

    #[test]
    fn a_cut_path_is_marked() {
        let names = [b"deep".to_vec(), b"file".to_vec()];
        let file = File { dev: 21, magic: 0x9fa0, names: &names, cut: true, pid: 1 };
        assert_eq!(Mounts::parse(SAMPLE.as_bytes()).path(&file), "…/deep/file".as_bytes());
    }

    #[test]
    fn this_machines_own_mounts() {
        if let Ok(mounts) = Mounts::of_this_process() {
            assert!(!mounts.mounts.is_empty());
        }
    }
}
