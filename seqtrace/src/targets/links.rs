//! Where a path leads, link by link.
//!
//! The kernel follows links while it opens a file, and a session has the path of the file that was
//! opened. Links are resolved here as path_openat() does (fs/namei.c), but for those of procfs whose
//! text depends on the process that follows them: `/proc/self`, `/proc/thread-self` (fs/proc/self.c,
//! fs/proc/thread_self.c), and `/proc/net` and `/proc/mounts`, which lead into `/proc/self`
//! ([`crate::filter`] knows these four). The links in a process's own folder are magic
//! (proc_pid_get_link(), fs/proc/base.c): they lead to an open file, and their text is a description.

/// Most links on one way: MAXSYMLINKS (include/linux/namei.h).
const MOST_LINKS: usize = 40;

/// Answers what the resolution of links asks of a file system.
pub(super) trait Tree {
    /// Text of the symbolic link at an absolute path; `None` if there is no link.
    fn link(&self, path: &[u8]) -> Option<Vec<u8>>;
    /// Whether a folder is the root of a procfs.
    fn is_proc(&self, folder: &[u8]) -> bool;
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To this path, without links but for those that depend on the reader.
    Real(Vec<u8>),
    /// To this path, if the text of a magic link of a numbered process is right: the file there is to
    /// be compared with the one that was named.
    Magic {
        /// Path that the text leads to.
        path: Vec<u8>,
        /// Path of the link.
        link: Vec<u8>,
    },
    /// To another file for each process that follows this link.
    Own(Vec<u8>),
    /// To what has no path: `pipe:[4711]`.
    Nameless {
        /// Path of the link.
        link: Vec<u8>,
        /// Its text.
        text: Vec<u8>,
    },
    /// In a circle.
    Loop,
}

/// What decides where a link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its text.
    Plain,
    /// Its text, which depends on the reader; the filters know its name.
    PerReader,
    /// An open file of the process that follows it.
    Own,
    /// An open file of a numbered process.
    Numbered,
}

/// Follows an absolute path. Components that do not exist are kept as they are.
pub(super) fn follow(path: &[u8], tree: &impl Tree) -> Way {
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
            Kind::Own => return Way::Own(here),
            Kind::Numbered if !text.starts_with(b"/") => return Way::Nameless { link: here, text },
            Kind::Numbered => magic = Some(here),
            Kind::Plain => {}
        }
        links += 1;
        if links > MOST_LINKS {
            return Way::Loop;
        }
        walked.pop();
        if text.starts_with(b"/") {
            walked.clear();
        }
        ahead.extend(components(&text).rev());
    }
    let path = join(&walked);
    match magic {
        Some(link) => Way::Magic { path, link },
        None => Way::Real(path),
    }
}

/// The kind of the link that has these components.
fn kind(link: &[Vec<u8>], tree: &impl Tree) -> Kind {
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
        // What is below net is made by proc_symlink(), as elsewhere in procfs.
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

    /// Links by path; procfs is at /proc and at /chroot/proc.
    struct Fake;

    impl Tree for Fake {
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

    fn way(path: &str) -> Way {
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
            assert_eq!(way(path), Way::Real(real.as_bytes().to_vec()), "{path}");
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
            assert_eq!(way(path), Way::Real(real.as_bytes().to_vec()), "{path}");
        }
    }

    #[test]
    fn magic_links_are_told_from_others() {
        let own = |link: &str| Way::Own(link.as_bytes().to_vec());
        assert_eq!(way("/proc/self/fd/0"), own("/proc/self/fd/0"));
        assert_eq!(way("/dev/stdin"), own("/proc/self/fd/0"));
        assert_eq!(way("/dev/fd/0"), own("/proc/self/fd/0"));
        assert_eq!(way("/proc/thread-self/cwd/x"), own("/proc/thread-self/cwd"));
        let magic = |path: &str, link: &str| Way::Magic { path: path.into(), link: link.into() };
        assert_eq!(way("/proc/77/fd/0"), magic("/proc/faults/alone", "/proc/77/fd/0"));
        assert_eq!(way("/proc/77/root/proc/uptime"), magic("/proc/uptime", "/proc/77/root"));
        let nameless = Way::Nameless { link: "/proc/77/fd/1".into(), text: "pipe:[4711]".into() };
        assert_eq!(way("/proc/77/fd/1"), nameless);
    }

    #[test]
    fn a_circle_ends() {
        assert_eq!(way("/tmp/round/x"), Way::Loop);
    }
}
