//! Resolves the links of a path, one by one.
//!
//! The kernel follows links while it opens a file, and a session has the path of the file that was
//! opened. Links are resolved here as path_openat() does (fs/namei.c), except for those of procfs whose
//! text depends on the process that follows them: `/proc/self`, `/proc/thread-self` (fs/proc/self.c,
//! fs/proc/thread_self.c), and `/proc/net` and `/proc/mounts`, which lead into `/proc/self`
//! ([`crate::filter`] matches these four). The links in a process's own folder are magic
//! (proc_pid_get_link(), fs/proc/base.c): they lead to an open file, and their text is a description.

/// Maximum number of links of a path: MAXSYMLINKS (include/linux/namei.h).
const MAX_LINKS: usize = 40;

/// Access to a file system, as far as the resolution of links needs it.
pub(super) trait FileSystem {
    /// Returns the text of the symbolic link at an absolute path; `None` if the file is not a link.
    fn link(&self, path: &[u8]) -> Option<Vec<u8>>;
    /// Returns true if a folder is the root of a procfs.
    fn is_proc(&self, folder: &[u8]) -> bool;
}

/// The result of the resolution of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// A path without links, except for those that depend on the reader.
    Real(Vec<u8>),
    /// A path from the text of a magic link of a process given by number. The text may be wrong: the caller compares
    /// the file at `path` with the named file.
    Magic {
        /// Path to which the text leads.
        path: Vec<u8>,
        /// Path of the link.
        link: Vec<u8>,
    },
    /// The path of a link that leads each process to a file of its own.
    Own(Vec<u8>),
    /// An object without a path: `pipe:[4711]`.
    Nameless {
        /// Path of the link.
        link: Vec<u8>,
        /// Text of the link.
        text: Vec<u8>,
    },
    /// More links than the kernel follows: a circle.
    Loop,
}

/// The kind of a link, which decides how it is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A link that leads to its text.
    Plain,
    /// A link whose text depends on the reader; filters match the path of the link.
    PerReader,
    /// A magic link to an open file of the process that follows it.
    Own,
    /// A magic link to an open file of a numbered process.
    Numbered,
}

/// Resolves an absolute path. Components that do not exist remain unchanged.
pub(super) fn follow(path: &[u8], tree: &impl FileSystem) -> Resolution {
    let mut ahead: Vec<Vec<u8>> = components(path).rev().collect();
    let mut walked: Vec<Vec<u8>> = Vec::new();
    let mut magic = None;
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                walked.pop();
                continue;
            }
            _ => walked.push(name),
        }
        let here = join(&walked);
        let Some(text) = tree.link(&here) else { continue };
        match kind(&walked, tree) {
            Kind::PerReader => continue,
            Kind::Own => return Resolution::Own(here),
            Kind::Numbered if !text.starts_with(b"/") => {
                return Resolution::Nameless { link: here, text };
            }
            Kind::Numbered => magic = Some(here),
            Kind::Plain => {}
        }
        links += 1;
        if links > MAX_LINKS {
            return Resolution::Loop;
        }
        walked.pop();
        if text.starts_with(b"/") {
            walked.clear();
        }
        ahead.extend(components(&text).rev());
    }
    let path = join(&walked);
    match magic {
        Some(link) => Resolution::Magic { path, link },
        None => Resolution::Real(path),
    }
}

/// Returns the kind of the link with these components.
fn kind(link: &[Vec<u8>], tree: &impl FileSystem) -> Kind {
    let Some((last, folder)) = link.split_last() else { return Kind::Plain };
    let per_reader = [&b"self"[..], b"thread-self", b"net", b"mounts"];
    if per_reader.contains(&last.as_slice()) && tree.is_proc(&join(folder)) {
        return Kind::PerReader;
    }
    for (index, name) in folder.iter().enumerate() {
        let own = matches!(name.as_slice(), b"self" | b"thread-self");
        let process = own || name.iter().all(u8::is_ascii_digit);
        if !process || !tree.is_proc(&join(folder.get(..index).unwrap_or_default())) {
            continue;
        }
        // Links below net are made by proc_symlink(), as elsewhere in procfs.
        let below = folder.get(index + 1..).unwrap_or_default();
        let below = match below {
            [task, _, rest @ ..] if task == b"task" => rest,
            below => below,
        };
        return match below.first() {
            Some(net) if net == b"net" => Kind::Plain,
            _ if own => Kind::Own,
            _ => Kind::Numbered,
        };
    }
    Kind::Plain
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/').map(<[u8]>::to_vec)
}

