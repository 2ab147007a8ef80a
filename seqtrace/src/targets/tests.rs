use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::*;

/// A folder that is removed with its last use.
struct Folder(PathBuf);

impl Folder {
    /// `dir/one`, `dir/two`, `dir/[odd]*`, the links `dir/link` → `one`, `alias` → `dir`,
    /// `up` → `dir/deep`, `gone` → `nothing`.
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("seqtrace-{name}-{}", std::process::id()));
        let _fresh = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("dir/deep")).unwrap();
        let root = fs::canonicalize(root).unwrap();
        for file in ["dir/one", "dir/two", "dir/[odd]*", "dir/bad[", "dir/o"] {
            fs::write(root.join(file), "").unwrap();
        }
        for (link, text) in
            [("dir/link", "one"), ("alias", "dir"), ("up", "dir/deep"), ("gone", "nothing")]
        {
            symlink(text, root.join(link)).unwrap();
        }
        Self(root)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0.display())
    }

    fn word(&self, name: &str) -> LocatedTarget {
        let words = locate(&[self.path(name).into()]).unwrap();
        words.into_iter().next().unwrap()
    }

    /// The targets of a word and its files, below this folder.
    fn of(&self, name: &str) -> (Vec<String>, Vec<(String, String)>) {
        let word = self.word(name);
        let below = |text: &str| text.replace(&self.path(""), "");
        let text = |bytes: &[u8]| below(std::str::from_utf8(bytes).unwrap());
        let targets = word.real.iter().map(|target| below(&target.to_string())).collect();
        let files = word.files.iter().map(|file| (text(&file.path), text(&file.real))).collect();
        (targets, files)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(path, real)| ((*path).to_owned(), (*real).to_owned())).collect()
}

#[test]
fn a_link_is_its_file() {
    let folder = Folder::new("links");
    for (name, path, real) in [
        ("dir/one", "dir/one", "dir/one"),
        ("dir/link", "dir/link", "dir/one"),
        ("alias/one", "alias/one", "dir/one"),
        ("alias/./link", "alias/link", "dir/one"),
        // The kernel goes up from the target of a link.
        ("up/../one", "dir/one", "dir/one"),
    ] {
        assert_eq!(folder.of(name), (vec![real.to_owned()], pairs(&[(path, real)])), "{name}");
    }
    assert!(matches!(folder.word("alias").problem, Some(Problem::Folder)));
    assert!(matches!(folder.word("gone").problem, Some(Problem::Missing)));
    assert!(matches!(folder.word("dir/one/x").problem, Some(Problem::Missing)));
    assert!(matches!(folder.word("dir/n*").problem, Some(Problem::NoMatch)));
}

#[test]
fn a_glob_leads_to_each_file_once() {
    let folder = Folder::new("globs");
    let (targets, files) = folder.of("alias/o*");
    assert_eq!(targets, ["dir/o*"]);
    assert_eq!(files, pairs(&[("alias/o", "dir/o"), ("alias/one", "dir/one")]));
    // One of the names is that of the file.
    let (targets, files) = folder.of("dir/{link,one}");
    assert_eq!(targets, ["dir/{link,one}"]);
    assert_eq!(files, pairs(&[("dir/one", "dir/one")]));
    // The pattern does not match the real paths of files behind a link.
    let (targets, files) = folder.of("a*/tw?");
    assert_eq!(targets, ["a*/tw?", "dir/two"]);
    assert_eq!(files, pairs(&[("alias/two", "dir/two")]));
    let (targets, _) = folder.of("dir/l*");
    assert_eq!(targets, ["dir/l*", "dir/one"]);
    // What does not exist yet has the path that it will have.
    assert_eq!(folder.of("alias/later*").0, ["dir/later*"]);
    assert_eq!(folder.of("alias/later").0, ["dir/later"]);
}

#[test]
fn a_name_that_looks_like_a_pattern_is_a_name_if_it_exists() {
    let folder = Folder::new("odd");
    for (name, path) in [
        ("dir/[odd]*", "dir/[odd]*"),
        ("dir/bad[", "dir/bad["),
        ("alias/[odd]*", "alias/[odd]*"),
        ("dir/\\[odd\\]\\*", "dir/[odd]*"),
        ("dir/bad\\[", "dir/bad["),
    ] {
        let real = path.replace("alias", "dir");
        let word = folder.word(name);
        assert!(matches!(word.named, Target::Path(_)), "{name}");
        assert_eq!(folder.of(name).1, pairs(&[(path, &real)]), "{name}");
    }
    assert_eq!(folder.of("dir/[o]").1, pairs(&[("dir/o", "dir/o")]));
    assert!(locate(&[folder.path("dir/none[").into()]).is_err());
}

#[test]
fn links_of_this_process_name_no_file() {
    let own = locate(&["/proc/self/fd/0".into()]).unwrap();
    assert!(matches!(own[0].problem, Some(Problem::Own { .. })));
    let error = own[0].problem.as_ref().unwrap().user_error(&own[0].named);
    assert!(error.what.contains("leads each process to a file of its own"), "{error}");
    let own = locate(&["/proc/self/cwd/*".into()]).unwrap();
    assert!(matches!(own[0].problem, Some(Problem::Own { .. })));
    // The reader's own file is a target, for any reader.
    for path in ["/proc/self/maps", "/proc/net/dev", "/proc/mounts"] {
        let word = &locate(&[path.into()]).unwrap()[0];
        assert_eq!(word.real[0].to_string(), path);
    }
    // A numbered process's link leads to one file.
    let root = format!("/proc/{}/root/proc/uptime", std::process::id());
    assert_eq!(locate(&[root.into()]).unwrap()[0].real[0].to_string(), "/proc/uptime");
}

#[test]
fn filters_lead_to_the_real_file_too() {
    let folder = Folder::new("filters");
    let globs = |patterns: &[&str]| {
        let select = cli::Select {
            path: patterns.iter().map(|name| folder.path(name)).collect(),
            ..cli::Select::default()
        };
        let filter = filter_here(&select).unwrap();
        let text = |glob: &Glob| glob.to_string().replace(&folder.path(""), "");
        filter.path.only.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(globs(&["dir/one"]), ["dir/one"]);
    assert_eq!(globs(&["dir/link"]), ["dir/link", "dir/one"]);
    assert_eq!(globs(&["alias/*"]), ["alias/*", "dir/*"]);
    assert_eq!(globs(&["dir/*"]), ["dir/*"]);
    assert_eq!(globs(&["dir/l*"]), ["dir/l*", "dir/one"]);
    assert_eq!(globs(&["a*/two"]), ["a*/two", "dir/two"]);
    assert_eq!(globs(&["alias/**"]), ["alias/**", "dir/**"]);
}

#[test]
fn a_pattern_that_no_path_can_match_is_refused() {
    let filter = |pattern: &str| {
        filter(&cli::Select { path: vec![pattern.to_owned()], ..cli::Select::default() })
    };
    assert!(filter("faults/*").is_err());
    for pattern in ["/proc/faults/*", "**/faults/*", "*/x", "tcp", "…/a/b", "{/proc,/sys}/**"] {
        assert!(filter(pattern).is_ok(), "{pattern}");
    }
    let glob = |pattern: &str| Glob::path(pattern).unwrap();
    assert!(glob("**/faults/*").matches(b"/proc/faults/one"));
}
