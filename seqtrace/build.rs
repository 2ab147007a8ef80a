//! Builds the eBPF programs in `../seqtrace-ebpf`, which seqtrace contains.
//!
//! Their target has no prebuilt `core` in rustup. Two toolchains can compile them:
//!
//! - Debian's, /usr/bin/rustc (package rustc-web) with libstd-rust-web-dev-bpf, which has a prebuilt `core`;
//! - rustup's nightly with the component rust-src, which builds `core`.
//!
//! Both need bpf-linker, from PATH or from the cache where `cargo xtask setup` installs it. If both toolchains are
//! installed, Debian's is used, because setup builds bpf-linker with the same LLVM. `SEQTRACE_EBPF=nightly` or `=debian`
//! overrides that. `cargo build -vv` and `seqtrace --version` show the toolchain.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PROGRAMS: &str = "seqtrace-ebpf";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

enum Toolchain {
    Debian,
    Nightly,
}

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("cannot build the eBPF programs: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let here = variable("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&here).parent().ok_or("the package has no parent folder")?;
    let sources = root.join(PROGRAMS);
    for path in ["src", "Cargo.toml", "Cargo.lock", "../seqtrace-common/src"] {
        println!("cargo::rerun-if-changed={}", sources.join(path).display());
    }
    println!("cargo::rerun-if-env-changed=SEQTRACE_EBPF");

    // The kernel of the target machine runs the programs, so its architecture and byte order count.
    let architecture = variable("CARGO_CFG_TARGET_ARCH")?;
    let target = match variable("CARGO_CFG_TARGET_ENDIAN")?.as_str() {
        "big" => "bpfeb-unknown-none",
        _ => "bpfel-unknown-none",
    };
    let chosen = choose(target)?;
    let linker = linker()?;

    let out = PathBuf::from(variable("OUT_DIR")?);
    let (name, mut command, compiler) = match chosen {
        Toolchain::Debian => {
            let mut command = Command::new(variable("CARGO")?);
            // aya-ebpf uses one unstable feature.
            command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").arg("build");
            let compiler = version(Command::new(DEBIAN_RUSTC).arg("--version"))?;
            ("debian", command, format!("Debian's {compiler}"))
        }
        Toolchain::Nightly => {
            let mut command = Command::new("rustup");
            command.env_remove("RUSTC");
            command.args(["run", "nightly", "cargo", "build", "-Zbuild-std=core"]);
            let compiler =
                version(Command::new("rustup").args(["run", "nightly", "rustc", "--version"]))?;
            ("nightly", command, compiler)
        }
    };
    // A folder for each architecture: their objects differ, although the target is the same.
    let target_dir = shared(&out).join("ebpf").join(format!("{name}-{architecture}"));
    forget_outer_cargo(&mut command);
    let flags = [
        format!("-Clinker={}", linker.display()),
        "-Clink-arg=--btf".to_owned(),
        "-Cdebuginfo=2".to_owned(),
        format!("--cfg=bpf_target_arch=\"{architecture}\""),
    ];
    command
        .args(["--release", "--locked", "--target", target, "--target-dir"])
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .current_dir(&sources);
    let toolchain = format!("{compiler}, {}", version(Command::new(&linker).arg("--version"))?);
    println!("the eBPF programs are built by {toolchain}");
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{toolchain} failed\n{messages}"));
    }
    println!("{messages}");

    let built = target_dir.join(target).join("release").join(PROGRAMS);
    let object = out.join(PROGRAMS);
    fs::copy(&built, &object).map_err(|error| format!("{}: {error}", built.display()))?;
    println!("cargo::rustc-env=SEQTRACE_EBPF_OBJ={}", object.display());
    println!("cargo::rustc-env=SEQTRACE_EBPF_TOOLCHAIN={toolchain}");
    Ok(())
}

