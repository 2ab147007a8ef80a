use super::*;

/// A folder that is removed at the end of a test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seqtrace-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _absent = fs::remove_dir_all(&self.0);
    }
}

fn symbol(name: &str, module: Option<&str>) -> Symbol {
    let (name, module) = (Some(name.into()), module.map(Into::into));
    Symbol { name, module, ..Symbol::unnamed(0x1040) }
}

#[test]
fn files_of_modules_are_recognised() {
    let names = ["a.ko", "snd-pcm.ko.xz", "a-b.ko.debug", "a.ko.txt", "a.o", "vmlinux"];
    let expected = [Some("a"), Some("snd_pcm"), Some("a_b"), None, None, None];
    assert_eq!(names.map(module_name), expected.map(|name| name.map(str::to_owned)));
    let list = "kernel/fs/b.ko.xz: kernel/lib/a.ko\nextra/snd-pcm.ko:\n";
    assert_eq!(path_of(list, "snd_pcm"), Some("extra/snd-pcm.ko"));
    assert_eq!(path_of(list, "b"), Some("kernel/fs/b.ko.xz"));
    assert_eq!(path_of(list, "a"), None, "a dependency");
    assert_eq!(by_build_id(&[0xab, 1, 0x2c]), Some(".build-id/ab/012c.debug".into()));
    assert_eq!(by_build_id(&[]), None);
}

#[test]
fn paths_are_relative_to_the_folder_in_which_the_user_is_or_the_code_was_built() {
    let line = |path: &str, current: Option<&str>| {
        let definition = Definition {
            path: path.to_owned(),
            compiled_in: "/usr/src/linux".to_owned(),
            built_in: Some("/home/dev/mod".to_owned()),
            line: 7,
        };
        source_line(definition, current.map(Path::new)).file.to_string()
    };
    assert_eq!(line("/home/dev/mod/sub/a.c", Some("/")), "sub/a.c");
    assert_eq!(line("/home/dev/mod/sub/a.c", Some("/home/dev")), "mod/sub/a.c");
    assert_eq!(line("/home/dev/mod2/a.c", None), "/home/dev/mod2/a.c");
    assert_eq!(line("/usr/src/linux/fs/proc/array.c", Some("/root")), "fs/proc/array.c");
    assert_eq!(line("fs/proc/array.c", Some("/root")), "fs/proc/array.c");
}

#[test]
fn folders_are_listed_with_those_below_them() {
    let top = Temporary::new("listed");
    let sub = top.0.join("sub");
    fs::create_dir(&sub).unwrap();
    for path in ["a-b.ko", "sub/a_b.ko", "sub/vmlinux-6.12", "sub/a.txt"] {
        fs::write(top.0.join(path), "").unwrap();
    }
    // A link to the folder around it, and a file that would block.
    std::os::unix::fs::symlink(&top.0, sub.join("loop")).unwrap();
    nix::unistd::mkfifo(&sub.join("c.ko"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let mut notes = Vec::new();
    let folder = Folder::list(&top.0, &mut notes);
    let paths = |name| folder.files_of(name).map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths("a_b"), [top.0.join("a-b.ko"), sub.join("a_b.ko")]);
    assert_eq!(paths("vmlinux"), [sub.join("vmlinux-6.12")]);
    assert!(folder.files_of("c").all(|(_, file)| file.is_err()));
    assert!(notes.is_empty());
    Folder::list(&top.0.join("absent"), &mut notes);
    assert!(notes[0].contains("absent: No such file"), "{notes:?}");
}

#[test]
fn files_that_are_not_used_are_noted() {
    let top = Temporary::new("noted");
    fs::write(top.0.join("seqbugs.ko"), "no ELF file").unwrap();
    let (mut files, mut notes) = DebugFiles::new(std::slice::from_ref(&top.0), Some(0x1000));
    for module in ["seqbugs", "other"] {
        files.running.insert(Some(module.to_owned()), Identity::default());
        let lines = files.lines(Some(module), &[&symbol("eof_next", Some(module))], &mut notes);
        assert_eq!(lines, [None]);
    }
    assert!(
        notes[0].contains("noted-") && notes[0].contains("seqbugs.ko: it is damaged"),
        "{notes:?}"
    );
    assert_eq!(notes[1..], ["no source lines of other: --debug-dir has no other.ko"]);
    assert_eq!(files.wanted(&symbol("f", None)).offset, Some(0x40));
    assert_eq!(identity(Some("../x")), None);
}
