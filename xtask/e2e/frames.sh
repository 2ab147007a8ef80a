# Functions probed by kprobes and kretprobes, as on kernels without trampolines on functions, are reported as those
# probed by trampolines are: opens and the functions that called seq_open(), reads, lseeks, writes, releases, failed opens.
. "$E2E/lib.sh"

load seqbugs
load single_file
BUGS=/proc/seqbugs
PLAIN=/proc/kpagecount

act() {
	echo word >/proc/seqfiles/seqfile
	cat /proc/seqfiles/seqfile $BUGS/eof_stuck $BUGS/ok_single $BUGS/ok_nested $BUGS/plain/ok_skip
	dd if=$BUGS/eof_stuck bs=6 skip=1
	e2e-helper ops /proc/mounts r10 c-5 r10 p20@3 r300 s0 r5 p10@30000 r10
	e2e-helper ops /proc/cpuinfo x
	cat $BUGS/open_fails $BUGS/ok_open_fails
	[ -e $PLAIN ] && dd if=$PLAIN bs=64 count=2 skip=1
	true
}

# Each kind of event, without times, addresses and the numbers of sessions: other processes may open the same files.
events() {
	e2e-helper json "$1" type=open --print path,ret,opened_by
	e2e-helper json "$1" type=read --print via,pos,want,ret,emitted,leftover,eof
	e2e-helper json "$1" type=lseek --print offset,whence,ret
	e2e-helper json "$1" type=write --print want,ret
	e2e-helper json "$1" type=cb --print role,phase,pass,pos_in,pos_out,ret,bytes,fate
	e2e-helper json "$1" type=finding --print id,severity
	e2e-helper json "$1" type=close --print by,reads,partial
}

for backend in core callbacks; do
	for fault in none no-trampolines; do
		TRACE=$backend.$fault.json
		set -- /proc/seqfiles/seqfile "$BUGS/*" $BUGS/plain/ok_skip /proc/mounts /proc/cpuinfo
		[ -e $PLAIN ] && set -- "$@" $PLAIN
		attach_bg --format json --backend $backend --inject $fault "$@" || continue
		if [ $fault = none ]; then
			expect_eq $backend/trampolines 0 "$(grep -c ' seq_release[+ ]' /sys/kernel/debug/kprobes/list)"
		else
			expect_eq $backend/kprobes 1 "$(grep -c ' seq_release[+ ]' /sys/kernel/debug/kprobes/list)"
			expect_eq $backend/pair 2 "$(grep -c ' seq_open[+ ]' /sys/kernel/debug/kprobes/list)"
		fi
		act >/dev/null 2>&1
		expect_status $backend/$fault/exit 0 stop_attach
		events $TRACE >$backend.$fault
	done
	expect_grep $backend/single "	single_open$" $backend.none
	expect_grep $backend/via "seq_read" $backend.none
	if [ -s $backend.none ] && cmp $backend.none $backend.no-trampolines; then
		ok "$backend/same ($(wc -l <$backend.none) events)"
	else
		fail $backend/same "kprobes show something else"
		diff $backend.none $backend.no-trampolines | head -n 20
	fi
done

# A file that was open before the trace, whose session begins with a read.
exec 3</proc/mounts
for fault in none no-trampolines; do
	TRACE=adopted.$fault.json
	attach_bg --format json --inject $fault /proc/mounts || continue
	head -c 10 <&3 >/dev/null
	expect_status adopted/$fault/exit 0 stop_attach
	expect_eq adopted/$fault/reads "read_iter" "$(e2e-helper json $TRACE type=read --print via)"
done
exec 3<&-
expect_status gone 0 wait_for 30 no_probes

# doctor reports the kind that this kernel has.
seqtrace doctor >doctor
expect_grep doctor 'functions are probed by \(fentry\|kprobe and kretprobe\)$' doctor
