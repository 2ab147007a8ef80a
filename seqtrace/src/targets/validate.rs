//! Validates targets before anything is attached: refuses targets that cannot be traced, and warns of targets that
//! match nothing yet.

use super::{LocatedTarget, Problem, machine::path_buf};
use crate::{
    escape,
    exit::{Exit, UserError},
    filter::{Filter, Target, glob::Glob},
    kernel::kallsyms::Kallsyms,
};

/// Refuses targets that can never be traced on this machine. Returns a warning for each target that
/// matches nothing now.
///
/// # Errors
/// A path does not exist or is a folder, no glob matches a file, the kernel lacks a symbol, a module is
/// part of the kernel, or filters exclude all targets.
pub(crate) fn validate(
    words: &[LocatedTarget],
    filter: &Filter,
    symbols: &Kallsyms,
) -> Result<Vec<String>, UserError> {
    let mut warnings = Vec::new();
    let found = words.iter().any(|word| word.problem.is_none());
    for word in words {
        match (&word.named, &word.problem) {
            (glob, Some(Problem::NoMatch)) if found => {
                warnings.push(format!(
                    "no file matches {glob} now; files that appear later are traced"
                ));
            }
            (target, Some(problem)) => return Err(problem.user_error(target)),
            (Target::Function(name), None) => validate_function(name, symbols)?,
            (Target::Module(module), None) => {
                let loaded = std::fs::read_to_string("/proc/modules").ok();
                let loaded = loaded.iter().flat_map(|text| text.lines());
                let loaded = loaded.filter_map(|line| line.split(' ').next());
                warnings.extend(validate_module(module, loaded, is_built_in)?);
            }
            (Target::Path(_) | Target::Glob(_), None) => {}
        }
    }
    warnings.extend(validate_filter(words, filter)?);
    Ok(warnings)
}

fn validate_function(name: &[u8], symbols: &Kallsyms) -> Result<(), UserError> {
    let text = String::from_utf8_lossy(name);
    if symbols.variants(&text).is_empty() && symbols.by_name(&text).next().is_none() {
        return Err(Exit::Target.error(
            format!("the kernel has no function {}", escape::text(name, false)),
            "look for it with: grep NAME /proc/kallsyms",
        ));
    }
    Ok(())
}

/// Returns true if a module has a folder in sysfs. Loaded modules have one, and built-in modules that
/// have parameters (kernel/params.c, param_sysfs_builtin()).
fn is_built_in(name: &[u8]) -> bool {
    std::fs::metadata(path_buf(&[b"/sys/module/", name].concat())).is_ok()
}

/// Returns a warning if no loaded module matches.
fn validate_module<'a>(
    module: &Glob,
    mut loaded: impl Iterator<Item = &'a str>,
    is_built_in: impl Fn(&[u8]) -> bool,
) -> Result<Option<String>, UserError> {
    let all_kernel = module.text() == b"vmlinux";
    if all_kernel || loaded.any(|name| module.matches(name.as_bytes())) {
        return Ok(None);
    }
    if module.is_literal() && is_built_in(module.text()) {
        return Err(Exit::Target.error(
            format!("{module} is no module here, but part of the kernel"),
            "name its files, or a callback: fn:SYMBOL",
        ));
    }
    Ok(Some(format!("no module {module} is loaded: files are traced when it is")))
}

/// Returns an error if `--path` and `--not-path` exclude all files that were named, and a warning if
/// they exclude all files that globs match now.
fn validate_filter(words: &[LocatedTarget], filter: &Filter) -> Result<Option<String>, UserError> {
    let mut files = words.iter().flat_map(|word| &word.files).peekable();
    let by_path = |word: &LocatedTarget| matches!(word.named, Target::Path(_) | Target::Glob(_));
    if files.peek().is_none()
        || !words.iter().all(by_path)
        || files.any(|file| filter.may_accept(&file.real))
    {
        return Ok(None);
    }
    if words.iter().all(|word| matches!(word.named, Target::Path(_))) {
        return Err(Exit::Usage.error(
            "--path and --not-path exclude all targets",
            "a session must match a target and pass the filters: omit one of them",
        ));
    }
    Ok(Some("--path and --not-path exclude all files that match the targets now".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{filter::Rule, targets::NamedFile};

    #[test]
    fn modules_that_are_not_loaded_are_reported() {
        let check = |name: &str| {
            let module = Glob::module(name).unwrap();
            let built_in = |name: &[u8]| name == b"ext4";
            validate_module(&module, ["seqbugs", "foo_bar"].into_iter(), built_in)
        };
        for loaded in ["seqbugs", "foo-bar", "foo*", "vmlinux"] {
            assert_eq!(check(loaded).unwrap(), None, "{loaded}");
        }
        assert!(check("seqbug").unwrap().unwrap().contains("no module seqbug is loaded"));
        assert!(check("ext*").unwrap().is_some());
        assert_eq!(check("ext4").unwrap_err().exit, crate::exit::Exit::Target);
    }

    #[test]
    fn filters_that_leave_nothing_are_refused() {
        let word = |named: Target, files: &[&str]| LocatedTarget {
            real: vec![named.clone()],
            named,
            files: files
                .iter()
                .map(|path| NamedFile {
                    path: path.as_bytes().into(),
                    real: path.as_bytes().into(),
                })
                .collect(),
            problem: None,
        };
        let path = |text: &str| word(Target::Path(text.into()), &[text]);
        let glob = |text: &str| Glob::path(text).unwrap();
        let only = |text: &str| Filter {
            path: Rule { only: vec![glob(text)], not: Vec::new() },
            ..Filter::default()
        };
        let uptime = || path("/proc/uptime");
        assert!(validate_filter(&[uptime()], &only("/proc/stat")).is_err());
        assert_eq!(validate_filter(&[uptime(), path("/proc/stat")], &only("stat")).unwrap(), None);
        assert_eq!(validate_filter(&[uptime()], &Filter::default()).unwrap(), None);
        // The same file has other names for other readers.
        assert_eq!(validate_filter(&[path("/proc/self/maps")], &only("/proc/7/*")).unwrap(), None);
        let not = Rule { only: Vec::new(), not: vec![glob("/proc/**")] };
        let not = Filter { path: not, ..Filter::default() };
        assert!(validate_filter(&[uptime()], &not).is_err());
        let any = word(Target::Glob(glob("/proc/u*")), &["/proc/uptime"]);
        assert!(validate_filter(&[any], &not).unwrap().is_some());
        assert_eq!(validate_filter(&[], &not).unwrap(), None);
    }
}
