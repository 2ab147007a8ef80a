use super::testing::{Blob, dentry};
use super::*;

fn parse(blob: Blob) -> Btf {
    Btf::parse(blob.bytes(), "kernel 1.2.3".into()).unwrap()
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
    assert_eq!(
        btf.gaps(),
        [
            "the BTF of kernel 1.2.3 has no struct proc_inode: plain procfs files are not traced",
            "the BTF of kernel 1.2.3 has no struct kernfs_node: functions behind those of kernfs have no names"
        ]
    );
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