/// Chooses a toolchain that has a core library for the target.
fn choose(target: &str) -> Result<Toolchain, String> {
    let debian =
        || Path::new("/usr/lib/rustlib").join(target).exists() && Path::new(DEBIAN_RUSTC).exists();
    let nightly = || {
        let sysroot = Command::new("rustup")
            .args(["run", "nightly", "rustc", "--print", "sysroot"])
            // rustup must not download a missing nightly.
            .env("RUSTUP_AUTO_INSTALL", "0")
            .output();
        sysroot.is_ok_and(|output| {
            let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success()
                && Path::new(&sysroot).join("lib/rustlib/src/rust/library").exists()
        })
    };
    match env::var("SEQTRACE_EBPF").ok().as_deref() {
        Some("debian") => Ok(Toolchain::Debian),
        Some("nightly") => Ok(Toolchain::Nightly),
        Some(other) => Err(format!("SEQTRACE_EBPF must be debian or nightly, not {other}")),
        None if debian() => Ok(Toolchain::Debian),
        None if nightly() => Ok(Toolchain::Nightly),
        None => Err(format!(
            "no toolchain with a core library for {target}.\n\
             On Debian 12, `cargo xtask setup` installs one (rustc-web, libstd-rust-web-dev-bpf).\n\
             Elsewhere: rustup toolchain install nightly --component rust-src, and bpf-linker."
        )),
    }
}

/// Finds bpf-linker on PATH or in the cache.
fn linker() -> Result<PathBuf, String> {
    const NAME: &str = "bpf-linker";
    let on_path = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path).map(|dir| dir.join(NAME)).find(|file| file.is_file())
    });
    // The same cache as in xtask/src/paths.rs.
    let cache = env::var_os("SEQTRACE_CACHE")
        .map(PathBuf::from)
        .or_else(|| env::var_os("XDG_CACHE_HOME").map(|dir| PathBuf::from(dir).join("seqtrace")))
        .or_else(|| env::home_dir().map(|home| home.join(".cache/seqtrace")));
    let cached =
        cache.map(|dir| dir.join(NAME).join("bin").join(NAME)).filter(|file| file.is_file());
    on_path.or(cached).ok_or_else(|| {
        "no bpf-linker. `cargo xtask setup` builds one on Debian 12; elsewhere: cargo install bpf-linker"
            .to_owned()
    })
}

/// Removes the environment variables with which cargo describes this build to its build scripts, and that would change the
/// build of another cargo: flags, wrappers (such as clippy's), profile, and package.
fn forget_outer_cargo(command: &mut Command) {
    const KEPT: &[&str] = &["CARGO_HOME", "CARGO_MAKEFLAGS", "RUSTC", "RUSTC_BOOTSTRAP"];
    const CONFIGURATION: &[&str] = &["CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    const OTHERS: &[&str] = &["RUSTFLAGS", "RUSTDOC", "TARGET", "HOST", "PROFILE", "OPT_LEVEL"];
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let kept =
            KEPT.contains(&text) || CONFIGURATION.iter().any(|start| text.starts_with(start));
        let is_cargos = ["CARGO", "RUSTC", "DEP_"].iter().any(|start| text.starts_with(start))
            || ["RUSTUP_TOOLCHAIN", "DEBUG", "OUT_DIR", "NUM_JOBS"].contains(&text)
            || OTHERS.contains(&text);
        if is_cargos && !kept {
            command.env_remove(text);
        }
    }
    // An empty value also overrides the wrapper in a configuration file.
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
}

/// Returns cargo's target directory, which all builds of this checkout share, so that debug, release, guest and clippy
/// builds do not compile the programs once each.
fn shared(out: &Path) -> PathBuf {
    let tagged = |dir: &&Path| dir.join("CACHEDIR.TAG").exists();
    let Some(dir) = out.ancestors().find(tagged) else { return out.to_path_buf() };
    // With --target, the target directory has a subfolder of that name, which cargo tags, too.
    let triple = env::var_os("TARGET");
    match dir.parent() {
        Some(parent) if dir.file_name() == triple.as_deref() && tagged(&parent) => parent,
        _ => dir,
    }
    .to_path_buf()
}

/// Runs `command` and returns the first two words that it prints, such as `rustc 1.96.0`.
fn version(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        // rustc prints "rustc 1.96.0 (a hash and a date)".
        Some(line) if output.status.success() => {
            Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        }
        _ => Err(format!(
            "{program} does not print its version: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: run this script with cargo"))
}
