use super::*;
use crate::kernel::btf::raw::MAGIC;

/// Writes BTF type by type.
#[derive(Default)]
struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Blob {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    fn push(&mut self, name: &str, info: u32, reference: u32, rest: &[u32]) -> u32 {
        let name = self.string(name);
        for word in [name, info, reference].iter().chain(rest) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    /// Adds a struct or union. Members: name, type, offset in bits (top byte: width of a bit field).
    fn composite(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let rest: Vec<u32> = members
            .iter()
            .flat_map(|&(name, type_id, bits)| [self.string(name), type_id, bits])
            .collect();
        let flag = u32::from(members.iter().any(|m| m.2 >> 24 != 0));
        let info = flag << 31 | kind << 24 | u32::try_from(members.len()).unwrap();
        self.push(name, info, 0, &rest)
    }

    fn bytes(self) -> Vec<u8> {
        let (types, strings) =
            (u32::try_from(self.types.len()).unwrap(), u32::try_from(self.strings.len()).unwrap());
        let mut out = MAGIC.to_ne_bytes().to_vec();
        out.extend_from_slice(&[1, 0]);
        for word in [24, 0, types, types, strings] {
            out.extend_from_slice(&u32::to_ne_bytes(word));
        }
        out.extend(self.types);
        out.extend(self.strings);
        out
    }
}

fn dentry() -> Blob {
    let mut blob = Blob::new();
    let int = blob.push("int", 1 << 24, 4, &[32]);
    let hash = blob.composite(kind::UNION, "", &[("hash_len", int, 0), ("hash", int, 0)]);
    let qstr = blob.composite(kind::STRUCT, "qstr", &[("", hash, 0), ("name", int, 64)]);
    let constant = blob.push("", kind::CONST << 24, qstr, &[]);
    let typedef = blob.push("qstr_t", kind::TYPEDEF << 24, constant, &[]);
    let either = blob.composite(kind::UNION, "", &[("__d_name", qstr, 0), ("d_name", typedef, 0)]);
    blob.composite(kind::STRUCT, "dentry", &[("d_parent", int, 192)]);
    blob.composite(
        kind::STRUCT,
        "dentry",
        &[("d_parent", int, 192), ("", either, 256), ("flag", int, 3 << 24 | 512)],
    );
    blob.push("seq_read_iter", kind::FUNC << 24, 1, &[]);
    blob
}

fn parse(blob: Blob) -> Btf {
    Btf::parse(blob.bytes(), "1.2.3".into()).unwrap()
}

#[test]
fn follows_unnamed_unions_qualifiers_and_typedefs() {
    let btf = parse(dentry());
    assert_eq!(btf.offset("dentry", "d_parent").unwrap(), 24);
    assert_eq!(btf.offset("qstr", "hash").unwrap(), 0);
    assert_eq!(btf.offset("dentry", "d_name.name").unwrap(), 40, "of the second dentry");
    assert_eq!(btf.offset("dentry", "__d_name.hash").unwrap(), 32);
}

#[test]
fn names_what_is_missing_and_the_kernel() {
    let btf = parse(dentry());
    let message = |structure, field| btf.offset(structure, field).unwrap_err().to_string();
    assert_eq!(message("inode", "i_ino"), "the BTF of kernel 1.2.3 has no struct inode");
    for field in ["d_nome", "d_name.nome", "d_parent.x", "d_name.name.x", "flag", ""] {
        assert_eq!(
            message("dentry", field),
            format!("the BTF of kernel 1.2.3 has no usable field dentry.{field}")
        );
    }
    assert!(matches!(btf.offsets(), Err(BtfError::NoStruct { .. })));
}

#[test]
fn finds_functions() {
    let btf = parse(dentry());
    assert!(btf.has_function("seq_read_iter"));
    assert!(!btf.has_function("seq_read"));
    assert!(!btf.has_function("dentry"));
}

#[test]
fn keeps_the_numbers_of_functions() {
    let whole = parse(dentry());
    let bytes = whole.of_functions(&["seq_read_iter", "seq_read", "dentry"]);
    let few = Btf::parse(bytes, String::new()).unwrap();
    assert!(few.has_function("seq_read_iter"));
    assert!(!few.has_function("seq_read"));
    assert_eq!(few.index.starts.len(), whole.index.starts.len(), "it is the last one");
    assert!(
        Btf::parse(whole.of_functions(&["none"]), String::new()).unwrap().index.starts.is_empty()
    );
}

#[test]
fn damaged_bytes_are_refused_not_followed() {
    let whole = dentry().bytes();
    for cut in 0..whole.len() {
        let result = Btf::parse(whole[..cut].to_vec(), String::new());
        assert!(matches!(result, Err(BtfError::Format { .. })), "cut at {cut}");
    }
    // Every byte changed, one at a time: an answer or an error, never a panic.
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Ok(btf) = Btf::parse(bytes, String::new()) {
                let _ = btf.offset("dentry", "d_name.name");
                let _ = btf.has_function("seq_read_iter");
            }
        }
    }
    let mut unknown = Blob::new();
    unknown.push("x", 77 << 24, 0, &[]);
    let error = Btf::parse(unknown.bytes(), "9".into()).unwrap_err().to_string();
    assert!(error.contains("kind 77"), "{error}");
}

#[test]
fn a_type_that_refers_to_itself_ends() {
    let mut blob = Blob::new();
    blob.push("a", kind::TYPEDEF << 24, 1, &[]);
    blob.composite(kind::STRUCT, "loop", &[("a", 1, 0), ("", 3, 0)]);
    blob.composite(kind::UNION, "", &[("", 3, 0)]);
    let btf = parse(blob);
    assert!(btf.offset("loop", "a.b").is_err());
    assert!(btf.offset("loop", "b").is_err());
}

#[test]
fn this_machines_own_kernel() {
    if !std::path::Path::new(VMLINUX).exists() {
        return;
    }
    let begin = std::time::Instant::now();
    let btf = Btf::of_running_kernel().unwrap();
    let offsets = btf.offsets().unwrap();
    eprintln!("{:?} for {} types", begin.elapsed(), btf.index.starts.len());
    // The order of struct seq_operations has not changed since 2.6.
    assert_eq!(
        [
            offsets.seq_operations_start,
            offsets.seq_operations_stop,
            offsets.seq_operations_next,
            offsets.seq_operations_show
        ],
        [0, 8, 16, 24]
    );
    assert_eq!(offsets.seq_file_buf, 0);
    assert!(offsets.seq_file_op > offsets.seq_file_index);
    assert!(btf.has_function("seq_read_iter"));
}
