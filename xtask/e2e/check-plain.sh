# timeout: 900
# `seqtrace check` and the files of seqbugs as most are made by hand, with .proc_read = seq_read: without
# read_iter the kernel splits a readv into several reads. The same as in check-iter.sh must be found, and in
# debugfs and of a character device as well.
. "$E2E/lib.sh"
load seqbugs
. "$E2E/seqbugs.parts"

PLAIN=/proc/seqbugs/plain
DEBUGFS=/sys/kernel/debug/seqbugs

echo >$PLAIN/ok_consumed
check_all 1 $(paths $PLAIN)
for name in $(names BUG) $(names OK); do
	judge $name $PLAIN
done

SOME="eof_stuck early alloc_rewind start_output single_leak never_released open_fails ok_alloc ok_volatile ok_large"
check_all 1 $(for name in $SOME; do echo $DEBUGFS/$name; done) /dev/seqbugs /dev/seqbugs_fixed
for name in $SOME; do
	judge $name $DEBUGFS | sed 's,^%% \(ok\|not ok\|skip\) ,&debugfs/,'
done
bug device /dev/seqbugs SQ102,SQ201 next 'dd if=/dev/seqbugs bs=6 skip=1'
look_alike device/fixed /dev/seqbugs_fixed
unload seqbugs
