//! Decides which modules are loaded, in which order, and describes the guest that does it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use indexmap::IndexMap;

use super::sources::Sources;
use crate::guest::GuestSpec;
use crate::kernel::{self, Kernel};
use crate::vm::{self, GuestOptions};
use crate::{modules, paths};

/// Modules that were built for a kernel.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// Contents of the `.ko` files by name of the module.
    modules: IndexMap<String, Module>,
    pub(super) sources: Sources,
}

#[derive(Debug)]
struct Module {
    /// Name of the file, with `.ko`.
    file: String,
    bytes: Vec<u8>,
    /// Names of the modules that must be loaded before.
    depends: Vec<String>,
}

/// A module and its arguments, as in `--insmod 'mod.ko size=10'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Insmod {
    pub(super) module: String,
    pub(super) arguments: String,
}

/// Parses the value of `--insmod`.
pub(super) fn parse_insmod(text: &str) -> Result<Insmod, String> {
    let (file, arguments) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if file.is_empty() {
        return Err("name a module, as in 'mod.ko size=10'".to_owned());
    }
    Ok(Insmod { module: module_name(file), arguments: arguments.trim().to_owned() })
}

/// Returns the kernel's name of a module: `my_mod` for `my-mod.ko`.
fn module_name(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".ko").unwrap_or(name).replace('-', "_")
}

/// Builds the modules of the folders for a kernel.
pub(super) fn build(folders: &[PathBuf], kernel: &Kernel) -> Result<Built> {
    let headers = kernel.headers.as_ref();
    let headers = headers.context("this machine cannot build modules for it")?;
    let mut built = Built::default();
    // Modules may use symbols that those of the folders before export.
    let mut symbols = Vec::new();
    for folder in folders {
        let files = modules::build(folder, headers, &kernel.release, kernel.arch, &symbols)?;
        let dir = modules::folder(folder, &kernel.release)?;
        symbols.extend(Some(dir.join("Module.symvers")).filter(|file| file.exists()));
        built.sources.add_folder(dir, folder.clone());
        for path in files {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            let depends =
                kernel::dependencies(&bytes).iter().map(|name| module_name(name)).collect();
            let name = module_name(&file);
            built.sources.add_module(&name, &path);
            let module = Module { file, bytes, depends };
            ensure!(
                built.modules.insert(name.clone(), module).is_none(),
                "two of the folders build a module {name}: rename one"
            );
        }
    }
    Ok(built)
}

impl Built {
    /// Returns the modules to load, each after those that it needs: the chosen ones, or all if none is chosen. Modules
    /// that need one of `without` are left out, too.
    pub(super) fn order(&self, chosen: &[Insmod], without: &[String]) -> Result<Vec<Insmod>> {
        let mut order = Vec::new();
        let all = || {
            self.modules
                .keys()
                .map(|name| Insmod { module: name.clone(), arguments: String::new() })
        };
        let wanted: Vec<Insmod> = if chosen.is_empty() { all().collect() } else { chosen.to_vec() };
        for insmod in &wanted {
            if !self.modules.contains_key(&insmod.module) {
                let names: Vec<&str> = self.modules.keys().map(String::as_str).collect();
                bail!("--insmod {}: the folders build {}", insmod.module, names.join(", "));
            }
            self.add(&insmod.module, &wanted, without, &mut order);
        }
        Ok(order)
    }

    /// Adds a module after those that it needs. Returns false if it is left out.
    fn add(
        &self,
        name: &str,
        wanted: &[Insmod],
        without: &[String],
        order: &mut Vec<Insmod>,
    ) -> bool {
        if without.iter().any(|other| other == name) {
            return false;
        }
        if order.iter().any(|known| known.module == name) {
            return true;
        }
        // A module of the kernel is not in the list.
        let Some(module) = self.modules.get(name) else { return true };
        if !module.depends.iter().all(|name| self.add(name, wanted, without, order)) {
            return false;
        }
        let arguments = wanted.iter().find(|insmod| insmod.module == name);
        let arguments = arguments.map(|insmod| insmod.arguments.clone()).unwrap_or_default();
        order.push(Insmod { module: name.to_owned(), arguments });
        true
    }

    /// Returns the modules of the kernel that the modules need.
    fn of_the_kernel(&self) -> Vec<&str> {
        let needed = self.modules.values().flat_map(|module| &module.depends);
        needed.map(String::as_str).filter(|name| !self.modules.contains_key(*name)).collect()
    }
}

/// Longest time in seconds without output. The longest step is the check of a file, 20 s on an idle machine.
const SILENCE: u64 = 240;

/// Options of a guest that tries modules.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) exercise: Option<&'a Path>,
    pub(super) add: &'a [PathBuf],
    /// True if `seqtrace check` writes pages, too.
    pub(super) pages: bool,
    /// Paths of files that are not opened.
    pub(super) skip: &'a [String],
    /// Memory of the guest in MiB.
    pub(super) mem: u32,
    /// Time limit in seconds.
    pub(super) timeout: u64,
}

