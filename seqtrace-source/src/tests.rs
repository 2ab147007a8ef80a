mod module;

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::atomic::{AtomicU32, Ordering};

use self::module::{Code, FOLDER, KERNEL, Module};
use super::*;

/// Returns an open file with this content, which has no name any more.
fn file(content: &[u8]) -> DebugFile {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path =
        std::env::temp_dir().join(format!("seqtrace-source-{}-{number}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    DebugFile::new(file)
}

/// Returns a note with a build id.
fn note(id: &[u8]) -> Vec<u8> {
    let words = [4_u32, u32::try_from(id.len()).unwrap(), 3];
    let words = words.iter().flat_map(|word| word.to_ne_bytes());
    words.chain(*b"GNU\0").chain(id.iter().copied()).collect()
}

/// Returns a module with a function of unique name, two of one name, and one that is inlined, too.
fn sample(version: u16) -> Vec<u8> {
    let mut module = Module::new(version);
    module.section(".note.gnu.build-id", &note(&[1, 2, 3, 4]));
    module.section(".modinfo", b"license=GPL\0srcversion=ABC123\0");
    module.unit("eof.c", &[("eof_next", Code::Text, 0x40, 35), ("same", Code::Text, 0x10, 12)]);
    module.unit("sub/b.c", &[("same", Code::Init, 0x10, 99), ("inlined", Code::Text, 0x80, 0)]);
    module.unit("seqbugs.mod.c", &[]);
    module.bytes()
}

fn wanted(name: &str, offset: Option<u64>) -> Function {
    Function { name: name.into(), offset }
}

/// Returns the lines of functions as `path:line`, relative to the folder of the module.
fn lines(file: &DebugFile, functions: &[Function]) -> Vec<String> {
    let definitions = file.definitions(functions).unwrap();
    let line = |definition: Option<Definition>| {
        definition.map_or("-".to_owned(), |Definition { path, compiled_in, built_in, line }| {
            assert_eq!((&*compiled_in, built_in.as_deref()), (KERNEL, Some(FOLDER)));
            format!("{}:{line}", path.strip_prefix(FOLDER).unwrap())
        })
    };
    definitions.into_iter().map(line).collect()
}

#[test]
fn a_module_has_the_lines_of_its_functions() {
    for version in [4, 5] {
        let file = file(&sample(version));
        let functions = [
            wanted("eof_next", Some(0x40)),
            wanted("eof_next.constprop.0", Some(0x40)),
            wanted("same", Some(0x10)),
            wanted("inlined", Some(0x80)),
            wanted("absent", Some(0x20)),
        ];
        let found = lines(&file, &functions);
        assert_eq!(found, ["/eof.c:35", "/eof.c:35", "/eof.c:12", "/sub/b.c:7", "-"], "{version}");
    }
}

#[test]
fn a_name_is_enough_only_if_it_is_unique() {
    let file = file(&sample(5));
    let functions = [
        wanted("eof_next", None),
        wanted("eof_next", Some(0x44)),
        wanted("same", None),
        wanted("same", Some(0x11)),
    ];
    assert_eq!(lines(&file, &functions), ["/eof.c:35", "/eof.c:35", "-", "-"]);
}

#[test]
fn builds_are_recognised() {
    let identity = file(&sample(5)).identity().unwrap();
    let of = |build_id: Option<&[u8]>, srcversion: Option<&str>| Identity {
        build_id: build_id.map(<[u8]>::to_vec),
        srcversion: srcversion.map(str::to_owned),
    };
    assert_eq!(identity, of(Some(&[1, 2, 3, 4]), Some("ABC123")));
    assert_eq!(identity.matches(&of(Some(&[1, 2, 3, 4]), None)), Some(true));
    assert_eq!(identity.matches(&of(Some(&[1, 2, 3, 5]), Some("ABC123"))), Some(false));
    assert_eq!(identity.matches(&of(None, Some("ABC123"))), Some(true));
    assert_eq!(identity.matches(&of(None, Some("ABC124"))), Some(false));
    assert_eq!(identity.matches(&of(None, None)), None);
}

#[test]
fn the_build_id_is_found_among_other_notes() {
    let mut notes = [4_u32, 5, 1].iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    notes.extend(*b"GNU\0value\0\0\0");
    assert_eq!(build_id_of_notes(&notes), None);
    notes.extend(note(&[9; 20]));
    assert_eq!(build_id_of_notes(&notes), Some(vec![9; 20]));
    for end in 0..notes.len() {
        assert_eq!(build_id_of_notes(&notes[..end]), None, "{end}");
    }
}

#[test]
fn a_file_without_debug_information_is_reported() {
    let file_without = file(&Module::new(5).bytes());
    let error = file_without.definitions(&[wanted("eof_next", None)]).unwrap_err();
    assert!(matches!(error, DebugError::Missing), "{error}");
    let error = file(b"no ELF file").definitions(&[]).unwrap_err();
    assert!(matches!(error, DebugError::Object(_)), "{error}");
}

#[test]
fn a_damaged_file_causes_no_panic() {
    let bytes = sample(5);
    let functions = [wanted("eof_next", Some(0x40)), wanted("inlined", None)];
    let read = |bytes: &[u8]| {
        let file = file(bytes);
        // The result depends on the damage.
        let _ = (file.identity(), file.definitions(&functions));
    };
    for end in (0..bytes.len()).step_by(61) {
        read(&bytes[..end]);
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= if at % 2 == 0 { 0xff } else { 1 << (at / 2 % 8) };
        read(&damaged);
    }
}
