# once
# A kernel without BTF: offsets from BTF that was made from the kernel's headers. The README's story is traced with the same
# output as with the kernel's own BTF. A file that is not this kernel's is refused.
. "$E2E/lib.sh"

FILE=/proc/seqfiles/seqfile
MADE=$E2E/kernel.btf
OWN=/sys/kernel/btf/vmlinux

if [ ! -e "$MADE" ]; then
	skip nobtf "no BTF can be made for this kernel: its headers are not there"
	exit 0
fi

# story NAME OPTION…: traces the README's example, and prints what of its trace does not depend on the run
story() {
	TRACE=$1.json
	shift
	rm -f ready
	load seq_file
	if attach_bg --format json "$@" $FILE; then
		for word in aaaaa bbbbb ccccc; do
			echo $word >$FILE
		done
		cat $FILE $FILE >cat
		head -c 3 $FILE >head
		stop_attach || fail "$TRACE/exit" "status $?"
	fi
	unload seq_file
	cb $TRACE session,role,pos_in,ptr_in,ptr_out,bytes
	for type in open:opened_by,path write:ret read:ret,via close:session; do
		e2e-helper json $TRACE type="${type%%:*}" --print "${type#*:}"
	done
}

for backend in core callbacks; do
	story own.$backend --backend $backend >own.$backend.story
	expect_grep own/$backend show own.$backend.story
	# The kernel's own BTF is still there: trampolines are used, with offsets from the file.
	story both.$backend --backend $backend --btf "$MADE" >both.$backend.story
	expect_eq both/$backend "$(cat own.$backend.story)" "$(cat both.$backend.story)"
	expect_grep both/$backend/limit 'no struct proc_inode: plain procfs files are not traced' both.$backend.json.err
	story whole.$backend --backend $backend --btf $OWN >whole.$backend.story
	expect_eq whole/$backend "$(cat own.$backend.story)" "$(cat whole.$backend.story)"
	[ -s whole.$backend.json.err ] && grep -q warning whole.$backend.json.err && fail whole/$backend/quiet "a warning"
done

# refused NAME PATTERN FILE
refused() {
	seqtrace attach --btf "$3" /proc/version -- true >out 2>err
	expect_eq "refused/$1/status" 3 $?
	expect_grep "refused/$1/reason" "$2" err
	seqtrace doctor --btf "$3" >doctor 2>&1
	expect_eq "refused/$1/doctor" 3 $?
	expect_grep "refused/$1/doctor-reason" "$2" doctor
}
refused empty 'cut short' /dev/null
refused text 'neither BTF' /proc/version
refused missing 'No such file' /nonexistent
refused foreign 'is not the BTF of this kernel: in it file.private_data is at offset' "$E2E/foreign.btf"

# From here on the kernel has no BTF.
mount -t tmpfs none /sys/kernel/btf
expect_status hidden/doctor 3 seqtrace doctor
seqtrace attach $FILE -- true >out 2>err
expect_eq hidden/status 3 $?
expect_grep hidden/option 'use --btf FILE' err
expect_grep hidden/recipe 'docs/btf.md' err
for backend in core callbacks; do
	story made.$backend --backend $backend --btf "$MADE" >made.$backend.story
	expect_eq made/$backend "$(cat own.$backend.story)" "$(cat made.$backend.story)"
done
seqtrace doctor --btf "$MADE" >doctor
expect_eq made/doctor 0 $?
expect_grep made/frames 'functions are probed by kprobe and kretprobe' doctor
seqtrace record -q --btf "$MADE" -o r.seqtrace /proc/version -- cat /proc/version >/dev/null
expect_status made/replay 0 seqtrace replay r.seqtrace -o replayed
expect_grep made/replayed version_proc_show replayed
expect_status made/check 0 seqtrace check --btf "$MADE" /proc/version
seqtrace list --btf "$MADE" /proc/version >list 2>list.err
expect_grep made/list version_proc_show list
umount /sys/kernel/btf
