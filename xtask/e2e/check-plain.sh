# once on 6.1
# timeout: 900
# `seqtrace check` on the files of seqbugs without read_iter, with .proc_read = seq_read as in most modules. The kernel
# then splits a readv into several reads. The findings must be the same as in check-iter.sh, also for files in debugfs and
# for a character device.
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
