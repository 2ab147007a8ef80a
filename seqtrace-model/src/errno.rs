//! Names of error numbers, as kernel developers know them: ENOMEM rather than 12.
//!
//! This crate has a table of its own because the kernel returns numbers that user space has no
//! names for (include/linux/errno.h, from 512). The numbers are those of
//! include/uapi/asm-generic/errno*.h, which x86, arm64, riscv and s390 use.

use std::fmt;

/// An error number, displayed by name: `ENOMEM`, or `errno 999` if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u64);

impl Errno {
    /// Returns the error in a return value of the kernel; `None` if it is not negative.
    pub fn of(ret: i64) -> Option<Self> {
        (ret < 0).then(|| Self(ret.unsigned_abs()))
    }

    /// Returns the name of the error; `None` if it has none.
    pub fn name(self) -> Option<&'static str> {
        let user = usize::try_from(self.0).ok().and_then(|number| USER.get(number).copied());
        user.filter(|name| !name.is_empty())
            .or_else(|| KERNEL.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

/// Names by number; empty where the number is not used.
#[rustfmt::skip]
const USER: [&str; 134] = [
    "", "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD",
    "EAGAIN", "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV",
    "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC",
    "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK",
    "ENOSYS", "ENOTEMPTY", "ELOOP", "", "ENOMSG", "EIDRM", "ECHRNG", "EL2NSYNC", "EL3HLT", "EL3RST",
    "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE", "EBADR", "EXFULL", "ENOANO", "EBADRQC",
    "EBADSLT", "", "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR", "ENONET", "ENOPKG", "EREMOTE",
    "ENOLINK", "EADV", "ESRMNT", "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT", "EBADMSG", "EOVERFLOW",
    "ENOTUNIQ", "EBADFD", "EREMCHG", "ELIBACC", "ELIBBAD", "ELIBSCN", "ELIBMAX", "ELIBEXEC",
    "EILSEQ", "ERESTART", "ESTRPIPE", "EUSERS", "ENOTSOCK", "EDESTADDRREQ", "EMSGSIZE",
    "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EPFNOSUPPORT",
    "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN", "ENETUNREACH", "ENETRESET",
    "ECONNABORTED", "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN", "ETOOMANYREFS",
    "ETIMEDOUT", "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE",
    "EUCLEAN", "ENOTNAM", "ENAVAIL", "EISNAM", "EREMOTEIO", "EDQUOT", "ENOMEDIUM", "EMEDIUMTYPE",
    "ECANCELED", "ENOKEY", "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED", "EOWNERDEAD",
    "ENOTRECOVERABLE", "ERFKILL", "EHWPOISON",
];

/// Names from include/linux/errno.h.
const KERNEL: [(u64, &str); 19] = [
    (512, "ERESTARTSYS"),
    (513, "ERESTARTNOINTR"),
    (514, "ERESTARTNOHAND"),
    (515, "ENOIOCTLCMD"),
    (516, "ERESTART_RESTARTBLOCK"),
    (517, "EPROBE_DEFER"),
    (518, "EOPENSTALE"),
    (519, "ENOPARAM"),
    (521, "EBADHANDLE"),
    (522, "ENOTSYNC"),
    (523, "EBADCOOKIE"),
    (524, "ENOTSUPP"),
    (525, "ETOOSMALL"),
    (526, "ESERVERFAULT"),
    (527, "EBADTYPE"),
    (528, "EJUKEBOX"),
    (529, "EIOCBQUEUED"),
    (530, "ERECALLCONFLICT"),
    (531, "ENOGRACE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for (number, name) in [
            (1, "EPERM"),
            (2, "ENOENT"),
            (11, "EAGAIN"),
            (12, "ENOMEM"),
            (14, "EFAULT"),
            (22, "EINVAL"),
            (29, "ESPIPE"),
            (35, "EDEADLK"),
            (75, "EOVERFLOW"),
            (95, "EOPNOTSUPP"),
            (110, "ETIMEDOUT"),
            (133, "EHWPOISON"),
            (512, "ERESTARTSYS"),
            (524, "ENOTSUPP"),
        ] {
            assert_eq!(Errno(number).to_string(), name);
        }
        for unused in [0, 41, 58, 520, 4095] {
            assert_eq!(Errno(unused).to_string(), format!("errno {unused}"));
        }
    }

    #[test]
    fn only_negative_values_are_errors() {
        assert_eq!(Errno::of(-12), Some(Errno(12)));
        assert_eq!(Errno::of(0), None);
        assert_eq!(Errno::of(i64::MIN).map(|errno| errno.0), Some(1 << 63));
    }
}
