//! The page in a browser: no errors, its script runs, foreign scripts do not.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{page, trace};

/// Loads a page in Chromium. Returns the document after its script has run, and the messages of the console.
fn load(name: &str, text: &str) -> (String, Vec<String>) {
    let folder =
        PathBuf::from(std::env::var_os("SEQTRACE_PAGES").expect("set by cargo xtask test"));
    let file = folder.join(name).with_extension("html");
    fs::write(&file, text).expect("a folder");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .args(["--virtual-time-budget=1000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("chromium is installed");
    let messages = String::from_utf8_lossy(&output.stderr);
    let console = messages.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
    (String::from_utf8_lossy(&output.stdout).into_owned(), console.collect())
}

#[test]
#[ignore = "needs Chromium: cargo xtask test interop/chromium"]
fn a_browser_shows_every_page_without_errors() {
    let evil = b"/proc/\"><script>document.title='owned'</script><img src=x onerror=alert(1)>";
    let pages = [
        ("double", page(&trace("early", 1, 1000, b"/proc/seqbugs/early", b"cat"))),
        ("clean", page(&trace("ok_token", 1, 4096, b"/proc/ok", b"cat"))),
        ("hostile", page(&trace("stuck", 1, 1000, evil, b"<script>"))),
        ("many", page(&trace("late", 500, 1000, b"/proc/late", b"cat"))),
        ("long", page(&trace("ok_large", 1000, 65536, b"/proc/long", b"cat"))),
    ];
    for (name, text) in pages {
        let (document, console) = load(name, &text);
        assert!(console.is_empty(), "{name}: {console:?}");
        // The script has made the headings of the table buttons.
        assert!(document.contains("<th scope=\"col\"><button type=\"button\">path"), "{name}");
        assert!(!document.contains("<title>owned") && !document.contains("<img"), "{name}");
    }
}
