# A module is unloaded in the middle of a session of its file, and loaded again, a hundred times: procfs
# waits for the read in progress and closes the file (close_pdeo(), fs/proc/inode.c), and each session ends
# so. /proc/sequence has no end: who reads it is always in the middle.
. "$E2E/lib.sh"

FILE=/proc/sequence
TIMES=50

# The reader opens one file at a time: its descriptor is 3. The first one is /proc/self/maps, in which libc looks for
# its stack.
open() {
	[ "$(readlink /proc/$reader/fd/3)" = $FILE ]
}

closed() {
	[ ! -e /proc/$reader/fd/3 ]
}

# A probe that is being set holds the module (register_kprobe(), kernel/kprobes.c) until it is there.
unloaded() {
	rmmod sequence 2>/dev/null
}

for backend in core callbacks; do
	TRACE=$backend.json
	load sequence
	# By its path: whose module a session was is not known any more when that was unloaded too soon.
	attach_bg --format json --backend $backend $FILE || continue
	if [ $backend = callbacks ]; then
		# The module goes with probes in it at least this once.
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
	# A reader that was told so may close it first.
	expect_grep $backend/removed '"type":"close".*"removed":true' $TRACE
	expect_eq $backend/sessions $TIMES "$(e2e-helper json $TRACE type=open --print path | grep -c "^$FILE$")"
	# Callbacks that are attached when they are met are late here, or too late.
	[ $backend = callbacks ] ||
		expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions $TIMES
	if wait_for 60 no_probes; then
		ok $backend/clean
	else
		fail $backend/clean "$(wc -l </sys/kernel/debug/kprobes/list) kprobes are left"
	fi
done