/// Describes the guest that loads the modules `order`.
pub(super) fn spec(
    kernel: &Kernel,
    built: &Built,
    order: &[Insmod],
    task: &Task<'_>,
) -> Result<GuestSpec> {
    let drivers: Vec<&str> = vm::PORTS.iter().copied().chain(built.of_the_kernel()).collect();
    let mut archive = vm::archive(kernel, &drivers)?;
    let mut lines = String::new();
    for Insmod { module, arguments } in order {
        let Some(module) = built.modules.get(module) else { continue };
        archive.file(format!("modules/{}", module.file), &module.bytes, 0o644);
        lines += format!("{} {arguments}", module.file).trim_end();
        lines.push('\n');
    }
    archive.tree(Path::new("try"), &paths::root().join("xtask/try"))?;
    archive.file("try/modules", lines.as_bytes(), 0o644);
    let skip: String = task.skip.iter().map(|path| path.clone() + "\n").collect();
    archive.file("try/skip", skip.as_bytes(), 0o644);
    archive.file("try/variables", format!("PAGES={}\n", u8::from(task.pages)).as_bytes(), 0o644);
    if let Some(script) = task.exercise {
        let bytes = fs::read(script).with_context(|| format!("--exercise {}", script.display()))?;
        archive.file("try/exercise", &executable(bytes), 0o755);
    }
    for path in task.add {
        let from = path.canonicalize().with_context(|| format!("--add {}", path.display()))?;
        let name = from.file_name().context("--add: the path has no last component")?;
        archive.tree(&Path::new("add").join(name), &from)?;
    }
    archive.file("script", b"exec sh /try/run\n", 0o755);
    let options = GuestOptions {
        mem: task.mem,
        timeout: task.timeout,
        silence: Some(SILENCE),
        ..GuestOptions::default()
    };
    Ok(GuestSpec {
        kernel: kernel.clone(),
        initramfs: archive.finish(),
        options,
        arguments: Vec::new(),
    })
}

/// Adds the line that names the shell to a script without one. A guest has no shell but sh.
fn executable(bytes: Vec<u8>) -> Vec<u8> {
    let is_program = bytes.starts_with(b"\x7fELF");
    let names_sh = bytes.starts_with(b"#!/bin/sh");
    if is_program || names_sh { bytes } else { [b"#!/bin/sh\n", bytes.as_slice()].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(modules: &[(&str, &[&str])]) -> Built {
        let module = |(name, depends): &(&str, &[&str])| {
            let depends = depends.iter().map(|&name| name.to_owned()).collect();
            let module = Module { file: format!("{name}.ko"), bytes: Vec::new(), depends };
            ((*name).to_owned(), module)
        };
        Built { modules: modules.iter().map(module).collect(), sources: Sources::default() }
    }

    fn names(order: &[Insmod]) -> Vec<String> {
        order
            .iter()
            .map(|Insmod { module, arguments }| {
                format!("{module} {arguments}").trim_end().to_owned()
            })
            .collect()
    }

    #[test]
    fn modules_follow_those_that_they_need() {
        let built = built(&[("app", &["lib", "virtio"]), ("lib", &["base"]), ("base", &[])]);
        assert_eq!(names(&built.order(&[], &[]).unwrap()), ["base", "lib", "app"]);
        assert_eq!(built.of_the_kernel(), ["virtio"]);
    }

    #[test]
    fn chosen_modules_keep_their_order_and_arguments() {
        let built = built(&[("a", &[]), ("b", &[]), ("c", &["a"])]);
        let chosen = ["c.ko", "b size=1 x=2"].map(|text| parse_insmod(text).unwrap());
        assert_eq!(names(&built.order(&chosen, &[]).unwrap()), ["a", "c", "b size=1 x=2"]);
        let unknown = [parse_insmod("d.ko").unwrap()];
        assert!(built.order(&unknown, &[]).unwrap_err().to_string().contains("a, b, c"));
    }

    #[test]
    fn a_module_that_needs_an_excluded_one_is_left_out() {
        let built = built(&[("a", &[]), ("b", &["a"]), ("c", &[])]);
        assert_eq!(names(&built.order(&[], &["a".to_owned()]).unwrap()), ["c"]);
    }

    #[test]
    fn names_are_those_of_the_kernel() {
        assert_eq!(parse_insmod("dir/my-mod.ko a=b").unwrap().module, "my_mod");
        assert!(parse_insmod(" ").is_err());
    }

    #[test]
    fn a_script_gets_its_shell() {
        assert_eq!(executable(b"echo".to_vec()), b"#!/bin/sh\necho");
        assert_eq!(executable(b"#!/bin/sh\n".to_vec()), b"#!/bin/sh\n");
    }
}
