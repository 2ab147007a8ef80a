# once
# What a process may run out of: disk, descriptors, sizes, memory; and files of the kernel that are hidden. The exit status is the
# documented one, the message names the cause, no probe is left, and the part of a recording that was written is readable.
. "$E2E/lib.sh"

FILE=/proc/uptime
LONG=/proc/kallsyms

none_left() {
	[ -z "$(cat /sys/kernel/debug/kprobes/list)" ] && ok $1/left || fail $1/left "kprobes are left"
}

# fails NAME STATUS PATTERN CMD…: CMD must fail with STATUS and a short message that matches PATTERN, and leave no probe
fails() {
	name=$1
	wanted=$2
	pattern=$3
	shift 3
	"$@" >out 2>err
	expect_eq $name/status "$wanted" $?
	expect_grep $name/message "$pattern" err
	if grep -q -e panicked -e RUST_BACKTRACE err; then fail $name/panic "$(cat err)"; fi
	none_left $name
}

# limited LETTER VALUE CMD…: runs CMD with a limit of this shell's ulimit
limited() (
	ulimit -"$1" "$2" || exit 99
	shift 2
	exec "$@"
)

# The disk is full.
mkdir small
mount -t tmpfs -o size=128k tmpfs small
part="head -c 300000 $LONG"
fails full/attach 3 'cannot write .*No space left on device' \
	seqtrace attach -o small/trace --format json $LONG -- $part
rm small/*
# A recording is written in batches of 8192 events.
fails full/record 3 'cannot write .*No space left on device' \
	seqtrace record -o small/r.seqtrace --preview 64 $LONG -- head -c 2000000 $LONG
expect_status full/readable 0 seqtrace replay small/r.seqtrace -o replayed
expect_grep full/replayed READ replayed
seqtrace record -q -o r.seqtrace $LONG -- $part >/dev/null
fails full/replay 3 'No space left on device' seqtrace replay r.seqtrace -o small/text
dd if=/dev/zero of=small/fill bs=4k 2>/dev/null
fails full/report 3 'No space left on device' seqtrace report r.seqtrace -o small/report
fails full/check 3 'No space left on device' seqtrace check $FILE -o small/check
umount small

# The limit on the size of files: SIGXFSZ would end seqtrace without a message.
# (The command has the same limit, so it writes to no file.)
fails fsize/attach 3 'cannot write .*File too large' \
	limited f 64 seqtrace attach -o trace --format json $LONG -- sh -c "$part >/dev/null"
fails fsize/record 3 'cannot write .*File too large' limited f 256 seqtrace record -o fsize.seqtrace --preview 64 \
	$LONG -- sh -c "head -c 2000000 $LONG >/dev/null"
expect_status fsize/readable 0 seqtrace replay fsize.seqtrace -o replayed
expect_grep fsize/replayed READ replayed
fails fsize/replay 3 'File too large' limited f 64 seqtrace replay r.seqtrace -o text
# The command after -- is ended by the signal, as ever.
limited f 8 seqtrace attach -q $FILE -- dd if=/dev/zero of=big bs=1k count=100 >/dev/null 2>&1
expect_eq fsize/command 153 $?

# Descriptors. Each probe is one.
for number in 8 24 48; do
	fails nofile/$number 3 'ulimit -n' limited n $number seqtrace attach $FILE -- true
done
fails nofile/check 3 'ulimit -n' limited n 60 seqtrace check $FILE

# Address space. The program alone takes 27 MB. What is left decides whether it is the allocator that fails, which ends
# the program.
for kib in 30000 60000 120000; do
	limited v $kib seqtrace attach $FILE -- cat $FILE >out 2>err
	status=$?
	case $status in
	0) ok as/$kib ;;
	*) grep -q -e 'memory' -e 'emory' err && ok as/$kib || fail as/$kib "status $status: $(cat err)" ;;
	esac
	none_left as/$kib
done
# Since 5.11, maps do not count as locked memory.
limited l 0 seqtrace attach --format json $FILE -- cat $FILE >memlock.json 2>err
expect_eq memlock/status 0 $?
expect_eq memlock/sessions 1 "$(e2e-helper json memlock.json type=open --print session | wc -l)"

# The tracer's cgroup runs out of memory: the kernel kills it.
CGROUP=/sys/fs/cgroup/small
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $CGROUP
rm -f ready
sh -c "echo \$\$ >$CGROUP/cgroup.procs; exec seqtrace record -q -o oom.seqtrace --ready-file ready $FILE" &
tracer=$!
wait_for 90 attach_is_ready
cat $FILE >/dev/null
written() {
	seqtrace replay oom.seqtrace 2>/dev/null | grep -q CLOSE
}
wait_for 60 written || fail oom/written "nothing was recorded"
echo 100K >$CGROUP/memory.max
wait $tracer
expect_eq oom/killed 137 $?
wait_for 60 no_probes && ok oom/left || fail oom/left "kprobes are left"
seqtrace replay oom.seqtrace >replayed 2>err
expect_eq oom/replay 0 $?
expect_grep oom/recorded CLOSE replayed
expect_grep oom/cut 'is cut off' err
rmdir $CGROUP

# hidden NAME PREPARE: traces in a mount namespace that PREPARE has changed
hidden() {
	unshare -m sh -c "$2; exec seqtrace attach --format json $FILE -- cat $FILE" >$1.json 2>$1.err
	expect_eq $1/status 0 $?
	expect_eq $1/shows 1 "$(e2e-helper json $1.json type=cb role=show --print role | wc -l)"
	unshare -m sh -c "$2; exec seqtrace doctor" >$1.doctor 2>&1
}
hidden no-kcore 'mount --bind /dev/null /proc/kcore'
expect_grep no-kcore/backend '"backend":"core"' no-kcore.json
expect_grep no-kcore/doctor 'This machine can trace' no-kcore.doctor
hidden no-tracefs 'umount /sys/kernel/tracing; umount -l /sys/kernel/debug'
expect_grep no-tracefs/backend '"backend":"core"' no-tracefs.json
fails no-proc 3 'proc' unshare -m sh -c 'umount -l /proc; exec seqtrace attach'