fn join(names: &[Vec<u8>]) -> Vec<u8> {
    [b"/", names.join(b"/".as_slice()).as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system with fixed links, and procfs at /proc and at /chroot/proc.
    struct Fake;

    impl FileSystem for Fake {
        fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
            let text = match str::from_utf8(path).unwrap() {
                "/proc/self" | "/chroot/proc/self" => "42",
                "/proc/thread-self" => "42/task/42",
                "/proc/net" | "/chroot/proc/net" => "self/net",
                "/proc/mounts" => "self/mounts",
                "/proc/faults/link" => "alone",
                "/proc/faults/absolute" => "/proc/faults/alone",
                "/proc/faults_alias" => "faults",
                "/proc/fs/nfsfs" => "../net/nfsfs",
                "/proc/fs/xfs/stat" => "/sys/fs/xfs/stats/stats",
                "/proc/net/old" | "/proc/77/net/old" | "/proc/77/task/78/net/old" => "tcp",
                "/etc/mtab" => "../proc/self/mounts",
                "/dev/fd" => "/proc/self/fd",
                "/dev/stdin" => "/proc/self/fd/0",
                "/proc/self/fd/0" => "/dev/pts/1",
                "/proc/thread-self/cwd" => "/root",
                "/proc/77/fd/0" => "/proc/faults/link",
                "/proc/77/fd/1" => "pipe:[4711]",
                "/proc/77/root" => "/",
                "/tmp/proc" => "/proc",
                "/tmp/round" => "/tmp/about",
                "/tmp/about" => "round",
                "/sys/self" => "there",
                _ => return None,
            };
            Some(text.as_bytes().to_vec())
        }

        fn is_proc(&self, folder: &[u8]) -> bool {
            [&b"/proc"[..], b"/chroot/proc"].contains(&folder)
        }
    }

    fn way(path: &str) -> Resolution {
        follow(path.as_bytes(), &Fake)
    }

    #[test]
    fn links_lead_to_the_real_file() {
        for (path, real) in [
            ("/proc/uptime", "/proc/uptime"),
            ("/proc/faults/link", "/proc/faults/alone"),
            ("/proc/faults/absolute", "/proc/faults/alone"),
            ("/proc/faults_alias/alone", "/proc/faults/alone"),
            ("/proc/faults_alias/link", "/proc/faults/alone"),
            ("/proc/faults_alias", "/proc/faults"),
            ("/proc/faults_alias/later", "/proc/faults/later"),
            ("/proc/fs/nfsfs/servers", "/proc/net/nfsfs/servers"),
            ("/proc/fs/xfs/stat", "/sys/fs/xfs/stats/stats"),
            ("/tmp/proc/faults_alias/link", "/proc/faults/alone"),
            ("/proc/faults_alias/../uptime", "/proc/uptime"),
            ("/tmp/proc/../x", "/x"),
            ("//tmp/./nothing", "/tmp/nothing"),
            ("/../..", "/"),
            ("/sys/self/x", "/sys/there/x"),
        ] {
            assert_eq!(way(path), Resolution::Real(real.as_bytes().to_vec()), "{path}");
        }
    }

    #[test]
    fn links_that_depend_on_the_reader_stay() {
        for (path, real) in [
            ("/proc/self/maps", "/proc/self/maps"),
            ("/proc/thread-self/maps", "/proc/thread-self/maps"),
            ("/proc/net/tcp", "/proc/net/tcp"),
            ("/proc/net/old", "/proc/net/tcp"),
            ("/proc/77/net/old", "/proc/77/net/tcp"),
            ("/proc/77/task/78/net/old", "/proc/77/task/78/net/tcp"),
            ("/proc/mounts", "/proc/mounts"),
            ("/etc/mtab", "/proc/self/mounts"),
            ("/tmp/proc/net/tcp", "/proc/net/tcp"),
            ("/dev/fd", "/proc/self/fd"),
            ("/chroot/proc/net/tcp", "/chroot/proc/net/tcp"),
            ("/chroot/proc/self/maps", "/chroot/proc/self/maps"),
        ] {
            assert_eq!(way(path), Resolution::Real(real.as_bytes().to_vec()), "{path}");
        }
    }

    #[test]
    fn magic_links_are_distinguished() {
        let own = |link: &str| Resolution::Own(link.as_bytes().to_vec());
        assert_eq!(way("/proc/self/fd/0"), own("/proc/self/fd/0"));
        assert_eq!(way("/dev/stdin"), own("/proc/self/fd/0"));
        assert_eq!(way("/dev/fd/0"), own("/proc/self/fd/0"));
        assert_eq!(way("/proc/thread-self/cwd/x"), own("/proc/thread-self/cwd"));
        let magic =
            |path: &str, link: &str| Resolution::Magic { path: path.into(), link: link.into() };
        assert_eq!(way("/proc/77/fd/0"), magic("/proc/faults/alone", "/proc/77/fd/0"));
        assert_eq!(way("/proc/77/root/proc/uptime"), magic("/proc/uptime", "/proc/77/root"));
        let nameless =
            Resolution::Nameless { link: "/proc/77/fd/1".into(), text: "pipe:[4711]".into() };
        assert_eq!(way("/proc/77/fd/1"), nameless);
    }

    #[test]
    fn a_circle_ends() {
        assert_eq!(way("/tmp/round/x"), Resolution::Loop);
    }
}
