# A module is unloaded in the middle of a session of its file and loaded again, a hundred times. procfs waits for the read
# in progress and closes the file (close_pdeo(), fs/proc/inode.c), which ends each session. /proc/sequence has no end, so
# its reader is always in the middle.
. "$E2E/lib.sh"

FILE=/proc/sequence
TIMES=50

# The reader opens one file at a time, so its descriptor is 3. The first file is /proc/self/maps, where libc looks up the
# stack.
open() {
	[ "$(readlink /proc/$reader/fd/3)" = $FILE ]
}

closed() {
	[ ! -e /proc/$reader/fd/3 ]
}

# register_kprobe() (kernel/kprobes.c) holds a reference to the module while it sets a probe.
unloaded() {
	rmmod sequence 2>/dev/null
}

for backend in core callbacks; do
	TRACE=$backend.json
	load sequence
	# Selected by path: the module of a session is unknown if it was unloaded before it was looked up.
	attach_bg --format json --backend $backend $FILE || continue
	if [ $backend = callbacks ]; then
		# At least this time the module is unloaded with probes in it.
		if probed sequence_stop; then ok $backend/probed; else fail $backend/probed "no probe in the module"; fi
	fi
	e2e-helper insist $FILE 60 &
	reader=$!
	times=0
	while wait_for 60 open && wait_for 60 unloaded && wait_for 60 closed; do
		times=$((times + 1))
		[ $times -lt $TIMES ] && insmod /modules/sequence.ko || break
	done
	expect_eq $backend/times $TIMES $times
	kill -9 $reader
	expect_status $backend/exit 0 stop_attach
	expect_eq $backend/closed $TIMES "$(grep -c '"type":"close"' $TRACE)"
	# A reader whose read failed may close the file first.
	expect_grep $backend/removed '"type":"close".*"removed":true' $TRACE
	expect_eq $backend/sessions $TIMES "$(e2e-helper json $TRACE type=open --print path | grep -c "^$FILE$")"
	# Probes that are set at the first open of a file are late here, or too late.
	[ $backend = callbacks ] ||
		expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions $TIMES
	if wait_for 60 no_probes; then
		ok $backend/clean
	else
		fail $backend/clean "$(wc -l </sys/kernel/debug/kprobes/list) kprobes are left"
	fi
done
